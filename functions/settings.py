"""Settings typed once for both sides: CDK writes the environment, handlers read it."""

import json
import os
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

PREFIX = "SLUICE_"


class SettingsError(RuntimeError):
    """The environment of a function lacks or misstates a setting."""


class Settings(BaseModel):
    """What every function is told; each function's own class adds what it alone needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: str
    """Common first part of the stage's names, e.g. `sluice-dev`."""
    bus_name: str
    bus_arn: str
    table_name: str
    undelivered_arn: str
    """The queue of what the bus did not take."""

    def environment(self) -> dict[str, str]:
        """These settings as environment variables; values may be CDK tokens."""
        return {f"{PREFIX}{k.upper()}": _text(v) for k, v in self.model_dump().items()}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read them back; raises SettingsError naming the variable."""
        found = {
            name: _value(environ[f"{PREFIX}{name.upper()}"], field.annotation)
            for name, field in cls.model_fields.items()
            if f"{PREFIX}{name.upper()}" in environ
        }
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            variable = f"{PREFIX}{str(first['loc'][0]).upper()}"
            raise SettingsError(f"environment variable {variable}: {first['msg']}") from error


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _value(text: str, kind: object) -> object:
    """A text stays one, even when it reads like a number."""
    if kind is str:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
