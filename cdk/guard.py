"""cdk-nag over the whole app, and what is acknowledged, each with a reason."""

from collections.abc import Iterable, Mapping

import aws_cdk as cdk_
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

from cdk.stack import SluiceStack
from cdk.stages import Stage

SHORTEST_REASON = 20
_PACK = "AwsSolutions::AwsSolutions-"
_OF_ACCOUNT = "<AWS::Region>:<AWS::AccountId>"

_RULES = {
    "L1": (
        "The runtime is the Python that synthesizes: only its own bytecode can be bundled"
        " unchecked, which halves a cold start (ADR 19)"
    ),
    "SQS3": "This queue is itself an end: what failed, or what a person is told, is sent to it",
}


class GuardError(RuntimeError):
    """An acknowledgement without a reason."""


def guard(app: cdk_.App, stack: SluiceStack, *, stage: Stage) -> None:
    """Have synth fail on any violation that is not acknowledged."""
    cdk_.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    acknowledge(stack, _RULES)
    acknowledge(stack, {f"IAM5[Resource::{k}]": v for k, v in wildcards(stage, stack)})
    for role, reason in without_resource(stack):
        acknowledge(role, {"IAM5[Resource::*]": reason})


def without_resource(stack: SluiceStack) -> Iterable[tuple[IConstruct, str]]:
    """The roles with a call that takes no resource, and which call that is."""
    roles = stack.roles
    for role in (roles.training, roles.evaluation, roles.serving):
        yield role, "PutMetricData (held to SageMaker's namespace) and ECR login take no resource"
    targets = "a scalable target's name is Application Auto Scaling's, and known to nobody before"
    yield stack.handlers["step_rollout"].role, f"GetMetricData takes no resource; {targets}"
    yield stack.handlers["start_rollout"].role, targets
    yield stack.handlers["roll_back"].role, targets
    yield stack.handlers["sweep"].role, "SageMaker's List calls only read, and take no resource"


def wildcards(stage: Stage, stack: SluiceStack) -> list[tuple[str, str]]:
    """Every wildcard in a resource's name and why it cannot be narrower."""
    named = "The name is made while running, always under this stage's own prefix"
    data, artifacts = (_logical(stack, b) for b in (stack.storage.data, stack.storage.artifacts))
    jobs = "SageMaker writes each job's log stream here; it names the stream itself"
    parameters = f"parameter/{stage.prefix.replace('-', '/', 1)}/models/*"
    return [
        *((f"<{data}.Arn>/{p}/*", "Every drop is a new key below") for p in ("drops", "holdouts")),
        *(
            (f"<{artifacts}.Arn>/{p}/*", "Every run makes new keys below this one prefix")
            for p in ("code", "datasets", "runs")
        ),
        ("arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>/*", named),
        *(
            (f"arn:<AWS::Partition>:logs:{_OF_ACCOUNT}:log-group:/aws/sagemaker/{group}:*", jobs)
            for group in ("TrainingJobs", "ProcessingJobs", "Endpoints/*")
        ),
        *(
            (f"arn:<AWS::Partition>:sagemaker:{_OF_ACCOUNT}:{kind}/{stage.prefix}-*", named)
            for kind in (
                "endpoint",
                "endpoint-config",
                "model",
                "model-package",
                "model-package-group",
                "processing-job",
                "training-job",
            )
        ),
        (f"arn:<AWS::Partition>:cloudwatch:{_OF_ACCOUNT}:alarm:{stage.prefix}-*", named),
        (f"arn:<AWS::Partition>:scheduler:{_OF_ACCOUNT}:schedule/{stage.prefix}/*", named),
        (f"arn:<AWS::Partition>:ssm:{_OF_ACCOUNT}:{parameters}", "One parameter for each model"),
    ]


def acknowledge(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge rules below `scope`; raises GuardError on an empty reason."""
    for rule, reason in reasons.items():
        if len(reason) < SHORTEST_REASON:
            raise GuardError(f"{rule}: a reason takes at least {SHORTEST_REASON} characters")
        said = cdk_.Acknowledgment(id=f"{_PACK}{rule}", reason=reason)
        cdk_.Validations.of(scope).acknowledge(said)


def _logical(stack: cdk_.Stack, bucket: IConstruct) -> str:
    element = bucket.node.default_child
    assert isinstance(element, cdk_.CfnElement)  # a Bucket is made of exactly one
    return str(stack.resolve(element.logical_id))
