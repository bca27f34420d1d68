"""The words of Sluice as types: names, digests, numbers and reason codes that cross a border."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

MODEL_PATTERN = r"^[a-z][a-z0-9-]{0,23}$"
DROP_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.=-]{0,62}$"

ModelName = Annotated[str, StringConstraints(pattern=MODEL_PATTERN)]
"""A model's folder name; short, so that every SageMaker name made of it fits 63 characters."""

DropId = Annotated[str, StringConstraints(pattern=DROP_PATTERN)]
RunId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in lower-case hexadecimal."""

S3Uri = Annotated[str, StringConstraints(pattern=r"^s3://[^/]+/.+$")]

Traceparent = Annotated[
    str, StringConstraints(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
]
"""A W3C trace context header, version 00."""


class Reason(StrEnum):
    """Why something was refused or ended. The codes are stable: people alert on them."""

    BAD_PATH = "BAD_PATH"
    UNKNOWN_MODEL = "UNKNOWN_MODEL"
    INCOMPLETE = "INCOMPLETE"
    MANIFEST_UNREADABLE = "MANIFEST_UNREADABLE"
    MANIFEST_MISMATCH = "MANIFEST_MISMATCH"
    FILE_UNREADABLE = "FILE_UNREADABLE"
    SCHEMA_MISMATCH = "SCHEMA_MISMATCH"
    VALUES_MISSING = "VALUES_MISSING"
    VALUES_OUT_OF_RANGE = "VALUES_OUT_OF_RANGE"
    NO_ROWS = "NO_ROWS"
    JOB_FAILED = "JOB_FAILED"
    JOB_STOPPED = "JOB_STOPPED"
    JOB_REFUSED = "JOB_REFUSED"
    NO_CAPACITY = "NO_CAPACITY"
    REPORT_UNREADABLE = "REPORT_UNREADABLE"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    WORSE_THAN_CHAMPION = "WORSE_THAN_CHAMPION"
    NOT_DEPLOYED = "NOT_DEPLOYED"
    PROBE_FAILED = "PROBE_FAILED"
    ALARM = "ALARM"
    TOO_MANY_ERRORS = "TOO_MANY_ERRORS"
    TOO_SLOW = "TOO_SLOW"
    ASKED_BY_PERSON = "ASKED_BY_PERSON"


def is_model_name(text: str) -> bool:
    """Whether `text` may name a model's folder."""
    return re.fullmatch(MODEL_PATTERN, text) is not None


def is_drop_id(text: str) -> bool:
    """Whether `text` may name a drop's folder."""
    return re.fullmatch(DROP_PATTERN, text) is not None
