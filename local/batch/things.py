"""Batch's named things, each on a shelf: environments, queues, policies, quota shares."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from local.errors import AwsError
from local.store import Shelf

Request = dict[str, Any]
Operations = dict[str, Callable[[Request], Request]]
_PAGE = 100


def refused(message: str) -> AwsError:
    """Batch's one error for what the client did wrong."""
    return AwsError("ClientException", message)


@dataclass
class Things:
    """Things of one kind, found by name or ARN."""

    kind: str
    name_key: str
    arn_key: str
    shelf: Shelf
    lock: RLock = field(default_factory=RLock)
    _found: dict[str, Request] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._found.update(self.shelf.all())

    def add(self, thing: Request) -> None:
        with self.lock:
            if thing[self.arn_key] in self._found:
                raise refused("Object already exists")
            self.put(thing)

    def put(self, thing: Request) -> None:
        """Keep a thing as it is now."""
        with self.lock:
            self.shelf.put(thing[self.arn_key], thing)
            self._found[thing[self.arn_key]] = thing

    def get(self, name: str) -> Request | None:
        with self.lock:
            named = (each for each in self._found.values() if each[self.name_key] == name)
            return self._found.get(name) or next(named, None)

    def find(self, name: str) -> Request:
        """Raises ClientException when there is none."""
        found = self.get(name)
        if found is None:
            raise refused(f"{self.kind} {name} does not exist")
        return found

    def change(self, name: str, **fields: Any) -> Request:
        """The thing with some members new, the others as they were."""
        with self.lock:
            given = {key: value for key, value in fields.items() if value is not None}
            thing = self.find(name) | given
            self.put(thing)
        return thing

    def remove(self, thing: Request) -> None:
        with self.lock:
            self._found.pop(thing[self.arn_key], None)
            self.shelf.drop(thing[self.arn_key])

    def all(self) -> list[Request]:
        with self.lock:
            return list(self._found.values())

    def chosen(self, names: list[str] | None) -> list[Request]:
        """Those that are asked for, or all; names of nothing are left out."""
        if not names:
            return self.all()
        return [found for name in names if (found := self.get(name)) is not None]


def page(request: Request, found: list[Request], member: str) -> Request:
    """One page of an answer, and the token of the next, if any."""
    start = int(request.get("nextToken") or 0)
    end = start + int(request.get("maxResults") or _PAGE)
    token = {"nextToken": str(end)} if end < len(found) else {}
    return {member: found[start:end], **token}
