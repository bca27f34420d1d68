"""Work that is done before it is asked for, in a thread, and never by more than a few items."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")


class _End:
    """What comes after the last item: nothing, or what went wrong."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterator[T], *, most: int) -> Generator[T]:
    """The same items in the same order; an error comes where it would have come."""
    queue: Queue[T | _End] = Queue(most)
    left = Event()
    worker = Thread(target=_work, args=(items, queue, left), daemon=True, name="ahead")
    worker.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        left.set()
        _drain(queue)  # the worker may be waiting for room
        worker.join()


def _work(items: Iterator[T], queue: Queue[T | _End], left: Event) -> None:
    try:
        for item in items:
            queue.put(item)
            if left.is_set():
                return
        queue.put(_End())
    except BaseException as error:  # noqa: BLE001  # it is raised where the items are used
        queue.put(_End(error))
    finally:
        if isinstance(items, Generator):
            items.close()


def _drain(queue: Queue[T]) -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return
