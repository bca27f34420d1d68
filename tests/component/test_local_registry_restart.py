"""SageMaker's registry, cards and lineage after the end of the process."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.images import Images
from local.logs import Logs
from local.sagemaker import SageMaker
from local.store import Store
from tests.fakes.embedded_aws import RecordedMetrics

CONTENT = '{"model_overview": {"model_id": "digits"}}'


@dataclass
class Told:
    """Events, as far as anybody asks."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def emit(self, *, detail_type: str, detail: Any, **_: Any) -> str:
        self.events.append({"type": detail_type, **detail})
        return "id"


class Lives:
    """The same SageMaker again and again over one state."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.told = Told()
        self._store = Store(folder / "state.db")
        self._sagemaker = self._made()

    def __call__(self, action: str, **request: Any) -> dict[str, Any]:
        return self._sagemaker.handle(action, request)

    def again(self) -> None:
        self._store.close()
        self._store = Store(self._folder / "state.db")
        self.told.events.clear()
        self._sagemaker = self._made()

    def _made(self) -> SageMaker:
        account, clock = Account("http://127.0.0.1:1", store=self._store), Clock(600.0)
        metrics = RecordedMetrics()
        logs = Logs(account, clock, metrics)
        return SageMaker(account, clock, self.told, metrics, logs, Images([]), self._folder)


@pytest.fixture
def sagemaker(tmp_path: Path) -> Lives:
    return Lives(tmp_path)


def test_a_version_is_there_again_as_it_was_updated(sagemaker: Lives) -> None:
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="g")
    arn = sagemaker("CreateModelPackage", ModelPackageGroupName="g")["ModelPackageArn"]
    sagemaker("UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved")
    before = sagemaker("DescribeModelPackage", ModelPackageName=arn)

    sagemaker.again()

    assert sagemaker("DescribeModelPackage", ModelPackageName=arn) == before
    assert sagemaker.told.events == []


def test_tokens_are_remembered_and_numbers_go_on(sagemaker: Lives) -> None:
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="g")
    request = {"ModelPackageGroupName": "g", "ClientToken": "token"}
    arn = sagemaker("CreateModelPackage", **request)["ModelPackageArn"]
    sagemaker("UpdateModelPackage", ModelPackageArn=arn, SourceUri="s3://a", ClientToken="update")

    sagemaker.again()

    assert sagemaker("CreateModelPackage", **request)["ModelPackageArn"] == arn
    sagemaker("UpdateModelPackage", ModelPackageArn=arn, SourceUri="s3://b", ClientToken="update")
    assert sagemaker("DescribeModelPackage", ModelPackageName=arn)["SourceUri"] == "s3://a"
    sagemaker("DeleteModelPackage", ModelPackageName=arn)
    sagemaker.again()
    other = sagemaker("CreateModelPackage", ModelPackageGroupName="g")["ModelPackageArn"]
    assert other.endswith("/2")


def test_policies_and_tags_are_there_again(sagemaker: Lives) -> None:
    tags = [{"Key": "k", "Value": "v"}]
    made = sagemaker("CreateModelPackageGroup", ModelPackageGroupName="g", Tags=tags)
    sagemaker("PutModelPackageGroupPolicy", ModelPackageGroupName="g", ResourcePolicy="{}")

    sagemaker.again()

    assert sagemaker("ListTags", ResourceArn=made["ModelPackageGroupArn"])["Tags"] == tags
    told = sagemaker("GetModelPackageGroupPolicy", ModelPackageGroupName="g")
    assert told == {"ResourcePolicy": "{}"}


def test_every_version_of_a_card_is_there_again(sagemaker: Lives) -> None:
    sagemaker("CreateModelCard", ModelCardName="c", Content=CONTENT, ModelCardStatus="Draft")
    sagemaker("UpdateModelCard", ModelCardName="c", Content="{}")
    before = [
        sagemaker("DescribeModelCard", ModelCardName="c", ModelCardVersion=number)
        for number in (1, 2)
    ]

    sagemaker.again()

    after = [
        sagemaker("DescribeModelCard", ModelCardName="c", ModelCardVersion=number)
        for number in (1, 2)
    ]
    assert after == before
    assert sagemaker("DescribeModelCard", ModelCardName="c") == before[1]


def test_lineage_is_there_again(sagemaker: Lives) -> None:
    artifact = sagemaker(
        "CreateArtifact", ArtifactType="DataSet", Source={"SourceUri": "s3://bucket/rows"}
    )["ArtifactArn"]
    context = sagemaker(
        "CreateContext",
        ContextName="Digits",
        ContextType="Endpoint",
        Source={"SourceUri": "s3://bucket/context"},
    )["ContextArn"]
    sagemaker("AddAssociation", SourceArn=artifact, DestinationArn=context)
    before = sagemaker("QueryLineage", StartArns=[artifact], IncludeEdges=True)

    sagemaker.again()

    assert sagemaker("QueryLineage", StartArns=[artifact], IncludeEdges=True) == before
    with pytest.raises(AwsError, match="has associations"):
        sagemaker("DeleteContext", ContextName="Digits")


def test_what_was_deleted_stays_deleted(sagemaker: Lives) -> None:
    sagemaker("CreateModelCard", ModelCardName="c", Content=CONTENT, ModelCardStatus="Draft")
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="g")
    sagemaker("DeleteModelCard", ModelCardName="c")
    sagemaker("DeleteModelPackageGroup", ModelPackageGroupName="g")

    sagemaker.again()

    assert sagemaker("ListModelCards")["ModelCardSummaries"] == []
    assert sagemaker("ListModelPackageGroups")["ModelPackageGroupSummaryList"] == []
