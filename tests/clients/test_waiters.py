"""boto3 with the waiters it brings along."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from botocore.exceptions import WaiterError

from tests.clients.test_aws_cli import AwsCli
from tests.conformance.jobs import IMAGE, ROLE, Jobs
from tests.conformance.target import Target

QUICK = {"Delay": 1, "MaxAttempts": 30}


@pytest.fixture(scope="module")
def jobs(aws: Target) -> Iterator[Jobs]:
    made = Jobs(aws)
    yield made
    made.close()


@pytest.fixture(scope="module")
def cli(aws: Target) -> AwsCli:
    return AwsCli(str(aws.url))


def test_a_stack_is_waited_for(aws: Target) -> None:
    formation, name = aws.client("cloudformation"), aws.name()
    template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})

    stack = formation.create_stack(StackName=name, TemplateBody=template)["StackId"]
    formation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=QUICK)
    formation.get_waiter("stack_exists").wait(StackName=name, WaiterConfig=QUICK)
    formation.delete_stack(StackName=name)
    formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=QUICK)

    told = formation.describe_stacks(StackName=stack)["Stacks"][0]
    assert told["StackStatus"] == "DELETE_COMPLETE"


def test_a_bucket_is_waited_for(aws: Target) -> None:
    s3, name = aws.client("s3"), aws.name()

    s3.create_bucket(Bucket=name)
    s3.get_waiter("bucket_exists").wait(Bucket=name, WaiterConfig=QUICK)
    s3.delete_bucket(Bucket=name)
    s3.get_waiter("bucket_not_exists").wait(Bucket=name, WaiterConfig=QUICK)


def test_a_table_is_waited_for(aws: Target) -> None:
    tables, name = aws.client("dynamodb"), aws.name()

    tables.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    tables.get_waiter("table_exists").wait(TableName=name, WaiterConfig=QUICK)
    tables.delete_table(TableName=name)
    tables.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig=QUICK)


def test_a_training_job_is_waited_for(jobs: Jobs) -> None:
    name = jobs.train()

    waiter = jobs.sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName=name, WaiterConfig=QUICK)

    told = jobs.sagemaker.describe_training_job(TrainingJobName=name)
    assert told["TrainingJobStatus"] == "Completed"


def test_a_failed_training_job_ends_its_waiting(jobs: Jobs) -> None:
    name = jobs.train(HyperParameters={"EXIT": "1"})

    waiter = jobs.sagemaker.get_waiter("training_job_completed_or_stopped")
    with pytest.raises(WaiterError, match="terminal failure"):
        waiter.wait(TrainingJobName=name, WaiterConfig=QUICK)


def test_a_processing_job_is_waited_for(jobs: Jobs) -> None:
    name = jobs.process()

    waiter = jobs.sagemaker.get_waiter("processing_job_completed_or_stopped")
    waiter.wait(ProcessingJobName=name, WaiterConfig=QUICK)

    told = jobs.sagemaker.describe_processing_job(ProcessingJobName=name)
    assert told["ProcessingJobStatus"] == "Completed"


def test_an_endpoint_is_waited_for_and_asked(aws: Target, cli: AwsCli, tmp_path: Path) -> None:
    sagemaker, name, answer = aws.client("sagemaker"), aws.name(), tmp_path / "answer"
    variant = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.m5.large"}
    container = {"Image": IMAGE, "Environment": {"ECHO": "1"}}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=name, WaiterConfig=QUICK)
    (tmp_path / "body").write_text("hello")
    invoke = ("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", name)
    cli(*invoke, "--body", f"fileb://{tmp_path / 'body'}", str(answer))

    assert answer.read_text() == "hello"
    sagemaker.delete_endpoint(EndpointName=name)
    waiter = sagemaker.get_waiter("endpoint_deleted")
    waiter.wait(EndpointName=name, WaiterConfig=QUICK)


def test_a_function_is_waited_for_and_invoked(aws: Target, cli: AwsCli, tmp_path: Path) -> None:
    functions, name, answer = aws.client("lambda"), aws.name(), tmp_path / "answer"
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.writestr("main.py", "def handle(event, context):\n    return event['n'] + 1\n")
    functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="main.handle",
        Role=ROLE,
        Code={"ZipFile": packed.getvalue()},
    )

    waiter = functions.get_waiter("function_active_v2")
    waiter.wait(FunctionName=name, WaiterConfig=QUICK)
    (tmp_path / "payload").write_text('{"n": 41}')
    payload = ("--payload", f"fileb://{tmp_path / 'payload'}")
    told = json.loads(cli("lambda", "invoke", "--function-name", name, *payload, str(answer)))

    assert told["StatusCode"] == 200
    assert json.loads(answer.read_text()) == 42
