"""How a service says no: the error of a fault, by the service that is asked."""

from collections.abc import Mapping

from local.errors import AwsError

_QUERY = frozenset({"cloudformation", "cloudwatch", "ec2", "iam", "sns", "sts"})
_REST = frozenset({"batch", "lambda", "s3", "scheduler"})
_THROTTLED: Mapping[str, tuple[str, int]] = {
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "lambda": ("TooManyRequestsException", 429),
    "s3": ("SlowDown", 503),
    "scheduler": ("ThrottlingException", 429),
    "sns": ("Throttled", 429),
    "sqs": ("RequestThrottled", 403),
    "batch": ("ClientException", 400),
}
_FAILED: Mapping[str, str] = {
    "dynamodb": "InternalServerError",
    "lambda": "ServiceException",
    "s3": "InternalError",
    "scheduler": "InternalServerException",
    "batch": "ServerException",
    "events": "InternalException",
    "sagemaker-runtime": "InternalFailure",
}
_FULL: Mapping[str, str] = {
    "sagemaker": "ResourceLimitExceeded",
    "scheduler": "ServiceQuotaExceededException",
    "s3": "TooManyBuckets",
    "cloudwatch": "LimitExceeded",
    "sqs": "OverLimit",
    "iam": "LimitExceeded",
    "batch": "ClientException",
}


def throttled(service: str) -> AwsError:
    fallback = ("Throttling" if service in _QUERY else "ThrottlingException", 400)
    code, status = _THROTTLED.get(service, fallback)
    return AwsError(
        code, "Please reduce your request rate." if service == "s3" else "Rate exceeded", status
    )


def failed(service: str, status: int) -> AwsError:
    code = "ServiceUnavailable" if status == 503 else _FAILED.get(service, "InternalFailure")
    return AwsError(code, "An internal error occurred.", status)


def denied(service: str, action: str, account: str) -> AwsError:
    if service == "s3":
        return AwsError("AccessDenied", "Access Denied", 403)
    code = "AccessDenied" if service in _QUERY else "AccessDeniedException"
    prefix = {"sagemaker-runtime": "sagemaker", "logs": "logs"}.get(service, service)
    who = f"arn:aws:iam::{account}:user/local"
    message = f"User: {who} is not authorized to perform: {prefix}:{action}"
    return AwsError(code, message, 403 if service in _QUERY | _REST else 400)


def limited(service: str, action: str) -> AwsError:
    code = _FULL.get(service, "LimitExceededException")
    message = f"The account-level service limit for {action} is 0 with current utilization of 0."
    return AwsError(code, message, 402 if service == "scheduler" else 400)


def full() -> AwsError:
    """No error of S3's: a real bucket has no end. Clients do not try it again."""
    return AwsError("InsufficientStorage", "There is not enough space left.", 507)
