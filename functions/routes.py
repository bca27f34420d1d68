"""The wiring table: which event wakes which function. CDK, the docs and the tests read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from events import catalog, foreign
from events.base import Event, Pattern

PREFIX = "${prefix}"
"""Stands in a route for the stage's name prefix, e.g. `sluice-dev`."""
DATA_BUCKET = "${data_bucket}"
"""Stands in a route for the name of the stage's data bucket."""


@dataclass(frozen=True)
class Route:
    """`to` wakes when `on` happens, as far as its detail matches `only`."""

    on: type[Event] | type[foreign.Foreign]
    to: str
    only: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Whether the event lies on our bus; AWS's own arrive on the default bus."""
        return issubclass(self.on, Event)

    def pattern(self, places: Mapping[str, str]) -> Pattern:
        """The EventBridge pattern, with `${…}` replaced from `places`."""
        filled: dict[str, Any] = _fill(dict(self.only), places)
        return self.on.pattern(filled)


@dataclass(frozen=True)
class Every:
    """`to` wakes by the clock."""

    minutes: int
    to: str


def _fill(value: Any, places: Mapping[str, str]) -> Any:
    match value:
        case str():
            for name, place in places.items():
                value = value.replace(f"${{{name}}}", place)
            return value
        case Mapping():
            return {key: _fill(inner, places) for key, inner in value.items()}
        case list() | tuple():
            return [_fill(inner, places) for inner in value]
        case _:
            return value


_OUR_JOBS = [{"prefix": f"{PREFIX}-"}]
_OUR_DROPS = {
    "bucket": {"name": [DATA_BUCKET]},
    "object": {"key": [{"prefix": "drops/"}]},
}


def _either_casing(*statuses: str) -> list[str]:
    return [word for status in statuses for word in foreign.status_spellings(status)]


_JOB_ENDED = _either_casing("Completed", "Failed", "Stopped")
_APPROVAL_TOLD = ["ModelApprovalStatus", {"exists": False}]
"""The word on a version changed, or it is new; any other edit repeats an old word."""
_ENDPOINT_SETTLED = _either_casing("InService", "Failed", "UpdateRollbackFailed")

ROUTES: tuple[Route, ...] = (
    Route(foreign.ObjectCreated, "accept_drop", _OUR_DROPS),
    Route(catalog.DropOverdue, "accept_drop"),
    Route(catalog.DatasetReady, "start_training"),
    Route(catalog.TrainingRequested, "start_training"),
    Route(
        foreign.TrainingJobChanged,
        "start_evaluation",
        {"TrainingJobName": _OUR_JOBS, "TrainingJobStatus": _JOB_ENDED},
    ),
    Route(catalog.TrainingJobSettled, "start_evaluation"),
    Route(catalog.EvaluationOutdated, "start_evaluation"),
    Route(
        foreign.ProcessingJobChanged,
        "gate_model",
        {"ProcessingJobName": _OUR_JOBS, "ProcessingJobStatus": _JOB_ENDED},
    ),
    Route(catalog.EvaluationJobSettled, "gate_model"),
    Route(
        foreign.ModelPackageChanged,
        "start_rollout",
        {
            "ModelPackageGroupName": _OUR_JOBS,
            "ModelApprovalStatus": ["Approved", "Rejected"],
            "UpdatedModelPackageFields": _APPROVAL_TOLD,
        },
    ),
    Route(catalog.CandidateApproved, "start_rollout"),
    Route(catalog.VersionApproved, "start_rollout"),
    Route(
        foreign.EndpointChanged,
        "step_rollout",
        {"EndpointName": _OUR_JOBS, "EndpointStatus": _ENDPOINT_SETTLED},
    ),
    Route(catalog.RolloutStepDue, "step_rollout"),
    Route(
        foreign.AlarmChanged,
        "roll_back",
        {"alarmName": _OUR_JOBS, "state": {"value": ["ALARM"]}},
    ),
    Route(catalog.RollbackRequested, "roll_back"),
)

SCHEDULES: tuple[Every, ...] = (Every(minutes=5, to="sweep"),)

FUNCTIONS: tuple[str, ...] = tuple(
    sorted({route.to for route in ROUTES} | {every.to for every in SCHEDULES})
)
"""The name of every function, which is also its package under `functions`."""
