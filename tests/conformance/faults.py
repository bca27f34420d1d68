"""Faults of an embedded AWS, as a test asks for them."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError


class FaultRefusedError(Exception):
    """A wish that the embedded AWS does not know; the message is its one line."""


@dataclass(frozen=True)
class Faults:
    """What `/_local/faults` of one embedded AWS is asked."""

    url: str

    def add(self, kind: str, **wish: Any) -> str:
        """Arm one; underscores in names are dashes. Its id."""
        told = {name.replace("_", "-"): value for name, value in wish.items()}
        return str(self._ask("POST", "", {"kind": kind, **told})["id"])

    def all(self) -> list[dict[str, Any]]:
        return list(self._ask("GET", "")["faults"])

    def struck(self, id_: str) -> int:
        """How often one has struck."""
        return int(next(each["struck"] for each in self.all() if each["id"] == id_))

    def remove(self, id_: str) -> None:
        self._ask("DELETE", f"/{id_}")

    def clear(self) -> int:
        return int(self._ask("DELETE", "")["removed"])

    @contextmanager
    def armed(self, kind: str, **wish: Any) -> Iterator[str]:
        """One that is gone at the end."""
        id_ = self.add(kind, **wish)
        try:
            yield id_
        finally:
            self.remove(id_)

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_local/faults{path}", data, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                told: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            raise FaultRefusedError(json.load(error)["error"]) from error
        return told
