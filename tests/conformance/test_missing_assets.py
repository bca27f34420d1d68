"""What is to be loaded from S3 and is not there: one line that names it."""

import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.conformance.jobs import IMAGE, ROLE
from tests.conformance.target import Target, refusal


@pytest.fixture(scope="module")
def bucket(aws: Target) -> Iterator[str]:
    s3, name = aws.client("s3"), aws.name()
    s3.create_bucket(Bucket=name)
    yield name
    for each in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=each["Key"])
    s3.delete_bucket(Bucket=name)


def model(aws: Target, name: str, data: str) -> dict[str, Any]:
    container = {"Image": IMAGE, "ModelDataUrl": data, "Environment": {"ECHO": "1"}}
    return {"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": container}


@pytest.mark.parametrize("key", ["none.tar.gz", "no/such/model.tar.gz"])
def test_a_model_whose_data_is_missing_is_refused(aws: Target, bucket: str, key: str) -> None:
    sagemaker, name = aws.client("sagemaker"), aws.name()
    data = f"s3://{bucket}/{key}"

    found = refusal(sagemaker.create_model, **model(aws, name, data))

    assert found == ("ValidationException", f"Could not find model data at {data}.")
    assert refusal(sagemaker.describe_model, ModelName=name)[0] == "ValidationException"


@pytest.mark.embedded
def test_so_is_one_whose_bucket_is_missing(aws: Target) -> None:
    data = f"s3://{aws.name()}/model.tar.gz"

    found = refusal(aws.client("sagemaker").create_model, **model(aws, aws.name(), data))

    assert found == ("ValidationException", f"Could not find model data at {data}.")


@pytest.mark.costs
def test_an_endpoint_whose_models_data_has_gone_fails_and_names_it(
    aws: Target, bucket: str
) -> None:
    sagemaker, s3, name = aws.client("sagemaker"), aws.client("s3"), aws.name()
    data = f"s3://{bucket}/gone.tar.gz"
    s3.put_object(Bucket=bucket, Key="gone.tar.gz", Body=an_archive())
    sagemaker.create_model(**model(aws, name, data))
    s3.delete_object(Bucket=bucket, Key="gone.tar.gz")
    variant = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )

    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    waiter = sagemaker.get_waiter("endpoint_in_service")
    with pytest.raises(WaiterError):
        waiter.wait(EndpointName=name, WaiterConfig={"Delay": 1})
    told = sagemaker.describe_endpoint(EndpointName=name)
    assert told["EndpointStatus"] == "Failed"
    assert told["FailureReason"].startswith(f"Failed to download model data from {data}")
    assert "\n" not in told["FailureReason"]
    sagemaker.delete_endpoint(EndpointName=name)


def an_archive() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz"):
        pass
    return packed.getvalue()


CODE = {"S3Key": "none.zip"}
FUNCTION = {"Runtime": "python3.11", "Handler": "main.handle", "Role": ROLE}


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::Lambda::Function", lambda code: {**FUNCTION, "Code": code}),
        ("AWS::Lambda::LayerVersion", lambda code: {"Content": code}),
    ],
)
def test_a_stack_whose_asset_is_missing_fails_and_says_so_once(
    aws: Target, bucket: str, kind: str, properties: Any
) -> None:
    formation, name = aws.client("cloudformation"), aws.name()
    resource = {"Type": kind, "Properties": properties({**CODE, "S3Bucket": bucket})}

    formation.create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": {"Asset": resource}})
    )

    waiter = formation.get_waiter("stack_create_complete")
    with pytest.raises(WaiterError, match="ROLLBACK_COMPLETE"):
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1})
    events = formation.describe_stack_events(StackName=name)["StackEvents"]
    (failed,) = [each for each in events if each["ResourceStatus"] == "CREATE_FAILED"]
    assert failed["LogicalResourceId"] == "Asset"
    assert "S3 Error Code: NoSuchKey." in failed["ResourceStatusReason"]
    assert "\n" not in failed["ResourceStatusReason"]
    formation.delete_stack(StackName=name)
