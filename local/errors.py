"""The one error of the embedded AWS: what an AWS service answers when it refuses."""

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """A refusal with AWS's own error code, told to the client in its protocol's error shape."""

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        *,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.details = dict(details or {})
        """Further members of the error's shape, where it has some."""


def not_there(service: str, action: str) -> AwsError:
    """What is not part of the embedded AWS says so, and where to read what is."""
    message = (
        f"{service}:{action} is not part of the embedded AWS; docs/embedded-aws.md says what is"
    )
    return AwsError("NotImplemented", message, 501)
