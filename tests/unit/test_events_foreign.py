"""AWS's own events: every documented sample is read, whatever its casing and time format."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.base import EventError
from events.foreign import (
    FOREIGN,
    AlarmChanged,
    AlarmMetric,
    EndpointChanged,
    EndpointDeploymentChanged,
    Foreign,
    ModelPackageChanged,
    ObjectCreated,
    ProcessingJobChanged,
    ScheduleFired,
    TrainingJobChanged,
    TuningJobChanged,
    moment,
    status_spellings,
    status_word,
)
from functions.routes import ROUTES
from functions.turn import woken_by
from local.patterns import compile_pattern
from tests.fakes.bus import envelope

EPOCH = datetime.fromisoformat("1971-01-01")
A_CENTURY_ON = datetime.fromisoformat("2100-01-01")
SAMPLES = Path(__file__).parents[1] / "golden" / "foreign"
KIND_OF: dict[str, type[Foreign]] = {
    "cloudwatch_alarm_state_change": AlarmChanged,
    "s3_object_created_multipart": ObjectCreated,
    "sagemaker_endpoint_deployment_baking": EndpointDeploymentChanged,
    "sagemaker_endpoint_deployment_scaling": EndpointDeploymentChanged,
    "sagemaker_endpoint_in_service": EndpointChanged,
    "sagemaker_hyperparameter_tuning_job": TuningJobChanged,
    "sagemaker_model_package_rejected": ModelPackageChanged,
    "sagemaker_processing_job_failed": ProcessingJobChanged,
    "sagemaker_training_job_completed": TrainingJobChanged,
}


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return found


def test_every_sample_file_has_its_class() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(KIND_OF)


@pytest.mark.parametrize("name", KIND_OF)
def test_every_sample_is_read_by_its_class_and_matches_only_its_pattern(name: str) -> None:
    raw = sample(name)

    KIND_OF[name].from_bus(raw)

    matching = {kind for kind in FOREIGN if compile_pattern(kind.pattern()).matches(raw)}
    assert matching == {KIND_OF[name]}


@pytest.mark.parametrize("name", KIND_OF)
@pytest.mark.parametrize(
    "change", [{"source": "sluice"}, {"detail-type": "Object Deleted"}, {"source": "aws.ec2"}]
)
def test_a_sample_from_another_source_or_of_another_type_does_not_match(
    name: str, change: dict[str, str]
) -> None:
    raw = sample(name) | change

    assert not compile_pattern(KIND_OF[name].pattern()).matches(raw)


@pytest.mark.parametrize("name", KIND_OF)
def test_the_functions_that_a_sample_is_routed_to_can_read_its_envelope(name: str) -> None:
    raw = sample(name)

    units = {route.to for route in ROUTES if route.on is KIND_OF[name]}

    assert {type(woken_by(raw, unit)) for unit in units} <= {KIND_OF[name]}


def test_an_object_is_read_with_its_raw_key_and_version() -> None:
    seen = ObjectCreated.from_bus(sample("s3_object_created_multipart"))

    assert seen.bucket.name == "example-bucket"
    assert seen.object.key == "drops/digits/2026-11-23/part 1+a%2Bb.parquet"
    assert seen.object.version_id == "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"
    assert seen.object.sequencer == "617f08299329d189"
    assert seen.reason == "CompleteMultipartUpload"


@pytest.mark.parametrize(
    "key",
    ["drops/a/b/with space", "drops/a/b/a+b", "drops/a/b/%2B%20", "drops/a/b/é😀", "d//../#?"],
)
def test_a_key_is_never_unquoted(key: str) -> None:
    raw = envelope("aws.s3", "Object Created", {"bucket": {"name": "b"}, "object": {"key": key}})

    assert ObjectCreated.from_bus(raw).object.key == key


def test_an_endpoint_is_read_in_the_apis_spelling_though_the_event_shouts() -> None:
    seen = EndpointChanged.from_bus(sample("sagemaker_endpoint_in_service"))

    assert seen == EndpointChanged(
        endpoint="MyEndpoint",
        status="InService",
        config="MyEndpointConfig",
        changed_at=datetime(2020, 6, 17, 16, 39, 54, 287000, tzinfo=UTC),
    )


def test_a_baking_deployment_tells_what_is_pending() -> None:
    seen = EndpointDeploymentChanged.from_bus(sample("sagemaker_endpoint_deployment_baking"))

    assert seen.status == "Updating"
    assert seen.pending is not None
    assert seen.pending.config == "sample-endpoint-config-2"
    assert seen.pending.variants[0].statuses[0].status == "Baking"


def test_the_other_samples_say_what_sluice_asks_of_them() -> None:
    training = TrainingJobChanged.from_bus(sample("sagemaker_training_job_completed"))
    processing = ProcessingJobChanged.from_bus(sample("sagemaker_processing_job_failed"))
    package = ModelPackageChanged.from_bus(sample("sagemaker_model_package_rejected"))
    tuning = TuningJobChanged.from_bus(sample("sagemaker_hyperparameter_tuning_job"))

    assert (training.job[:8], training.status) == ("89c96cc8", "Completed")
    assert processing.status == "Failed"
    assert processing.failure is not None
    assert processing.failure.startswith("InternalServerError")
    assert (package.version, package.approval, package.updated) == (
        2,
        "Rejected",
        ("ModelLifeCycle",),
    )
    assert tuning.counters["Completed"] == 1


def test_an_alarm_names_the_variant_it_watches() -> None:
    seen = AlarmChanged.from_bus(sample("cloudwatch_alarm_state_change"))

    assert seen.state.value == "ALARM"
    assert seen.metric == AlarmMetric(
        namespace="AWS/SageMaker",
        name="Invocation5XXErrors",
        dimensions={"EndpointName": "digits", "VariantName": "v2"},
    )


def test_an_alarm_made_of_alarms_or_of_arithmetic_is_read_too() -> None:
    metric = {"namespace": "n", "name": "m", "dimensions": {"VariantName": "green"}}
    state = {"alarmName": "a", "state": {"value": "OK"}}

    composite = AlarmChanged.model_validate(state | {"configuration": {"alarmRule": "ALARM(b)"}})
    maths = AlarmChanged.model_validate(
        state
        | {"configuration": {"metrics": [{"expression": "m1"}, {"metricStat": {"metric": metric}}]}}
    )

    assert composite.metric == AlarmMetric()
    assert maths.metric.dimensions == {"VariantName": "green"}


@pytest.mark.parametrize(
    "name",
    ["EndpointName", "endpointName", "endpoint_name", "ENDPOINT_NAME", "endpoint-name", "endpoint"],
)
def test_keys_are_read_in_any_casing(name: str) -> None:
    raw = envelope("aws.sagemaker", "x", {name: "e", "endpoint_status": "IN_SERVICE"})

    assert EndpointChanged.from_bus(raw) == EndpointChanged(endpoint="e", status="InService")


def test_unknown_fields_and_unknown_values_of_aws_pass() -> None:
    detail = {"TrainingJobName": "j", "TrainingJobStatus": "Hibernating", "Brand": {"new": [1]}}

    seen = TrainingJobChanged.from_bus(envelope("aws.sagemaker", "x", detail))

    assert seen == TrainingJobChanged(job="j", status="Hibernating")


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"TrainingJobName": 3, "TrainingJobStatus": "Completed"},
        {"TrainingJobName": "j", "TrainingJobStatus": None},
        {"TrainingJobName": "j", "TrainingJobStatus": "Failed", "LastModifiedTime": 1e300},
        {"TrainingJobName": "j", "TrainingJobStatus": "Failed", "LastModifiedTime": "inf"},
        {"TrainingJobName": "j", "TrainingJobStatus": "Failed", "LastModifiedTime": "yesterday"},
        {"TrainingJobName": "j", "TrainingJobStatus": "Failed", "LastModifiedTime": True},
    ],
)
def test_an_event_without_what_it_must_say_is_refused_by_name(detail: dict[str, Any]) -> None:
    with pytest.raises(EventError, match="TrainingJobChanged: "):
        TrainingJobChanged.from_bus(envelope("aws.sagemaker", "x", detail))


@pytest.mark.parametrize("detail", [None, "text", 7, []])
def test_a_detail_that_is_no_object_is_refused(detail: object) -> None:
    with pytest.raises(EventError, match="ObjectCreated: detail: "):
        ObjectCreated.from_bus({"detail": detail})


def test_a_clock_that_came_round_says_nothing_more() -> None:
    raw = envelope("aws.events", "Scheduled Event", {})

    assert compile_pattern(ScheduleFired.pattern()).matches(raw)
    assert ScheduleFired.from_bus(raw) == ScheduleFired()


@pytest.mark.parametrize(
    "said",
    [
        1592411994287,
        1592411994287.0,
        "1592411994287",
        "2020-06-17T16:39:54.287Z",
        "2020-06-17T16:39:54.287+0000",
        "2020-06-17T18:39:54.287+02:00",
        "2020-06-17T16:39:54.287",
    ],
)
def test_a_time_is_the_same_in_each_of_awss_forms(said: object) -> None:
    assert moment(said) == datetime(2020, 6, 17, 16, 39, 54, 287000, tzinfo=UTC)


@given(at=st.datetimes(EPOCH, A_CENTURY_ON, timezones=st.just(UTC)))
def test_any_time_survives_every_form(at: datetime) -> None:
    milliseconds = at.replace(microsecond=at.microsecond // 1000 * 1000)

    assert moment(milliseconds.isoformat()) == milliseconds
    assert moment(milliseconds) is milliseconds
    assert moment(round(milliseconds.timestamp() * 1000)) == milliseconds


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("IN_SERVICE", "InService"),
        ("UPDATE_ROLLBACK_FAILED", "UpdateRollbackFailed"),
        ("InService", "InService"),
        ("FAILED", "Failed"),
        ("OK", "OK"),
        ("", ""),
        (3, 3),
    ],
)
def test_a_status_has_one_spelling(said: object, word: object) -> None:
    assert status_word(said) == word


@pytest.mark.parametrize("status", ["InService", "UpdateRollbackFailed", "Completed"])
def test_a_pattern_lists_both_spellings_of_a_status(status: str) -> None:
    assert {status_word(each) for each in status_spellings(status)} == {status}
    assert status_spellings(status)[1].isupper()


def test_a_pattern_is_narrowed_where_both_speak_of_the_same_key() -> None:
    pattern = ObjectCreated.pattern({"bucket": {"name": ["b"]}})

    assert pattern == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": ["b"]}},
    }
