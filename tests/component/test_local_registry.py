"""What a model is given of the package that it is made from."""

from pathlib import Path
from typing import Any

import pytest

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.images import Images
from local.logs import Logs
from local.sagemaker.parts import Parts
from local.sagemaker.registry import Registry
from tests.fakes.embedded_aws import RecordedMetrics


class Silence:
    """A bus without anybody on it."""

    def emit(self, **_: Any) -> str:
        return "id"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    account, clock = Account("http://127.0.0.1:1"), Clock(600.0)
    metrics = RecordedMetrics()
    logs = Logs(account, clock, metrics)
    return Registry(Parts(account, clock, Silence(), metrics, logs, Images([]), tmp_path))


def version(registry: Registry, **members: Any) -> str:
    registry.operations["CreateModelPackageGroup"]({"ModelPackageGroupName": "g"})
    made = registry.operations["CreateModelPackage"]({"ModelPackageGroupName": "g", **members})
    return str(made["ModelPackageArn"])


@pytest.mark.parametrize("data", ["s3://bucket/model.tar.gz", ""])
def test_a_model_runs_the_image_of_its_package_with_its_data(registry: Registry, data: str) -> None:
    container = {"Image": "image:1"} | ({"ModelDataUrl": data} if data else {})
    arn = version(registry, InferenceSpecification={"Containers": [container]})
    assert registry.image_and_data(arn) == ("image:1", data)


def test_a_package_that_says_not_how_it_is_run_makes_no_model(registry: Registry) -> None:
    with pytest.raises(AwsError, match="has no inference specification"):
        registry.image_and_data(version(registry))
