"""How CloudFormation refuses, and what the refusals of other services mean to it."""

from collections.abc import Callable

from botocore.exceptions import ClientError

from local.errors import AwsError

_GONE = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "404")
_THERE = ("Exist", "Conflict", "InUse", "AlreadyOwned")


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def reason(error: Exception) -> str:
    if isinstance(error, AwsError):
        return error.message
    if isinstance(error, ClientError):
        return str(error.response["Error"].get("Message") or error)
    if isinstance(error, KeyError):
        return f"a required property is missing: {error}"
    return str(error)


def gone(error: Exception) -> bool:
    """Whether it says that what was asked for is not there."""
    return any(word in _code(error) for word in _GONE) or "does not exist" in reason(error)


def exists(error: Exception) -> bool:
    """Whether it says that what was to be made is there already."""
    return any(word in _code(error) for word in _THERE) or "already exist" in reason(error)


def found(look: Callable[[], object]) -> bool:
    """Whether a look at a thing finds it."""
    try:
        return bool(look())
    except (AwsError, ClientError) as error:
        if gone(error):
            return False
        raise


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return error.code if isinstance(error, AwsError) else ""
