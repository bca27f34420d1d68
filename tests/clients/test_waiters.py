"""boto3 with the waiters it brings along."""

import json

from tests.conformance.target import Target

QUICK = {"Delay": 1, "MaxAttempts": 30}


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
