"""CloudFormation in the embedded AWS: templates through boto3, as the CDK sends them."""

import json
import uuid
from typing import Any

import pytest

from local.errors import AwsError
from tests.fakes.embedded_aws import Core, core

INLINE = "def handle(event, context):\n    return {answer!r}\n"


@pytest.fixture(scope="module")
def aws() -> Core:
    return core()


@pytest.fixture
def name() -> str:
    return f"Stack-{uuid.uuid4().hex[:8]}"


def deploy(aws: Core, name: str, template: dict[str, Any], **request: Any) -> dict[str, Any]:
    """Create or update and give back the stack as described."""
    formation = aws.client("cloudformation")
    body = json.dumps(template)
    exists = any(s["StackName"] == name for s in formation.describe_stacks()["Stacks"])
    operation = formation.update_stack if exists else formation.create_stack
    stack = operation(StackName=name, TemplateBody=body, **request)["StackId"]
    described: dict[str, Any] = formation.describe_stacks(StackName=stack)["Stacks"][0]
    return described


def delete(aws: Core, name: str) -> str:
    formation = aws.client("cloudformation")
    stack = formation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    formation.delete_stack(StackName=name)
    return str(formation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def function_with(answer: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"ZipFile": INLINE.format(answer=answer)},
            "Handler": "index.handle",
            "Runtime": "python3.13",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Timeout": 20,
            "Environment": {"Variables": {"TABLE": {"Ref": "Table"}}},
        },
    }


