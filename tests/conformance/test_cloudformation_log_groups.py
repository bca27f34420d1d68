"""A log group in a template."""

import json

from tests.conformance.target import Target


def test_a_log_group_without_tags_is_made(aws: Target) -> None:
    stacks, name = aws.client("cloudformation"), aws.name("logs")
    template = {"Resources": {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {}}}}
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})

    assert stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"

    stacks.delete_stack(StackName=name)
