"""What is listed under a stage's prefix, and what of it may be taken away."""

from datetime import timedelta
from typing import Any, cast

import pytest

from functions.aws.inventory import Inventory
from functions.orphans import Found, Kind
from tests.builders import NAMES, NOON
from tests.fakes.client import FakeClient, refused


def inventory(sagemaker: FakeClient) -> Inventory:
    return Inventory(cast("Any", sagemaker), NAMES)


def of(**named: str) -> dict[str, Any]:
    return {**named, "CreationTime": NOON}


def test_jobs_are_listed_only_while_they_run_and_endpoints_until_they_go() -> None:
    sagemaker = FakeClient(
        list_training_jobs={"TrainingJobSummaries": [of(TrainingJobName="t")]},
        list_processing_jobs={"ProcessingJobSummaries": [of(ProcessingJobName="p")]},
        list_endpoints={
            "Endpoints": [
                of(EndpointName="e", EndpointStatus="InService"),
                of(EndpointName="gone", EndpointStatus="Deleting"),
            ]
        },
    )

    found = list(inventory(sagemaker).running())

    assert found == [
        Found(Kind.TRAINING, "t", NOON),
        Found(Kind.EVALUATION, "p", NOON),
        Found(Kind.ENDPOINT, "e", NOON),
    ]
    asked = {"NameContains": "sluice-dev-", "StatusEquals": "InProgress"}
    assert sagemaker.request("list_training_jobs") == asked
    assert sagemaker.request("list_processing_jobs") == asked


@pytest.mark.parametrize(
    ("models", "versions"),
    [
        (["sluice-dev-digits-v1", "sluice-dev-digits-v12"], (1, 12)),
        (["sluice-dev-digits-v1", "somebody-elses"], None),
    ],
)
def test_a_configuration_tells_the_versions_in_it_if_all_are_ours(
    models: list[str], versions: tuple[int, ...] | None
) -> None:
    sagemaker = FakeClient(
        list_endpoint_configs={"EndpointConfigs": [of(EndpointConfigName="c")]},
        describe_endpoint_config={"ProductionVariants": [{"ModelName": name} for name in models]},
        list_models={"Models": [of(ModelName="m")]},
    )
    since = NOON - timedelta(days=1)

    assert list(inventory(sagemaker).made_since(since)) == [
        Found(Kind.CONFIG, "c", NOON, versions),
        Found(Kind.MODEL, "m", NOON),
    ]
    assert sagemaker.request("list_models")["CreationTimeAfter"] == since


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        (Kind.TRAINING, "stop_training_job"),
        (Kind.EVALUATION, "stop_processing_job"),
        (Kind.CONFIG, "delete_endpoint_config"),
    ],
)
def test_what_has_ended_or_gone_meanwhile_is_removed_already(kind: Kind, call: str) -> None:
    over = refused("ValidationException", "The request was rejected: the job is Completed")
    sagemaker = FakeClient(**{call: over})

    inventory(sagemaker).remove(Found(kind, "name", NOON))

    assert [name for name, _ in sagemaker.asked] == [call]


@pytest.mark.parametrize("kind", [Kind.ENDPOINT, Kind.MODEL])
def test_endpoints_and_models_are_never_removed(kind: Kind) -> None:
    with pytest.raises(ValueError, match="never removed"):
        inventory(FakeClient()).remove(Found(kind, "name", NOON))
