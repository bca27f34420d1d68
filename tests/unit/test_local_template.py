"""What a template's intrinsic functions mean."""

import json
from typing import Any

import pytest

from local.cloudformation.plan import included
from local.cloudformation.template import Made, Scope, Template
from local.errors import AwsError

PSEUDO = {"AWS::Region": "us-east-1", "AWS::StackName": "Try", "AWS::Partition": "aws"}


def scope(**sections: Any) -> Scope:
    template = Template.parse(json.dumps({"Resources": {"Any": {"Type": "T"}}, **sections}))
    made = Scope(template, {"Stage": "dev"}, PSEUDO, lambda name: f"export of {name}")
    made.made["Queue"] = Made("http://queue", {"Arn": "arn:queue", "Size": 3}, ref="queue-url")
    return made


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "Queue"}, "queue-url"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:queue"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:queue"),
        ({"Fn::Sub": "${Stage}-${Queue.Arn}-${!kept}"}, "dev-arn:queue-${kept}"),
        ({"Fn::Sub": ["${x}/${Stage}", {"x": {"Ref": "Queue"}}]}, "queue-url/dev"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, 3, True]]}, "a-dev-3-true"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::If": ["IsDev", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Not", "yes", "no"]}, "no"),
        ({"Fn::ImportValue": "bus"}, "export of bus"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "count"]}, 2),
        ({"Fn::Base64": "hi"}, "aGk="),
        ({"Fn::ToJsonString": {"a": {"Ref": "Stage"}}}, '{"a": "dev"}'),
        ([1, {"Ref": "AWS::NoValue"}, 2], [1, 2]),
        ({"a": {"Ref": "AWS::NoValue"}, "b": 1}, {"b": 1}),
        ({"Condition": {"Bool": {"x": "false"}}}, {"Condition": {"Bool": {"x": "false"}}}),
    ],
)
def test_functions_resolve(node: Any, value: Any) -> None:
    conditions = {
        "IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
        "Not": {"Fn::And": [{"Condition": "IsDev"}, {"Fn::Not": [{"Condition": "IsDev"}]}]},
    }
    here = scope(Conditions=conditions, Mappings={"Sizes": {"dev": {"count": 2}}})

    assert here.resolve(node) == value


def test_an_unknown_attribute_names_the_known_ones() -> None:
    with pytest.raises(AwsError, match="Queue has no attribute Url \\(known: Arn, Size\\)"):
        scope().resolve({"Fn::GetAtt": ["Queue", "Url"]})


def test_resources_come_after_what_they_refer_to() -> None:
    resources = {
        "Rule": {"Type": "T", "Properties": {"Target": {"Fn::GetAtt": ["Function", "Arn"]}}},
        "Function": {"Type": "T", "Properties": {"Role": {"Fn::Sub": "${Role.Arn}"}}},
        "Role": {"Type": "T", "DependsOn": "Key"},
        "Key": {"Type": "T"},
    }
    here = scope(Resources=resources)

    order = included(here.template, here)

    assert order == ["Key", "Role", "Function", "Rule"]


def test_a_circle_is_refused_by_its_names() -> None:
    resources = {
        "A": {"Type": "T", "Properties": {"X": {"Ref": "B"}}},
        "B": {"Type": "T", "Properties": {"X": {"Ref": "A"}}},
    }
    here = scope(Resources=resources)

    with pytest.raises(AwsError, match="Circular dependency between resources"):
        included(here.template, here)


def test_yaml_short_tags_mean_the_same() -> None:
    body = """
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub "${AWS::StackName}-q"
      Tags: [!Ref Stage, !GetAtt Other.Arn, !If [Is, a, b]]
      Version: 2012-10-17
"""

    template = Template.parse(body)

    assert template.resources["Queue"]["Properties"] == {
        "QueueName": {"Fn::Sub": "${AWS::StackName}-q"},
        "Tags": [{"Ref": "Stage"}, {"Fn::GetAtt": "Other.Arn"}, {"Fn::If": ["Is", "a", "b"]}],
        "Version": "2012-10-17",
    }
