"""An endpoint whose server is killed: it answers again, as it was, and what was begun goes on."""

import json
from pathlib import Path
from typing import Any

from tests.component.test_local_job_killed import killed
from tests.conformance.faults import Faults
from tests.conformance.jobs import IMAGE, ROLE
from tests.conformance.target import Target
from tests.conformance.test_sagemaker_endpoints import Hosting, alarmed, instances, rolling
from tests.fakes.embedded_aws import eventually

NAME = "answers"


def config(sagemaker: Any, *versions: str) -> str:
    """A configuration with a variant for each version, made."""
    name = "config-" + "-".join(versions)
    for version in versions:
        environment = {"VERSION": version}
        sagemaker.create_model(
            ModelName=f"{name}-{version}",
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": IMAGE, "Environment": environment},
        )
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": version,
                "ModelName": f"{name}-{version}",
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": 1.0,
            }
            for version in versions
        ],
    )
    return name


def told(aws: Target) -> dict[str, Any]:
    answer: dict[str, Any] = aws.client("sagemaker").describe_endpoint(EndpointName=NAME)
    return answer


def in_service(aws: Target) -> bool:
    return bool(told(aws)["EndpointStatus"] == "InService")


def answered(aws: Target) -> str:
    body = aws.client("sagemaker-runtime").invoke_endpoint(EndpointName=NAME, Body=b"x")["Body"]
    return str(json.loads(body.read())["version"])


def test_an_endpoint_answers_after_a_kill_with_the_weights_it_had(tmp_path: Path) -> None:
    with killed(tmp_path / "state", tmp_path / "first") as aws:
        sagemaker = aws.client("sagemaker")
        name = config(sagemaker, "one", "two")
        sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=name)
        eventually(lambda: in_service(aws))
        weights = [("one", 0.0), ("two", 1.0)]
        desired = [{"VariantName": v, "DesiredWeight": weight} for v, weight in weights]
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=NAME, DesiredWeightsAndCapacities=desired
        )
        eventually(lambda: in_service(aws))
        before = told(aws)

    with killed(tmp_path / "state", tmp_path / "second") as aws:
        assert {answered(aws) for _ in range(5)} == {"two"}
        after = told(aws)

    kept = ("EndpointStatus", "EndpointConfigName", "CreationTime", "ProductionVariants")
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}


def test_a_creation_and_an_update_that_a_kill_interrupts_come_to_their_end(tmp_path: Path) -> None:
    with killed(tmp_path / "state", tmp_path / "first") as aws:
        sagemaker = aws.client("sagemaker")
        first, second = config(sagemaker, "one"), config(sagemaker, "two")
        sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=first)
        assert told(aws)["EndpointStatus"] == "Creating"

    with killed(tmp_path / "state", tmp_path / "second") as aws:
        eventually(lambda: in_service(aws))
        assert answered(aws) == "one"
        aws.client("sagemaker").update_endpoint(EndpointName=NAME, EndpointConfigName=second)
        assert told(aws)["EndpointStatus"] == "Updating"

    with killed(tmp_path / "state", tmp_path / "third") as aws:
        eventually(lambda: in_service(aws))
        assert told(aws)["EndpointConfigName"] == second
        assert answered(aws) == "two"
        aws.client("sagemaker").delete_endpoint(EndpointName=NAME)

    with killed(tmp_path / "state", tmp_path / "fourth") as aws:
        eventually(lambda: not aws.client("sagemaker").list_endpoints()["Endpoints"])


def test_a_deployment_that_a_kill_interrupts_while_it_bakes_comes_to_its_end(
    tmp_path: Path,
) -> None:
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 3600}
    with killed(tmp_path / "state", tmp_path / "first") as aws:
        sagemaker = aws.client("sagemaker")
        first, other = config(sagemaker, "one"), config(sagemaker, "two")
        sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=first)
        eventually(lambda: in_service(aws))
        variant = sagemaker.describe_endpoint_config(EndpointConfigName=other)["ProductionVariants"]
        sagemaker.create_endpoint_config(
            EndpointConfigName="next",
            ProductionVariants=[variant[0] | {"VariantName": "one"}],
        )
        sagemaker.update_endpoint(
            EndpointName=NAME,
            EndpointConfigName="next",
            DeploymentConfig={"BlueGreenUpdatePolicy": policy},
        )
        eventually(lambda: answered(aws) == "two")
        assert told(aws)["EndpointStatus"] == "Updating"

    with killed(tmp_path / "state", tmp_path / "second") as aws:
        assert answered(aws) == "one"
        eventually(lambda: in_service(aws))
        assert told(aws)["EndpointConfigName"] == "next"
        assert told(aws)["LastDeploymentConfig"] == {"BlueGreenUpdatePolicy": policy}
        assert answered(aws) == "two"


def test_a_stranded_endpoint_is_as_it_was_after_a_kill(tmp_path: Path) -> None:
    with killed(tmp_path / "state", tmp_path / "first") as aws:
        hosting = Hosting(aws, NAME, "")
        hosting.create()
        Faults(str(aws.url)).add("fail-rollback", name=NAME)
        aws.client("cloudwatch").put_metric_alarm(
            AlarmName="rings",
            Namespace="none",
            MetricName="none",
            Statistic="Sum",
            Period=3600,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )
        deployment = alarmed(rolling(instances(2), wait=3600), "rings")
        hosting.update(hosting.config("second"), deployment)
        eventually(lambda: hosting.answers() == "second")
        aws.client("cloudwatch").set_alarm_state(
            AlarmName="rings", StateValue="ALARM", StateReason="asked for"
        )
        eventually(lambda: told(aws)["EndpointStatus"] == "UpdateRollbackFailed")
        before = told(aws)

    with killed(tmp_path / "state", tmp_path / "second") as aws:
        hosting = Hosting(aws, NAME, "")
        assert {hosting.answers() for _ in range(40)} == {"first", "second"}
        after = told(aws)
        kept = ("EndpointStatus", "EndpointConfigName", "FailureReason", "ProductionVariants")
        assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
        hosting.update(config := hosting.config("third"), None)
        assert hosting.settled()["EndpointConfigName"] == config
        assert {hosting.answers() for _ in range(10)} == {"third"}
