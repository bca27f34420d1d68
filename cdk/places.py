"""Where the stage's things are, as grants speak of them."""

from dataclasses import dataclass

import aws_cdk as cdk_

from cdk.ledger import LedgerTable
from cdk.messaging import Messaging
from cdk.roles import ExecutionRoles
from cdk.stages import Stage
from cdk.storage import Storage


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

    def alarms(self) -> str:
        return self._arn("cloudwatch", f"alarm:{self.stage.prefix}-*")

    def schedules(self) -> str:
        return self._arn("scheduler", f"schedule/{self.stage.prefix}/*")

    def definitions(self) -> str:
        return self._arn("ssm", f"parameter/{self.stage.prefix.replace('-', '/', 1)}/models/*")

    def _arn(self, service: str, resource: str) -> str:
        s = self.stack
        return f"arn:{s.partition}:{service}:{s.region}:{s.account}:{resource}"
