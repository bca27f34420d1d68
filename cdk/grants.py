"""Everything each function may do, on one page; what is not here is denied."""

from collections.abc import Mapping
from dataclasses import dataclass

import aws_cdk as cdk_
import aws_cdk.aws_iam as iam

from cdk.functions import HandlerFunction
from cdk.ledger import LedgerTable
from cdk.messaging import Messaging
from cdk.roles import ExecutionRoles
from cdk.stages import Stage
from cdk.storage import Storage

Grants = Mapping[str, list[iam.PolicyStatement]]


@dataclass(frozen=True)
class Places:
    """ARNs that grants speak of."""

    stage: Stage
    stack: cdk_.Stack
    storage: Storage
    messaging: Messaging
    ledger: LedgerTable
    roles: ExecutionRoles

    def sagemaker(self, kind: str, name: str | None = None) -> str:
        return self._arn("sagemaker", f"{kind}/{name or f'{self.stage.prefix}-*'}")

    def data(self, path: str) -> str:
        return f"{self.storage.data.bucket_arn}/{path}"

    def artifacts(self, path: str) -> str:
        return f"{self.storage.artifacts.bucket_arn}/{path}"

    def schedules(self) -> str:
        return self._arn("scheduler", f"schedule/{self.stage.prefix}/*")

    def definitions(self) -> str:
        return self._arn("ssm", f"parameter/{self.stage.prefix.replace('-', '/', 1)}/models/*")

    def _arn(self, service: str, resource: str) -> str:
        s = self.stack
        return f"arn:{s.partition}:{service}:{s.region}:{s.account}:{resource}"


def grant_all(places: Places, handlers: Mapping[str, HandlerFunction]) -> None:
    """Give every function what the table says, and nothing more."""
    for unit, statements in _table(places).items():
        for statement in [*_everybody(places), *statements]:
            handlers[unit].role.add_to_policy(statement)


def _everybody(p: Places) -> list[iam.PolicyStatement]:
    table = p.ledger.table.table_arn
    return [
        _allow(["events:PutEvents"], p.messaging.bus.event_bus_arn),
        _allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:ConditionCheckItem"],
            table,
        ),
    ]


def _table(p: Places) -> Grants:
    return {
        "accept_drop": [
            _allow(["s3:ListBucketVersions"], p.storage.data.bucket_arn, **_prefix("drops/*")),
            _allow(["s3:GetObject", "s3:GetObjectVersion"], p.data("drops/*")),
            _allow(["s3:PutObject"], p.artifacts("datasets/*")),
            _allow(["ssm:GetParameter"], p.definitions()),
            *_scheduling(p),
        ],
        "start_training": [
            _allow(["ssm:GetParameter"], p.definitions()),
            _allow(["s3:GetObject"], p.artifacts("code/*")),
            _allow(
                ["sagemaker:CreateTrainingJob", "sagemaker:AddTags"],
                p.sagemaker("training-job"),
                Bool={"sagemaker:NetworkIsolation": "true"},
            ),
            _pass(p.roles.training),
        ],
        "start_evaluation": [
            _allow(["sagemaker:DescribeTrainingJob"], p.sagemaker("training-job")),
            _allow(
                ["sagemaker:CreateProcessingJob", "sagemaker:AddTags"],
                p.sagemaker("processing-job"),
                Bool={"sagemaker:NetworkIsolation": "true"},
            ),
            _pass(p.roles.evaluation),
        ],
        "gate_model": [
            _allow(["sagemaker:DescribeProcessingJob"], p.sagemaker("processing-job")),
            _allow(["s3:GetObject"], p.artifacts("runs/*")),
            *_reading_versions(p),
            _allow(
                ["sagemaker:CreateModelPackage"],
                p.sagemaker("model-package"),
                p.sagemaker("model-package-group"),
            ),
        ],
        "start_rollout": [
            *_reading_versions(p),
            _allow(
                ["sagemaker:CreateModel"],
                p.sagemaker("model"),
                Bool={"sagemaker:NetworkIsolation": "true"},
            ),
            _allow(["sagemaker:CreateEndpointConfig"], p.sagemaker("endpoint-config")),
            _allow(
                [
                    "sagemaker:CreateEndpoint",
                    "sagemaker:UpdateEndpoint",
                    "sagemaker:DescribeEndpoint",
                    "sagemaker:DeleteEndpoint",
                ],
                p.sagemaker("endpoint"),
                p.sagemaker("endpoint-config"),
            ),
            _pass(p.roles.serving),
        ],
        "step_rollout": [
            *_steering(p),
            _allow(["cloudwatch:GetMetricData"], "*"),
            *_scheduling(p),
        ],
        "roll_back": [
            *_steering(p),
            *_reading_versions(p),
            _allow(
                ["sagemaker:UpdateModelPackage"],
                p.sagemaker("model-package"),
                StringEquals={"sagemaker:ModelApprovalStatus": "Rejected"},
            ),
        ],
        "sweep": [
            _allow(["dynamodb:Query"], f"{p.ledger.table.table_arn}/index/open"),
        ],
    }


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
        _allow(["s3:GetObject"], p.artifacts("datasets/*")),
    ]


def _reading_versions(p: Places) -> list[iam.PolicyStatement]:
    return [
        _allow(
            [
                "sagemaker:DescribeModelPackage",
                "sagemaker:DescribeModelPackageGroup",
                "sagemaker:ListModelPackages",
            ],
            p.sagemaker("model-package"),
            p.sagemaker("model-package-group"),
        )
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
