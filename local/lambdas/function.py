"""What a function is: its settings, its code and its layers, as one frozen value per version."""

import hashlib
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from local.errors import AwsError

LATEST = "$LATEST"
DEFAULT_TIMEOUT = 3
DEFAULT_MEMORY = 128


@dataclass(frozen=True)
class Code:
    """An unpacked deployment package; `sha256` is Lambda's base64 digest of the zip."""

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True)
class Layer:
    """One version of a layer, as a function uses it; it outlives the layer's deletion."""

    arn: str
    code: Code


@dataclass(frozen=True)
class Function:
    """One version of one function."""

    name: str
    arn: str
    code: Code
    settings: Mapping[str, Any]
    modified: datetime
    version: str = LATEST
    layers: tuple[Layer, ...] = ()

    @property
    def handler(self) -> str:
        return str(self.settings["Handler"])

    @property
    def timeout(self) -> float:
        return float(self.settings.get("Timeout", DEFAULT_TIMEOUT))

    @property
    def memory(self) -> int:
        return int(self.settings.get("MemorySize", DEFAULT_MEMORY))

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.settings.get("Environment", {}).get("Variables", {}))

    @property
    def log_group(self) -> str:
        chosen = self.settings.get("LoggingConfig", {}).get("LogGroup")
        return str(chosen or f"/aws/lambda/{self.name}")

    @property
    def log_format(self) -> str:
        return str(self.settings.get("LoggingConfig", {}).get("LogFormat", "Text"))

    @property
    def dead_letter_arn(self) -> str:
        return str(self.settings.get("DeadLetterConfig", {}).get("TargetArn", ""))

    @property
    def qualified_arn(self) -> str:
        return f"{self.arn}:{self.version}"

    @property
    def revision(self) -> str:
        digest = hashlib.sha256(f"{self.qualified_arn}{self.modified}".encode()).hexdigest()
        return str(uuid.UUID(hex=digest[:32]))

    def describe(self, *, qualified: bool = False) -> dict[str, Any]:
        """The API's FunctionConfiguration."""
        told = {name: value for name, value in self.settings.items() if value is not None}
        layers = [{"Arn": each.arn, "CodeSize": each.code.size} for each in self.layers]
        return {
            "Timeout": DEFAULT_TIMEOUT,
            "MemorySize": DEFAULT_MEMORY,
            "PackageType": "Zip",
            "Description": "",
            "Architectures": ["x86_64"],
            "TracingConfig": {"Mode": "PassThrough"},
            "EphemeralStorage": {"Size": 512},
            **told,
            **({"Layers": layers} if layers else {}),
            "LoggingConfig": {"LogFormat": self.log_format, "LogGroup": self.log_group},
            "FunctionName": self.name,
            "FunctionArn": self._told_arn(qualified=qualified),
            "CodeSize": self.code.size,
            "CodeSha256": self.code.sha256,
            "LastModified": f"{self.modified.isoformat(timespec='milliseconds')[:23]}+0000",
            "Version": self.version,
            "RevisionId": self.revision,
            "State": "Active",
            "LastUpdateStatus": "Successful",
        }

    def _told_arn(self, *, qualified: bool) -> str:
        return self.arn if self.version == LATEST and not qualified else self.qualified_arn


@dataclass
class Deployed:
    """A function with everything that hangs on its name."""

    latest: Function
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[str, Function] = field(default_factory=dict)
    aliases: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """Statements by their id, by qualifier (empty without one)."""
    event_invoke: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By qualifier: `$LATEST`, a version or an alias."""
    reserved: int | None = None
    published: int = 0
    """The highest version ever; a number is never used again."""
    published_from: str = ""
    """The revision that the highest version was made of."""

    def version(self, qualifier: str) -> Function:
        """The version that a qualifier (`$LATEST`, number or alias) means first of all."""
        number = str(self.aliases.get(qualifier, {}).get("FunctionVersion", qualifier))
        if number in {"", LATEST}:
            return self.latest
        if number not in self.versions:
            raise not_found(f"{self.latest.arn}:{qualifier}")
        return self.versions[number]

    def route(self, qualifier: str) -> Function:
        """The version that an event meets: by chance, where an alias has weights."""
        weights = self._weights(qualifier)
        draw = random.random()
        for number, weight in weights.items():
            draw -= weight
            if draw < 0 and number in self.versions:
                return self.versions[number]
        return self.version(qualifier)

    def _weights(self, qualifier: str) -> Mapping[str, float]:
        routing = self.aliases.get(qualifier, {}).get("RoutingConfig") or {}
        return routing.get("AdditionalVersionWeights") or {}


def not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Function not found: {arn}", status=404)


def split_name(function: str) -> tuple[str, str]:
    """Name and qualifier of a function given by name, name:qualifier, partial or full ARN."""
    _, is_arn, rest = function.rpartition(":function:")
    if not is_arn and function.startswith("function:"):
        rest, is_arn = function.removeprefix("function:"), ":"
    name, _, qualifier = rest.partition(":") if is_arn else function.partition(":")
    return name, qualifier
