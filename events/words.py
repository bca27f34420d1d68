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
    """The drop's folder does not name a model and a drop; drop under `drops/<model>/<drop id>/`."""
    UNKNOWN_MODEL = "UNKNOWN_MODEL"
    """No such model is deployed in this stage; deploy it, then drop under a new id."""
    INCOMPLETE = "INCOMPLETE"
    """Neither manifest nor `_SUCCESS` came within `[data] complete_within`; drop it anew."""
    MANIFEST_UNREADABLE = "MANIFEST_UNREADABLE"
    """`manifest.json` is no manifest; write it anew (`sluice drop` does) under a new id."""
    MANIFEST_MISMATCH = "MANIFEST_MISMATCH"
    """A file is not the one that the manifest promises; drop it again, whole."""
    FILE_UNREADABLE = "FILE_UNREADABLE"
    """A file is not of `[data] format`; write it anew and drop it under a new id."""
    SCHEMA_MISMATCH = "SCHEMA_MISMATCH"
    """Columns are missing, of a wrong type, or differ between files; see `[data]`."""
    VALUES_MISSING = "VALUES_MISSING"
    """A column has holes (null or NaN); fill or leave out those rows."""
    VALUES_OUT_OF_RANGE = "VALUES_OUT_OF_RANGE"
    """A value lies outside `[data] range` or the classes; mend the data or the range."""
    NO_ROWS = "NO_ROWS"
    """There is nothing in the drop."""
    JOB_FAILED = "JOB_FAILED"
    """A training or evaluation job failed; `sluice logs JOB` has its words."""
    JOB_STOPPED = "JOB_STOPPED"
    """Somebody stopped or deleted the job; `sluice train` begins the run once more."""
    JOB_REFUSED = "JOB_REFUSED"
    """SageMaker does not take the request; its own words follow."""
    NO_HOLDOUT = "NO_HOLDOUT"
    """There is nothing to judge on yet; the run waits, and begins once the holdout is there."""
    NO_CAPACITY = "NO_CAPACITY"
    """SageMaker has no room or the quota is used up: the run asks again along `[training]
    instances`, and ends when `[training] max_wait` is over."""
    COOLDOWN = "COOLDOWN"
    """The last training began less than `[training] cooldown` ago; the run waits."""
    TOO_MANY_RUNNING = "TOO_MANY_RUNNING"
    """As many training jobs run as the model or the stage may have; the run waits."""
    OVER_BUDGET = "OVER_BUDGET"
    """It may cost more than `[training.budget]` leaves: of the day, then it waits; of the run, then
    it ends."""
    NOT_HELPING = "NOT_HELPING"
    """`[training] stop_after` candidates in a row were refused; `sluice train` begins it."""
    SUPERSEDED = "SUPERSEDED"
    """It waited, and a newer drop of the model took its place; `sluice train` begins it."""
    REPORT_UNREADABLE = "REPORT_UNREADABLE"
    """The evaluation left no report that can be read."""
    HOLDOUT_EMPTY = "HOLDOUT_EMPTY"
    """The holdout has no file of `[data] format`; upload it anew, under an id of its own."""
    HOLDOUT_ONE_CLASS = "HOLDOUT_ONE_CLASS"
    """All rows of the holdout have one label: nothing can be told apart; make another holdout."""
    HOLDOUT_LEAKED = "HOLDOUT_LEAKED"
    """Rows of the holdout were trained on, more than `[evaluation] max_leak`; take them out."""
    HOLDOUT_TOO_SMALL = "HOLDOUT_TOO_SMALL"
    """The holdout has fewer rows than `[gates] min_rows`; make a larger one."""
    NOT_MEASURED = "NOT_MEASURED"
    """A score that `[gates]` asks for is missing or no number, such as one of probabilities that
    the model does not give."""
    BELOW_MINIMUM = "BELOW_MINIMUM"
    """A score is below `[gates] min`, or accuracy on a slice below `slice_min`."""
    ABOVE_MAXIMUM = "ABOVE_MAXIMUM"
    """A loss is above `[gates] max`."""
    NO_BETTER_THAN_CONSTANT = "NO_BETTER_THAN_CONSTANT"
    """A first model is not surely better than always naming the commonest class."""
    WORSE_THAN_CHAMPION = "WORSE_THAN_CHAMPION"
    """It is surely worse than the champion by more than `[gates] max_drop`."""
    WORSE_ON_SLICE = "WORSE_ON_SLICE"
    """It is surely worse than the champion on a slice, by more than `[gates] slice_drop`."""
    UNDECIDED = "UNDECIDED"
    """The holdout cannot show that it is no worse than `[gates] max_drop` allows: more rows, a
    wider margin or a person decides."""
    NOT_DEPLOYED = "NOT_DEPLOYED"
    """The endpoint did not come up with the configuration that was asked for."""
    PROBE_FAILED = "PROBE_FAILED"
    """The golden probe was not answered, or not by this version."""
    ALARM = "ALARM"
    """A CloudWatch alarm on the challenger rang."""
    TOO_MANY_ERRORS = "TOO_MANY_ERRORS"
    """It surely fails more often than the champion, by more than `[rollout] max_errors`."""
    TOO_SLOW = "TOO_SLOW"
    """Its typical minute's p99 is above `[serving] latency`, and the champion's is not."""
    ENDPOINT_CHANGED = "ENDPOINT_CHANGED"
    """Somebody else changed or deleted the endpoint during a rollout: it is left as it is, until
    the next version is approved."""
    ENDPOINT_STRANDED = "ENDPOINT_STRANDED"
    """An update neither ended nor could be undone (`UpdateRollbackFailed`, `Failed`): the champion
    is placed alone, a few times."""
    ENDPOINT_STUCK = "ENDPOINT_STUCK"
    """SageMaker has been at work on the endpoint for over an hour; the rollout goes on waiting."""
    ARTIFACT_MISSING = "ARTIFACT_MISSING"
    """A model, or the artifact it is made of, was deleted; put it back, or train anew."""
    ORPHANED = "ORPHANED"
    """Something of SageMaker's has our prefix and no record: jobs are stopped, configurations that
    nothing uses deleted, everything else is only told."""
    ASKED_BY_PERSON = "ASKED_BY_PERSON"
    """A person rejected the version or asked for the traffic back."""
    BAD_EVENT = "BAD_EVENT"
    """An event does not say what its kind must say; it waits in the dead-letter queue."""


def is_model_name(text: str) -> bool:
    """Whether `text` may name a model's folder."""
    return re.fullmatch(MODEL_PATTERN, text) is not None


def is_drop_id(text: str) -> bool:
    """Whether `text` may name a drop's folder."""
    return re.fullmatch(DROP_PATTERN, text) is not None
