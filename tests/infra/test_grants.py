"""Every call a function can make is granted, every grant is a call, and no condition is in vain."""

import ast
import copy
import json
import re
from collections.abc import Iterable
from typing import Any

import pytest

from functions.routes import FUNCTIONS
from tests.infra.calls import Call, calls_of
from tests.infra.conftest import ROOT, Synthesized

Statement = dict[str, Any]

NOT_CALLED = {
    "logs:CreateLogStream": "Lambda itself writes a function's log, with the function's role",
    "logs:PutLogEvents": "Lambda itself writes a function's log, with the function's role",
    "sqs:GetQueueAttributes": "CDK grants it beside SendMessage",
    "sqs:GetQueueUrl": "CDK grants it beside SendMessage",
    "sqs:SendMessage": "Lambda itself sends what failed, with the function's role",
}
"""Granted to every function although no function calls it."""

NEEDS = {
    "sagemaker:CreateEndpoint": {"endpoint", "endpoint-config"},
    "sagemaker:CreateEndpointConfig": {"endpoint-config"},
    "sagemaker:CreateModel": {"model"},
    "sagemaker:CreateModelPackage": {"model-package", "model-package-group"},
    "sagemaker:CreateProcessingJob": {"processing-job"},
    "sagemaker:CreateTrainingJob": {"training-job"},
    "sagemaker:DeleteEndpoint": {"endpoint"},
    "sagemaker:DeleteEndpointConfig": {"endpoint-config"},
    "sagemaker:DescribeEndpoint": {"endpoint"},
    "sagemaker:DescribeEndpointConfig": {"endpoint-config"},
    "sagemaker:DescribeModelPackage": {"model-package"},
    "sagemaker:DescribeModelPackageGroup": {"model-package-group"},
    "sagemaker:DescribeProcessingJob": {"processing-job"},
    "sagemaker:DescribeTrainingJob": {"training-job"},
    "sagemaker:InvokeEndpoint": {"endpoint"},
    "sagemaker:ListEndpointConfigs": set(),
    "sagemaker:ListEndpoints": set(),
    "sagemaker:ListModelPackages": {"model-package"},
    "sagemaker:ListModels": set(),
    "sagemaker:ListProcessingJobs": set(),
    "sagemaker:ListTrainingJobs": set(),
    "sagemaker:StopProcessingJob": {"processing-job"},
    "sagemaker:StopTrainingJob": {"training-job"},
    "sagemaker:UpdateEndpoint": {"endpoint", "endpoint-config"},
    "sagemaker:UpdateEndpointWeightsAndCapacities": {"endpoint"},
    "sagemaker:UpdateModelPackage": {"model-package"},
}
"""The kinds of resource that a call is authorized on, by AWS's service authorization reference."""

REACHES = {
    "accept_drop": {
        ("dynamodb:GetItem", "table", ""),
        ("s3:GetObjectVersion", "data", "drops/*"),
        ("s3:ListBucketVersions", "data", "drops/*"),
        ("s3:PutObject", "artifacts", "datasets/*"),
    },
    "start_training": {
        ("dynamodb:GetItem", "table", ""),
        ("s3:GetObject", "artifacts", "code/*"),
        ("s3:ListBucket", "artifacts", "code/*"),
        ("s3:ListBucket", "data", "holdouts/*"),
    },
    "start_evaluation": {("dynamodb:GetItem", "table", "")},
    "gate_model": {
        ("dynamodb:GetItem", "table", ""),
        ("s3:GetObject", "artifacts", "runs/*"),
        ("s3:ListBucket", "artifacts", "runs/*"),
    },
    "start_rollout": {("dynamodb:GetItem", "table", "")},
    "step_rollout": {
        ("dynamodb:GetItem", "table", ""),
        ("s3:GetObject", "artifacts", "datasets/*"),
        ("s3:ListBucket", "artifacts", "datasets/*"),
    },
    "roll_back": {
        ("dynamodb:GetItem", "table", ""),
        ("s3:GetObject", "artifacts", "datasets/*"),
        ("s3:ListBucket", "artifacts", "datasets/*"),
    },
    "sweep": {
        ("dynamodb:GetItem", "table", ""),
        ("dynamodb:Query", "table", "index/open"),
        ("dynamodb:UpdateItem", "table", ""),
    },
}
"""Where in the buckets and the table each function reaches, beside putting its records."""

CARRIED_BY = {
    "cloudwatch:namespace": {"cloudwatch:PutMetricData"},
    "iam:PassedToService": {"iam:PassRole"},
    "s3:prefix": {"s3:ListBucket", "s3:ListBucketVersions"},
    "sagemaker:ModelApprovalStatus": {
        "sagemaker:CreateModelPackage",
        "sagemaker:UpdateModelPackage",
    },
    "sagemaker:NetworkIsolation": {
        "sagemaker:CreateModel",
        "sagemaker:CreateProcessingJob",
        "sagemaker:CreateTrainingJob",
    },
    "sagemaker:TaggingAction": {"sagemaker:AddTags"},
}
"""The calls that carry a condition's key, by the same reference; any other would be denied."""


