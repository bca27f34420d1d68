"""A function's settings: which there are, and what is refused."""

import json
from collections.abc import Mapping
from typing import Any

from local.errors import AwsError

SETTINGS = (
    "Role",
    "Handler",
    "Runtime",
    "Description",
    "Timeout",
    "MemorySize",
    "VpcConfig",
    "Environment",
    "DeadLetterConfig",
    "KMSKeyArn",
    "TracingConfig",
    "EphemeralStorage",
    "SnapStart",
    "LoggingConfig",
    "Architectures",
    "PackageType",
)
RESERVED_KEYS = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    }
)
MOST_ENVIRONMENT = 4096
MOST_SECONDS = 900


def checked_settings(request: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a create or update request, refused where we cannot keep them."""
    if request.get("PackageType", "Zip") != "Zip":
        raise unsupported("PackageType", request["PackageType"], "only Zip packages run here")
    if not request.get("Handler") or not request.get("Runtime"):
        raise invalid(
            "Runtime and Handler are mandatory parameters for functions created with"
            " deployment packages."
        )
    if not str(request["Runtime"]).startswith("python3"):
        raise unsupported("Runtime", request["Runtime"], "only python3.x runtimes run here")
    _check_timeout(int(request.get("Timeout") or 1))
    _check_environment(request.get("Environment", {}).get("Variables") or {})
    return {name: request[name] for name in SETTINGS if name in request}


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)


def unsupported(field_name: str, value: object, reason: str) -> AwsError:
    return invalid(
        f"Value {value!r} at {field_name!r} is not supported by the embedded AWS: {reason}"
    )


def _check_timeout(seconds: int) -> None:
    """The service model leaves this one out."""
    if seconds > MOST_SECONDS:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{seconds}' at 'timeout' failed to satisfy"
            f" constraint: Member must have value less than or equal to {MOST_SECONDS}",
        )


def _check_environment(variables: Mapping[str, str]) -> None:
    told = "Lambda was unable to configure your environment variables because the environment"
    taken = sorted(RESERVED_KEYS & set(variables))
    if taken:
        raise invalid(
            f"{told} variables you have provided contains reserved keys that are currently not"
            f" supported for modification. Reserved keys used in this request: {', '.join(taken)}"
        )
    text = json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False)
    if len(text.encode()) > MOST_ENVIRONMENT:
        raise invalid(
            f"{told} variables you have provided exceeded the 4KB limit. String measured: {text}"
        )
