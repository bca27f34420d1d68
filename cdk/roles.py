"""What jobs and endpoints may do: each purpose has a role of its own."""

import aws_cdk as cdk_
import aws_cdk.aws_iam as iam
from constructs import Construct

from cdk.stages import TRAINING_ACCOUNT, Stage
from cdk.storage import Storage

_READ = ["s3:GetObject", "s3:GetObjectVersion"]


class ExecutionRoles(Construct):
    """Roles that SageMaker takes on for training, evaluation and serving."""

    def __init__(self, scope: Construct, id_: str, *, stage: Stage, storage: Storage) -> None:
        super().__init__(scope, id_)
        self._stage = stage
        data, artifacts = storage.data.bucket_arn, storage.artifacts.bucket_arn
        code = [f"{artifacts}/code/*", f"{self._assets()}/*"]
        self.training = self._role("Training", "train", "TrainingJobs")
        self.training.add_to_policy(
            _allow(_READ, [f"{data}/drops/*", f"{artifacts}/datasets/*", *code])
        )
        self.training.add_to_policy(
            _allow(
                ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], [f"{artifacts}/runs/*"]
            )
        )
        self.evaluation = self._role("Evaluation", "evaluate", "ProcessingJobs")
        self.evaluation.add_to_policy(
            _allow(
                _READ,
                [
                    *(f"{data}/{folder}/*" for folder in ("holdouts", "drops")),
                    *(f"{artifacts}/{folder}/*" for folder in ("runs", "datasets")),
                    *code,
                ],
            )
        )
        self.evaluation.add_to_policy(
            _allow(["s3:PutObject", "s3:AbortMultipartUpload"], [f"{artifacts}/runs/*"])
        )
        self.serving = self._role("Serving", "serve", "Endpoints/*")
        self.serving.add_to_policy(_allow(_READ, [f"{artifacts}/runs/*"]))
        self.serving.add_to_policy(_allow(["cloudwatch:DescribeAlarms"], [self._alarms()]))
        for role in (self.training, self.evaluation, self.serving):
            role.add_to_policy(_allow(["s3:ListBucket"], [data, artifacts, self._assets()]))

    def _assets(self) -> str:
        """The bucket CDK puts a model's code into."""
        stack = cdk_.Stack.of(self)
        qualifier = cdk_.DefaultStackSynthesizer.DEFAULT_QUALIFIER
        name = f"cdk-{qualifier}-assets-{stack.account}-{stack.region}"
        return f"arn:{stack.partition}:s3:::{name}"

    def _alarms(self) -> str:
        """Those that SageMaker looks at while it deploys under guardrails."""
        stack = cdk_.Stack.of(self)
        where = f"cloudwatch:{stack.region}:{stack.account}"
        return f"arn:{stack.partition}:{where}:alarm:{self._stage.prefix}-*"

    def _role(self, id_: str, purpose: str, log_group: str) -> iam.Role:
        stack = cdk_.Stack.of(self)
        role = iam.Role(
            self,
            id_,
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            ),
            description=f"{self._stage.prefix}: what a container may do to {purpose}",
        )
        group = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:"
        role.add_to_policy(
            _allow(
                ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                [f"{group}/aws/sagemaker/{log_group}:*"],
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
            )
        )
        role.add_to_policy(_allow(["ecr:GetAuthorizationToken"], ["*"]))
        role.add_to_policy(
            _allow(
                [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ],
                [
                    f"arn:{stack.partition}:ecr:{stack.region}:{owner}:repository/{name}"
                    for owner, name in (
                        (TRAINING_ACCOUNT, "pytorch"),
                        (stack.account, "sluice-serving"),
                    )
                ],
            )
        )
        return role


def _allow(actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=actions, resources=resources)
