"""The queues of asynchronous endpoints: what is in one is kept until it is answered."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from threading import RLock

from local.sagemaker.async_requests import Inference
from local.store import Store


@dataclass
class _Line:
    """What waits at one endpoint, oldest first, and what is being answered."""

    waiting: deque[Inference] = field(default_factory=deque)
    begun: dict[str, Inference] = field(default_factory=dict)


class AsyncQueue:
    """By endpoint; a new process finds what was waiting and what was begun, in order."""

    def __init__(self, store: Store) -> None:
        self._shelf = store.shelf("asynchronous inferences")
        self._lines: dict[str, _Line] = {}
        self._lock = RLock()
        for kept in self._shelf.all().values():
            inference = Inference.from_kept(kept)
            self._line(inference.endpoint).waiting.append(inference)

    def add(self, inference: Inference) -> None:
        """Kept when this returns."""
        with self._lock:
            self._shelf.put(inference.key, inference.kept())
            self._line(inference.endpoint).waiting.append(inference)

    def take(self, endpoint: str, at_once: int) -> Inference | None:
        """The next to answer, where fewer than `at_once` are being answered."""
        with self._lock:
            line = self._line(endpoint)
            if not line.waiting or len(line.begun) >= at_once:
                return None
            inference = line.waiting.popleft()
            line.begun[inference.key] = inference
            return inference

    def take_if(self, endpoint: str, wanted: Callable[[Inference], bool]) -> list[Inference]:
        """All that wait and are wanted; they count as being answered."""
        with self._lock:
            line = self._line(endpoint)
            found = [each for each in line.waiting if wanted(each)]
            line.begun |= {each.key: each for each in found}
            line.waiting = deque(each for each in line.waiting if each.key not in line.begun)
            return found

    def put_back(self, inference: Inference) -> None:
        """It is the next again."""
        with self._lock:
            line = self._line(inference.endpoint)
            if line.begun.pop(inference.key, None) is not None:
                line.waiting.appendleft(inference)

    def drop(self, inference: Inference) -> None:
        """It is answered."""
        with self._lock:
            self._shelf.drop(inference.key)
            self._line(inference.endpoint).begun.pop(inference.key, None)

    def drop_all(self, endpoint: str) -> None:
        """A queue goes with its endpoint."""
        with self._lock:
            line = self._lines.pop(endpoint, _Line())
            for key in (*line.begun, *(each.key for each in line.waiting)):
                self._shelf.drop(key)

    def waiting(self) -> list[str]:
        """The endpoints at which something waits."""
        with self._lock:
            return [name for name, line in self._lines.items() if line.waiting]

    def backlog(self, endpoint: str) -> tuple[int, datetime | None]:
        """How many wait or are being answered, and when the oldest of them came."""
        with self._lock:
            line = self._lines.get(endpoint, _Line())
            oldest = [*line.begun.values(), *islice(line.waiting, 1)]
            count = len(line.begun) + len(line.waiting)
        return count, min((each.received for each in oldest), default=None)

    def _line(self, endpoint: str) -> _Line:
        return self._lines.setdefault(endpoint, _Line())
