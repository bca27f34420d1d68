"""A boto3 client that answers, or raises, what it is told, and keeps what it was asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError


class FakeClient:
    """Operations by their boto3 name; one without an answer answers with nothing."""

    def __init__(self, **answers: dict[str, Any] | Exception) -> None:
        self._answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        def call(**request: Any) -> dict[str, Any]:
            self.asked.append((operation, request))
            answer = self._answers.get(operation, {})
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def get_paginator(self, operation: str) -> "_OnePage":
        """Everything there is fits one page."""
        return _OnePage(getattr(self, operation))

    def request(self, operation: str) -> dict[str, Any]:
        """What the only call of an operation asked for."""
        (found,) = [request for name, request in self.asked if name == operation]
        return found


@dataclass(frozen=True)
class _OnePage:
    ask: Callable[..., dict[str, Any]]

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        return [self.ask(**request)]


def refused(code: str, message: str = "") -> ClientError:
    """AWS's answer to what it does not do."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "Any")


def misshapen() -> ParamValidationError:
    """What botocore says of a request that it does not even send."""
    return ParamValidationError(report="Invalid length for parameter Image,\n value: 0")
