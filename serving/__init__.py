"""Answers SageMaker's inference requests with one verified model."""
