"""The faults that are armed, and how often each has struck."""

import itertools
from collections.abc import Mapping
from threading import Lock
from typing import Any

from local.faults.kinds import Fault, FaultError, checked

Subject = Mapping[str, tuple[str, ...]]


class Book:
    """Every fault by its id, in the order they came; `seen` is safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: dict[str, Fault] = {}
        self._numbers = itertools.count(1)
        self._armed: frozenset[str] = frozenset()

    def add(self, wish: Any) -> Fault:
        """Raises FaultError."""
        kind, parameters = checked(wish)
        with self._lock:
            fault = Fault(f"f{next(self._numbers)}", kind, parameters)
            self._faults[fault.id] = fault
            self._arm()
        return fault

    def remove(self, id_: str) -> Fault:
        with self._lock:
            fault = self._faults.pop(id_, None)
            self._arm()
        if fault is None:
            raise FaultError(f"there is no fault {id_!r}")
        return fault

    def clear(self) -> list[Fault]:
        with self._lock:
            gone, self._faults = list(self._faults.values()), {}
            self._arm()
        return gone

    def all(self) -> list[Fault]:
        with self._lock:
            return list(self._faults.values())

    def armed(self, kinds: frozenset[str]) -> bool:
        """Whether any fault of these kinds may strike: asked with every call."""
        return not self._armed.isdisjoint(kinds)

    def about(self, kind: str, subject: Subject) -> list[Fault]:
        """The faults of a kind that match, without striking."""
        with self._lock:
            return [f for f in self._faults.values() if f.kind == kind and f.is_about(subject)]

    def strike(self, fault: Fault) -> bool:
        """Whether this one strikes now."""
        with self._lock:
            struck = fault.strikes()
            if fault.exhausted:
                self._arm()
            return struck

    def strikes(self, kind: str, subject: Subject) -> list[Fault]:
        """The faults of a kind that match and strike now."""
        if kind not in self._armed:
            return []
        return [fault for fault in self.about(kind, subject) if self.strike(fault)]

    def _arm(self) -> None:
        self._armed = frozenset(f.kind for f in self._faults.values() if not f.exhausted)
