"""Public names, frozen: whoever changes one changes it here too, and in the changelog."""

from docs.speech import speakers
from events.catalog import CATALOG
from events.foreign import FOREIGN
from events.words import Reason
from functions.accept_drop.settings import AcceptDropSettings
from functions.gate_model.settings import GateModelSettings
from functions.roll_back.settings import RollBackSettings
from functions.routes import FUNCTIONS
from functions.settings import PREFIX, Settings
from functions.start_evaluation.settings import StartEvaluationSettings
from functions.start_rollout.settings import StartRolloutSettings
from functions.start_training.settings import StartTrainingSettings
from functions.step_rollout.settings import StepRolloutSettings
from functions.sweep.settings import SweepSettings

EVENTS = [
    "CandidateApproved",
    "CandidateHeld",
    "CandidateRejected",
    "DatasetReady",
    "DropOverdue",
    "DropRejected",
    "EvaluationJobSettled",
    "EvaluationOutdated",
    "EvaluationStarted",
    "PersonPaged",
    "RollbackRequested",
    "RolloutAborted",
    "RolloutAdvanced",
    "RolloutCompleted",
    "RolloutStarted",
    "RolloutStepDue",
    "RunFailed",
    "TrainingJobSettled",
    "TrainingParked",
    "TrainingRequested",
    "TrainingStarted",
    "VersionApproved",
]

FOREIGN_DETAIL_TYPES = [
    "CloudWatch Alarm State Change",
    "Object Created",
    "SageMaker Endpoint Deployment State Change",
    "SageMaker Endpoint State Change",
    "SageMaker HyperParameter Tuning Job State Change",
    "SageMaker Model Package State Change",
    "SageMaker Processing Job State Change",
    "SageMaker Training Job State Change",
    "Scheduled Event",
]

UNITS = [
    "accept_drop",
    "gate_model",
    "roll_back",
    "start_evaluation",
    "start_rollout",
    "start_training",
    "step_rollout",
    "sweep",
]

SHARED = [
    "SLUICE_BUS_ARN",
    "SLUICE_BUS_NAME",
    "SLUICE_PREFIX",
    "SLUICE_TABLE_NAME",
    "SLUICE_UNDELIVERED_ARN",
]

OWN: dict[type[Settings], list[str]] = {
    AcceptDropSettings: [
        "SLUICE_ARTIFACT_BUCKET",
        "SLUICE_DATA_BUCKET",
        "SLUICE_SCHEDULE_GROUP",
        "SLUICE_SCHEDULE_ROLE_ARN",
    ],
    GateModelSettings: ["SLUICE_ARTIFACT_BUCKET", "SLUICE_SERVING_IMAGE"],
    RollBackSettings: ["SLUICE_ARTIFACT_BUCKET"],
    StartEvaluationSettings: [
        "SLUICE_ARTIFACT_BUCKET",
        "SLUICE_DATA_BUCKET",
        "SLUICE_EVALUATION_IMAGE",
        "SLUICE_EVALUATION_ROLE_ARN",
    ],
    StartRolloutSettings: ["SLUICE_SERVING_IMAGE", "SLUICE_SERVING_ROLE_ARN"],
    StartTrainingSettings: [
        "SLUICE_DATA_BUCKET",
        "SLUICE_ARTIFACT_BUCKET",
        "SLUICE_MAX_RUNNING",
        "SLUICE_TRAINING_IMAGE",
        "SLUICE_TRAINING_ROLE_ARN",
    ],
    StepRolloutSettings: [
        "SLUICE_ARTIFACT_BUCKET",
        "SLUICE_SCHEDULE_GROUP",
        "SLUICE_SCHEDULE_ROLE_ARN",
    ],
    SweepSettings: ["SLUICE_BATCH"],
}

REASONS = [
    "ABOVE_MAXIMUM",
    "ALARM",
    "ARTIFACT_MISSING",
    "ASKED_BY_PERSON",
    "BAD_EVENT",
    "BAD_PATH",
    "BELOW_MINIMUM",
    "COOLDOWN",
    "ENDPOINT_CHANGED",
    "ENDPOINT_STRANDED",
    "ENDPOINT_STUCK",
    "FILE_UNREADABLE",
    "HOLDOUT_EMPTY",
    "HOLDOUT_LEAKED",
    "HOLDOUT_ONE_CLASS",
    "HOLDOUT_TOO_SMALL",
    "INCOMPLETE",
    "JOB_FAILED",
    "JOB_REFUSED",
    "JOB_STOPPED",
    "MANIFEST_MISMATCH",
    "MANIFEST_UNREADABLE",
    "NOT_DEPLOYED",
    "NOT_HELPING",
    "NOT_MEASURED",
    "NO_BETTER_THAN_CONSTANT",
    "NO_CAPACITY",
    "NO_HOLDOUT",
    "NO_ROWS",
    "ORPHANED",
    "OVER_BUDGET",
    "PROBE_FAILED",
    "REPORT_UNREADABLE",
    "SCHEMA_MISMATCH",
    "SUPERSEDED",
    "TOO_MANY_ERRORS",
    "TOO_MANY_RUNNING",
    "TOO_SLOW",
    "UNDECIDED",
    "UNKNOWN_MODEL",
    "VALUES_MISSING",
    "VALUES_OUT_OF_RANGE",
    "WORSE_ON_SLICE",
    "WORSE_THAN_CHAMPION",
]

PEOPLE = ["sluice train"]


def test_the_events_are_these() -> None:
    assert sorted(CATALOG) == EVENTS


def test_the_events_of_aws_are_these() -> None:
    assert sorted(name for event in FOREIGN for name in event.detail_types) == FOREIGN_DETAIL_TYPES


def test_the_functions_are_these() -> None:
    assert sorted(FUNCTIONS) == UNITS


def test_the_reason_codes_are_these() -> None:
    assert sorted(Reason) == REASONS


def test_every_function_reads_these_variables_and_its_own() -> None:
    read = {kind: sorted(PREFIX + name.upper() for name in kind.model_fields) for kind in OWN}

    assert sorted(PREFIX + name.upper() for name in Settings.model_fields) == SHARED
    assert read == {kind: sorted(SHARED + own) for kind, own in OWN.items()}


def test_every_event_names_a_publisher_that_exists() -> None:
    assert {first for first, *_ in speakers().values()} <= {*UNITS, *PEOPLE}
