"""AWS Batch's service jobs: queues in front of SageMaker training."""

from local.batch.service import Batch

__all__ = ["Batch"]
