"""What the tables of `model.toml` are made of: a strict table, and the types of its values."""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 366 * 86400


def seconds(value: object) -> object:
    """`"10m"` as 600 seconds; numbers are seconds already."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|[smhd])", value)
    if match is None:
        raise ValueError(f"{value!r} is not a duration; write for example '90s', '10m' or '2h'")
    unit = match[2]
    return float(match[1]) * (0.001 if unit == "ms" else _UNITS[unit])


Seconds = Annotated[float, BeforeValidator(seconds), Field(gt=0, le=_LONGEST, allow_inf_nan=False)]
Pause = Annotated[float, BeforeValidator(seconds), Field(ge=0, le=_LONGEST, allow_inf_nan=False)]
"""A duration that may be none."""
Share = Annotated[float, Field(ge=0, le=1)]
Dollars = Annotated[float, Field(gt=0)]
Text = Annotated[str, Field(min_length=1)]
Instance = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")]


class Section(BaseModel):
    """A table of `model.toml`: no value is taken for another type than it was written in."""

    model_config = ConfigDict(
        defer_build=True, frozen=True, extra="forbid", strict=True, allow_inf_nan=False
    )
