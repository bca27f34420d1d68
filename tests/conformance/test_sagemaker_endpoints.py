"""Endpoints under deployment guardrails: what is refused, how traffic moves, when it goes back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conformance.jobs import IMAGE, ROLE
from tests.conformance.target import Target, refusal
from tests.fakes.embedded_aws import eventually

DEPLOYMENT = "SageMaker Endpoint Deployment State Change"


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def instances(value: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": value}


def blue_green(kind: str, wait: int = 0, last: int = 0, **more: Any) -> dict[str, Any]:
    sizes: dict[str, Any] = {k: more.pop(k) for k in ("CanarySize", "LinearStepSize") if k in more}
    routing: dict[str, Any] = {"Type": kind, "WaitIntervalInSeconds": wait, **sizes}
    policy: dict[str, Any] = {
        "TrafficRoutingConfiguration": routing,
        "TerminationWaitInSeconds": last,
    }
    return {"BlueGreenUpdatePolicy": {**policy, **more}}


def rolling(size: dict[str, Any], wait: int = 0, **more: Any) -> dict[str, Any]:
    policy: dict[str, Any] = {"MaximumBatchSize": size, "WaitIntervalInSeconds": wait}
    return {"RollingUpdatePolicy": policy | more}


def alarmed(config: dict[str, Any], *names: str) -> dict[str, Any]:
    alarms = [{"AlarmName": name} for name in names]
    return config | {"AutoRollbackConfiguration": {"Alarms": alarms}}


@dataclass
class Hosting:
    """One endpoint, configurations for it, and what is told of it."""

    aws: Target
    endpoint: str
    queue: str
    heard: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sagemaker = self.aws.client("sagemaker", parameter_validation=False)
        self.runtime = self.aws.client("sagemaker-runtime")

    def config(self, version: str, *, kind: str = "ml.m5.large", name: str = "only") -> str:
        made = self.aws.name("config")
        self.sagemaker.create_model(
            ModelName=made,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": IMAGE, "Environment": {"VERSION": version}},
        )
        variant = {"VariantName": name, "ModelName": made, "InstanceType": kind}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=made, ProductionVariants=[variant | {"InitialInstanceCount": 4}]
        )
        return made

    def create(self) -> None:
        config = self.config("first")
        self.sagemaker.create_endpoint(EndpointName=self.endpoint, EndpointConfigName=config)
        self.settled()

    def told(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=self.endpoint)
        return answer

    def settled(self) -> dict[str, Any]:
        return eventually(
            lambda: told if (told := self.told())["EndpointStatus"] == "InService" else {}
        )

    def update(self, config: str, deployment: dict[str, Any] | None, **more: Any) -> None:
        under = {} if deployment is None else {"DeploymentConfig": deployment}
        self.sagemaker.update_endpoint(
            EndpointName=self.endpoint, EndpointConfigName=config, **under, **more
        )

    def answers(self) -> str:
        body = self.runtime.invoke_endpoint(EndpointName=self.endpoint, Body=b"x")["Body"]
        return str(json.loads(body.read())["version"])

    def steps(self, config: str) -> list[tuple[str, int]]:
        """Statuses and instances of the deployment of a configuration, once it is over."""
        eventually(lambda: self._listen(config))
        return [
            (v["VariantStatus"][0]["Status"], v["CurrentInstanceCount"])
            for event in self.events(config)
            for v in event["detail"]["PendingDeploymentSummary"]["ProductionVariants"]
        ]

    def events(self, config: str) -> list[dict[str, Any]]:
        own = [e for e in self.heard if e["detail-type"] == DEPLOYMENT]
        of = "PendingDeploymentSummary"
        found = [e for e in own if e["detail"][of]["EndpointConfigName"] == config]
        return sorted(found, key=_begun)

    def _listen(self, config: str) -> bool:
        sqs = self.aws.client("sqs")
        got = sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in got:
            sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            self.heard.append(json.loads(message["Body"]))
        return any(_status(event)["Status"] == "Deleting" for event in self.events(config))


def _status(event: dict[str, Any]) -> dict[str, Any]:
    variant = event["detail"]["PendingDeploymentSummary"]["ProductionVariants"][0]
    status: dict[str, Any] = variant["VariantStatus"][0]
    return status


def _begun(event: dict[str, Any]) -> float:
    return float(_status(event)["StartTime"])


@pytest.fixture(scope="module")
def hosting(aws: Target) -> Iterator[Hosting]:
    events, sqs, name = aws.client("events"), aws.client("sqs"), aws.name("guarded")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{aws.region}:{aws.account}:{name}"
    endpoint = f"arn:aws:sagemaker:{aws.region}:{aws.account}:endpoint/{name}"
    pattern = {"source": ["aws.sagemaker"], "resources": [endpoint]}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    made = Hosting(aws, name, queue)
    made.create()
    yield made
    made.settled()
    made.sagemaker.delete_endpoint(EndpointName=name)
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)
    sqs.delete_queue(QueueUrl=queue)


CANARY = blue_green("CANARY", CanarySize=percent(25))
REFUSED = [
    (blue_green("CANARY", CanarySize=percent(51)), "CanarySize"),
    (blue_green("CANARY", CanarySize=instances(3)), "CanarySize"),
    (blue_green("CANARY", CanarySize=percent(0)), "canarySize.value"),
    (blue_green("CANARY"), "CanarySize"),
    (blue_green("ALL_AT_ONCE", CanarySize=percent(10)), "CanarySize"),
    (blue_green("LINEAR", CanarySize=percent(10), LinearStepSize=percent(10)), "CanarySize"),
    (blue_green("LINEAR", LinearStepSize=percent(9)), "LinearStepSize"),
    (blue_green("LINEAR", LinearStepSize=percent(51)), "LinearStepSize"),
    (blue_green("LINEAR", LinearStepSize=instances(3)), "LinearStepSize"),
    (blue_green("LINEAR"), "LinearStepSize"),
    (blue_green("SLOWLY"), "type"),
    (blue_green("ALL_AT_ONCE", wait=3601), "waitIntervalInSeconds"),
    (blue_green("ALL_AT_ONCE", wait=-1), "waitIntervalInSeconds"),
    (blue_green("ALL_AT_ONCE", last=3601), "terminationWaitInSeconds"),
    (blue_green("ALL_AT_ONCE", last=-1), "terminationWaitInSeconds"),
    (
        blue_green("ALL_AT_ONCE", MaximumExecutionTimeoutInSeconds=599),
        "maximumExecutionTimeoutInSeconds",
    ),
    (
        blue_green("ALL_AT_ONCE", MaximumExecutionTimeoutInSeconds=28801),
        "maximumExecutionTimeoutInSeconds",
    ),
    (
        blue_green("ALL_AT_ONCE", last=600, MaximumExecutionTimeoutInSeconds=600),
        "MaximumExecutionTimeoutInSeconds",
    ),
    (
        blue_green(
            "LINEAR",
            wait=200,
            LinearStepSize=percent(25),
            MaximumExecutionTimeoutInSeconds=600,
        ),
        "MaximumExecutionTimeoutInSeconds",
    ),
    (
        blue_green(
            "CANARY",
            wait=300,
            last=300,
            CanarySize=percent(25),
            MaximumExecutionTimeoutInSeconds=600,
        ),
        "MaximumExecutionTimeoutInSeconds",
    ),
    ({"BlueGreenUpdatePolicy": {}}, "trafficRoutingConfiguration"),
    (rolling(percent(4)), "MaximumBatchSize"),
    (rolling(percent(51)), "MaximumBatchSize"),
    (rolling(instances(3)), "MaximumBatchSize"),
    (rolling(percent(25), wait=3601), "waitIntervalInSeconds"),
    (rolling(percent(25), RollbackMaximumBatchSize=percent(101)), "RollbackMaximumBatchSize"),
    (rolling(percent(25)) | CANARY, "RollingUpdatePolicy"),
    (alarmed(CANARY), "alarms"),
    (alarmed(CANARY, *(f"alarm-{n}" for n in range(11))), "alarms"),
    (alarmed(CANARY, ""), "alarmName"),
    (alarmed(CANARY, "n" * 256), "alarmName"),
]


@pytest.mark.costs
@pytest.mark.parametrize(("deployment", "names"), REFUSED)
def test_a_deployment_beyond_the_limits_is_refused(
    hosting: Hosting, deployment: dict[str, Any], names: str
) -> None:
    code, text = refusal(
        hosting.sagemaker.update_endpoint,
        EndpointName=hosting.endpoint,
        EndpointConfigName=hosting.settled()["EndpointConfigName"],
        DeploymentConfig=deployment,
    )

    assert code == "ValidationException"
    assert names in text


@pytest.mark.costs
def test_a_deployment_to_other_variant_names_is_refused(hosting: Hosting) -> None:
    other = hosting.config("other", name="other")
    hosting.settled()

    code, text = refusal(hosting.update, config=other, deployment=CANARY)

    assert code == "ValidationException"
    assert "only" in text


MOVES = [
    (blue_green("ALL_AT_ONCE"), [4]),
    (blue_green("CANARY", CanarySize=percent(50)), [2, 4]),
    (blue_green("CANARY", CanarySize=instances(1)), [1, 4]),
    (blue_green("CANARY", CanarySize=percent(1)), [1, 4]),
    (blue_green("LINEAR", LinearStepSize=percent(25)), [1, 2, 3, 4]),
    (blue_green("LINEAR", LinearStepSize=instances(2)), [2, 4]),
    (rolling(percent(50)), [2, 4]),
    (rolling(instances(1)), [1, 2, 3, 4]),
]


@pytest.mark.costs
@pytest.mark.parametrize(("deployment", "counts"), MOVES)
def test_traffic_moves_in_the_steps_that_were_asked_for(
    hosting: Hosting, deployment: dict[str, Any], counts: list[int]
) -> None:
    config = hosting.config("moved")

    hosting.update(config, deployment)

    told = hosting.settled()
    assert told["EndpointConfigName"] == config
    assert told["LastDeploymentConfig"] == deployment
    assert "FailureReason" not in told
    assert hosting.answers() == "moved"
    moves = [(s, n) for n in counts for s in ("ActivatingTraffic", "Baking")]
    assert sorted(hosting.steps(config)) == sorted([("Creating", 0), *moves, ("Deleting", 4)])


@pytest.mark.costs
def test_a_step_is_told_as_documented(hosting: Hosting) -> None:
    config, before = hosting.config("told"), hosting.settled()["EndpointConfigName"]
    hosting.update(config, blue_green("CANARY", wait=60, CanarySize=instances(1)))
    hosting.settled()
    hosting.steps(config)

    event = next(e for e in hosting.events(config) if _status(e)["Status"] == "Baking")

    detail = event["detail"]
    assert detail["EndpointStatus"] == "UPDATING"
    assert detail["EndpointConfigName"] == before
    assert set(detail["PendingDeploymentSummary"]) == {
        "EndpointConfigName",
        "StartTime",
        "ProductionVariants",
    }
    assert _status(event)["StatusMessage"] == (
        "Baking for 60 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of"
        " 1 instance(s)."
    )


@pytest.mark.costs
def test_while_it_bakes_both_fleets_answer(hosting: Hosting) -> None:
    old = hosting.settled() and hosting.answers()
    config = hosting.config("both")
    hosting.update(config, blue_green("CANARY", wait=1800, CanarySize=percent(50)))

    assert eventually(lambda: hosting.answers() == "both" and _is_baking(hosting))
    assert eventually(lambda: hosting.answers() == old and _is_baking(hosting))
    assert hosting.settled()["EndpointConfigName"] == config


def _is_baking(hosting: Hosting) -> bool:
    variants = hosting.told().get("PendingDeploymentSummary", {}).get("ProductionVariants", [])
    return any(s["Status"] == "Baking" for v in variants for s in v.get("VariantStatus", []))


@pytest.mark.costs
@pytest.mark.parametrize(
    "deployment",
    [
        blue_green("ALL_AT_ONCE", last=3600),
        blue_green("CANARY", wait=3600, CanarySize=percent(25)),
        blue_green("LINEAR", wait=3600, LinearStepSize=percent(50)),
        rolling(percent(50), wait=3600),
    ],
)
def test_an_alarm_brings_the_old_configuration_back(
    aws: Target, hosting: Hosting, alarm: str, deployment: dict[str, Any]
) -> None:
    before = hosting.settled()["EndpointConfigName"]
    config, old = hosting.config("alarming"), hosting.answers()
    hosting.update(config, alarmed(deployment, alarm))
    eventually(lambda: _is_baking(hosting))

    aws.client("cloudwatch").set_alarm_state(
        AlarmName=alarm, StateValue="ALARM", StateReason="asked for"
    )

    told = hosting.settled()
    assert told["EndpointConfigName"] == before
    assert alarm in told["FailureReason"]
    assert "PendingDeploymentSummary" not in told
    assert hosting.answers() == old


@pytest.mark.costs
def test_inf1_is_updated_all_at_once_without_a_word(hosting: Hosting) -> None:
    config = hosting.config("inf", kind="ml.inf1.xlarge")
    hosting.settled()

    hosting.update(config, blue_green("CANARY", wait=3600, CanarySize=percent(25)))

    assert hosting.settled()["EndpointConfigName"] == config
    assert hosting.events(config) == []


@pytest.mark.costs
def test_a_deployment_configuration_is_reused_when_it_is_retained(hosting: Hosting) -> None:
    hosting.update(hosting.config("one"), CANARY)
    hosting.settled()

    hosting.update(hosting.config("two"), None, RetainDeploymentConfig=True)
    assert hosting.settled()["LastDeploymentConfig"] == CANARY

    hosting.update(hosting.config("three"), None)
    assert "LastDeploymentConfig" not in hosting.settled()


@pytest.mark.costs
@pytest.mark.parametrize(("excluded", "count"), [([], 2), (["DesiredInstanceCount"], 4)])
def test_retained_counts_stay_unless_they_are_excluded(
    hosting: Hosting, excluded: list[str], count: int
) -> None:
    hosting.settled()
    desired = {"VariantName": "only", "DesiredInstanceCount": 2}
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=hosting.endpoint, DesiredWeightsAndCapacities=[desired]
    )
    hosting.settled()

    hosting.update(
        hosting.config("kept"),
        None,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": each} for each in excluded],
    )

    assert hosting.settled()["ProductionVariants"][0]["CurrentInstanceCount"] == count
