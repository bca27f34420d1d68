"""Everything each function may do, on one page; what is not here is denied."""

from collections.abc import Mapping

import aws_cdk.aws_iam as iam

from cdk.functions import HandlerFunction
from cdk.places import Places

Grants = Mapping[str, list[iam.PolicyStatement]]


def grant_all(places: Places, handlers: Mapping[str, HandlerFunction]) -> None:
    """Give every function what the table says, and nothing more."""
    for unit, statements in _table(places).items():
        for statement in [*_everybody(places), *statements]:
            handlers[unit].role.add_to_policy(statement)


def _everybody(p: Places) -> list[iam.PolicyStatement]:
    return [
        _allow(["events:PutEvents"], p.messaging.bus.event_bus_arn),
        _allow(["dynamodb:PutItem"], p.ledger.table.table_arn),
    ]


def _table(p: Places) -> Grants:
    return {
        "accept_drop": [
            _looking_up(p),
            _allow(["s3:ListBucketVersions"], p.storage.data.bucket_arn, **_prefix("drops/*")),
            _allow(["s3:GetObjectVersion"], p.data("drops/*")),
            _allow(["s3:PutObject"], p.artifacts("datasets/*")),
            _allow(["ssm:GetParameter"], p.definitions()),
            *_scheduling(p),
        ],
        "start_training": [
            _looking_up(p),
            _allow(["ssm:GetParameter"], p.definitions()),
            *_reading(p, "code/*"),
            _allow(["s3:ListBucket"], p.storage.data.bucket_arn, **_prefix("holdouts/*")),
            *_starting(p, "CreateTrainingJob", "training-job"),
            _pass(p.roles.training),
        ],
        "start_evaluation": [
            _looking_up(p),
            _allow(["sagemaker:DescribeTrainingJob"], p.sagemaker("training-job")),
            *_starting(p, "CreateProcessingJob", "processing-job"),
            _pass(p.roles.evaluation),
        ],
        "gate_model": [
            _looking_up(p),
            _allow(["sagemaker:DescribeProcessingJob"], p.sagemaker("processing-job")),
            *_reading(p, "runs/*"),
            *_reading_versions(p),
            _allow(
                ["sagemaker:CreateModelPackage", "sagemaker:ListModelPackages"],
                p.sagemaker("model-package"),
                p.sagemaker("model-package-group"),
            ),
            _allow(["sagemaker:UpdateModelPackage"], p.sagemaker("model-package")),
        ],
        "start_rollout": [
            _looking_up(p),
            *_reading_versions(p),
            _allow(
                ["sagemaker:CreateModel"],
                p.sagemaker("model"),
                Bool={"sagemaker:NetworkIsolation": "true"},
            ),
            _allow(["sagemaker:CreateEndpointConfig"], p.sagemaker("endpoint-config")),
            _allow(
                ["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"],
                p.sagemaker("endpoint"),
                p.sagemaker("endpoint-config"),
            ),
            _allow(
                ["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"], p.sagemaker("endpoint")
            ),
            _allow(["cloudwatch:DescribeAlarms"], p.alarms()),
            _unscaling(),
            _pass(p.roles.serving),
        ],
        "step_rollout": [
            _looking_up(p),
            *_steering(p),
            *_reading_versions(p),
            _allow(["cloudwatch:GetMetricData"], "*"),
            _scaling(),
            *_scheduling(p),
        ],
        "roll_back": [
            _looking_up(p),
            *_steering(p),
            _allow(
                ["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"],
                p.sagemaker("endpoint"),
                p.sagemaker("endpoint-config"),
            ),
            _allow(["sagemaker:DeleteEndpoint"], p.sagemaker("endpoint")),
            _scaling(),
            _unscaling(),
            *_reading_versions(p),
            _allow(
                ["sagemaker:UpdateModelPackage"],
                p.sagemaker("model-package"),
                StringEquals={"sagemaker:ModelApprovalStatus": "Rejected"},
            ),
        ],
        "sweep": [
            _allow(["dynamodb:Query"], f"{p.ledger.table.table_arn}/index/open"),
            _allow(["dynamodb:UpdateItem"], p.ledger.table.table_arn),
            _looking_up(p),
            *_inspecting(p),
        ],
    }


