"""What a function is: its settings and its code, as one frozen value per version."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from local.errors import AwsError

LATEST = "$LATEST"
DEFAULT_TIMEOUT = 3
DEFAULT_MEMORY = 128
SETTINGS = (
    "Role",
    "Handler",
    "Runtime",
    "Description",
    "Timeout",
    "MemorySize",
    "VpcConfig",
    "Environment",
    "DeadLetterConfig",
    "KMSKeyArn",
    "TracingConfig",
    "EphemeralStorage",
    "SnapStart",
    "LoggingConfig",
    "Architectures",
    "PackageType",
)


@dataclass(frozen=True)
class Code:
    """An unpacked deployment package; `sha256` is Lambda's base64 digest of the zip."""

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True)
class Function:
    """One version of one function."""

    name: str
    arn: str
    code: Code
    settings: Mapping[str, Any]
    modified: datetime
    version: str = LATEST

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

    def describe(self) -> dict[str, Any]:
        """The API's FunctionConfiguration."""
        revision = hashlib.sha256(f"{self.qualified_arn}{self.modified}".encode()).hexdigest()
        told = {name: value for name, value in self.settings.items() if value is not None}
        return {
            "Timeout": DEFAULT_TIMEOUT,
            "MemorySize": DEFAULT_MEMORY,
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
            "TracingConfig": {"Mode": "PassThrough"},
            "EphemeralStorage": {"Size": 512},
            **told,
            "LoggingConfig": {"LogFormat": self.log_format, "LogGroup": self.log_group},
            "FunctionName": self.name,
            "FunctionArn": self.arn if self.version == LATEST else self.qualified_arn,
            "CodeSize": self.code.size,
            "CodeSha256": self.code.sha256,
            "LastModified": self.modified.isoformat(timespec="milliseconds"),
            "Version": self.version,
            "RevisionId": revision[:32],
            "State": "Active",
            "LastUpdateStatus": "Successful",
        }


@dataclass
class Deployed:
    """A function with everything that hangs on its name."""

    latest: Function
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[str, Function] = field(default_factory=dict)
    aliases: dict[str, dict[str, Any]] = field(default_factory=dict)
    statements: dict[str, dict[str, Any]] = field(default_factory=dict)
    event_invoke: dict[str, dict[str, Any]] = field(default_factory=dict)
    reserved: int | None = None

    def version(self, qualifier: str) -> Function:
        """The version that a qualifier (`$LATEST`, number or alias) means."""
        if qualifier in {"", LATEST}:
            return self.latest
        number = self.aliases.get(qualifier, {}).get("FunctionVersion", qualifier)
        if number == LATEST:
            return self.latest
        if number not in self.versions:
            raise not_found(f"{self.latest.arn}:{qualifier}")
        return self.versions[number]


def not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Function not found: {arn}", status=404)


def split_name(function: str) -> tuple[str, str]:
    """Name and qualifier of a function given by name, name:qualifier, partial or full ARN."""
    _, is_arn, rest = function.rpartition(":function:")
    name, _, qualifier = rest.partition(":") if is_arn else function.partition(":")
    return name, qualifier


def checked_settings(request: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a create or update request, refused where we cannot keep them."""
    runtime = request.get("Runtime", "python3")
    if request.get("PackageType", "Zip") != "Zip":
        raise refused("PackageType", request["PackageType"], "only Zip packages run here")
    if not str(runtime).startswith("python3"):
        raise refused("Runtime", runtime, "only python3.x runtimes run here")
    if request.get("Layers"):
        raise refused("Layers", request["Layers"], "layers are not emulated: put it in the asset")
    return {name: request[name] for name in SETTINGS if name in request}


def refused(field_name: str, value: object, reason: str) -> AwsError:
    message = f"Value {value!r} at {field_name!r} is not supported by the embedded AWS: {reason}"
    return AwsError("InvalidParameterValueException", message)
