"""The model registry: groups, versions, what an update changes, and how it is told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.jobs import Jobs
from tests.conformance.target import Target, refusal

GOLDEN = Path(__file__).parents[1] / "golden" / "foreign" / "sagemaker_model_package_rejected.json"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/conformance:1"
CONTAINERS = {
    "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
STAGE = {"Stage": "Development", "StageStatus": "Pending"}
CARD = {"ModelCardContent": json.dumps({"model_overview": {"model_creator": "me"}})}


def specification(name: str) -> dict[str, Any]:
    return {"Name": name, "Containers": [{"Image": IMAGE}]}


class Versions:
    """A group of its own for each check, and an ear for events."""

    def __init__(self, aws: Target) -> None:
        self.aws = aws
        self.sagemaker = aws.client("sagemaker")
        self.jobs = Jobs(aws)

    def group(self, **more: Any) -> str:
        name = self.aws.name("group")
        self.sagemaker.create_model_package_group(ModelPackageGroupName=name, **more)
        return name

    def version(self, group: str | None = None, **more: Any) -> str:
        made = self.sagemaker.create_model_package(
            ModelPackageGroupName=group or self.group(), **more
        )
        return str(made["ModelPackageArn"])

    def update(self, arn: str, **changes: Any) -> dict[str, Any]:
        self.sagemaker.update_model_package(ModelPackageArn=arn, **changes)
        return self.told(arn)

    def told(self, arn: str) -> dict[str, Any]:
        told: dict[str, Any] = self.sagemaker.describe_model_package(ModelPackageName=arn)
        return told

    def listed(self, **request: Any) -> list[str]:
        listed = self.sagemaker.list_model_packages(**request)["ModelPackageSummaryList"]
        return [each["ModelPackageArn"] for each in listed]

    def events(self, arn: str, count: int) -> list[dict[str, Any]]:
        """The details of the first events of a package."""
        seen: list[str] = []

        def last(event: dict[str, Any]) -> bool:
            seen.append(event["id"])
            return len(set(seen)) >= count

        heard = self.jobs.events(lambda e: e["resources"] == [arn], last)
        return [event["detail"] for event in heard]


@pytest.fixture(scope="module")
def versions(aws: Target) -> Iterator[Versions]:
    made = Versions(aws)
    yield made
    made.jobs.close()


# -- groups ------------------------------------------------------------------------------------


def test_a_group_that_is_there_is_not_made_again(versions: Versions) -> None:
    name = versions.group()
    code, text = refusal(versions.sagemaker.create_model_package_group, ModelPackageGroupName=name)
    assert code == "ValidationException"
    assert text.startswith("Model Package Group already exists: arn:aws")


def test_a_group_with_versions_is_not_deleted(versions: Versions) -> None:
    name = versions.group()
    versions.version(name)
    delete = versions.sagemaker.delete_model_package_group
    assert refusal(delete, ModelPackageGroupName=name)[0] == "ConflictException"


def test_an_empty_group_is_deleted_with_its_policy_and_tags(versions: Versions) -> None:
    name = versions.group(Tags=[{"Key": "k", "Value": "v"}])
    sagemaker = versions.sagemaker
    sagemaker.put_model_package_group_policy(
        ModelPackageGroupName=name, ResourcePolicy='{"Statement": []}'
    )
    sagemaker.delete_model_package_group(ModelPackageGroupName=name)
    made = sagemaker.create_model_package_group(ModelPackageGroupName=name)

    assert sagemaker.list_tags(ResourceArn=made["ModelPackageGroupArn"])["Tags"] == []
    code, text = refusal(sagemaker.get_model_package_group_policy, ModelPackageGroupName=name)
    assert (code, text.partition(":")[0]) == (
        "ValidationException",
        "Cannot find resource policy for",
    )


def test_a_policy_that_is_no_json_is_refused(versions: Versions) -> None:
    code, _ = refusal(
        versions.sagemaker.put_model_package_group_policy,
        ModelPackageGroupName=versions.group(),
        ResourcePolicy="no policy",
    )
    assert code == "ValidationException"


@pytest.mark.parametrize(
    "call",
    [
        "describe_model_package_group",
        "delete_model_package_group",
        "get_model_package_group_policy",
    ],
)
def test_a_group_that_is_not_there_does_not_exist(versions: Versions, call: str) -> None:
    name = versions.aws.name("none")
    code, text = refusal(getattr(versions.sagemaker, call), ModelPackageGroupName=name)
    assert code == "ValidationException"
    assert "does not exist" in text


def test_a_group_is_found_by_its_arn(versions: Versions) -> None:
    name = versions.group(ModelPackageGroupDescription="of digits")
    describe = versions.sagemaker.describe_model_package_group
    told = describe(ModelPackageGroupName=name)
    assert told["ModelPackageGroupDescription"] == "of digits"
    assert told["ModelPackageGroupStatus"] == "Completed"
    again = describe(ModelPackageGroupName=told["ModelPackageGroupArn"])
    assert again["ModelPackageGroupName"] == name


# -- creation ----------------------------------------------------------------------------------


def test_versions_of_a_group_count_up(versions: Versions) -> None:
    group = versions.group()
    arns = [versions.version(group) for _ in range(3)]
    assert [arn.rsplit("/", 1)[1] for arn in arns] == ["1", "2", "3"]


def test_a_number_is_not_given_again_after_a_delete(versions: Versions) -> None:
    group = versions.group()
    versions.sagemaker.delete_model_package(ModelPackageName=versions.version(group))
    assert versions.version(group).endswith("/2")


def test_one_token_makes_one_version(versions: Versions) -> None:
    group, token = versions.group(), versions.aws.name("token")
    assert versions.version(group, ClientToken=token) == versions.version(group, ClientToken=token)
    assert len(versions.listed(ModelPackageGroupName=group)) == 1


def test_a_new_version_waits_for_approval(versions: Versions) -> None:
    told = versions.told(versions.version())
    assert told["ModelApprovalStatus"] == "PendingManualApproval"
    assert told["ModelPackageStatus"] == "Completed"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("ModelPackageDescription", "a first try"),
        ("ModelApprovalStatus", "Approved"),
        ("InferenceSpecification", CONTAINERS),
        ("ModelLifeCycle", STAGE),
        ("SourceUri", "s3://bucket/source"),
        ("CustomerMetadataProperties", {"run": "1"}),
        ("AdditionalInferenceSpecifications", [specification("gpu")]),
        ("ModelMetrics", {"ModelQuality": {"Statistics": {"ContentType": "t", "S3Uri": "s3://b/k"}}}),
        ("DriftCheckBaselines", {"Bias": {"ConfigFile": {"S3Uri": "s3://b/k"}}}),
        ("MetadataProperties", {"CommitId": "abc"}),
        ("Domain", "COMPUTER_VISION"),
        ("Task", "IMAGE_CLASSIFICATION"),
        ("SamplePayloadUrl", "s3://bucket/payload.tar.gz"),
        ("SkipModelValidation", "All"),
        ("ModelCard", {**CARD, "ModelCardStatus": "Draft"}),
    ],
)  # fmt: skip
def test_what_a_version_is_made_with_is_told(versions: Versions, member: str, value: Any) -> None:
    assert versions.told(versions.version(**{member: value}))[member] == value


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({}, "Missing ARN."),
        (
            {"ModelPackageName": "a", "ModelPackageGroupName": "b"},
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. "
            "Cannot determine which one to use.",
        ),
    ],
)
def test_a_package_is_in_a_group_or_has_a_name(
    versions: Versions, request_: dict[str, str], text: str
) -> None:
    told = refusal(versions.sagemaker.create_model_package, **request_)
    assert told == ("ValidationException", text)


@pytest.mark.parametrize(
    "more",
    [
        {"Tags": [{"Key": "k", "Value": "v"}]},
        {"AdditionalInferenceSpecifications": [specification("a"), specification("a")]},
        {"ModelCard": {"ModelCardContent": "no json"}},
        {"ModelCard": {"ModelCardContent": "[]"}},
    ],
    ids=["tags", "two-of-a-name", "card-text", "card-list"],
)
def test_what_a_version_cannot_have_is_refused(versions: Versions, more: Any) -> None:
    group = versions.group()
    create = versions.sagemaker.create_model_package
    code, _ = refusal(create, ModelPackageGroupName=group, **more)
    assert code == "ValidationException"
    assert versions.listed(ModelPackageGroupName=group) == []


def test_a_version_of_a_group_that_is_not_there_is_refused(versions: Versions) -> None:
    name = versions.aws.name("none")
    code, text = refusal(versions.sagemaker.create_model_package, ModelPackageGroupName=name)
    assert code == "ValidationException"
    assert "does not exist" in text


def test_a_clone_is_run_as_its_source(versions: Versions) -> None:
    source = versions.version(InferenceSpecification=CONTAINERS)
    told = versions.told(versions.version(SourceUri=source))
    assert told["InferenceSpecification"] == CONTAINERS


# -- unversioned packages ----------------------------------------------------------------------


def test_a_package_with_a_name_of_its_own_has_no_version(versions: Versions) -> None:
    name = versions.aws.name("package")
    tags = [{"Key": "k", "Value": "v"}]
    made = versions.sagemaker.create_model_package(
        ModelPackageName=name, InferenceSpecification=CONTAINERS, Tags=tags
    )
    told = versions.told(name)
    assert told["ModelPackageName"] == name
    assert told["ModelPackageArn"] == made["ModelPackageArn"]
    assert {"ModelPackageVersion", "ModelPackageGroupName", "ModelApprovalStatus"} & set(
        told
    ) == set()
    assert versions.sagemaker.list_tags(ResourceArn=made["ModelPackageArn"])["Tags"] == tags
    versions.sagemaker.delete_model_package(ModelPackageName=name)
    assert refusal(versions.sagemaker.describe_model_package, ModelPackageName=name)


def test_packages_without_a_group_are_listed_unless_asked_otherwise(versions: Versions) -> None:
    name = versions.aws.name("package")
    made = versions.sagemaker.create_model_package(
        ModelPackageName=name, InferenceSpecification=CONTAINERS
    )["ModelPackageArn"]
    versioned = versions.version()
    newest = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100}

    assert made in versions.listed(**newest)
    assert versioned not in versions.listed(**newest)
    assert {made, versioned} <= set(versions.listed(ModelPackageType="Both", **newest))
    assert made not in versions.listed(ModelPackageType="Versioned", **newest)
    versions.sagemaker.delete_model_package(ModelPackageName=name)


# -- lists -------------------------------------------------------------------------------------


def test_versions_are_listed_page_by_page(versions: Versions) -> None:
    group = versions.group()
    made = [versions.version(group) for _ in range(5)]
    pages = versions.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, PaginationConfig={"PageSize": 2}
    )
    seen = [[p["ModelPackageArn"] for p in page["ModelPackageSummaryList"]] for page in pages]
    assert seen == [made[:2], made[2:4], made[4:]]


def test_versions_are_listed_by_approval(versions: Versions) -> None:
    group = versions.group()
    versions.version(group)
    approved = versions.version(group, ModelApprovalStatus="Approved")
    assert versions.listed(ModelPackageGroupName=group, ModelApprovalStatus="Approved") == [
        approved
    ]


def test_ten_comes_after_nine_in_the_order_of_names(versions: Versions) -> None:
    group = versions.group()
    made = [versions.version(group) for _ in range(11)]
    listed = versions.listed(ModelPackageGroupName=group, SortBy="Name", MaxResults=50)
    assert listed == made


def test_a_token_that_no_page_gave_is_refused(versions: Versions) -> None:
    code, _ = refusal(versions.sagemaker.list_model_packages, NextToken="made up")
    assert code == "ValidationException"


def test_groups_are_listed_by_a_part_of_their_name(versions: Versions) -> None:
    name = versions.group()
    listed = versions.sagemaker.list_model_package_groups(NameContains=name[6:])
    found = listed["ModelPackageGroupSummaryList"]
    assert [each["ModelPackageGroupName"] for each in found] == [name]


def test_a_batch_tells_versions_and_what_is_missing(versions: Versions) -> None:
    there = versions.version(InferenceSpecification=CONTAINERS)
    absent = there.rsplit("/", 1)[0] + "/99"
    told = versions.sagemaker.batch_describe_model_package(ModelPackageArnList=[there, absent])
    assert list(told["ModelPackageSummaries"]) == [there]
    assert list(told["BatchDescribeModelPackageErrorMap"]) == [absent]


# -- updates -----------------------------------------------------------------------------------

UPDATES: list[tuple[dict[str, Any], str, Any]] = [
    ({"ModelApprovalStatus": "Approved"}, "ModelApprovalStatus", "Approved"),
    ({"ModelApprovalStatus": "Rejected"}, "ModelApprovalStatus", "Rejected"),
    ({"ApprovalDescription": "as agreed"}, "ApprovalDescription", "as agreed"),
    ({"ModelLifeCycle": STAGE}, "ModelLifeCycle", STAGE),
    ({"SourceUri": "s3://a/b"}, "SourceUri", "s3://a/b"),
    ({"InferenceSpecification": CONTAINERS}, "InferenceSpecification", CONTAINERS),
    ({"CustomerMetadataProperties": {"b": "2"}}, "CustomerMetadataProperties",
     {"a": "1", "b": "2"}),
    ({"CustomerMetadataProperties": {"a": "2"}}, "CustomerMetadataProperties", {"a": "2"}),
    (
        {"AdditionalInferenceSpecificationsToAdd": [specification("more")]},
        "AdditionalInferenceSpecifications",
        [specification("more")],
    ),
    ({"ModelCard": CARD}, "ModelCard", CARD),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "member", "value"), UPDATES)
def test_an_update_changes_what_it_names(
    versions: Versions, changes: dict[str, Any], member: str, value: Any
) -> None:
    arn = versions.version(CustomerMetadataProperties={"a": "1"})
    before = versions.told(arn)
    after = versions.update(arn, **changes)

    assert after[member] == value
    unchanged = set(before) - {member, "LastModifiedTime", "ResponseMetadata"}
    assert {key: after[key] for key in unchanged} == {key: before[key] for key in unchanged}
    assert after["LastModifiedTime"] >= before["LastModifiedTime"]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"ModelApprovalStatus": "Approved"}, ["ModelApprovalStatus"]),
        ({"ModelLifeCycle": STAGE}, ["ModelLifeCycle"]),
        ({"SourceUri": "s3://a/b"}, ["sourceUri"]),
        ({"CustomerMetadataProperties": {"b": "2"}}, ["CustomerMetadataProperties"]),
        ({"InferenceSpecification": CONTAINERS}, ["InferenceSpecification"]),
        (
            {"ModelApprovalStatus": "Rejected", "ApprovalDescription": "no"},
            ["ModelApprovalStatus", "ApprovalDescription"],
        ),
    ],
)
def test_an_event_names_the_fields_that_an_update_changed(
    versions: Versions, changes: dict[str, Any], fields: list[str]
) -> None:
    arn = versions.version()
    versions.update(arn, **changes)
    made, updated = versions.events(arn, 2)
    assert "UpdatedModelPackageFields" not in made
    assert updated["UpdatedModelPackageFields"] == fields


def test_an_event_has_the_fields_that_are_documented(versions: Versions) -> None:
    sample = json.loads(GOLDEN.read_text())["detail"]
    members = ("InferenceSpecification", "ModelMetrics", "MetadataProperties")
    arn = versions.version(
        **{name: sample[name] for name in members}, ModelApprovalStatus="Rejected"
    )
    versions.update(arn, ModelLifeCycle=sample["ModelLifeCycle"])
    told = versions.events(arn, 2)[-1]

    assert set(told) == set(sample)
    ours = {"ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn"}
    times = {"CreationTime", "LastModifiedTime"}
    assert {k: v for k, v in told.items() if k not in ours | times} == {
        k: v for k, v in sample.items() if k not in ours | times
    }
    assert [len(told[name]) for name in sorted(times)] == [len("2021-02-24T17:00:14Z")] * 2


def test_properties_are_removed_by_key(versions: Versions) -> None:
    arn = versions.version(CustomerMetadataProperties={"a": "1", "b": "2"})
    told = versions.update(arn, CustomerMetadataPropertiesToRemove=["a", "never"])
    assert told["CustomerMetadataProperties"] == {"b": "2"}


@pytest.mark.parametrize(
    ("made", "changes"),
    [
        (
            {"CustomerMetadataProperties": {str(n): "v" for n in range(50)}},
            {"CustomerMetadataProperties": {"one-more": "v"}},
        ),
        (
            {"AdditionalInferenceSpecifications": [specification(f"s{n}") for n in range(15)]},
            {"AdditionalInferenceSpecificationsToAdd": [specification("one-more")]},
        ),
        (
            {"AdditionalInferenceSpecifications": [specification("a")]},
            {"AdditionalInferenceSpecificationsToAdd": [specification("a")]},
        ),
        ({"ModelCard": {**CARD, "ModelCardStatus": "Archived"}}, {"ModelCard": CARD}),
        ({}, {"ModelCard": {"ModelCardContent": "{"}}),
    ],
    ids=["properties", "specifications", "same-name", "archived-card", "card-text"],
)
def test_an_update_that_breaks_a_rule_changes_nothing(
    versions: Versions, made: dict[str, Any], changes: dict[str, Any]
) -> None:
    arn = versions.version(**made)
    before = versions.told(arn)
    code, _ = refusal(
        versions.sagemaker.update_model_package,
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        **changes,
    )
    after = versions.told(arn)
    assert code == "ValidationException"
    assert after["ModelApprovalStatus"] == "PendingManualApproval"
    assert after["LastModifiedTime"] == before["LastModifiedTime"]


def test_one_token_updates_once(versions: Versions) -> None:
    arn, token = versions.version(), versions.aws.name("token")
    versions.update(arn, ModelApprovalStatus="Approved", ClientToken=token)
    versions.update(arn, ModelApprovalStatus="Rejected")
    told = versions.update(arn, ModelApprovalStatus="Approved", ClientToken=token)
    assert told["ModelApprovalStatus"] == "Rejected"


@pytest.mark.parametrize("call", ["describe_model_package", "delete_model_package"])
def test_a_version_that_is_not_there_does_not_exist(versions: Versions, call: str) -> None:
    arn = versions.version().rsplit("/", 1)[0] + "/9"
    code, text = refusal(getattr(versions.sagemaker, call), ModelPackageName=arn)
    assert code == "ValidationException"
    assert "does not exist" in text


def test_a_version_that_is_not_there_is_not_updated(versions: Versions) -> None:
    arn = versions.version().rsplit("/", 1)[0] + "/9"
    update = versions.sagemaker.update_model_package
    assert refusal(update, ModelPackageArn=arn)[0] == "ValidationException"


# -- tags --------------------------------------------------------------------------------------


def test_tags_are_added_replaced_and_deleted(versions: Versions) -> None:
    name = versions.group(Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    sagemaker = versions.sagemaker
    told = sagemaker.describe_model_package_group(ModelPackageGroupName=name)
    arn = told["ModelPackageGroupArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "3"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["b", "never"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "3"}]


def test_a_thing_has_at_most_fifty_tags(versions: Versions) -> None:
    tags = [{"Key": f"k{n}", "Value": "v"} for n in range(50)]
    name = versions.group(Tags=tags)
    told = versions.sagemaker.describe_model_package_group(ModelPackageGroupName=name)
    arn = told["ModelPackageGroupArn"]
    add = versions.sagemaker.add_tags
    assert refusal(add, ResourceArn=arn, Tags=[{"Key": "x", "Value": "v"}])
    pages = versions.sagemaker.get_paginator("list_tags").paginate(
        ResourceArn=arn, PaginationConfig={"PageSize": 50}
    )
    assert [len(page["Tags"]) for page in pages] == [50]