def _looking_up(p: Places) -> iam.PolicyStatement:
    return _allow(["dynamodb:GetItem"], p.ledger.table.table_arn)


def _reading(p: Places, path: str) -> list[iam.PolicyStatement]:
    """Objects that may be missing: without the right to list, S3 answers 403 instead of 404."""
    return [
        _allow(["s3:GetObject"], p.artifacts(path)),
        _allow(["s3:ListBucket"], p.storage.artifacts.bucket_arn, **_prefix(path)),
    ]


def _starting(p: Places, action: str, kind: str) -> list[iam.PolicyStatement]:
    """A job, cut off from the network, and its tags: they are a call of their own to IAM."""
    return [
        _allow(
            [f"sagemaker:{action}"],
            p.sagemaker(kind),
            Bool={"sagemaker:NetworkIsolation": "true"},
        ),
        _allow(
            ["sagemaker:AddTags"],
            p.sagemaker(kind),
            StringEquals={"sagemaker:TaggingAction": action},
        ),
    ]


def _steering(p: Places) -> list[iam.PolicyStatement]:
    return [
        _allow(
            [
                "sagemaker:DescribeEndpoint",
                "sagemaker:UpdateEndpointWeightsAndCapacities",
                "sagemaker:InvokeEndpoint",
            ],
            p.sagemaker("endpoint"),
        ),
        _allow(["sagemaker:CreateEndpointConfig"], p.sagemaker("endpoint-config")),
        *_reading(p, "datasets/*"),
    ]


def _scaling() -> iam.PolicyStatement:
    """A scalable target has a name of its own that nobody knows before."""
    return _allow(
        [
            "application-autoscaling:RegisterScalableTarget",
            "application-autoscaling:PutScalingPolicy",
        ],
        "*",
    )


def _unscaling() -> iam.PolicyStatement:
    return _allow(
        [
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:DeregisterScalableTarget",
        ],
        "*",
    )


def _inspecting(p: Places) -> list[iam.PolicyStatement]:
    """Lists of everything are read, and cannot be narrowed; only two kinds are taken away."""
    lists = ("TrainingJobs", "ProcessingJobs", "Endpoints", "EndpointConfigs", "Models")
    return [
        _allow([f"sagemaker:List{each}" for each in lists], "*"),
        _allow(["sagemaker:DescribeEndpoint"], p.sagemaker("endpoint")),
        _allow(
            ["sagemaker:DescribeEndpointConfig", "sagemaker:DeleteEndpointConfig"],
            p.sagemaker("endpoint-config"),
        ),
        _allow(["sagemaker:StopTrainingJob"], p.sagemaker("training-job")),
        _allow(["sagemaker:StopProcessingJob"], p.sagemaker("processing-job")),
    ]


def _reading_versions(p: Places) -> list[iam.PolicyStatement]:
    return [
        _allow(["sagemaker:DescribeModelPackage"], p.sagemaker("model-package")),
        _allow(["sagemaker:DescribeModelPackageGroup"], p.sagemaker("model-package-group")),
    ]


def _scheduling(p: Places) -> list[iam.PolicyStatement]:
    role = p.messaging.schedule_role
    return [
        _allow(["scheduler:CreateSchedule"], p.schedules()),
        _allow(
            ["iam:PassRole"],
            role.role_arn,
            StringEquals={"iam:PassedToService": "scheduler.amazonaws.com"},
        ),
    ]


def _pass(role: iam.IRole) -> iam.PolicyStatement:
    return _allow(
        ["iam:PassRole"],
        role.role_arn,
        StringEquals={"iam:PassedToService": "sagemaker.amazonaws.com"},
    )


def _prefix(path: str) -> dict[str, dict[str, str]]:
    return {"StringLike": {"s3:prefix": path}}


def _allow(
    actions: list[str], *resources: str, **conditions: dict[str, str]
) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=actions, resources=list(resources), conditions=conditions)
