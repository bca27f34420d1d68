"""The wiring table: each route takes what is meant for it, and not what comes near."""

import json
from pathlib import Path
from typing import Any

import pytest

from events import catalog, foreign
from events.foreign import Foreign
from functions.routes import FUNCTIONS, ROUTES, SCHEDULES, Route
from local.patterns import compile_pattern
from tests.fakes.bus import Envelope, envelope
from tests.fakes.stage import PLACES, routed_to
from tests.golden.rewrite_events import examples


def said(kind: type[Foreign], **detail: Any) -> Envelope:
    return envelope(kind.source, kind.detail_types[0], detail)


def an_object(key: str, bucket: str = "data") -> Envelope:
    return said(foreign.ObjectCreated, bucket={"name": bucket}, object={"key": key, "size": 1})


def a_training_job(name: str, status: str) -> Envelope:
    return said(foreign.TrainingJobChanged, TrainingJobName=name, TrainingJobStatus=status)


def a_processing_job(name: str, status: str) -> Envelope:
    return said(foreign.ProcessingJobChanged, ProcessingJobName=name, ProcessingJobStatus=status)


def a_package(group: str, approval: str, *updated: str) -> Envelope:
    changed = {"UpdatedModelPackageFields": list(updated)} if updated else {}
    return said(
        foreign.ModelPackageChanged,
        ModelPackageGroupName=group,
        ModelPackageVersion=2,
        ModelApprovalStatus=approval,
        **changed,
    )


def documented_package(**detail: Any) -> Envelope:
    """The sample of AWS's documentation, which tells of an edit of its life cycle."""
    raw: Envelope = json.loads((SAMPLES / "sagemaker_model_package_rejected.json").read_text())
    return raw | {"detail": raw["detail"] | detail}


def an_endpoint(name: str, status: str) -> Envelope:
    return said(foreign.EndpointChanged, EndpointName=name, EndpointStatus=status)


def an_alarm(name: str, value: str) -> Envelope:
    return said(foreign.AlarmChanged, alarmName=name, state={"value": value})


SAMPLES = Path(__file__).parents[1] / "golden" / "foreign"
JOB = "sluice-dev-digits-0123456789ab-t1"


@pytest.mark.parametrize(
    ("raw", "unit"),
    [
        (an_object("drops/digits/monday/part-0.parquet"), "accept_drop"),
        (an_object("drops/digits/monday/a b+c%2B.parquet"), "accept_drop"),
        (a_training_job(JOB, "Completed"), "start_evaluation"),
        (a_training_job(JOB, "FAILED"), "start_evaluation"),
        (a_training_job(JOB, "Stopped"), "start_evaluation"),
        (a_processing_job(JOB, "Completed"), "gate_model"),
        (a_processing_job(JOB, "Failed"), "gate_model"),
        (a_package("sluice-dev-digits", "Approved"), "start_rollout"),
        (a_package("sluice-dev-digits", "Rejected"), "start_rollout"),
        (a_package("sluice-dev-digits", "Approved", "ModelApprovalStatus"), "start_rollout"),
        (
            documented_package(
                ModelPackageGroupName="sluice-dev-digits",
                UpdatedModelPackageFields=["ApprovalDescription", "ModelApprovalStatus"],
            ),
            "start_rollout",
        ),
        (an_endpoint("sluice-dev-digits", "IN_SERVICE"), "step_rollout"),
        (an_endpoint("sluice-dev-digits", "InService"), "step_rollout"),
        (an_endpoint("sluice-dev-digits", "FAILED"), "step_rollout"),
        (an_endpoint("sluice-dev-digits", "UPDATE_ROLLBACK_FAILED"), "step_rollout"),
        (an_endpoint("sluice-dev-digits", "UpdateRollbackFailed"), "step_rollout"),
        (an_alarm("sluice-dev-digits-green-5xx", "ALARM"), "roll_back"),
    ],
)
def test_awss_event_wakes_its_function(raw: Envelope, unit: str) -> None:
    assert routed_to(raw) == [unit]


