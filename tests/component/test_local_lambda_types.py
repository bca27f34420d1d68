"""Lambda's types in CloudFormation: layers, versions, aliases and queues that are read."""

import json
import uuid
from typing import Any

import pytest

from tests.conformance.functions import package
from tests.fakes.embedded_aws import Core, core

ROLE = "arn:aws:iam::123456789012:role/any"
INLINE = "import shared\ndef handle(event, context): return shared.WORD\n"


@pytest.fixture(scope="module")
def aws() -> Core:
    return core()


def template(bucket: str) -> dict[str, Any]:
    function = {
        "Code": {"ZipFile": INLINE},
        "Handler": "index.handle",
        "Runtime": "python3.12",
        "Role": ROLE,
        "Layers": [{"Ref": "Layer"}],
    }
    return {
        "Resources": {
            "Layer": {
                "Type": "AWS::Lambda::LayerVersion",
                "Properties": {"Content": {"S3Bucket": bucket, "S3Key": "layer.zip"}},
            },
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            "One": {
                "Type": "AWS::Lambda::Version",
                "Properties": {"FunctionName": {"Ref": "Function"}, "Description": "first"},
            },
            "Alias": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {
                    "FunctionName": {"Ref": "Function"},
                    "Name": "live",
                    "FunctionVersion": {"Fn::GetAtt": ["One", "Version"]},
                },
            },
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Reads": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                    "FunctionName": {"Ref": "Function"},
                    "BatchSize": "5",
                },
            },
        },
        "Outputs": {
            "Function": {"Value": {"Ref": "Function"}},
            "Reads": {"Value": {"Ref": "Reads"}},
        },
    }


def test_a_stack_brings_layers_versions_aliases_and_mappings_and_takes_them_away(
    aws: Core,
) -> None:
    bucket, name = f"layers-{uuid.uuid4().hex[:8]}", f"Types-{uuid.uuid4().hex[:8]}"
    aws.client("s3").create_bucket(Bucket=bucket)
    content = package("WORD = 'shared'\n", "python/shared.py")
    aws.client("s3").put_object(Bucket=bucket, Key="layer.zip", Body=content)
    formation, functions = aws.client("cloudformation"), aws.client("lambda")

    formation.create_stack(StackName=name, TemplateBody=json.dumps(template(bucket)))
    stack = formation.describe_stacks(StackName=name)["Stacks"][0]
    made = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    answer = functions.invoke(FunctionName=made["Function"], Qualifier="live")
    mapping = functions.get_event_source_mapping(UUID=made["Reads"])
    formation.delete_stack(StackName=name)

    assert (stack["StackStatus"], json.loads(answer["Payload"].read())) == (
        "CREATE_COMPLETE",
        "shared",
    )
    assert (answer["ExecutedVersion"], mapping["BatchSize"]) == ("1", 5)
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_event_source_mapping(UUID=made["Reads"])
