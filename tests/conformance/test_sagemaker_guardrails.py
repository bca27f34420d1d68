"""Deployment guardrails: their limits, the way of the traffic, and the way back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.conformance.jobs import IMAGE, ROLE
from tests.conformance.target import Target, refusal
from tests.fakes.embedded_aws import eventually

pytestmark = [pytest.mark.costs, pytest.mark.embedded]


@dataclass(frozen=True)
class Hosted:
    """An endpoint in service, and what it takes to update it."""

    aws: Target
    name: str
    count: int

    @property
    def sagemaker(self) -> Any:
        return self.aws.client("sagemaker")

    def config(self, version: str, *, variant: str = "main", kind: str = "ml.m5.large") -> str:
        """A configuration of one variant, made."""
        name = f"{self.name}-{version}"
        self.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": IMAGE, "Environment": {"VERSION": version}},
        )
        settings = {"ModelName": name, "InstanceType": kind, "InitialInstanceCount": self.count}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{"VariantName": variant, "InitialVariantWeight": 1.0, **settings}],
        )
        return name

    def update(self, config: str, deployment: dict[str, Any], **also: Any) -> None:
        unchecked = self.aws.client("sagemaker", parameter_validation=False)
        unchecked.update_endpoint(
            EndpointName=self.name, EndpointConfigName=config, DeploymentConfig=deployment, **also
        )

    def told(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=self.name)
        return answer

    def settled(self) -> dict[str, Any]:
        return eventually(lambda: (t := self.told())["EndpointStatus"] == "InService" and t)

    def status(self) -> str:
        """The secondary status of the deployment under way."""
        summary = self.told().get("PendingDeploymentSummary", {})
        (variant,) = summary.get("ProductionVariants", [{}])
        return str(variant.get("VariantStatus", [{}])[0].get("Status", ""))

    def answers(self) -> str:
        runtime = self.aws.client("sagemaker-runtime")
        body = runtime.invoke_endpoint(EndpointName=self.name, Body=b"x")["Body"].read()
        return str(json.loads(body)["version"])


def hosted(aws: Target, count: int) -> Hosted:
    made = Hosted(aws, aws.name("guarded"), count)
    config = made.config("old")
    made.sagemaker.create_endpoint(EndpointName=made.name, EndpointConfigName=config)
    made.settled()
    return made


@pytest.fixture(scope="module")
def four(aws: Target) -> Iterator[Hosted]:
    """Four told instances, only ever refused."""
    made = hosted(aws, 4)
    made.config("new")
    yield made
    made.sagemaker.delete_endpoint(EndpointName=made.name)


def routing(kind: str, **also: Any) -> dict[str, Any]:
    sizes: dict[str, Any] = {
        name: also.pop(name) for name in ("CanarySize", "LinearStepSize") if name in also
    }
    wait = also.pop("WaitIntervalInSeconds", 60)
    traffic = {"Type": kind, "WaitIntervalInSeconds": wait, **sizes}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic, **also}}


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def instances(value: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": value}


def rolling(size: dict[str, Any], **also: Any) -> dict[str, Any]:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 60, **also}}


@pytest.mark.parametrize(
    ("deployment", "said"),
    [
        (routing("CANARY"), "CANARY needs CanarySize"),
        (routing("LINEAR"), "LINEAR needs LinearStepSize"),
        (routing("LINEAR", CanarySize=percent(10)), "LINEAR needs LinearStepSize"),
        (routing("ALL_AT_ONCE", CanarySize=percent(10)), "ALL_AT_ONCE takes neither"),
        (routing("CANARY", CanarySize=percent(51)), "at most 50 percent"),
        (routing("CANARY", CanarySize=instances(3)), "at most 50 percent"),
        (routing("LINEAR", LinearStepSize=percent(9)), "between 10 and 50 percent"),
        (routing("LINEAR", LinearStepSize=percent(51)), "between 10 and 50 percent"),
        (routing("CANARY", CanarySize=instances(0)), "greater than or equal to 1"),
        (rolling(percent(4)), "between 5 and 50 percent"),
        (rolling(percent(51)), "between 5 and 50 percent"),
        (rolling(percent(50)) | routing("ALL_AT_ONCE"), "Only one of"),
        (routing("ALL_AT_ONCE", WaitIntervalInSeconds=3601), "less than or equal to 3600"),
        (routing("ALL_AT_ONCE", TerminationWaitInSeconds=3601), "less than or equal to 3600"),
        (routing("ALL_AT_ONCE", MaximumExecutionTimeoutInSeconds=599), "or equal to 600"),
        (routing("ALL_AT_ONCE", MaximumExecutionTimeoutInSeconds=28801), "or equal to 28800"),
        (
            routing("CANARY", CanarySize=percent(25), WaitIntervalInSeconds=400)
            | {"AutoRollbackConfiguration": {"Alarms": []}},
            "length",
        ),
        (
            routing(
                "CANARY",
                CanarySize=percent(25),
                WaitIntervalInSeconds=300,
                MaximumExecutionTimeoutInSeconds=600,
            ),
            "must be greater than the sum of the waits",
        ),
    ],
)
def test_a_deployment_beyond_the_documented_limits_is_refused(
    four: Hosted, deployment: dict[str, Any], said: str
) -> None:
    code, text = refusal(
        partial(four.update, f"{four.name}-new", deployment),
    )

    assert code == "ValidationException"
    assert said in text
    assert four.told()["EndpointStatus"] == "InService"


def test_a_canary_of_one_instance_is_not_possible(aws: Target) -> None:
    made = hosted(aws, 1)
    new = made.config("new")

    code, text = refusal(partial(made.update, new, routing("CANARY", CanarySize=percent(50))))

    assert (code, "needs more than 1 instance" in text) == ("ValidationException", True)


def test_guardrails_need_the_same_variant_names(four: Hosted) -> None:
    other = four.config("other", variant="another")

    code, text = refusal(partial(four.update, other, routing("ALL_AT_ONCE")))

    assert (code, "same variant names" in text) == ("ValidationException", True)


@pytest.mark.parametrize(
    "deployment",
    [
        routing("CANARY", CanarySize=percent(25), WaitIntervalInSeconds=300),
        routing("LINEAR", LinearStepSize=percent(25), WaitIntervalInSeconds=120),
        routing("ALL_AT_ONCE", TerminationWaitInSeconds=300),
        rolling(percent(50)),
    ],
    ids=["canary", "linear", "all at once", "rolling"],
)
def test_a_deployment_bakes_and_ends_on_the_new_configuration(
    aws: Target, deployment: dict[str, Any]
) -> None:
    made = hosted(aws, 4)
    made.update(made.config("new"), deployment)
    eventually(lambda: made.status() == "Baking")
    told = made.settled()

    assert told["EndpointConfigName"] == f"{made.name}-new"
    assert told["LastDeploymentConfig"] == deployment
    assert "PendingDeploymentSummary" not in told
    assert made.answers() == "new"


def test_while_a_canary_bakes_both_versions_answer(aws: Target) -> None:
    made = hosted(aws, 2)
    canary = routing("CANARY", CanarySize=percent(50), WaitIntervalInSeconds=3600)
    made.update(made.config("new"), canary)
    eventually(lambda: made.status() == "Baking")

    assert {made.answers() for _ in range(60)} == {"old", "new"}


def alarm(aws: Target, state: str) -> str:
    """An alarm in a state."""
    name = aws.name("alarm")
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Conformance",
        MetricName=name,
        Statistic="Sum",
        Period=86400,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="as asked")
    return name


def test_an_alarm_takes_the_deployment_back_and_says_so(aws: Target) -> None:
    made, name = hosted(aws, 2), alarm(aws, "OK")
    rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name}]}}
    canary = routing("CANARY", CanarySize=percent(50), WaitIntervalInSeconds=3600)
    made.update(made.config("new"), canary | rollback)
    eventually(lambda: made.status() == "Baking")
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="as asked")
    told = made.settled()

    assert told["EndpointConfigName"] == f"{made.name}-old"
    assert name in told["FailureReason"]
    assert {made.answers() for _ in range(20)} == {"old"}


def test_a_second_update_meanwhile_is_refused(aws: Target) -> None:
    made = hosted(aws, 2)
    new = made.config("new")
    made.update(new, routing("ALL_AT_ONCE", WaitIntervalInSeconds=3600))

    code, text = refusal(partial(made.update, new, routing("ALL_AT_ONCE")))

    assert (code, "Cannot update in-progress endpoint" in text) == ("ValidationException", True)


def test_inf1_falls_back_to_all_at_once_without_a_bake(aws: Target) -> None:
    made = hosted(aws, 2)
    new = made.config("new", kind="ml.inf1.xlarge")
    made.update(new, routing("CANARY", CanarySize=percent(50), WaitIntervalInSeconds=3600))

    seen: set[str] = set()

    def settled() -> bool:
        seen.add(made.status())
        return bool(made.told()["EndpointStatus"] == "InService")

    eventually(settled)
    assert seen == {""}
    assert made.told()["EndpointConfigName"] == new


def test_each_secondary_status_is_told_as_an_event_in_the_documented_shape(aws: Target) -> None:
    events, sqs = aws.client("events"), aws.client("sqs")
    queue = aws.name("deployments")
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    made = hosted(aws, 4)
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Endpoint Deployment State Change"],
        "detail": {"EndpointName": [made.name]},
    }
    events.put_rule(Name=queue, EventPattern=json.dumps(pattern))
    arn = f"arn:aws:sqs:{aws.region}:{aws.account}:{queue}"
    events.put_targets(Rule=queue, Targets=[{"Id": "queue", "Arn": arn}])
    made.update(made.config("new"), routing("CANARY", CanarySize=percent(25)))
    made.settled()
    seen: list[dict[str, Any]] = []

    def all_seen() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        seen.extend(json.loads(m["Body"])["detail"] for m in answer.get("Messages", []))
        return len(seen) >= 6

    eventually(all_seen)
    summaries = [detail["PendingDeploymentSummary"] for detail in seen]
    statuses = [s["ProductionVariants"][0]["VariantStatus"][0] for s in summaries]
    assert {detail["EndpointStatus"] for detail in seen} == {"UPDATING"}
    assert {detail["EndpointConfigName"] for detail in seen} == {f"{made.name}-old"}
    assert {s["EndpointConfigName"] for s in summaries} == {f"{made.name}-new"}
    assert all(isinstance(status["StartTime"], int) for status in statuses)
    wanted = {"Creating", "ActivatingTraffic", "Baking", "Deleting"}
    assert {status["Status"] for status in statuses} == wanted