def actions(call: Call) -> set[str]:
    """What IAM asks for when a call is made."""
    own = f"{call.service}:{''.join(word.title() for word in call.operation.split('_'))}"
    asked = {
        "dynamodb:TransactWriteItems": {"dynamodb:PutItem"},
        "s3:ListObjectVersions": {"s3:ListBucketVersions"},
        "s3:ListObjectsV2": {"s3:ListBucket"},
        "s3:GetObject": (
            {"s3:GetObjectVersion"}
            if "VersionId" in call.keywords
            else {"s3:GetObject", "s3:ListBucket"}  # else a missing object is 403, not 404
        ),
    }.get(own, {own})
    if {"RoleArn", "ExecutionRoleArn"} & call.keywords:
        asked = asked | {"iam:PassRole"}
    return asked | ({"sagemaker:AddTags"} if "Tags" in call.keywords else set())


def statements(stage: Synthesized, unit: str | None = None) -> list[Statement]:
    """Every statement of a function's role, or of all roles."""
    return [
        statement
        for policy in stage.of("AWS::IAM::Policy").values()
        if unit is None or {"Ref": _role(stage, unit)} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def _role(stage: Synthesized, unit: str) -> str:
    (role,) = [
        function["Role"]["Fn::GetAtt"][0]
        for function in stage.of("AWS::Lambda::Function").values()
        if function["Handler"] == f"functions.{unit}.handler.handle"
    ]
    return str(role)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed(within: Iterable[Statement]) -> set[str]:
    return {action for statement in within for action in listed(statement["Action"])}


def needed(unit: str) -> set[str]:
    return {action for call in calls_of(unit) for action in actions(call)}


def without(within: list[Statement], action: str) -> list[Statement]:
    """The statements as if an action had never been granted."""
    left = copy.deepcopy(within)
    for statement in left:
        statement["Action"] = [a for a in listed(statement["Action"]) if a != action]
    return left


def kinds(within: Iterable[Statement], action: str) -> set[str]:
    """The kinds of SageMaker's resources that an action is granted on."""
    return {
        kind
        for statement in within
        if action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        for kind in re.findall(r":([a-z-]+)/sluice-dev-\*", json.dumps(resource))
    }


def paths(within: Iterable[Statement], action: str) -> set[str]:
    """The prefixes of keys that an action on S3 is granted for."""
    granted = [s for s in within if action in listed(s["Action"])]
    if action.startswith("s3:List"):
        return {p for s in granted for p in listed(s["Condition"]["StringLike"]["s3:prefix"])}
    text = json.dumps([s["Resource"] for s in granted])
    return {found.removeprefix("/") for found in re.findall(r'"(/[a-z]+/\*)"', text)}


def reached(within: Iterable[Statement]) -> set[tuple[str, str, str]]:
    """Every action on buckets and the table: on which, and for which keys or index."""
    return {
        (action, _kept_in(where), _inside(where, statement))
        for statement in within
        for action in listed(statement["Action"])
        if action.startswith(("s3:", "dynamodb:"))
        for where in (json.dumps(resource) for resource in listed(statement["Resource"]))
    }


def _kept_in(where: str) -> str:
    names = {"StorageData": "data", "StorageArtifacts": "artifacts", "Ledger": "table"}
    (found,) = [kept for name, kept in names.items() if name in where]
    return found


def _inside(where: str, statement: Statement) -> str:
    prefixes = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", [])
    inside = re.findall(r'"/([a-z/]+(?:/\*)?)"', where)
    return ",".join(listed(prefixes) or inside)


def in_vain(within: Iterable[Statement]) -> list[str]:
    """Conditions on a key the call does not carry, or with a `*` that is taken for itself."""
    return [
        f"{action}: {operator} {key}"
        for statement in within
        for operator, tests in statement.get("Condition", {}).items()
        for key, values in tests.items()
        for action in listed(statement["Action"])
        if action not in CARRIED_BY.get(key, set())
        or ("*" in json.dumps(values) and not operator.endswith("Like"))
    ]


@pytest.mark.parametrize("unit", FUNCTIONS)
def test_every_call_a_function_can_make_is_allowed(dev: Synthesized, unit: str) -> None:
    assert needed(unit) - allowed(statements(dev, unit)) == set()


@pytest.mark.parametrize("unit", FUNCTIONS)
def test_every_allowed_action_is_a_call_of_the_function(dev: Synthesized, unit: str) -> None:
    assert allowed(statements(dev, unit)) - needed(unit) - {*NOT_CALLED} == set()


@pytest.mark.parametrize("unit", FUNCTIONS)
def test_an_action_that_is_no_longer_granted_is_missed(dev: Synthesized, unit: str) -> None:
    granted = statements(dev, unit)

    for action in needed(unit):
        assert needed(unit) - allowed(without(granted, action)) == {action}


@pytest.mark.parametrize("unit", FUNCTIONS)
def test_an_action_that_no_call_needs_is_noticed(dev: Synthesized, unit: str) -> None:
    planted = {"Action": "sagemaker:DeleteModelPackage", "Resource": "*"}

    found = allowed([*statements(dev, unit), planted]) - needed(unit)

    assert "sagemaker:DeleteModelPackage" in found


@pytest.mark.parametrize("unit", FUNCTIONS)
def test_calls_of_sagemaker_are_granted_on_every_kind_of_resource_they_touch(
    dev: Synthesized, unit: str
) -> None:
    granted = statements(dev, unit)

    for action in needed(unit):
        if action.startswith("sagemaker:") and action != "sagemaker:AddTags":
            assert kinds(granted, action) >= NEEDS[action], action


@pytest.mark.parametrize("unit", FUNCTIONS)
def test_where_a_function_may_read_it_may_see_that_nothing_is_there(
    dev: Synthesized, unit: str
) -> None:
    granted = statements(dev, unit)

    assert paths(granted, "s3:ListBucket") >= paths(granted, "s3:GetObject")


@pytest.mark.parametrize("unit", FUNCTIONS)
def test_a_function_reaches_these_keys_and_indexes_and_no_others(
    dev: Synthesized, unit: str
) -> None:
    everybodys = {("dynamodb:PutItem", "table", "")}

    assert reached(statements(dev, unit)) == REACHES[unit] | everybodys


def test_no_condition_asks_for_what_a_call_does_not_carry(dev: Synthesized) -> None:
    assert in_vain(statements(dev)) == []


@pytest.mark.parametrize(
    "planted",
    [
        {
            "Action": ["sagemaker:CreateTrainingJob", "sagemaker:AddTags"],
            "Condition": {"Bool": {"sagemaker:NetworkIsolation": "true"}},
        },
        {
            "Action": "cloudwatch:PutMetricData",
            "Condition": {"StringEquals": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
        },
        {"Action": "s3:GetObject", "Condition": {"StringLike": {"s3:prefix": "runs/*"}}},
    ],
)
def test_a_condition_in_vain_is_noticed(planted: Statement) -> None:
    assert len(in_vain([planted])) == 1


@pytest.mark.parametrize(
    ("unit", "call"),
    [("start_training", "CreateTrainingJob"), ("start_evaluation", "CreateProcessingJob")],
)
def test_a_job_is_tagged_only_as_it_is_made(dev: Synthesized, unit: str, call: str) -> None:
    (tagging,) = [s for s in statements(dev, unit) if "sagemaker:AddTags" in listed(s["Action"])]
    (making,) = [s for s in statements(dev, unit) if f"sagemaker:{call}" in listed(s["Action"])]

    assert tagging["Condition"] == {"StringEquals": {"sagemaker:TaggingAction": call}}
    assert tagging["Resource"] == making["Resource"]


def test_the_gate_may_set_any_approval_and_roll_back_may_only_reject(dev: Synthesized) -> None:
    changing = {
        unit: [s.get("Condition") for s in found]
        for unit in FUNCTIONS
        if (
            found := [
                s
                for s in statements(dev, unit)
                if "sagemaker:UpdateModelPackage" in listed(s["Action"])
            ]
        )
    }

    assert changing == {
        "gate_model": [None],
        "roll_back": [{"StringEquals": {"sagemaker:ModelApprovalStatus": "Rejected"}}],
    }


@pytest.mark.parametrize("unit", ["start_rollout", "roll_back"])
def test_an_endpoint_is_taken_away_only_under_the_stages_own_prefix(
    dev: Synthesized, unit: str
) -> None:
    assert kinds(statements(dev, unit), "sagemaker:DeleteEndpoint") == {"endpoint"}


def test_schedules_may_keep_what_the_bus_did_not_take(dev: Synthesized) -> None:
    (role,) = [name for name in dev.of("AWS::IAM::Role") if "ScheduleRole" in name]
    granted = [
        statement
        for policy in dev.of("AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]

    assert allowed(granted) == {"events:PutEvents", "sqs:SendMessage"}
    (keeping,) = [s for s in granted if s["Action"] == "sqs:SendMessage"]
    assert "Undelivered" in json.dumps(keeping["Resource"])


def test_a_transaction_of_the_ledger_is_made_of_puts_alone() -> None:
    source = ast.parse((ROOT / "functions" / "aws" / "ledger.py").read_text("utf-8"))
    written = {
        key.value
        for node in ast.walk(source)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }

    assert written & {"ConditionCheck", "Delete", "Put", "Update"} == {"Put"}
