"""A template's `Rules`: assertions on its parameters."""

import json
from typing import Any

import pytest

from tests.conformance.target import Target, refusal

TOLD = "not with these parameters"
PARAMETERS = {
    "Stage": {"Type": "String", "Default": "dev"},
    "Size": {"Type": "Number", "Default": 3},
    "Names": {"Type": "CommaDelimitedList", "Default": "a,b"},
    "Same": {"Type": "CommaDelimitedList", "Default": "a,a"},
}
STAGE, SIZE, NAMES = {"Ref": "Stage"}, {"Ref": "Size"}, {"Ref": "Names"}
IS_DEV = {"Fn::Equals": [STAGE, "dev"]}
IS_PROD = {"Fn::Equals": [STAGE, "prod"]}


def template(assertion: Any, *, description: bool = True, **rule: Any) -> str:
    told = {"AssertDescription": TOLD} if description else {}
    rules = {"Checked": {"Assertions": [{"Assert": assertion, **told}], **rule}}
    resources = {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}
    return json.dumps({"Parameters": PARAMETERS, "Rules": rules, "Resources": resources})


def created(aws: Target, body: str) -> None:
    formation, name = aws.client("cloudformation"), aws.name()
    formation.create_stack(StackName=name, TemplateBody=body)
    formation.delete_stack(StackName=name)


HOLDING = [
    IS_DEV,
    {"Fn::Not": [IS_PROD]},
    {"Fn::Or": [IS_PROD, IS_DEV]},
    {"Fn::And": [IS_DEV, {"Fn::Equals": [SIZE, "3"]}]},
    {"Fn::Equals": [SIZE, 3]},
    {"Fn::Contains": [["dev", "test"], STAGE]},
    {"Fn::Contains": [NAMES, "b"]},
    {"Fn::EachMemberIn": [NAMES, ["a", "b", "c"]]},
    {"Fn::EachMemberEquals": [{"Ref": "Same"}, "a"]},
]


@pytest.mark.parametrize("assertion", HOLDING, ids=json.dumps)
def test_parameters_that_an_assertion_holds_for_are_accepted(aws: Target, assertion: Any) -> None:
    created(aws, template(assertion))


@pytest.mark.parametrize("assertion", HOLDING, ids=json.dumps)
def test_others_are_refused_with_the_description(aws: Target, assertion: Any) -> None:
    create = aws.client("cloudformation").create_stack

    body = template({"Fn::Not": [assertion]})
    code, text = refusal(create, StackName=aws.name(), TemplateBody=body)

    assert code == "ValidationError"
    assert TOLD in text


@pytest.mark.parametrize(
    "assertion",
    [
        {"Fn::EachMemberIn": [NAMES, ["a"]]},
        {"Fn::EachMemberEquals": [NAMES, "a"]},
        {"Fn::Contains": [["test"], STAGE]},
        {"Fn::And": [IS_DEV, IS_PROD]},
    ],
    ids=json.dumps,
)
def test_what_does_not_hold_is_refused(aws: Target, assertion: Any) -> None:
    create = aws.client("cloudformation").create_stack

    assert TOLD in refusal(create, StackName=aws.name(), TemplateBody=template(assertion))[1]


def test_a_rule_whose_condition_is_false_is_not_applied(aws: Target) -> None:
    created(aws, template(IS_PROD, RuleCondition=IS_PROD))


def test_a_rule_whose_condition_is_true_is(aws: Target) -> None:
    create = aws.client("cloudformation").create_stack

    body = template(IS_PROD, RuleCondition=IS_DEV)

    assert TOLD in refusal(create, StackName=aws.name(), TemplateBody=body)[1]


def test_a_refused_stack_is_not_there(aws: Target) -> None:
    formation, name = aws.client("cloudformation"), aws.name()

    refusal(formation.create_stack, StackName=name, TemplateBody=template(IS_PROD))

    code, text = refusal(formation.describe_stacks, StackName=name)
    assert (code, text) == ("ValidationError", f"Stack with id {name} does not exist")


def test_an_update_is_held_to_the_rules_too(aws: Target) -> None:
    formation, name = aws.client("cloudformation"), aws.name()
    formation.create_stack(StackName=name, TemplateBody=template(IS_DEV))
    formation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    prod = [{"ParameterKey": "Stage", "ParameterValue": "prod"}]

    _, text = refusal(
        formation.update_stack, StackName=name, UsePreviousTemplate=True, Parameters=prod
    )

    assert TOLD in text
    formation.delete_stack(StackName=name)


def test_a_stage_that_was_bootstrapped_too_long_ago_is_refused(aws: Target) -> None:
    """The rule that the CDK writes into every template."""
    ssm, name = aws.client("ssm"), f"/{aws.name()}/version"
    ssm.put_parameter(Name=name, Type="String", Value="5")
    versions = {"Fn::Contains": [["1", "2", "3", "4", "5"], {"Ref": "BootstrapVersion"}]}
    body = json.loads(template({"Fn::Not": [versions]}))
    kind = "AWS::SSM::Parameter::Value<String>"
    body["Parameters"]["BootstrapVersion"] = {"Type": kind, "Default": name}
    create = aws.client("cloudformation").create_stack

    _, text = refusal(create, StackName=aws.name(), TemplateBody=json.dumps(body))

    assert TOLD in text
    ssm.put_parameter(Name=name, Type="String", Value="21", Overwrite=True)
    created(aws, json.dumps(body))
    ssm.delete_parameter(Name=name)


@pytest.mark.parametrize(
    "rule",
    [
        {"Assert": {"Fn::GetAtt": ["Handle", "Arn"]}},
        {"Assert": {"Fn::Equals": ["only one"]}},
        {"Assert": {"Fn::Equals": [{"Ref": "Absent"}, "x"]}},
        {"Assert": "dev"},
    ],
    ids=json.dumps,
)
@pytest.mark.embedded
def test_a_rule_that_cannot_be_read_is_refused_as_such(aws: Target, rule: Any) -> None:
    create = aws.client("cloudformation").create_stack

    body = template(rule["Assert"])
    code, text = refusal(create, StackName=aws.name(), TemplateBody=body)

    assert code == "ValidationError"
    assert text.startswith("Template format error: Rules: ")
