"""moto under a recorded seed and time, so that a replay gives the same ids."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

_current = threading.local()
_free = Random()
_urandom = os.urandom


@contextmanager
def recorded(seed: int, at: float) -> Iterator[None]:
    """In this thread, chance is drawn from `seed` and it is `at` (seconds since 1970)."""
    _current.random, _current.at = Random(seed), at
    try:
        yield
    finally:
        _current.random = _current.at = None


def install() -> None:
    """Replace moto's sources of chance and time; before its services are imported."""
    from moto.core import utils as times
    from moto.moto_api._internal import mock_random

    if times.utcnow is _utcnow:
        return
    setattr(times, "utcnow", _utcnow)  # noqa: B010  # moto's, not ours
    mock_random.__class__ = _seeded(type(mock_random))
    setattr(os, "urandom", _random_bytes)  # noqa: B010  # moto's key material, and uuid4
    _date_buckets()


def _source() -> Random:
    return getattr(_current, "random", None) or _free


def _random_bytes(size: int) -> bytes:
    """The system's, but within `recorded` of its seed."""
    drawn: Random | None = getattr(_current, "random", None)
    return _urandom(size) if drawn is None else drawn.randbytes(size)


def _utcnow() -> datetime:
    """moto's times are UTC without saying so."""
    at: float | None = getattr(_current, "at", None)
    now = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    return now.replace(tzinfo=None)


def _seeded(base: Any) -> Any:
    class Seeded(base):  # type: ignore[misc]  # moto's class is known at run time
        def random(self) -> float:
            return _source().random()

        def getrandbits(self, bits: int, /) -> int:
            return _source().getrandbits(bits)

    return Seeded


def _date_buckets() -> None:
    """moto's buckets look at the clock themselves."""
    from moto.s3.models import FakeBucket

    made = FakeBucket.__init__

    def dated(bucket: Any, *given: Any, **named: Any) -> None:
        made(bucket, *given, **named)
        bucket.creation_date = _utcnow().replace(tzinfo=UTC)

    setattr(FakeBucket, "__init__", dated)  # noqa: B010  # moto's class, not ours