def whole_template(prefix: str, answer: str = "one") -> dict[str, Any]:
    """One resource of every type that a data-driven stack uses."""
    arn = {"Fn::GetAtt": ["Function", "Arn"]}
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    trust = {
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "lambda.amazonaws.com"},
            }
        ]
    }
    return {
        "Conditions": {"Never": {"Fn::Equals": [{"Ref": "AWS::Region"}, "nowhere"]}},
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": trust},
            },
            "Policy": {
                "Type": "AWS::IAM::Policy",
                "Properties": {
                    "PolicyName": "send",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
                    "Roles": [{"Ref": "Role"}],
                },
            },
            "Boundary": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}
                },
            },
            "Key": {
                "Type": "AWS::KMS::Key",
                "Properties": {"EnableKeyRotation": True},
            },
            "KeyAlias": {
                "Type": "AWS::KMS::Alias",
                "Properties": {
                    "AliasName": f"alias/{prefix}",
                    "TargetKeyId": {"Fn::GetAtt": ["Key", "Arn"]},
                },
            },
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "VersioningConfiguration": {"Status": "Enabled"},
                    "NotificationConfiguration": {
                        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
                    },
                    "BucketEncryption": {
                        "ServerSideEncryptionConfiguration": [
                            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                        ]
                    },
                    "LifecycleConfiguration": {
                        "Rules": [
                            {
                                "Status": "Enabled",
                                "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                            }
                        ]
                    },
                    "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
                    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                    "LoggingConfiguration": {"DestinationBucketName": {"Ref": "LogBucket"}},
                },
            },
            "LogBucket": {"Type": "AWS::S3::Bucket"},
            "LogPolicy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": {"Ref": "LogBucket"},
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Principal": {"Service": "logging.s3.amazonaws.com"},
                                "Action": "s3:PutObject",
                                "Resource": {"Fn::Sub": "${LogBucket.Arn}/*"},
                            }
                        ],
                    },
                },
            },
            "BucketPolicy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": {"Ref": "Bucket"},
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Deny",
                                "Principal": "*",
                                "Action": "s3:*",
                                "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
                                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                            }
                        ],
                    },
                },
            },
            "Table": {
                "Type": "AWS::DynamoDB::GlobalTable",
                "Properties": {
                    "AttributeDefinitions": [
                        {"AttributeName": "pk", "AttributeType": "S"},
                        {"AttributeName": "model", "AttributeType": "S"},
                    ],
                    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                    "BillingMode": "PAY_PER_REQUEST",
                    "GlobalSecondaryIndexes": [
                        {
                            "IndexName": "by-model",
                            "KeySchema": [{"AttributeName": "model", "KeyType": "HASH"}],
                            "Projection": {"ProjectionType": "ALL"},
                        }
                    ],
                    "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
                    "Replicas": [
                        {
                            "Region": "us-east-1",
                            "PointInTimeRecoverySpecification": {
                                "PointInTimeRecoveryEnabled": True
                            },
                        }
                    ],
                },
            },
            "Queue": {
                "Type": "AWS::SQS::Queue",
                "Properties": {"MessageRetentionPeriod": 1209600},
            },
            "QueuePolicy": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {
                    "Queues": [{"Ref": "Queue"}],
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [{**statement, "Principal": "*"}],
                    },
                },
            },
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Parameter": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Name": f"/{prefix}/x", "Type": "String", "Value": "1"},
            },
            "LogGroup": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"RetentionInDays": 30},
            },
            "Function": function_with(answer),
            "Invoking": {
                "Type": "AWS::Lambda::EventInvokeConfig",
                "Properties": {
                    "FunctionName": {"Ref": "Function"},
                    "Qualifier": "$LATEST",
                    "MaximumRetryAttempts": 1,
                    "DestinationConfig": {
                        "OnFailure": {"Destination": {"Fn::GetAtt": ["Queue", "Arn"]}}
                    },
                },
            },
            "Permission": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": arn,
                    "Principal": "events.amazonaws.com",
                    "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]},
                },
            },
            "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": prefix}},
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventBusName": {"Ref": "Bus"},
                    "EventPattern": {"source": [prefix]},
                    "Targets": [{"Id": "Target0", "Arn": arn}],
                },
            },
            "Group": {
                "Type": "AWS::Scheduler::ScheduleGroup",
                "Properties": {"Name": prefix},
            },
            "Alarm": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {
                    "MetricName": "Errors",
                    "Namespace": "AWS/Lambda",
                    "Statistic": "Sum",
                    "Period": 60,
                    "EvaluationPeriods": 1,
                    "Threshold": 1,
                    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                    "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": "Function"}}],
                },
            },
            "Dashboard": {
                "Type": "AWS::CloudWatch::Dashboard",
                "Properties": {
                    "DashboardName": prefix,
                    "DashboardBody": {
                        "Fn::Join": ["", ['{"widgets":[],"x":"', {"Ref": "AWS::Region"}, '"}']]
                    },
                },
            },
            "Packages": {
                "Type": "AWS::SageMaker::ModelPackageGroup",
                "Properties": {"ModelPackageGroupName": f"{prefix}-digits"},
            },
            "Metadata": {"Type": "AWS::CDK::Metadata", "Condition": "Never"},
        },
        "Outputs": {
            "DataBucket": {"Value": {"Ref": "Bucket"}},
            "FunctionName": {"Value": {"Ref": "Function"}},
            "QueueUrl": {"Value": {"Ref": "Queue"}},
            "BusName": {"Value": {"Ref": "Bus"}, "Export": {"Name": f"{prefix}-bus"}},
        },
    }


def test_every_type_of_a_data_driven_stack_deploys_and_goes(aws: Core, name: str) -> None:
    stack = deploy(aws, name, whole_template(name.lower()))
    told = outputs(stack)

    invoked = aws.client("lambda").invoke(FunctionName=told["FunctionName"])
    bus_calls = dict(aws.bus.calls[-3:])
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    assert told["BusName"] == name.lower()
    assert json.loads(invoked["Payload"].read()) == "one"
    assert json.loads(bus_calls["PutRule"]["EventPattern"]) == {"source": [name.lower()]}
    assert bus_calls["PutTargets"]["Targets"][0]["Arn"].endswith(told["FunctionName"])
    assert delete(aws, name) == "DELETE_COMPLETE"
    with pytest.raises(aws.client("s3").exceptions.ClientError):
        aws.client("s3").head_bucket(Bucket=told["DataBucket"])


