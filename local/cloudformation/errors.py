"""How CloudFormation refuses."""

from local.errors import AwsError


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message)
