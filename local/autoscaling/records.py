"""What auto scaling keeps, by key; the names of its things; its errors."""

import re
from threading import Lock
from typing import Any

from local.errors import AwsError, not_there
from local.store import Shelf

Request = dict[str, Any]
SERVICE = "application-autoscaling"
NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_RESOURCE = re.compile(r"endpoint/([A-Za-z0-9-]+)/variant/([A-Za-z0-9-]+)")


class Records:
    """Records of one kind, each kept before the next line runs; safe from every thread."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._lock = Lock()
        self._records: dict[str, Request] = shelf.all()

    def put(self, key: str, record: Request) -> None:
        with self._lock:
            self._shelf.put(key, record)
            self._records[key] = record

    def change(self, key: str, **members: Any) -> None:
        """Nothing happens when the record is gone."""
        with self._lock:
            if key in self._records:
                self._records[key] = self._records[key] | members
                self._shelf.put(key, self._records[key])

    def drop(self, key: str) -> None:
        with self._lock:
            self._records.pop(key, None)
            self._shelf.drop(key)

    def get(self, key: str) -> Request | None:
        with self._lock:
            return self._records.get(key)

    def all(self) -> list[Request]:
        with self._lock:
            return list(self._records.values())


def variant_of(resource: str) -> tuple[str, str]:
    """The endpoint and the variant that a resource id names; raises AwsError."""
    found = _RESOURCE.fullmatch(resource)
    if found is None:
        raise invalid("Unsupported service namespace, resource type or scalable dimension")
    return found[1], found[2]


def check_place(request: Request) -> None:
    """Raise for what can be scaled on AWS alone."""
    given = (request["ServiceNamespace"], request.get("ScalableDimension", DIMENSION))
    if given != (NAMESPACE, DIMENSION):
        raise not_there(SERVICE, f"scaling of {given[0] if given[0] != NAMESPACE else given[1]}")


def told_place(request: Request) -> str:
    """A scalable target, as messages name it."""
    return (
        f"service namespace: {request['ServiceNamespace']}, resource ID: {request['ResourceId']},"
        f" scalable dimension: {request['ScalableDimension']}"
    )


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def missing(message: str) -> AwsError:
    return AwsError("ObjectNotFoundException", message)


def page(member: str, found: list[Request], request: Request) -> Request:
    """One page of a list, and the token of the next, if any."""
    token = str(request.get("NextToken") or "0")
    most = int(request.get("MaxResults", _MOST))
    if not token.isdigit():
        raise AwsError("InvalidNextTokenException", f"The token {token} is not valid.")
    if not 1 <= most <= _MOST:
        raise invalid(f"MaxResults must be between 1 and {_MOST}")
    end = int(token) + most
    return {
        member: found[int(token) : end],
        **({"NextToken": str(end)} if end < len(found) else {}),
    }


_MOST = 50
