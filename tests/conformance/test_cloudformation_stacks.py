"""Stacks: what CloudFormation accepts, refuses and tells."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.target import Target, refusal

HANDLE = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "kept"}}


def body(**sections: Any) -> str:
    return json.dumps({"Resources": {"Kept": HANDLE}, **sections})


@pytest.fixture(scope="module")
def stack(aws: Target) -> Iterator[str]:
    formation, name = aws.client("cloudformation"), aws.name()
    outputs = {"Told": {"Value": {"Ref": "Kept"}, "Export": {"Name": name}}}
    formation.create_stack(StackName=name, TemplateBody=body(Outputs=outputs))
    formation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    yield name
    formation.delete_stack(StackName=name)


@pytest.mark.parametrize(
    "operation",
    [
        *("describe_stacks", "describe_stack_events"),
        *("get_template", "list_stack_resources", "describe_stack_resources"),
    ],
)
def test_a_stack_that_does_not_exist_is_refused_by_name(aws: Target, operation: str) -> None:
    name = aws.name()

    code, text = refusal(getattr(aws.client("cloudformation"), operation), StackName=name)

    assert code == "ValidationError"
    assert name in text
    assert text.endswith("does not exist")


def test_deleting_what_does_not_exist_succeeds(aws: Target) -> None:
    aws.client("cloudformation").delete_stack(StackName=aws.name())


def test_a_name_is_taken_once(aws: Target, stack: str) -> None:
    create = aws.client("cloudformation").create_stack

    code, text = refusal(create, StackName=stack, TemplateBody=body())

    assert (code, text) == ("AlreadyExistsException", f"Stack [{stack}] already exists")


def test_an_update_without_a_change_is_refused(aws: Target, stack: str) -> None:
    update = aws.client("cloudformation").update_stack

    found = refusal(update, StackName=stack, UsePreviousTemplate=True)

    assert found == ("ValidationError", "No updates are to be performed.")


def test_an_export_is_listed(aws: Target, stack: str) -> None:
    pages = aws.client("cloudformation").get_paginator("list_exports").paginate()

    assert stack in [each["Name"] for page in pages for each in page["Exports"]]


def test_events_are_told_newest_first(aws: Target, stack: str) -> None:
    events = aws.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]

    statuses = [(each["LogicalResourceId"], each["ResourceStatus"]) for each in events]
    assert statuses[0] == (stack, "CREATE_COMPLETE")
    assert statuses[-1] == (stack, "CREATE_IN_PROGRESS")
    assert ("Kept", "CREATE_COMPLETE") in statuses


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "DELETE_COMPLETE"])
def test_stacks_are_listed_by_status(aws: Target, stack: str, status: str) -> None:
    pages = aws.client("cloudformation").get_paginator("list_stacks")
    found = pages.paginate(StackStatusFilter=[status])

    names = [each["StackName"] for page in found for each in page["StackSummaries"]]
    assert (stack in names) == (status == "CREATE_COMPLETE")


INTRINSICS = [
    ({"Fn::Join": ["-", ["a", "b"]]}, "a-b"),
    ({"Fn::Select": [1, ["a", "b"]]}, "b"),
    ({"Fn::Select": [0, {"Fn::Split": ["|", "a|b"]}]}, "a"),
    ({"Fn::Sub": "${Given}-x"}, "given-x"),
    ({"Fn::Sub": ["${own}-x", {"own": "o"}]}, "o-x"),
    ({"Fn::Sub": "${!Literal}"}, "${Literal}"),
    ({"Fn::If": ["Yes", "y", "n"]}, "y"),
    ({"Fn::If": ["No", "y", "n"]}, "n"),
    ({"Fn::If": ["Both", "y", "n"]}, "n"),
    ({"Fn::If": ["Either", "y", "n"]}, "y"),
    ({"Fn::FindInMap": ["M", "a", "b"]}, "found"),
    ({"Fn::Base64": "a"}, "YQ=="),
    ({"Ref": "Given"}, "given"),
    ({"Ref": "AWS::Partition"}, "aws"),
    ({"Ref": "AWS::URLSuffix"}, "amazonaws.com"),
    ({"Fn::GetAtt": ["Kept", "Value"]}, "kept"),
]


@pytest.fixture(scope="module")
def told(aws: Target) -> Iterator[dict[str, str]]:
    """Every intrinsic function as an output of one stack."""
    formation, name = aws.client("cloudformation"), aws.name()
    conditions = {
        "Yes": {"Fn::Equals": ["a", "a"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
    }
    outputs = {f"O{number}": {"Value": value} for number, (value, _) in enumerate(INTRINSICS)}
    text = body(
        Parameters={"Given": {"Type": "String", "Default": "given"}},
        Mappings={"M": {"a": {"b": "found"}}},
        Conditions=conditions,
        Outputs={**outputs, "Never": {"Value": "never", "Condition": "No"}},
    )
    formation.create_stack(StackName=name, TemplateBody=text)
    formation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    described = formation.describe_stacks(StackName=name)["Stacks"][0]
    yield {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
    formation.delete_stack(StackName=name)


@pytest.mark.parametrize("number", range(len(INTRINSICS)), ids=lambda n: json.dumps(INTRINSICS[n]))
def test_an_intrinsic_function_means_what_is_documented(told: dict[str, str], number: int) -> None:
    assert told[f"O{number}"] == INTRINSICS[number][1]


def test_an_output_whose_condition_is_false_is_not_there(told: dict[str, str]) -> None:
    assert "Never" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "At least one Resources member must be defined"),
        (json.dumps({"Resources": {"A": {"Type": "AWS::No::Such"}}}), "AWS::No::Such"),
        (
            body(Outputs={}, Parameters={"Needed": {"Type": "String"}}),
            "Parameters: [Needed] must have values",
        ),
    ],
)
def test_a_template_that_cannot_be_is_refused_at_once(aws: Target, text: str, told: str) -> None:
    create = aws.client("cloudformation").create_stack

    code, message = refusal(create, StackName=aws.name(), TemplateBody=text)

    assert code == "ValidationError"
    assert told in message


def test_termination_protection_refuses_the_deletion(aws: Target) -> None:
    formation, name = aws.client("cloudformation"), aws.name()
    formation.create_stack(StackName=name, TemplateBody=body(), EnableTerminationProtection=True)
    formation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})

    code, text = refusal(formation.delete_stack, StackName=name)

    assert code == "ValidationError"
    assert text.startswith(f"Stack [{name}] cannot be deleted while TerminationProtection is")
    formation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    formation.delete_stack(StackName=name)
