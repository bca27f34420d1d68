"""AWS CloudFormation: the real template path, so that an unmodified `cdk deploy` works."""

from local.cloudformation.service import CloudFormation

__all__ = ["CloudFormation"]
