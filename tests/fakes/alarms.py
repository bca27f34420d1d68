"""CloudWatch's alarms in memory: all are there and silent unless a test says otherwise."""

from collections.abc import Sequence

from functions.aws.alarms import Alarms, Bells
from tests.fakes.calls import Calls


class FakeAlarms(Alarms):
    """Alarms by name."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.missing: set[str] = set()
        self.ringing: set[str] = set()

    def look(self, names: Sequence[str]) -> Bells:
        with self.calls.one("alarms.look"):
            return Bells(
                missing=tuple(name for name in names if name in self.missing),
                ringing=tuple(name for name in names if name in self.ringing),
            )
