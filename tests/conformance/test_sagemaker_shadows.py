"""Shadow variants: who is sent copies, what the caller sees of it, and how they are steered."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.hosting import Hosting
from tests.conformance.jobs import until
from tests.conformance.target import Target, refusal

BOTH = [{"CaptureMode": "InputAndOutput"}]


@pytest.fixture(scope="module")
def hosting(aws: Target) -> Iterator[Hosting]:
    made = Hosting(aws)
    yield made
    made.close()


def shadowed(hosting: Hosting, *, weight: float = 1.0, **environment: str) -> str:
    """An endpoint whose requests are captured, with a shadow that behaves as told."""
    config = hosting.config(
        hosting.variant("seen"),
        ShadowProductionVariants=[hosting.variant("shadow", weight=weight, **environment)],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{hosting.bucket}",
            "CaptureOptions": BOTH,
        },
    )
    return hosting.endpoint(config)


@pytest.fixture(scope="module")
def endpoint(hosting: Hosting) -> str:
    return shadowed(hosting)


def desire(hosting: Hosting, name: str, **desired: Any) -> None:
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "shadow", **desired}],
    )


@pytest.mark.costs
def test_a_shadow_answers_a_copy_and_only_the_production_variant_is_heard(
    hosting: Hosting, endpoint: str
) -> None:
    answer = hosting.ask(endpoint, InferenceId="once")

    assert json.loads(answer["Body"])["version"] == "seen"
    assert answer["InvokedProductionVariant"] == "seen"
    (seen,) = hosting.captured(f"{endpoint}/seen/")
    (copy,) = hosting.captured(f"{endpoint}/shadow/")
    assert copy["captureData"]["endpointInput"] == seen["captureData"]["endpointInput"]
    assert copy["captureData"]["endpointOutput"] != seen["captureData"]["endpointOutput"]
    assert copy["eventMetadata"]["eventId"] == seen["eventMetadata"]["eventId"]


@pytest.mark.costs
@pytest.mark.parametrize("metric", ["Invocations", "ModelLatency", "InvocationModelErrors"])
def test_a_shadow_has_metrics_of_its_own(hosting: Hosting, endpoint: str, metric: str) -> None:
    hosting.ask(endpoint)

    def look() -> bool:
        return hosting.total(metric, EndpointName=endpoint, VariantName="shadow") is not None

    until(look)


@pytest.mark.costs
def test_an_endpoint_tells_its_shadow_apart(hosting: Hosting, endpoint: str) -> None:
    told = hosting.told(endpoint)

    assert [each["VariantName"] for each in told["ProductionVariants"]] == ["seen"]
    (shadow,) = told["ShadowProductionVariants"]
    assert (shadow["VariantName"], shadow["CurrentWeight"]) == ("shadow", 1.0)
    assert (shadow["CurrentInstanceCount"], shadow["DesiredInstanceCount"]) == (1, 1)


@pytest.mark.costs
def test_a_shadow_cannot_be_asked_by_name(hosting: Hosting, endpoint: str) -> None:
    code, text = refusal(hosting.ask, name=endpoint, TargetVariant="shadow")

    assert code == "ValidationError"
    assert text.startswith("Variant shadow not found")


@pytest.mark.costs
@pytest.mark.parametrize("status", ["400", "500"])
def test_a_shadow_that_fails_is_not_heard_and_not_captured(hosting: Hosting, status: str) -> None:
    endpoint = shadowed(hosting, STATUS=status)

    assert json.loads(hosting.ask(endpoint)["Body"])["version"] == "seen"

    def errors(variant: str) -> float | None:
        kind = f"Invocation{status[0]}XXErrors"
        return hosting.total(kind, EndpointName=endpoint, VariantName=variant)

    until(lambda: errors("shadow") == 1.0)
    assert errors("seen") == 0.0
    hosting.captured(f"{endpoint}/seen/")
    assert hosting.keys(f"{endpoint}/shadow/") == []


@pytest.mark.costs
def test_a_slow_shadow_slows_nobody(hosting: Hosting) -> None:
    endpoint = shadowed(hosting, DELAY="5")
    start = time.monotonic()

    for _ in range(3):
        hosting.ask(endpoint)

    assert time.monotonic() - start < 5


@pytest.mark.costs
def test_the_weight_of_a_shadow_is_the_share_of_requests_it_is_sent(hosting: Hosting) -> None:
    endpoint = shadowed(hosting, weight=0.0)
    hosting.ask(endpoint, b"before")
    desire(hosting, endpoint, DesiredWeight=2.0)

    (shadow,) = hosting.settled(endpoint)["ShadowProductionVariants"]
    hosting.ask(endpoint, b"after")

    assert shadow["CurrentWeight"] == 2.0
    assert len(hosting.captured(f"{endpoint}/seen/", 2)) == 2
    assert len(hosting.captured(f"{endpoint}/shadow/")) == 1


@pytest.mark.costs
def test_a_shadow_grows_by_itself(hosting: Hosting) -> None:
    endpoint = shadowed(hosting)
    desire(hosting, endpoint, DesiredInstanceCount=2)

    told = hosting.settled(endpoint)

    assert told["ShadowProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert told["ProductionVariants"][0]["CurrentInstanceCount"] == 1


@pytest.mark.costs
def test_production_traffic_needs_a_weight_whatever_the_shadow_has(
    hosting: Hosting, endpoint: str
) -> None:
    code, _ = refusal(
        hosting.sagemaker.update_endpoint_weights_and_capacities,
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": "seen", "DesiredWeight": 0.0}],
    )

    assert code == "ValidationException"


@pytest.mark.costs
def test_an_update_takes_the_shadow_away(hosting: Hosting) -> None:
    endpoint = shadowed(hosting)
    plain = hosting.config(hosting.variant("seen"))
    hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=plain)

    told = hosting.settled(endpoint)

    assert "ShadowProductionVariants" not in told
    assert "DataCaptureConfig" not in told


@pytest.mark.costs
def test_a_deployment_under_guardrails_counts_production_variants_only(hosting: Hosting) -> None:
    endpoint = shadowed(hosting)
    after = hosting.config(
        {**hosting.variant("seen", VERSION="next"), "InitialInstanceCount": 2},
        ShadowProductionVariants=[hosting.variant("other")],
    )
    batch = {"Type": "CAPACITY_PERCENT", "Value": 50}
    rolling = {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 0}
    hosting.sagemaker.update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=after,
        DeploymentConfig={"RollingUpdatePolicy": rolling},
    )
    coming = hosting.told(endpoint).get("PendingDeploymentSummary", {})

    told = hosting.settled(endpoint)

    assert coming["ShadowProductionVariants"][0]["VariantName"] == "other"
    assert told["ShadowProductionVariants"][0]["VariantName"] == "other"
    assert json.loads(hosting.ask(endpoint)["Body"])["version"] == "next"


ONE = "only one variant"
ASYNC = {"OutputConfig": {"S3OutputPath": "s3://any/where"}}


@pytest.mark.parametrize(
    ("production", "shadows", "more", "says"),
    [
        (["a", "b"], ["c"], {}, ONE),
        (["a"], ["b", "c"], {}, ONE),
        (["a"], ["a"], {}, "Duplicate variant names"),
        (["a"], ["b"], {"AsyncInferenceConfig": ASYNC}, "AsyncInferenceConfig"),
    ],
)
def test_what_cannot_stand_beside_a_shadow_is_refused(
    hosting: Hosting,
    production: list[str],
    shadows: list[str],
    more: dict[str, Any],
    says: str,
) -> None:
    code, text = refusal(
        hosting.config,
        *[hosting.variant(name) for name in production],
        ShadowProductionVariants=[hosting.variant(name) for name in shadows],
        **more,
    )

    assert code == "ValidationException"
    assert says in text


def test_a_shadow_on_inf1_is_refused(hosting: Hosting) -> None:
    shadow = {**hosting.variant("shadow"), "InstanceType": "ml.inf1.xlarge"}

    code, _ = refusal(hosting.config, hosting.variant("seen"), ShadowProductionVariants=[shadow])

    assert code == "ValidationException"


def test_a_shadow_of_a_model_that_is_not_there_is_refused(hosting: Hosting) -> None:
    shadow = {**hosting.variant("shadow"), "ModelName": hosting.aws.name("none")}

    code, text = refusal(hosting.config, hosting.variant("seen"), ShadowProductionVariants=[shadow])

    assert code == "ValidationException"
    assert text.startswith("Could not find model")
