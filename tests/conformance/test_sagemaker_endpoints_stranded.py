"""A rolling deployment that can neither go on nor back, and processes that nobody answers for."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.faults import Faults
from tests.conformance.target import Target, refusal
from tests.conformance.test_sagemaker_endpoints import (
    Hosting,
    alarmed,
    blue_green,
    instances,
    percent,
    rolling,
)
from tests.fakes.embedded_aws import eventually

pytestmark = pytest.mark.embedded
STRANDED = "UpdateRollbackFailed"


@pytest.fixture
def faults(aws: Target) -> Iterator[Faults]:
    assert aws.url is not None
    book = Faults(aws.url)
    yield book
    book.clear()


@pytest.fixture
def hosting(aws: Target) -> Iterator[Hosting]:
    """An endpoint of four instances; its state changes are in its queue."""
    events, sqs, name = aws.client("events"), aws.client("sqs"), aws.name("stranded")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    pattern = {"source": ["aws.sagemaker"], "detail": {"EndpointName": [name]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    arn = f"arn:aws:sqs:{aws.region}:{aws.account}:{name}"
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    made = Hosting(aws, name, queue)
    made.create()
    yield made
    if there(made):
        made.sagemaker.delete_endpoint(EndpointName=name)


def there(hosting: Hosting) -> bool:
    found = hosting.sagemaker.list_endpoints(NameContains=hosting.endpoint)["Endpoints"]
    return bool(found)


def rung(hosting: Hosting, alarm: str, deployment: dict[str, Any]) -> str:
    """A deployment whose alarm rings while both fleets have traffic; its configuration."""
    config = hosting.config("second")
    hosting.update(config, alarmed(deployment, alarm))
    eventually(lambda: hosting.answers() == "second")
    hosting.aws.client("cloudwatch").set_alarm_state(
        AlarmName=alarm, StateValue="ALARM", StateReason="asked for"
    )
    return config


@pytest.fixture
def stranded(hosting: Hosting, alarm: str, faults: Faults) -> Hosting:
    faults.add("fail-rollback", name=hosting.endpoint)
    rung(hosting, alarm, rolling(instances(2), wait=3600))
    eventually(lambda: hosting.told()["EndpointStatus"] == STRANDED)
    return hosting


def test_a_mix_of_both_configurations_serves(stranded: Hosting) -> None:
    told = stranded.told()

    assert "PendingDeploymentSummary" not in told
    assert told["FailureReason"]
    assert {stranded.answers() for _ in range(40)} == {"first", "second"}


def test_the_state_is_told_as_an_event(stranded: Hosting) -> None:
    sqs, heard = stranded.aws.client("sqs"), set[str]()

    def listen() -> bool:
        told = sqs.receive_message(QueueUrl=stranded.queue, MaxNumberOfMessages=10)
        bodies = [json.loads(message["Body"]) for message in told.get("Messages", [])]
        heard.update(body["detail"]["EndpointStatus"] for body in bodies)
        return "UPDATE_ROLLBACK_FAILED" in heard

    assert eventually(listen)


def test_weights_do_not_move(stranded: Hosting) -> None:
    code, text = refusal(
        stranded.sagemaker.update_endpoint_weights_and_capacities,
        EndpointName=stranded.endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": "only", "DesiredInstanceCount": 2}],
    )

    assert code == "ValidationException"
    assert text.startswith("Cannot update endpoint")
    assert stranded.told()["EndpointStatus"] == STRANDED


def test_an_update_brings_it_back_into_service(stranded: Hosting) -> None:
    config = stranded.config("third")

    stranded.update(config, None)

    told = stranded.settled()
    assert told["EndpointConfigName"] == config
    assert "FailureReason" not in told
    assert {stranded.answers() for _ in range(20)} == {"third"}


def test_it_can_be_deleted(stranded: Hosting) -> None:
    stranded.sagemaker.delete_endpoint(EndpointName=stranded.endpoint)

    eventually(lambda: not there(stranded))


def test_a_blue_green_deployment_always_goes_back(
    hosting: Hosting, alarm: str, faults: Faults
) -> None:
    fault = faults.add("fail-rollback", name=hosting.endpoint)
    before = hosting.told()["EndpointConfigName"]

    rung(hosting, alarm, blue_green("CANARY", wait=3600, CanarySize=percent(50)))

    assert hosting.settled()["EndpointConfigName"] == before
    assert faults.struck(fault) == 0


def asked(hosting: Hosting, **settings: Any) -> Callable[[], Any]:
    runtime = hosting.aws.client("sagemaker-runtime", **settings)
    return lambda: runtime.invoke_endpoint(EndpointName=hosting.endpoint, Body=b"x")


@pytest.fixture
def alone(hosting: Hosting) -> Hosting:
    """One process only, so that nobody answers in its place."""
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=hosting.endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": "only", "DesiredInstanceCount": 1}],
    )
    hosting.settled()
    return hosting


def test_a_process_that_died_is_no_error_of_the_model(alone: Hosting, faults: Faults) -> None:
    faults.add("kill-server", name=alone.endpoint)
    ask = asked(alone)

    code, text = refusal(ask)

    assert code == "ServiceUnavailable"
    assert "Try your call again" in text
    eventually(lambda: answers(ask))


def answers(ask: Callable[[], Any]) -> bool:
    try:
        return bool(refusal(ask)[0] == "")
    except AssertionError:  # it was accepted
        return True


def test_a_client_that_tries_again_gets_its_answer(alone: Hosting, faults: Faults) -> None:
    fault = faults.add("kill-server", name=alone.endpoint)
    retries = {"mode": "standard", "total_max_attempts": 12}

    answer = asked(alone, retries=retries)()

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["ResponseMetadata"]["RetryAttempts"] > 0
    assert faults.struck(fault) == 1


def test_what_nobody_answered_counts_as_an_error(alone: Hosting, faults: Faults) -> None:
    faults.add("kill-server", name=alone.endpoint)
    refusal(asked(alone))

    assert eventually(lambda: counted(alone, "Invocation5XXErrors")) >= 1
    assert counted(alone, "InvocationModelErrors") >= 1


def counted(hosting: Hosting, metric: str) -> float:
    """The sum of a metric of the variant over all time."""
    series = {"EndpointName": hosting.endpoint, "VariantName": "only"}
    told = hosting.aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in series.items()],
        StartTime=hosting.told()["CreationTime"],
        EndTime="2100-01-01T00:00:00Z",
        Period=3600,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in told["Datapoints"]))
