"""InvokeEndpoint: who answers, and what a request without an answer is told."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.jobs import IMAGE, ROLE
from tests.conformance.target import Target, refusal

STATUSES = {"good": "200", "picky": "400", "lost": "404", "broken": "500", "busy": "503"}


@pytest.fixture(scope="module")
def endpoint(aws: Target) -> Iterator[str]:
    """One variant for each status, all traffic to the good one."""
    sagemaker, name = aws.client("sagemaker"), aws.name("answers")
    variants = []
    for variant, status in STATUSES.items():
        model = f"{name}-{variant}"
        environment = {"VERSION": variant, "STATUS": status}
        sagemaker.create_model(
            ModelName=model,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": IMAGE, "Environment": environment},
        )
        told = {"VariantName": variant, "ModelName": model, "InstanceType": "ml.m5.large"}
        weight = float(variant == "good")
        variants.append(told | {"InitialInstanceCount": 1, "InitialVariantWeight": weight})
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 600}
    )
    yield name
    sagemaker.delete_endpoint(EndpointName=name)


@pytest.fixture(scope="module")
def runtime(aws: Target) -> Any:
    return aws.client("sagemaker-runtime")


@pytest.mark.costs
@pytest.mark.parametrize("target", [{}, {"TargetVariant": "good"}])
def test_an_answer_names_its_variant(endpoint: str, runtime: Any, target: dict[str, str]) -> None:
    answer = runtime.invoke_endpoint(EndpointName=endpoint, Body=b"x", **target)

    assert answer["InvokedProductionVariant"] == "good"
    assert answer["ContentType"] == "application/json"
    assert json.loads(answer["Body"].read()) == {"version": "good", "body": "x"}


@pytest.mark.costs
@pytest.mark.parametrize("variant", sorted(set(STATUSES) - {"good"}))
def test_a_container_that_refuses_is_a_model_error(
    aws: Target, endpoint: str, runtime: Any, variant: str
) -> None:
    with pytest.raises(ClientError) as caught:
        runtime.invoke_endpoint(EndpointName=endpoint, Body=b"x", TargetVariant=variant)

    told: dict[str, Any] = dict(caught.value.response)
    assert told["Error"]["Code"] == "ModelError"
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert told["OriginalStatusCode"] == int(STATUSES[variant])
    assert json.loads(told["OriginalMessage"]) == {"version": variant, "body": "x"}
    assert f"log-group:/aws/sagemaker/Endpoints/{endpoint}" in told["LogStreamArn"]
    assert f"Received error ({STATUSES[variant]}) from primary" in told["Error"]["Message"]


@pytest.mark.costs
def test_a_variant_that_is_not_there_is_named(endpoint: str, runtime: Any) -> None:
    code, text = refusal(
        runtime.invoke_endpoint, EndpointName=endpoint, Body=b"x", TargetVariant="none"
    )

    assert code == "ValidationError"
    assert text.startswith("Variant none not found")


def test_an_endpoint_that_is_not_there_is_named(aws: Target, runtime: Any) -> None:
    name = aws.name("none")

    code, text = refusal(runtime.invoke_endpoint, EndpointName=name, Body=b"x")

    assert (code, text) == (
        "ValidationError",
        f"Endpoint {name} of account {aws.account} not found.",
    )


@pytest.mark.costs
def test_a_body_above_the_limit_is_refused(endpoint: str, runtime: Any) -> None:
    body = b"x" * (25 * 1024 * 1024 + 1)

    code, _ = refusal(runtime.invoke_endpoint, EndpointName=endpoint, Body=body)

    assert code == "ValidationError"
