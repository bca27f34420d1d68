"""Stages are values: both keep their data without the stack; `prod` refuses to lose its ledger."""

from dataclasses import dataclass
from types import MappingProxyType

import aws_cdk as cdk_
import aws_cdk.aws_logs as logs

SERVING_VERSION = "0.1.0"
TRAINING_IMAGE = "pytorch:2.13-cu133-amzn2023-sagemaker"
"""AWS's PyTorch training container; its account publishes it in most regions."""
TRAINING_ACCOUNT = "763104351884"


class UnknownStageError(ValueError):
    """A stage was asked for that there is not; the message names those there are."""


@dataclass(frozen=True)
class Stage:
    """What tells one stage from another."""

    name: str
    removal: cdk_.RemovalPolicy
    """What becomes of buckets and ledger when the stack is destroyed."""
    protected: bool
    """Whether the ledger refuses deletion."""
    log_retention: logs.RetentionDays
    log_level: str
    max_running: int
    """Training jobs at a time, of all models together."""

    @property
    def prefix(self) -> str:
        """Common first part of every name, e.g. `sluice-dev`."""
        return f"sluice-{self.name}"


DEV = Stage(
    name="dev",
    removal=cdk_.RemovalPolicy.RETAIN,
    protected=False,
    log_retention=logs.RetentionDays.TWO_WEEKS,
    log_level="INFO",
    max_running=20,
)
PROD = Stage(
    name="prod",
    removal=cdk_.RemovalPolicy.RETAIN,
    protected=True,
    log_retention=logs.RetentionDays.ONE_YEAR,
    log_level="INFO",
    max_running=20,
)

STAGES: MappingProxyType[str, Stage] = MappingProxyType({s.name: s for s in (DEV, PROD)})


def stage_named(name: str) -> Stage:
    """A stage by its name; raises UnknownStageError."""
    if name not in STAGES:
        raise UnknownStageError(f"-c stage={name}: choose one of {', '.join(STAGES)}")
    return STAGES[name]
