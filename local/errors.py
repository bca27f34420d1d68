"""The one error of the embedded AWS: what an AWS service answers when it refuses."""


class AwsError(Exception):
    """A refusal with AWS's own error code, told to the client in its protocol's error shape."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def not_there(service: str, action: str) -> AwsError:
    """What is not part of the embedded AWS says so, and where to read what is."""
    message = (
        f"{service}:{action} is not part of the embedded AWS; docs/embedded-aws.md says what is"
    )
    return AwsError("NotImplemented", message, 501)
