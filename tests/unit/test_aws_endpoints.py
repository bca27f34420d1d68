"""What a probe makes of every answer, and how an endpoint is taken away."""

import io
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.aws.clients import client
from functions.aws.endpoints import EndpointBusyError, Endpoints
from functions.aws.refusals import MissingError, RefusedError
from functions.endpoint import Expected, Hardware, Placement, Probe, Standing
from tests.builders import MODEL, NAMES, NOON
from tests.fakes.client import FakeClient, misshapen, refused

NAME = "sluice-dev-digits"


def endpoints(sagemaker: FakeClient | None = None, runtime: FakeClient | None = None) -> Endpoints:
    return Endpoints(cast("Any", sagemaker), cast("Any", runtime), NAMES)


def answering(body: bytes, said: str = "version=2") -> FakeClient:
    return FakeClient(invoke_endpoint={"Body": io.BytesIO(body), "CustomAttributes": said})


def probed(runtime: FakeClient) -> Probe:
    return endpoints(runtime=runtime).probe(MODEL, variant="green", instances=[[1], [2]])


class _HangsUp(io.RawIOBase):
    """A body that never comes."""

    def read(self, size: int = -1) -> bytes:
        raise ReadTimeoutError(endpoint_url="https://runtime")


def test_a_probe_is_good_with_one_prediction_to_each_question() -> None:
    runtime = answering(b'{"predictions": [0, 1]}')

    assert probed(runtime) == Probe("green", ok=True, version=2)
    assert runtime.request("invoke_endpoint") == {
        "EndpointName": NAME,
        "TargetVariant": "green",
        "ContentType": "application/json",
        "Body": b'{"instances": [[1], [2]]}',
    }


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"predictions": [0]}', "1 answers to 2 questions"),
        (b'{"predictions": null}', "no list of predictions"),
        (b'{"predictions": {"0": 1, "1": 2}}', "no list of predictions"),
        (b"{}", "no list of predictions"),
        (b"[0, 1]", "no list of predictions"),
        (b"null", "no list of predictions"),
        (b"<html>busy</html>", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_any_other_answer_is_a_failed_probe_of_the_version_that_gave_it(
    body: bytes, fault: str
) -> None:
    probe = probed(answering(body))

    assert (probe.ok, probe.version) == (False, 2)
    assert fault in probe.message


@pytest.mark.parametrize("said", ["", "version=", "version=two", "version=²", "who;knows"])
def test_an_answer_that_does_not_say_its_version_has_none(said: str) -> None:
    assert probed(answering(b'{"predictions": [0, 1]}', said)).version is None


@pytest.mark.parametrize(
    "error",
    [
        refused("ModelError", "the container said 500"),
        ReadTimeoutError(endpoint_url="https://runtime"),
    ],
)
def test_no_answer_is_a_failed_probe(error: Exception) -> None:
    probe = probed(FakeClient(invoke_endpoint=error))

    assert (probe.ok, probe.version) == (False, None)
    assert probe.message


def test_an_answer_that_breaks_off_is_a_failed_probe_of_the_version_that_began_it() -> None:
    runtime = FakeClient(invoke_endpoint={"Body": _HangsUp(), "CustomAttributes": "version=2"})

    probe = probed(runtime)

    assert (probe.ok, probe.version) == (False, 2)
    assert "no answer" in probe.message


def test_a_model_is_asked_once_and_for_ten_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    runtime = client.__wrapped__("sagemaker-runtime").meta.config
    others = client.__wrapped__("sagemaker").meta.config

    assert (runtime.retries["total_max_attempts"], runtime.read_timeout) == (1, 10)
    assert others.retries["total_max_attempts"] > 1


def test_an_endpoint_is_removed_and_its_configuration_and_models_stay() -> None:
    sagemaker = FakeClient()

    endpoints(sagemaker).remove(MODEL)

    assert sagemaker.asked == [("delete_endpoint", {"EndpointName": NAME})]


def test_an_endpoint_that_is_not_there_is_removed() -> None:
    gone = refused("ValidationException", f'Could not find endpoint "arn:aws:...:{NAME}".')

    endpoints(FakeClient(delete_endpoint=gone)).remove(MODEL)


def test_an_endpoint_that_is_being_updated_is_removed_later() -> None:
    busy = refused("ValidationException", f'Cannot update in-progress endpoint "{NAME}".')

    with pytest.raises(EndpointBusyError, match=NAME):
        endpoints(FakeClient(delete_endpoint=busy)).remove(MODEL)


def test_a_deployment_that_botocore_does_not_even_send_is_refused() -> None:
    place = Placement(variant="blue", version=2, artifact="", model_digest="d", weight=0)
    hardware = Hardware(image="", role_arn="role", instance="ml.m5.large", max_batch=8)

    with pytest.raises(RefusedError, match="Invalid length for parameter Image, value: 0"):
        endpoints(FakeClient(create_model=misshapen())).place(MODEL, [place], hardware)


@pytest.mark.parametrize("image", [None, "some-machine-image"])
def test_a_machine_image_is_asked_for_only_when_there_is_one(image: str | None) -> None:
    place = Placement(variant="blue", version=2, artifact="s3://a/b", model_digest="d", weight=0)
    hardware = Hardware("image", "role", "ml.g5.xlarge", max_batch=8, machine_image=image)
    sagemaker = FakeClient(
        describe_endpoint=refused("ValidationException", "Could not find endpoint")
    )

    endpoints(sagemaker).place(MODEL, [place], hardware)

    (variant,) = sagemaker.request("create_endpoint_config")["ProductionVariants"]
    assert variant.get("InferenceAmiVersion") == image


@pytest.mark.parametrize(
    ("latency", "told"), [(0.05, "50"), (0.25, "250"), (0.0001, "1"), (3600.0, "60000")]
)
def test_the_container_is_told_its_latency_objective(latency: float, told: str) -> None:
    place = Placement(variant="blue", version=2, artifact="s3://a/b", model_digest="d", weight=0)
    hardware = Hardware("image", "role", "ml.g5.xlarge", max_batch=8, latency=latency)
    sagemaker = FakeClient(
        describe_endpoint=refused("ValidationException", "Could not find endpoint")
    )

    endpoints(sagemaker).place(MODEL, [place], hardware)

    container = sagemaker.request("create_model")["PrimaryContainer"]
    assert container["Environment"]["SLUICE_LATENCY_MS"] == told


def test_the_question_is_json() -> None:
    runtime = answering(b'{"predictions": []}')

    endpoints(runtime=runtime).probe(MODEL, variant="blue", instances=())

    assert json.loads(runtime.request("invoke_endpoint")["Body"]) == {"instances": []}


GONE = refused("ValidationException", "Could not find endpoint configuration.")
STANDING = Standing(
    "sluice-dev-digits-0badcafe",
    (Placement(variant="blue", version=1, artifact="s3://a/b", model_digest="d", weight=100),),
    "ml.m5.large",
)


class Once(FakeClient):
    """Does not find what it needs until that is made again."""

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        made = any(name == "create_endpoint_config" for name, _ in self.asked)
        lacking = operation == "update_endpoint_weights_and_capacities" and not made
        return _raising(self, operation) if lacking else super().__getattr__(operation)


def _raising(client: FakeClient, operation: str) -> Callable[..., dict[str, Any]]:
    def call(**request: Any) -> dict[str, Any]:
        client.asked.append((operation, request))
        raise GONE

    return call


def test_weights_are_given_without_a_look_at_the_configuration() -> None:
    sagemaker = FakeClient()

    assert endpoints(sagemaker).shift(MODEL, {"blue": 100}, STANDING) is False
    assert [name for name, _ in sagemaker.asked] == ["update_endpoint_weights_and_capacities"]


def test_a_configuration_that_is_gone_is_made_again_before_the_weights_are_given() -> None:
    sagemaker = Once()

    assert endpoints(sagemaker).shift(MODEL, {"blue": 100}, STANDING) is True
    assert [name for name, _ in sagemaker.asked] == [
        "update_endpoint_weights_and_capacities",
        "create_endpoint_config",
        "update_endpoint_weights_and_capacities",
    ]
    made = sagemaker.request("create_endpoint_config")
    assert made["EndpointConfigName"] == STANDING.config
    assert made["ProductionVariants"][0]["ModelName"] == "sluice-dev-digits-v1"


def test_a_configuration_whose_model_is_gone_too_cannot_be_made_again() -> None:
    sagemaker = FakeClient(
        update_endpoint_weights_and_capacities=GONE,
        create_endpoint_config=refused("ValidationException", "Could not find model"),
    )

    with pytest.raises(MissingError, match="0badcafe: Could not find model"):
        endpoints(sagemaker).shift(MODEL, {"blue": 100}, STANDING)


def test_a_model_whose_artifact_is_gone_is_told_as_missing() -> None:
    gone = refused("ValidationException", "Could not find model data at s3://a/b.")
    hardware = Hardware(image="image", role_arn="role", instance="ml.m5.large", max_batch=8)

    with pytest.raises(MissingError, match="version 1: Could not find model data"):
        endpoints(FakeClient(create_model=gone)).place(MODEL, STANDING.placements, hardware)


@pytest.mark.parametrize(
    ("status", "call"),
    [("UpdateRollbackFailed", "update_endpoint"), ("Failed", "delete_endpoint")],
)
def test_out_of_whatever_it_is_stranded_in_an_endpoint_is_brought(status: str, call: str) -> None:
    sagemaker = FakeClient(
        describe_endpoint={
            "EndpointStatus": status,
            "EndpointConfigName": "another",
            "CreationTime": NOON,
        }
    )

    with suppress(EndpointBusyError):
        endpoints(sagemaker).restore(MODEL, STANDING)

    assert [name for name, _ in sagemaker.asked] == [
        "create_endpoint_config",
        "describe_endpoint",
        call,
    ]


def test_a_configuration_that_is_asked_for_again_has_another_name() -> None:
    names = {endpoints().config_name(MODEL, STANDING.placements, again=n) for n in range(4)}

    assert len(names) == 4


@pytest.mark.parametrize(
    ("expected", "fault"),
    [
        (Expected(), ""),
        (Expected("abcdef"), ""),
        (Expected("abcdef", (0, 1)), ""),
        (Expected("abcdef", (0, 1.4), tolerance=0.5), ""),
        (Expected("abcdef", (0, 2)), "golden request 2: 1 instead of 2"),
        (Expected("fedcba"), "the model with digest abc answered, not fed"),
    ],
)
def test_a_golden_answer_comes_from_the_model_and_lies_near_the_recorded_one(
    expected: Expected, fault: str
) -> None:
    runtime = answering(b'{"predictions": [0, 1]}', "version=2;digest=abc")

    probe = endpoints(runtime=runtime).probe(
        MODEL, variant="green", instances=[[1], [2]], expected=expected
    )

    assert (probe.ok, probe.message) == (not fault, fault)
