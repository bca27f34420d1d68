"""One boto3 client per service, made when first needed and kept for the life of the sandbox."""

from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

_ONE_TRY = Config(
    retries={"mode": "standard", "total_max_attempts": 1},
    connect_timeout=3,
    read_timeout=10,
    tcp_keepalive=True,
)
"""For asking a model: a golden probe that is not answered is an answer, and a second try after
a slow one would outlast the function."""
_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 4},
    connect_timeout=3,
    read_timeout=20,
    tcp_keepalive=True,
)


@cache
def client(service: str) -> Any:
    """The client of a service, by boto3's name for it."""
    make: Callable[..., Any] = boto3.client
    return make(service, config=settings_of(service))


def settings_of(service: str) -> Config:
    """How often and how long a service is asked."""
    return _ONE_TRY if service == "sagemaker-runtime" else _CONFIG
