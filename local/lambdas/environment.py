"""The environment variables that a Lambda sandbox starts with."""

import secrets
from datetime import datetime

from local.cloud import Account
from local.lambdas.function import Function

RUNTIME_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_SESSION_TOKEN": "local",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "LANG": "en_US.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "TZ": ":UTC",
}


def log_stream(function: Function, now: datetime) -> str:
    return f"{now:%Y/%m/%d}/[{function.version}]{secrets.token_hex(16)}"


def sandbox_environment(account: Account, function: Function, stream: str) -> dict[str, str]:
    """What Lambda defines, then what the function's configuration adds; nothing of the host's."""
    return {
        **RUNTIME_VARIABLES,
        "AWS_DEFAULT_REGION": account.region,
        "AWS_ENDPOINT_URL": account.url,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.settings.get('Runtime', 'python3')}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_LOG_FORMAT": function.log_format,
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_REGION": account.region,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": str(function.code.path),
        "_HANDLER": function.handler,
        **_log_level(function),
        **function.environment,
    }


def _log_level(function: Function) -> dict[str, str]:
    level = function.settings.get("LoggingConfig", {}).get("ApplicationLogLevel")
    return {"AWS_LAMBDA_LOG_LEVEL": str(level)} if level else {}
