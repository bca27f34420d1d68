"""The environment variables that a Lambda sandbox starts with."""

import secrets
from datetime import datetime
from pathlib import Path

from local.cloud import Account
from local.lambdas.function import Function

RUNTIME_VARIABLES = {
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


def access_key(stream: str) -> str:
    """By which the calls of one sandbox are told from everybody else's."""
    return f"local-{stream[-12:]}"


def sandbox_environment(account: Account, function: Function, stream: str) -> dict[str, str]:
    """What Lambda defines, then what the function's configuration adds; nothing of the host's."""
    return {
        **RUNTIME_VARIABLES,
        **_layer_paths(function),
        "AWS_ACCESS_KEY_ID": access_key(stream),
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


def _layer_paths(function: Function) -> dict[str, str]:
    """Where /opt would be looked into: the layer named last comes first."""
    roots = [each.code.path for each in reversed(function.layers)]
    binaries = [str(root / "bin") for root in roots]
    libraries = [str(root / "lib") for root in roots]
    path = {"PATH": ":".join([*binaries, RUNTIME_VARIABLES["PATH"]])}
    return {**path, "LD_LIBRARY_PATH": ":".join(libraries)} if libraries else path


def module_path(function: Function, runtime: Path) -> str:
    """Where modules are sought: the function's own, its layers', the runtime."""
    version = function.settings.get("Runtime", "python3")
    layers = [
        folder
        for each in reversed(function.layers)
        for folder in (
            each.code.path / "python" / "lib" / version / "site-packages",
            each.code.path / "python",
        )
    ]
    return ":".join(str(folder) for folder in (function.code.path, *layers, runtime))