def test_changed_code_reaches_the_function_and_keeps_its_name(aws: Core, name: str) -> None:
    before = outputs(deploy(aws, name, whole_template(name.lower())))

    updated = deploy(aws, name, whole_template(name.lower(), answer="two"))

    invoked = aws.client("lambda").invoke(FunctionName=before["FunctionName"])
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    assert outputs(updated) == before
    assert json.loads(invoked["Payload"].read()) == "two"
    assert delete(aws, name) == "DELETE_COMPLETE"


def test_what_left_the_template_leaves_the_account(aws: Core, name: str) -> None:
    two = {
        "Resources": {
            "Kept": {"Type": "AWS::SQS::Queue"},
            "Dropped": {"Type": "AWS::SQS::Queue"},
        },
        "Outputs": {"Url": {"Value": {"Ref": "Dropped"}}},
    }
    url = outputs(deploy(aws, name, two))["Url"]

    stack = deploy(aws, name, {"Resources": {"Kept": {"Type": "AWS::SQS::Queue"}}})

    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    with pytest.raises(aws.client("sqs").exceptions.QueueDoesNotExist):
        aws.client("sqs").get_queue_attributes(QueueUrl=url)


def test_a_retained_resource_stays(aws: Core, name: str) -> None:
    queue = {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain"}
    template = {"Resources": {"Queue": queue}, "Outputs": {"Url": {"Value": {"Ref": "Queue"}}}}
    url = outputs(deploy(aws, name, template))["Url"]

    assert delete(aws, name) == "DELETE_COMPLETE"
    assert aws.client("sqs").get_queue_attributes(QueueUrl=url)


def test_an_unknown_type_is_refused_with_its_name(aws: Core, name: str) -> None:
    template = {"Resources": {"Strange": {"Type": "AWS::Braket::Computer"}}}

    with pytest.raises(
        aws.client("cloudformation").exceptions.ClientError, match="AWS::Braket::Computer"
    ):
        deploy(aws, name, template)


def test_a_failing_resource_rolls_the_stack_back_and_says_why(aws: Core, name: str) -> None:
    template = {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}},
            "Function": {
                "Type": "AWS::Lambda::Function",
                "DependsOn": "Queue",
                "Properties": {
                    "Runtime": "nodejs22.x",
                    "Handler": "index.handler",
                    "Role": "arn:aws:iam::123456789012:role/any",
                    "Code": {"ZipFile": "x"},
                },
            },
        }
    }

    stack = deploy(aws, name, template)

    formation = aws.client("cloudformation")
    events = formation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [each for each in events if each["ResourceStatus"] == "CREATE_FAILED"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert failed[0]["LogicalResourceId"] == "Function"
    assert "nodejs22.x" in failed[0]["ResourceStatusReason"]
    with pytest.raises(aws.client("sqs").exceptions.QueueDoesNotExist):
        aws.client("sqs").get_queue_url(QueueName=name)


def test_a_failed_update_restores_what_was(aws: Core, name: str) -> None:
    def template(value: str, rule: str) -> dict[str, Any]:
        parameter = {"Name": f"/{name}/value", "Type": "String", "Value": value}
        return {
            "Resources": {
                "Parameter": {"Type": "AWS::SSM::Parameter", "Properties": parameter},
                "Rule": {
                    "Type": "AWS::Events::Rule",
                    "DependsOn": "Parameter",
                    "Properties": {"Name": name, "EventPattern": {"source": [rule]}},
                },
            }
        }

    deploy(aws, name, template("old", "a"))
    aws.bus.refused["PutRule"] = AwsError("ValidationException", "no such pattern")
    try:
        stack = deploy(aws, name, template("new", "b"))
    finally:
        aws.bus.refused.clear()

    value = aws.client("ssm").get_parameter(Name=f"/{name}/value")["Parameter"]["Value"]
    assert stack["StackStatus"].startswith("UPDATE_ROLLBACK")
    assert value == "old"


def test_the_same_template_again_is_no_update(aws: Core, name: str) -> None:
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    deploy(aws, name, template)

    with pytest.raises(
        aws.client("cloudformation").exceptions.ClientError, match="No updates are to be performed"
    ):
        deploy(aws, name, template)


def test_a_changed_immutable_property_replaces_the_resource(aws: Core, name: str) -> None:
    def template(queue: str) -> dict[str, Any]:
        return {
            "Resources": {
                "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": queue}},
                "Parameter": {
                    "Type": "AWS::SSM::Parameter",
                    "Properties": {"Type": "String", "Value": {"Fn::GetAtt": ["Queue", "Arn"]}},
                },
            },
            "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Parameter", "Value"]}}},
        }

    deploy(aws, name, template(f"{name}-a"))
    stack = deploy(aws, name, template(f"{name}-b"))

    assert outputs(stack)["Name"] == aws.account.arn("sqs", f"{name}-b")
    with pytest.raises(aws.client("sqs").exceptions.QueueDoesNotExist):
        aws.client("sqs").get_queue_url(QueueName=f"{name}-a")


