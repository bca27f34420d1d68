"""Who am I, and what may I do: the first calls of every client."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.target import Target, refusal

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
    ],
}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


ALLOW = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::kept/*"}
DENY = {"Effect": "Deny", "Action": "s3:GetObjectAcl", "Resource": "*"}


@pytest.fixture(scope="module")
def role(aws: Target) -> Iterator[str]:
    iam, name = aws.client("iam"), aws.name()
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(ALLOW, DENY))
    yield made["Role"]["Arn"]
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)


def test_an_account_is_twelve_digits(aws: Target) -> None:
    assert len(aws.account) == 12
    assert aws.account.isdigit()


def test_a_caller_has_an_arn_in_its_account(aws: Target) -> None:
    who = aws.client("sts").get_caller_identity()

    assert f":{aws.account}:" in who["Arn"]


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("s3:GetObject", "arn:aws:s3:::kept/key", "allowed"),
        ("s3:GetObject", "arn:aws:s3:::other/key", "implicitDeny"),
        ("s3:PutObject", "arn:aws:s3:::kept/key", "implicitDeny"),
        ("s3:GetObjectAcl", "arn:aws:s3:::kept/key", "explicitDeny"),
    ],
)
def test_a_role_may_do_what_its_policies_say(
    aws: Target, role: str, action: str, resource: str, expected: str
) -> None:
    results = aws.client("iam").simulate_principal_policy(
        PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource]
    )["EvaluationResults"]

    assert [(each["EvalActionName"], each["EvalDecision"]) for each in results] == [
        (action, expected)
    ]


def test_a_role_that_does_not_exist_cannot_be_simulated(aws: Target) -> None:
    code, _ = refusal(
        aws.client("iam").simulate_principal_policy,
        PolicySourceArn=f"arn:aws:iam::{aws.account}:role/{aws.name()}",
        ActionNames=["s3:GetObject"],
    )

    assert code == "NoSuchEntity"


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ((ALLOW,), "allowed"),
        ((ALLOW, {**ALLOW, "Effect": "Deny"}), "explicitDeny"),
        ((DENY,), "implicitDeny"),
    ],
)
def test_a_policy_of_the_callers_own_is_simulated(
    aws: Target, statements: tuple[dict[str, Any], ...], expected: str
) -> None:
    result = aws.client("iam").simulate_custom_policy(
        PolicyInputList=[policy(*statements)],
        ActionNames=["s3:GetObject"],
        ResourceArns=["arn:aws:s3:::kept/key"],
    )["EvaluationResults"][0]

    assert result["EvalDecision"] == expected
