"""Every name Sluice gives to a thing on AWS, derived from what it is: same cause, same name."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

ALARMS = ("errors", "latency")
"""What each variant of an endpoint is watched for."""
VARIANTS = ("blue", "green")
"""The two variants of every endpoint; champion and challenger take turns in them."""


def digest_of(value: object) -> str:
    """SHA-256 (hexadecimal) of a value's canonical JSON."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def run_id(*, model: str, dataset: str, config: str, code: str) -> str:
    """A run's identity: the same cause can never make two runs."""
    return digest_of([model, dataset, config, code])[:12]


def client_token(*parts: str) -> str:
    """A token (36 characters) for calls that take one, so that a retry is the same call."""
    return digest_of(parts)[:36]


def rollout_id(endpoint: str, version: int) -> str:
    """A version is rolled out to an endpoint at most once."""
    return f"{endpoint}-v{version}"


def other_variant(variant: str) -> str:
    """The variant in which the next challenger stands."""
    return VARIANTS[1 - VARIANTS.index(variant)]


@dataclass(frozen=True)
class Names:
    """The names of one stage, all under `prefix`, e.g. `sluice-dev`."""

    prefix: str

    def endpoint(self, model: str) -> str:
        return f"{self.prefix}-{model}"

    def package_group(self, model: str) -> str:
        return f"{self.prefix}-{model}"

    def training_job(self, model: str, run: str, attempt: int = 1) -> str:
        return f"{self.prefix}-{model}-{run}-t{attempt}"

    def evaluation_job(self, model: str, run: str, attempt: int = 1) -> str:
        return f"{self.prefix}-{model}-{run}-e{attempt}"

    def deployed_model(self, model: str, version: int) -> str:
        return f"{self.prefix}-{model}-v{version}"

    def endpoint_config(self, model: str, variants: Mapping[str, object]) -> str:
        return f"{self.prefix}-{model}-{digest_of(dict(variants))[:8]}"

    def alarm(self, model: str, variant: str, what: str) -> str:
        return f"{self.prefix}-{model}-{variant}-{what}"

    def alarms(self, model: str, variant: str) -> tuple[str, ...]:
        return tuple(self.alarm(model, variant, what) for what in ALARMS)

    def definition_parameter(self, model: str) -> str:
        return f"/{self.prefix.replace('-', '/', 1)}/models/{model}"

    def model_of(self, endpoint: str) -> str | None:
        """The model behind an endpoint or package group of this stage; None for anybody else's."""
        match = re.fullmatch(rf"{re.escape(self.prefix)}-(.+)", endpoint)
        return match[1] if match else None

    def run_of(self, job: str) -> tuple[str, str] | None:
        """(model, run) of one of this stage's jobs; None for anybody else's."""
        match = re.fullmatch(rf"{re.escape(self.prefix)}-(.+)-([0-9a-f]{{12}})-[te]\d+", job)
        return (match[1], match[2]) if match else None