@pytest.mark.parametrize(
    "raw",
    [
        an_object("drops/digits/monday/part-0.parquet", bucket="other"),
        an_object("drops/digits/monday/part-0.parquet", bucket="data-2"),
        an_object("holdouts/digits/v1/part-0.parquet"),
        an_object("adrops/digits/monday/part-0.parquet"),
        an_object("Drops/digits/monday/part-0.parquet"),
        a_training_job(JOB, "InProgress"),
        a_training_job(JOB, "Stopping"),
        a_training_job("other-dev-digits-0123456789ab-t1", "Completed"),
        a_training_job("sluice-devdigits", "Completed"),
        a_processing_job(JOB, "InProgress"),
        a_processing_job("sluice-prod-digits-0123456789ab-e1", "Completed"),
        documented_package(),
        documented_package(ModelPackageGroupName="sluice-dev-digits"),
        documented_package(
            ModelPackageGroupName="sluice-dev-digits", ModelApprovalStatus="Approved"
        ),
        documented_package(UpdatedModelPackageFields=["ModelApprovalStatus"]),
        a_package("sluice-dev-digits", "Approved", "CustomerMetadataProperties"),
        a_package("sluice-dev-digits", "Approved", "ApprovalDescription"),
        a_package("sluice-dev-digits", "PendingManualApproval", "ModelApprovalStatus"),
        a_package("sluice-dev-digits", "PendingManualApproval"),
        a_package("sluice-prod-digits", "Approved"),
        an_endpoint("sluice-dev-digits", "UPDATING"),
        an_endpoint("sluice-dev-digits", "CREATING"),
        an_endpoint("sluice-prod-digits", "IN_SERVICE"),
        an_alarm("sluice-dev-digits-green-5xx", "OK"),
        an_alarm("sluice-dev-digits-green-5xx", "INSUFFICIENT_DATA"),
        an_alarm("billing", "ALARM"),
        an_object("drops/digits/monday/p") | {"source": "sluice"},
        an_object("drops/digits/monday/p") | {"detail-type": "Object Deleted"},
        envelope("aws.sagemaker", "DatasetReady", {}),
    ],
)
def test_a_near_miss_wakes_nobody(raw: Envelope) -> None:
    assert routed_to(raw) == []


HEARD = {
    "CandidateApproved": ["start_rollout"],
    "DatasetReady": ["start_training"],
    "DropOverdue": ["accept_drop"],
    "EvaluationJobSettled": ["gate_model"],
    "EvaluationOutdated": ["start_evaluation"],
    "RollbackRequested": ["roll_back"],
    "RolloutStepDue": ["step_rollout"],
    "TrainingJobSettled": ["start_evaluation"],
    "TrainingRequested": ["start_training"],
    "VersionApproved": ["start_rollout"],
}


@pytest.mark.parametrize("name", sorted(catalog.CATALOG))
def test_our_own_event_wakes_who_listens(name: str) -> None:
    detail = examples()[name].model_dump(mode="json")

    assert routed_to(envelope("sluice", name, detail)) == HEARD.get(name, [])


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.on.__name__}-{r.to}")
def test_no_place_is_left_open_in_a_pattern(route: Route) -> None:
    pattern = route.pattern(PLACES)

    compile_pattern(pattern)
    assert "${" not in str(pattern)


def test_ours_and_awss_lie_on_different_buses() -> None:
    assert {route.on.__name__ for route in ROUTES if not route.ours} == {
        "AlarmChanged",
        "EndpointChanged",
        "ModelPackageChanged",
        "ObjectCreated",
        "ProcessingJobChanged",
        "TrainingJobChanged",
    }


def test_a_route_keeps_what_is_neither_text_nor_collection() -> None:
    route = Route(foreign.ObjectCreated, "x", {"object": {"size": [{"numeric": [">", 0]}]}})

    assert route.pattern({})["detail"] == {"object": {"size": [{"numeric": [">", 0]}]}}


def test_the_functions_are_these() -> None:
    assert FUNCTIONS == (
        "accept_drop",
        "gate_model",
        "roll_back",
        "start_evaluation",
        "start_rollout",
        "start_training",
        "step_rollout",
        "sweep",
    )
    assert [(every.minutes, every.to) for every in SCHEDULES] == [(5, "sweep")]
