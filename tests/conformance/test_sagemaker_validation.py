"""What SageMaker refuses by its model alone, and how it says so."""

from typing import Any

import pytest

from tests.conformance.target import Target, refusal

ROLE = "arn:aws:iam::123456789012:role/any"
ENTITY = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
GROUP_ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/none"
NOT_NULL = "Member must not be null"


def at_most(size: int, what: str = "length") -> str:
    return f"Member must have {what} less than or equal to {size}"


def at_least(size: int, what: str = "length") -> str:
    return f"Member must have {what} greater than or equal to {size}"


def like(pattern: str) -> str:
    return f"Member must satisfy regular expression pattern: {pattern}"


def one_of(*values: str) -> str:
    return f"Member must satisfy enum value set: [{', '.join(values)}]"


def faults(text: str) -> set[str]:
    """The faults a refusal lists, after it has counted them."""
    counted, _, listed = text.partition(" detected: ")
    found = listed.split("; Value ")
    plural = "1 validation error" if len(found) == 1 else f"{len(found)} validation errors"
    assert counted == plural
    return {fault.removeprefix("Value ") for fault in found}


@pytest.fixture(scope="module")
def sagemaker(aws: Target) -> Any:
    """A client that leaves all judgement to the service."""
    return aws.client("sagemaker", parameter_validation=False)


REFUSED: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("create_model_package_group", {}, "null", "modelPackageGroupName", NOT_NULL),
    ("describe_model_package_group", {}, "null", "modelPackageGroupName", NOT_NULL),
    ("update_model_package", {}, "null", "modelPackageArn", NOT_NULL),
    ("delete_model_package", {}, "null", "modelPackageName", NOT_NULL),
    ("list_tags", {}, "null", "resourceArn", NOT_NULL),
    ("describe_training_job", {}, "null", "trainingJobName", NOT_NULL),
    ("describe_endpoint", {}, "null", "endpointName", NOT_NULL),
    ("describe_model", {}, "null", "modelName", NOT_NULL),
    ("stop_processing_job", {}, "null", "processingJobName", NOT_NULL),
    (
        "create_model_package_group",
        {"ModelPackageGroupName": "under_score"},
        "'under_score'",
        "modelPackageGroupName",
        like(ENTITY),
    ),
    (
        "create_model_package_group",
        {"ModelPackageGroupName": "g", "Tags": [{"Key": "k"}]},
        "null",
        "tags.1.member.value",
        NOT_NULL,
    ),
    (
        "create_model_package_group",
        {"ModelPackageGroupName": "g", "Tags": [{"Key": "k" * 129, "Value": "v"}]},
        f"'{'k' * 129}'",
        "tags.1.member.key",
        at_most(128),
    ),
    (
        "create_model_package_group",
        {"ModelPackageGroupName": "g", "Tags": [{"Key": "k", "Value": "v" * 257}]},
        f"'{'v' * 257}'",
        "tags.1.member.value",
        at_most(256),
    ),
    (
        "create_model_package_group",
        {"ModelPackageGroupName": "g", "Tags": [{"Key": "no;t", "Value": "v"}]},
        "'no;t'",
        "tags.1.member.key",
        like(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"),
    ),
    (
        "create_model_package_group",
        {"ModelPackageGroupName": "g", "ModelPackageGroupDescription": "d" * 1025},
        f"'{'d' * 1000}...'",
        "modelPackageGroupDescription",
        at_most(1024),
    ),
    ("list_model_packages", {"MaxResults": 101}, "'101'", "maxResults", at_most(100, "value")),
    ("list_model_packages", {"MaxResults": 0}, "'0'", "maxResults", at_least(1, "value")),
    ("list_training_jobs", {"MaxResults": 101}, "'101'", "maxResults", at_most(100, "value")),
    ("list_endpoints", {"MaxResults": 0}, "'0'", "maxResults", at_least(1, "value")),
    (
        "list_model_packages",
        {"SortOrder": "Up"},
        "'Up'",
        "sortOrder",
        one_of("Ascending", "Descending"),
    ),
    (
        "list_model_packages",
        {"SortBy": "Size"},
        "'Size'",
        "sortBy",
        one_of("Name", "CreationTime"),
    ),
    (
        "list_model_packages",
        {"ModelPackageType": "Any"},
        "'Any'",
        "modelPackageType",
        one_of("Versioned", "Unversioned", "Both"),
    ),
    (
        "list_model_packages",
        {"ModelApprovalStatus": "Perhaps"},
        "'Perhaps'",
        "modelApprovalStatus",
        one_of("Approved", "Rejected", "PendingManualApproval"),
    ),
    (
        "list_training_jobs",
        {"StatusEquals": "Done"},
        "'Done'",
        "statusEquals",
        one_of("InProgress", "Completed", "Failed", "Stopping", "Stopped", "Deleting"),
    ),
    (
        "create_model_package",
        {"ClientToken": "not a token"},
        "'not a token'",
        "clientToken",
        like("[a-zA-Z0-9-]+"),
    ),
    (
        "create_model_package",
        {"ClientToken": "t" * 37},
        f"'{'t' * 37}'",
        "clientToken",
        at_most(36),
    ),
    (
        "create_model_package",
        {"ModelApprovalStatus": "Maybe"},
        "'Maybe'",
        "modelApprovalStatus",
        one_of("Approved", "Rejected", "PendingManualApproval"),
    ),
    (
        "create_model_package",
        {"InferenceSpecification": {"Containers": []}},
        "'[]'",
        "inferenceSpecification.containers",
        at_least(1),
    ),
    (
        "create_model_package",
        {"ModelLifeCycle": {"Stage": "Production"}},
        "null",
        "modelLifeCycle.stageStatus",
        NOT_NULL,
    ),
    (
        "create_model_package",
        {"SkipModelValidation": "Some"},
        "'Some'",
        "skipModelValidation",
        one_of("All", "None"),
    ),
    (
        "update_model_package",
        {"ModelPackageArn": "arn:aws:s3:::bucket"},
        "'arn:aws:s3:::bucket'",
        "modelPackageArn",
        like(r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]{9,16}:[0-9]{12}:model-package/[\S]{1,2048}"),
    ),
    (
        "batch_describe_model_package",
        {"ModelPackageArnList": []},
        "'[]'",
        "modelPackageArnList",
        at_least(1),
    ),
    ("add_tags", {"ResourceArn": GROUP_ARN}, "null", "tags", NOT_NULL),
    ("delete_tags", {"ResourceArn": GROUP_ARN, "TagKeys": []}, "'[]'", "tagKeys", at_least(1)),
    ("list_tags", {"ResourceArn": GROUP_ARN, "MaxResults": 49}, "'49'", "maxResults",
     at_least(50, "value")),
    ("describe_training_job", {"TrainingJobName": "a_b"}, "'a_b'", "trainingJobName", like(ENTITY)),
    (
        "create_endpoint",
        {"EndpointName": "e" * 64, "EndpointConfigName": "c"},
        f"'{'e' * 64}'",
        "endpointName",
        at_most(63),
    ),
    (
        "create_endpoint_config",
        {"EndpointConfigName": "c", "ProductionVariants": []},
        "'[]'",
        "productionVariants",
        at_least(1),
    ),
    (
        "create_endpoint_config",
        {
            "EndpointConfigName": "c",
            "ProductionVariants": [
                {"VariantName": "v", "ModelName": "m", "InitialVariantWeight": -1.0}
            ],
        },
        "'-1.0'",
        "productionVariants.1.member.initialVariantWeight",
        at_least(0, "value"),
    ),
    (
        "create_model",
        {"ModelName": "m", "ExecutionRoleArn": "arn:aws:iam::1:role"},
        "'arn:aws:iam::1:role'",
        "executionRoleArn",
        at_least(20),
    ),
    (
        "create_model",
        {"ModelName": "m", "PrimaryContainer": {"Mode": "Three"}},
        "'Three'",
        "primaryContainer.mode",
        one_of("SingleModel", "MultiModel"),
    ),
    (
        "create_model",
        {"ModelName": "m", "PrimaryContainer": {"Environment": {"9": "v"}}},
        "'{9=v}'",
        "primaryContainer.environment",
        f"Map keys must satisfy constraint: [{at_most(1024)}, {at_least(0)},"
        f" {like('[a-zA-Z_][a-zA-Z0-9_]*')}]",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "request_", "value", "where", "constraint"),
    REFUSED,
    ids=[f"{call}-{where}-{i}" for i, (call, _, _, where, _) in enumerate(REFUSED)],
)
def test_a_member_out_of_bounds_is_named_with_its_value_and_its_bound(
    sagemaker: Any, call: str, request_: dict[str, Any], value: str, where: str, constraint: str
) -> None:
    code, text = refusal(getattr(sagemaker, call), **request_)
    assert code == "ValidationException"
    assert f"{value} at '{where}' failed to satisfy constraint: {constraint}" in faults(text)


