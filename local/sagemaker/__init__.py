"""SageMaker: jobs and endpoints as real processes, and the model registry."""

from local.sagemaker.service import SageMaker

__all__ = ["SageMaker"]
