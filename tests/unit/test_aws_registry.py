"""What the registry is told of a version, within what SageMaker takes."""

from dataclasses import replace
from typing import Any, cast

import pytest

from functions.aws.refusals import RefusedError
from functions.aws.registry import Registry
from functions.registry import Approval, Candidate
from local.constraints import check
from tests.builders import MODEL, NAMES, RUN, digest
from tests.fakes.client import FakeClient, misshapen, refused

GROUP = "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/sluice-dev-digits"
VERSION = GROUP.replace("model-package-group", "model-package") + "/3"
IDENTITY = ["sluice:run", "sluice:dataset", "sluice:code", "sluice:model"]
CANDIDATE = Candidate(
    model=MODEL,
    run=RUN,
    dataset=digest("data"),
    code=digest("code"),
    model_digest=digest("model"),
    artifact="s3://artifacts/runs/digits/model.tar.gz",
    image="serving",
    evaluation_uri="s3://artifacts/runs/digits/evaluation.json",
    approval=Approval.APPROVED,
    reason="better",
)


def sagemaker(**answers: Any) -> FakeClient:
    """One that knows the group and a version 3 that waits for a person."""
    known: dict[str, Any] = {
        "describe_model_package_group": {"ModelPackageGroupArn": GROUP},
        "list_model_packages": {"ModelPackageSummaryList": []},
        "describe_model_package": {
            "ModelPackageGroupName": "sluice-dev-digits",
            "ModelPackageVersion": 3,
            "ModelApprovalStatus": "PendingManualApproval",
            "ApprovalDescription": "too slow",
            "CustomerMetadataProperties": dict.fromkeys(IDENTITY, "x"),
            "InferenceSpecification": {"Containers": [{"ModelDataUrl": "s3://a/b"}]},
        },
        "create_model_package": {"ModelPackageArn": VERSION},
    }
    return FakeClient(**(known | answers))


def registry(client: FakeClient) -> Registry:
    return Registry(cast("Any", client), NAMES)


def registered(candidate: Candidate) -> dict[str, Any]:
    """The request that enters a candidate, held to SageMaker's own model of it."""
    client = sagemaker()
    registry(client).register(candidate)
    request = client.request("create_model_package")
    check("sagemaker", "CreateModelPackage", request, code="ValidationException")
    return request


def test_a_version_says_what_it_was_made_of_and_the_numbers_that_judged_it() -> None:
    said = registered(replace(CANDIDATE, numbers={"accuracy": 0.9731234}))

    assert said["CustomerMetadataProperties"] == {
        "sluice:run": RUN,
        "sluice:dataset": digest("data"),
        "sluice:code": digest("code"),
        "sluice:model": digest("model"),
        "metric:accuracy": "0.973123",
    }


def test_numbers_of_two_hundred_single_classes_stay_in_the_report() -> None:
    by_class = {f"recall_{index}": 0.5 for index in range(200)}

    said = registered(replace(CANDIDATE, numbers={**by_class, "recall_min": 0.5, "low": 0.1}))

    metadata = said["CustomerMetadataProperties"]
    assert list(metadata) == [*IDENTITY, "metric:low", "metric:recall_min"]


def test_of_very_many_numbers_the_comparison_and_the_first_by_name_are_told() -> None:
    many = {f"slice {chr(ord('a') + i % 26)}{i // 26 * 'x'}": 1.0 for i in range(200)}

    said = registered(replace(CANDIDATE, numbers={**many, "low": 0.1, "difference": 0.2}))

    metadata = list(said["CustomerMetadataProperties"])
    assert len(metadata) == 50
    assert metadata[4:7] == ["metric:difference", "metric:low", "metric:slice a"]


@pytest.mark.parametrize("name", ["f1 (macro)", "p>0.5", "e\nf", "", "m" * 200])
def test_a_number_with_a_name_that_sagemaker_does_not_take_stays_in_the_report(name: str) -> None:
    said = registered(replace(CANDIDATE, numbers={name: 1.0}))

    assert list(said["CustomerMetadataProperties"]) == IDENTITY


def test_a_reason_of_many_lines_is_told_in_one() -> None:
    client = sagemaker()
    text = "Traceback:\n\tline 1\r\n  line\u20282\x00" + "!" * 2000

    registry(client).decide(MODEL, 3, approval=Approval.REJECTED, reason=text)
    described = registered(replace(CANDIDATE, reason=text))["ModelPackageDescription"]

    request = client.request("update_model_package")
    check("sagemaker", "UpdateModelPackage", request, code="ValidationException")
    assert request["ApprovalDescription"] == described
    assert described.startswith("Traceback: line 1 line 2!!!")
    assert len(described) == 1024


def test_the_same_decision_in_other_lines_is_not_written_again() -> None:
    client = sagemaker()

    registry(client).decide(MODEL, 3, approval=Approval.PENDING, reason="too\n slow")

    assert "update_model_package" not in [operation for operation, _ in client.asked]


@pytest.mark.parametrize(
    "error", [refused("ValidationException", "no such image"), misshapen()], ids=["sent", "unsent"]
)
def test_a_version_that_sagemaker_will_never_take_is_refused(error: Exception) -> None:
    with pytest.raises(RefusedError, match=RUN):
        registry(sagemaker(create_model_package=error)).register(CANDIDATE)


def test_a_version_that_meets_a_busy_sagemaker_is_not_refused() -> None:
    busy = refused("ThrottlingException", "Rate exceeded")

    with pytest.raises(type(busy), match="Rate exceeded"):
        registry(sagemaker(create_model_package=busy)).register(CANDIDATE)


NOT_SHOWN = refused("ValidationException", "ModelPackage v3 does not exist.")


def test_a_version_that_is_not_shown_yet_is_rejected_all_the_same() -> None:
    client = sagemaker(describe_model_package=NOT_SHOWN)

    registry(client).decide(MODEL, 3, approval=Approval.REJECTED, reason="it failed")

    assert client.request("update_model_package")["ModelApprovalStatus"] == "Rejected"


def test_a_version_that_was_deleted_is_left_alone() -> None:
    client = sagemaker(describe_model_package=NOT_SHOWN, update_model_package=NOT_SHOWN)

    registry(client).decide(MODEL, 3, approval=Approval.REJECTED, reason="it failed")


def test_a_decision_that_meets_a_busy_sagemaker_is_not_lost() -> None:
    busy = refused("ThrottlingException", "Rate exceeded")

    with pytest.raises(type(busy), match="Rate exceeded"):
        registry(sagemaker(update_model_package=busy)).decide(
            MODEL, 3, approval=Approval.REJECTED, reason="it failed"
        )