def test_every_fault_of_a_request_is_counted_and_told(sagemaker: Any) -> None:
    code, text = refusal(
        sagemaker.create_training_job,
        TrainingJobName="-x-",
        StoppingCondition={"MaxRuntimeInSeconds": 0},
    )
    assert code == "ValidationException"
    assert text.startswith("4 validation errors detected: ")
    assert faults(text) == {
        f"'-x-' at 'trainingJobName' failed to satisfy constraint: {like(ENTITY)}",
        f"null at 'roleArn' failed to satisfy constraint: {NOT_NULL}",
        f"null at 'outputDataConfig' failed to satisfy constraint: {NOT_NULL}",
        "'0' at 'stoppingCondition.maxRuntimeInSeconds' failed to satisfy constraint: "
        + at_least(1, "value"),
    }


def test_a_map_that_breaks_a_bound_is_told_once_with_all_bounds(sagemaker: Any) -> None:
    _, text = refusal(
        sagemaker.create_training_job,
        TrainingJobName="x",
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": "s3://b/p"},
        HyperParameters={"a": "x" * 2501, "b": "y" * 2501},
    )
    bounds = f"[{at_most(2500)}, {at_least(0)}, {like('.*')}]"
    assert text.startswith("1 validation error detected: Value '{a=xxx")
    assert text.endswith(
        f"at 'hyperParameters' failed to satisfy constraint: Map value must satisfy constraint:"
        f" {bounds}"
    )


@pytest.mark.parametrize(
    ("call", "request_"),
    [
        ("create_model_package_group", {"ModelPackageGroupName": ["a"]}),
        ("list_model_packages", {"MaxResults": "many"}),
        ("describe_model_package_group", {"ModelPackageGroupName": 7}),
    ],
)
def test_a_value_of_another_type_is_a_serialization_error(
    aws: Target, call: str, request_: dict[str, Any]
) -> None:
    client = aws.client("sagemaker", parameter_validation=False)
    assert refusal(getattr(client, call), **request_)[0] == "SerializationException"


def test_letters_of_every_script_may_be_in_a_tag(aws: Target) -> None:
    client, name = aws.client("sagemaker"), aws.name()
    tags = [{"Key": "größe", "Value": "большой 大"}]
    arn = client.create_model_package_group(ModelPackageGroupName=name, Tags=tags)
    assert client.list_tags(ResourceArn=arn["ModelPackageGroupArn"])["Tags"] == tags
    client.delete_model_package_group(ModelPackageGroupName=name)
