"""One-shot schedules in memory, fired by the test's clock."""

from datetime import datetime

from events.base import Event
from functions.aws.schedules import Schedules
from tests.fakes.calls import Calls


class FakeSchedules(Schedules):
    """Events to be said later, by the schedule's name."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.waiting: dict[str, tuple[datetime, Event]] = {}

    def say(self, event: Event, *, at: datetime, name: str) -> None:
        with self.calls.one("schedules.say"):
            self.waiting.setdefault(name, (at.replace(microsecond=0), event))

    def fire(self, now: datetime) -> list[Event]:
        """What is due by now; a schedule that fired deletes itself."""
        due = sorted(
            (name for name, (at, _) in self.waiting.items() if at <= now),
            key=lambda name: self.waiting[name][0],
        )
        return [self.waiting.pop(name)[1] for name in due]
