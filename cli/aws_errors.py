"""What an AWS error that no verb expected means to a person."""

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from cli.errors import AwsRefusedError, CliError, CredentialsError, UnreachableError

FAMILIES = (Boto3Error, BotoCoreError, ClientError)
"""Everything that boto3 raises."""
_NO_WAY_IN = (
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)


def told(error: Boto3Error | BotoCoreError | ClientError) -> CliError:
    """The refusal that says it in the command's own words."""
    match error:
        case ClientError():
            return _answered(error)
        case ConnectionError() | HTTPClientError():
            return UnreachableError(f"{error}; is it up, and are region and proxy right?")
        case _ if isinstance(error, _NO_WAY_IN):
            return CredentialsError(f"{error}; see `aws configure`")
        case _:
            return AwsRefusedError(f"{error}; look at what was asked for, then try again")


def _answered(error: ClientError) -> CliError:
    code = error.response["Error"]["Code"]
    if code in _EXPIRED:
        return CredentialsError(f"{code}: sign in again, for example by `aws sso login`")
    said = error.response["Error"].get("Message", "")
    return AwsRefusedError(
        f"{error.operation_name}: {code}: {said}; look at the name, and whether the profile may"
    )