def test_an_export_is_imported_and_then_protects_its_stack(aws: Core, name: str) -> None:
    exporting = {
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {
            "Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": f"{name}-arn"}}
        },
    }
    importing = {
        "Resources": {
            "Parameter": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Value": {"Fn::ImportValue": f"{name}-arn"}},
            }
        }
    }
    deploy(aws, name, exporting)
    user = deploy(aws, f"{name}-user", importing)

    assert user["StackStatus"] == "CREATE_COMPLETE"
    with pytest.raises(aws.client("cloudformation").exceptions.ClientError, match="in use by"):
        delete(aws, name)


def test_a_change_set_waits_for_its_execution(aws: Core, name: str) -> None:
    formation = aws.client("cloudformation")
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    formation.create_change_set(
        StackName=name,
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(template),
    )

    described = formation.describe_change_set(StackName=name, ChangeSetName="first")
    waiting = formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    formation.execute_change_set(StackName=name, ChangeSetName="first")

    done = formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    assert described["Changes"][0]["ResourceChange"]["Action"] == "Add"
    assert (waiting, done) == ("REVIEW_IN_PROGRESS", "CREATE_COMPLETE")


def test_a_template_url_works_for_every_way_to_name_a_bucket(aws: Core, name: str) -> None:
    bucket = f"templates-{name.lower()}"
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    s3.put_object(Bucket=bucket, Key="a/b.json", Body=json.dumps(template))
    port = aws.http.port
    formation = aws.client("cloudformation")

    for url in (
        f"http://127.0.0.1:{port}/{bucket}/a/b.json",
        f"http://localhost:{port}/{bucket}/a/b.json",
        f"https://s3.us-east-1.amazonaws.com/{bucket}/a/b.json",
        f"https://{bucket}.s3.us-east-1.amazonaws.com/a/b.json",
    ):
        summary = formation.get_template_summary(TemplateURL=url)
        assert summary["ResourceTypes"] == ["AWS::SQS::Queue"]


def test_a_parameter_may_name_an_ssm_parameter(aws: Core, name: str) -> None:
    aws.client("ssm").put_parameter(Name=f"/{name}/version", Type="String", Value="31")
    template = {
        "Parameters": {
            "Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": f"/{name}/version"}
        },
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"Version": {"Value": {"Fn::Sub": "v${Version}"}}},
    }

    assert outputs(deploy(aws, name, template)) == {"Version": "v31"}


def test_a_model_package_group_brings_its_policy(aws: Core, name: str) -> None:
    policy = {"Version": "2012-10-17", "Statement": []}
    properties = {"ModelPackageGroupName": name, "ModelPackageGroupPolicy": policy}
    group = {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": properties}

    stack = deploy(aws, name, {"Resources": {"Group": group}})

    told = aws.client("sagemaker").get_model_package_group_policy(ModelPackageGroupName=name)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    assert json.loads(told["ResourcePolicy"]) == policy
    assert delete(aws, name) == "DELETE_COMPLETE"


def test_a_recorded_service_refuses_what_the_service_does_not_know(aws: Core) -> None:
    with pytest.raises(AwsError, match="PutNothing"):
        aws.sagemaker.handle("PutNothing", {})
