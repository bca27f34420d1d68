"""The SageMaker SDK v3: its resources, without what only local training needs."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import surroundings
from tests.clients.environments import environment
from tests.conformance.target import Target

SCRIPT = Path(__file__).with_name("sagemaker_sdk.py")


@pytest.fixture(scope="module")
def python() -> Path:
    return environment("sagemaker") / "python"


def role(aws: Target) -> str:
    """SageMaker may assume it, and it may do everything: the trainer simulates both."""
    iam, name = aws.client("iam"), aws.name()
    trust = allowed(Principal={"Service": "sagemaker.amazonaws.com"}, Action="sts:AssumeRole")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    document = allowed(Action="*", Resource="*")
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=document)
    return str(arn)


def allowed(**members: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **members}]})


def test_a_model_is_trained_registered_and_served(
    aws: Target, python: Path, tmp_path: Path
) -> None:
    name, bucket, told = aws.name("sdk"), aws.name(), tmp_path / "seen"
    aws.client("s3").create_bucket(Bucket=bucket)

    done = subprocess.run(
        [str(python), str(SCRIPT), name, bucket, role(aws), str(told)],
        env=surroundings(str(aws.url)),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(told.read_text())
    assert seen["model"].startswith(f"s3://{bucket}/out/{name}/")
    assert seen["trainer"] == "Completed"
    assert (seen["job"], seen["package"], seen["endpoint"]) == (
        "Completed",
        "Approved",
        "InService",
    )
    assert seen["answer"] == "hello"
