"""A version as the registry holds it, free of AWS's shapes."""

from dataclasses import dataclass, field
from enum import StrEnum


class Approval(StrEnum):
    """SageMaker's approval statuses."""

    APPROVED = "Approved"
    REJECTED = "Rejected"
    PENDING = "PendingManualApproval"


@dataclass(frozen=True)
class Version:
    """One immutable version of a model, with what it was made from."""

    model: str
    version: int
    approval: Approval
    run: str
    dataset: str
    model_digest: str
    artifact: str
    """S3 URI of model.tar.gz."""
    description: str = ""
    """What the gate said of it."""
    marketplace: bool = False
    """Whether its container is a product of the AWS Marketplace."""
    comment: str = ""
    """What whoever approved or rejected it said, the gate's first word aside."""


@dataclass(frozen=True)
class Candidate:
    """What gate_model registers."""

    model: str
    run: str
    dataset: str
    code: str
    model_digest: str
    artifact: str
    image: str
    evaluation_uri: str
    """S3 URI of evaluation.json, in SageMaker's model-quality layout."""
    approval: Approval
    reason: str
    numbers: dict[str, float] = field(default_factory=dict)
