"""Dynamic references: what a template names and others keep."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.conformance.target import Target, refusal


@pytest.fixture(scope="module")
def plain(aws: Target) -> Iterator[str]:
    """A parameter with two versions, `one` and `two`."""
    ssm, name = aws.client("ssm"), f"/{aws.name()}/plain"
    for value in ("one", "two"):
        ssm.put_parameter(Name=name, Type="String", Value=value, Overwrite=True)
    yield name
    ssm.delete_parameter(Name=name)


@pytest.fixture(scope="module")
def secret(aws: Target) -> Iterator[str]:
    """A secret in JSON, changed once."""
    manager, name = aws.client("secretsmanager"), aws.name()
    arn = manager.create_secret(Name=name, SecretString='{"user": "eve", "tries": 3}')["ARN"]
    manager.put_secret_value(SecretId=name, SecretString='{"user": "ada", "tries": 3}')
    yield arn
    manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def template(value: Any, **sections: Any) -> str:
    properties = {"Type": "String", "Value": value}
    resource = {"Type": "AWS::SSM::Parameter", "Properties": properties}
    outputs = {"Name": {"Value": {"Ref": "Told"}}}
    return json.dumps({"Resources": {"Told": resource}, "Outputs": outputs, **sections})


class Stack:
    """A stack of one parameter, and what its value has become."""

    def __init__(self, aws: Target, body: str) -> None:
        self.name, self._aws, self.formation = aws.name(), aws, aws.client("cloudformation")
        self.formation.create_stack(StackName=self.name, TemplateBody=body)
        waiter = self.formation.get_waiter("stack_create_complete")
        waiter.wait(StackName=self.name, WaiterConfig={"Delay": 1})

    def update(self, **request: Any) -> None:
        self.formation.update_stack(StackName=self.name, **request)
        waiter = self.formation.get_waiter("stack_update_complete")
        waiter.wait(StackName=self.name, WaiterConfig={"Delay": 1})

    @property
    def outputs(self) -> dict[str, str]:
        told = self.formation.describe_stacks(StackName=self.name)["Stacks"][0]["Outputs"]
        return {each["OutputKey"]: each["OutputValue"] for each in told}

    @property
    def value(self) -> str:
        found = self._aws.client("ssm").get_parameter(Name=self.outputs["Name"])
        return str(found["Parameter"]["Value"])

    def delete(self) -> None:
        self.formation.delete_stack(StackName=self.name)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("{{{{resolve:ssm:{0}}}}}", "two"),
        ("{{{{resolve:ssm:{0}:1}}}}", "one"),
        ("{{{{resolve:ssm:{0}:2}}}}", "two"),
        ("a {{{{resolve:ssm:{0}:1}}}} and a {{{{resolve:ssm:{0}:2}}}}", "a one and a two"),
    ],
)
def test_a_plain_parameter_is_read_in_the_version_said_or_the_latest(
    aws: Target, plain: str, value: str, told: str
) -> None:
    stack = Stack(aws, template(value.format(plain)))

    assert stack.value == told
    stack.delete()


def test_a_reference_that_is_put_together_is_read_too(aws: Target, plain: str) -> None:
    parts = ["{{resolve:ssm:", {"Fn::Sub": plain}, ":1}}"]

    stack = Stack(aws, template({"Fn::Join": ["", parts]}))

    assert stack.value == "one"
    stack.delete()


def test_a_new_version_is_a_change_of_the_stack(aws: Target) -> None:
    ssm, name = aws.client("ssm"), f"/{aws.name()}/changing"
    ssm.put_parameter(Name=name, Type="String", Value="one")
    stack = Stack(aws, template(f"{{{{resolve:ssm:{name}}}}}"))
    same = refusal(stack.formation.update_stack, StackName=stack.name, UsePreviousTemplate=True)

    ssm.put_parameter(Name=name, Type="String", Value="two", Overwrite=True)
    stack.update(UsePreviousTemplate=True)

    assert same == ("ValidationError", "No updates are to be performed.")
    assert stack.value == "two"
    stack.delete()
    ssm.delete_parameter(Name=name)


@pytest.mark.parametrize("change_set", [False, True], ids=["stack", "change set"])
def test_a_parameter_that_is_not_there_is_refused_at_once(aws: Target, change_set: bool) -> None:  # noqa: FBT001  # a parameter of the test
    formation, name = aws.client("cloudformation"), f"/{aws.name()}/absent"
    body = template(f"{{{{resolve:ssm:{name}:1}}}}")
    request = {"StackName": aws.name(), "TemplateBody": body}

    if change_set:
        names = {"ChangeSetName": "c", "ChangeSetType": "CREATE"}
        found = refusal(formation.create_change_set, **request, **names)
    else:
        found = refusal(formation.create_stack, **request)

    assert found == ("ValidationError", f"Parameters: [ssm:{name}:1] cannot be found.")


def test_a_secure_parameter_is_not_read_by_the_plain_pattern(aws: Target) -> None:
    ssm, name = aws.client("ssm"), aws.name()
    ssm.put_parameter(Name=name, Type="SecureString", Value="hidden")
    create = aws.client("cloudformation").create_stack

    body = template(f"{{{{resolve:ssm:{name}}}}}")
    code, text = refusal(create, StackName=aws.name(), TemplateBody=body)

    assert code == "ValidationError"
    assert text == f"Non-secure ssm prefix was used for secure parameter: [{name}]"
    ssm.delete_parameter(Name=name)


FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {"Environment": {"Variables": {"KEY": "{{resolve:ssm-secure:any:1}}"}}},
}
RULE = {
    "Type": "AWS::Events::Rule",
    "Properties": {"Targets": [{"Input": "{{resolve:ssm-secure:any:1}}"}]},
}
KEY = "AWS::Lambda::Function/Properties/Environment/Variables/KEY"


@pytest.mark.parametrize(
    ("resources", "places"),
    [
        ({"A": FUNCTION}, KEY),
        ({"A": FUNCTION, "B": FUNCTION}, f"{KEY},{KEY}"),
        ({"A": RULE}, "AWS::Events::Rule/Properties/Targets"),
    ],
)
def test_a_secure_parameter_is_refused_where_it_is_not_supported(
    aws: Target, resources: dict[str, Any], places: str
) -> None:
    create = aws.client("cloudformation").create_stack

    found = refusal(create, StackName=aws.name(), TemplateBody=json.dumps({"Resources": resources}))

    told = f"SSM Secure reference is not supported in: [{places}]"
    assert found == ("ValidationError", told)


@pytest.mark.parametrize(
    "written",
    ["{{resolve:ssm-secure:/name:}}", "{{resolve:ssm:/name:latest}}", "{{resolve:ssm:}}"],
)
def test_a_malformed_reference_is_refused(aws: Target, written: str) -> None:
    create = aws.client("cloudformation").create_stack

    found = refusal(create, StackName=aws.name(), TemplateBody=template(written))

    told = f"Incorrect format is used in the following SSM reference: [{written}]"
    assert found == ("ValidationError", told)


@pytest.mark.costs
@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{0}", '{{"user": "ada", "tries": 3}}'),
        ("{0}:SecretString", '{{"user": "ada", "tries": 3}}'),
        ("{0}:SecretString:user", "ada"),
        ("{0}:SecretString:tries", "3"),
        ("{0}:SecretString:user:AWSCURRENT", "ada"),
        ("{0}:SecretString:user:AWSPREVIOUS", "eve"),
        ("{0}:SecretString:user::", "ada"),
    ],
)
def test_a_secret_is_told_to_the_resource(
    aws: Target, secret: str, written: str, told: str
) -> None:
    reference = f"{{{{resolve:secretsmanager:{written.format(secret)}}}}}"

    stack = Stack(
        aws,
        template(
            reference,
            Outputs={
                "Name": {"Value": {"Ref": "Told"}},
                "Secret": {"Value": reference},
            },
        ),
    )

    assert stack.value == told.replace("{{", "{").replace("}}", "}")
    assert stack.outputs["Secret"] == reference
    stack.delete()


@pytest.mark.costs
def test_a_new_secret_alone_is_no_change(aws: Target) -> None:
    manager, name = aws.client("secretsmanager"), aws.name()
    manager.create_secret(Name=name, SecretString="one")
    stack = Stack(aws, template(f"{{{{resolve:secretsmanager:{name}}}}}"))
    manager.put_secret_value(SecretId=name, SecretString="two")

    same = refusal(stack.formation.update_stack, StackName=stack.name, UsePreviousTemplate=True)

    assert same == ("ValidationError", "No updates are to be performed.")
    assert stack.value == "one"
    stack.delete()
    manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.mark.costs
@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("absent-{0}", "Secrets Manager can't find the specified secret. (Service: AWSSecrets"),
        (
            "{0}:SecretString:other",
            "Could not find a value associated with JSONKey in SecretString",
        ),
    ],
)
def test_a_secret_that_is_not_there_fails_the_stack(
    aws: Target, secret: str, reference: str, told: str
) -> None:
    formation, name = aws.client("cloudformation"), aws.name()
    body = template(f"{{{{resolve:secretsmanager:{reference.format(secret.rpartition(':')[2])}}}}}")
    if reference.startswith("{0}"):
        body = template(f"{{{{resolve:secretsmanager:{reference.format(secret)}}}}}")

    formation.create_stack(StackName=name, TemplateBody=body)

    waiter = formation.get_waiter("stack_create_complete")
    with pytest.raises(WaiterError, match="ROLLBACK_COMPLETE"):
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1})
    events = formation.describe_stack_events(StackName=name)["StackEvents"]
    reasons = [each.get("ResourceStatusReason", "") for each in events]
    assert any(told in each for each in reasons)
    formation.delete_stack(StackName=name)
