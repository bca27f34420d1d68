"""Each function is one Lambda with its own role, log group and queue for what it failed on."""

import aws_cdk as cdk_
import aws_cdk.aws_iam as iam
import aws_cdk.aws_lambda as lambda_
import aws_cdk.aws_lambda_destinations as destinations
import aws_cdk.aws_logs as logs
import aws_cdk.aws_sqs as sqs
from constructs import Construct

from cdk.bundling import architecture, runtime
from cdk.messaging import KEPT
from cdk.stages import Stage
from functions.settings import Settings

_MEMORY = 512
_TIMEOUT = cdk_.Duration.seconds(60)
_LARGE_MEMORY = 1769
"""MiB; the size at which Lambda gives a whole core."""
_LARGE_TIMEOUT = cdk_.Duration.minutes(5)
_LARGE_SCRATCH = cdk_.Size.gibibytes(4)
_RETRIES = 2


class HandlerFunction(Construct):
    """One unit of `functions/` on Lambda; a `large` one reads data."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        unit: str,
        stage: Stage,
        code: lambda_.Code,
        settings: Settings,
        large: bool = False,
    ) -> None:
        super().__init__(scope, id_)
        name = f"{stage.prefix}-{unit.replace('_', '-')}"
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/lambda/{name}",
            retention=stage.log_retention,
            removal_policy=cdk_.RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What {name} may do",
        )
        log_group.grant_write(self.role)
        self.failed = sqs.Queue(
            self,
            "Failed",
            retention_period=KEPT,
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
        )
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            runtime=runtime(),
            architecture=architecture(),
            code=code,
            handler=f"functions.{unit}.handler.handle",
            role=self.role,
            environment={
                **settings.environment(),
                "POWERTOOLS_SERVICE_NAME": unit,
                "POWERTOOLS_METRICS_NAMESPACE": "Sluice",
                "POWERTOOLS_LOG_LEVEL": stage.log_level,
            },
            memory_size=_LARGE_MEMORY if large else _MEMORY,
            ephemeral_storage_size=_LARGE_SCRATCH if large else None,
            timeout=_LARGE_TIMEOUT if large else _TIMEOUT,
            retry_attempts=_RETRIES,
            on_failure=destinations.SqsDestination(self.failed),
            log_group=log_group,
        )
