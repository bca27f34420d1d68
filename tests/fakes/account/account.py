"""The account: its services by name, and whoever gets a word in at each call."""

from collections.abc import Callable, Mapping
from typing import Protocol

from local.constraints import check
from local.errors import AwsError
from tests.fakes.account.messages import Answer, Asked, RefusedError

Calls = Mapping[str, Callable[[Asked], Answer]]
_HELD_TO_ITS_MODEL = frozenset({"cloudwatch", "events", "sagemaker", "ssm"})
"""Services whose whole request is JSON with constraints in botocore's model."""


class Service(Protocol):
    """Operations by AWS's name for them."""

    operations: dict[str, Callable[[Asked], Answer]]


class Account:
    """Answers every request as AWS would."""

    def __init__(self, **services: tuple[Service, ...]) -> None:
        self._calls: dict[tuple[str, str], Callable[[Asked], Answer]] = {
            (service.replace("_", "-"), name): call
            for service, parts in services.items()
            for part in parts
            for name, call in part.operations.items()
        }

    def __call__(self, asked: Asked) -> Answer:
        """The answer; raises RefusedError."""
        if asked.service in _HELD_TO_ITS_MODEL:
            _hold(asked)
        return self._calls[(asked.service, asked.operation)](asked)


def _hold(asked: Asked) -> None:
    try:
        check(asked.service, asked.operation, asked.body, code="ValidationException")
    except AwsError as error:
        raise RefusedError(error.code, str(error)) from error
