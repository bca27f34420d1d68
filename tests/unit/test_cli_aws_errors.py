"""What boto3 raises is told as one of the command's own refusals."""

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    NoRegionError,
    ParamValidationError,
    ProxyConnectionError,
)

from cli.aws_errors import FAMILIES, told

URL = "http://127.0.0.1:1"


def answered(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeThing")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (answered("ExpiredToken"), "NO_CREDENTIALS"),
        (answered("AccessDeniedException"), "AWS_REFUSED"),
        (ProxyConnectionError(proxy_url=URL), "UNREACHABLE"),
        (ConnectionClosedError(endpoint_url=URL), "UNREACHABLE"),
        (NoRegionError(), "NO_CREDENTIALS"),
        (ParamValidationError(report="x"), "AWS_REFUSED"),
        (S3UploadFailedError("bucket is gone"), "AWS_REFUSED"),
    ],
)
def test_each_error_has_its_code(error: BotoCoreError | ClientError, code: str) -> None:
    assert isinstance(error, FAMILIES)
    assert told(error).code == code
