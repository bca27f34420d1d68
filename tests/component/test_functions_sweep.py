"""One record that is broken keeps the sweep from no other."""

from dataclasses import replace

import pytest

from events.base import Event
from events.foreign import ScheduleFired
from functions.aws.book import Book
from functions.aws.bus import PublishError
from functions.ledger import RETRY_AFTER, Record, RolloutState, Saying
from functions.sweep.handler import Sweep, SweepError
from functions.turn import taken
from tests.builders import NOON, TRACE, a_drop, a_rollout, a_run, an_endpoint
from tests.fakes.bus import FakeBus, envelope
from tests.fakes.ledger import FakeLedger

FIRED = envelope(ScheduleFired.source, ScheduleFired.detail_types[0], {})


class _Picky(FakeBus):
    """A bus that takes no events about one model."""

    refused = ""

    def publish(self, *events: Event) -> None:
        if any(getattr(event, "model", None) == self.refused for event in events):
            raise PublishError("the bus takes nothing of it")
        super().publish(*events)


def a_sweep(*records: Record, batch: int = 100) -> tuple[Sweep, FakeLedger, _Picky]:
    ledger, bus = FakeLedger(), _Picky()
    for record in records:
        ledger.write(record)
    return Sweep(ledger=ledger, book=Book(ledger, bus), batch=batch), ledger, bus


def test_a_record_that_cannot_be_read_is_named_and_put_off() -> None:
    sweep, ledger, bus = a_sweep(a_run(due_at=NOON), a_rollout(due_at=NOON))
    ledger.broken[("RUN", a_run().key)] = "no such field"

    with pytest.raises(
        SweepError, match=r"^1 record\(s\) need a person: RUN 0123456789ab: no such"
    ):
        sweep(ScheduleFired(), NOON)

    assert bus.names() == ["RolloutStepDue"]
    assert ledger.overdue(NOON, limit=9) == ()
    assert len(ledger.overdue(NOON + RETRY_AFTER, limit=9)) == 2


def test_an_event_that_the_bus_does_not_take_keeps_no_other_from_being_said() -> None:
    other = an_endpoint(model="letters", waiting=3, due_at=NOON)
    sweep, ledger, bus = a_sweep(other, a_rollout(due_at=NOON))
    bus.refused = "letters"

    with pytest.raises(SweepError, match="ENDPOINT letters: the bus takes nothing of it"):
        sweep(ScheduleFired(), NOON)

    assert bus.names() == ["RolloutStepDue"]
    assert ledger.overdue(NOON, limit=9) == ()


def test_an_event_nobody_knows_any_more_keeps_no_other_from_being_said() -> None:
    forgotten = a_rollout(outbox=(Saying(name="Forgotten", detail="{}"),))
    sweep, _, bus = a_sweep(forgotten, a_run(due_at=NOON))

    with pytest.raises(SweepError, match="ROLLOUT sluice-dev-digits-v2: 'Forgotten'"):
        sweep(ScheduleFired(), NOON)

    assert bus.names() == ["TrainingRequested"]


def test_every_broken_record_of_a_pass_is_told() -> None:
    sweep, ledger, _ = a_sweep(a_run(due_at=NOON), a_drop(due_at=NOON))
    ledger.broken = {("RUN", a_run().key): "odd", ("DROP", a_drop().key): "odd too"}

    with pytest.raises(SweepError, match=r"^2 record.*odd.*odd too"):
        sweep(ScheduleFired(), NOON)


def test_broken_records_do_not_fill_the_batch_for_ever() -> None:
    broken = [a_run(run=f"{i:012x}", due_at=NOON) for i in range(3)]
    sweep, ledger, bus = a_sweep(*broken, a_rollout(due_at=NOON), batch=3)
    ledger.broken = {("RUN", run.key): "odd" for run in broken}

    with pytest.raises(SweepError):
        sweep(ScheduleFired(), NOON)
    sweep(ScheduleFired(), NOON)

    assert bus.names() == ["RolloutStepDue"]


def test_what_the_sweep_says_goes_on_with_the_records_trace() -> None:
    sweep, _, bus = a_sweep(
        a_rollout(due_at=NOON, traceparent=TRACE),
        a_rollout(version=3, state=RolloutState.WATCHING, due_at=NOON),
    )

    sweep(ScheduleFired(), NOON)

    ours, new = (event.traceparent or "" for event in bus.said)
    assert (ours[:35], ours == TRACE) == (TRACE[:35], False)
    assert new[3:35] not in {"", TRACE[3:35]}


def test_thousands_of_records_are_asked_for_in_one_pass_and_all_in_its_name() -> None:
    runs = [a_run(run=f"{i:012x}", due_at=NOON) for i in range(1200)]
    sweep, ledger, bus = a_sweep(*runs, batch=10_000)

    told = taken(replace(sweep, workers=4), FIRED, "sweep", clock=lambda: NOON)

    assert (len(told.outcome.asked), told.outcome.more) == (100, 1100)  # type: ignore[attr-defined]  # Swept
    assert len(bus.names()) == 1200
    assert ledger.overdue(NOON, limit=9) == ()
    assert {entry.by for entry in ledger.notes} <= {"sweep", "nobody"}


def test_a_pass_whose_time_is_over_leaves_the_rest_to_the_next() -> None:
    runs = [a_run(run=f"{i:012x}", due_at=NOON) for i in range(1200)]
    sweep, _, bus = a_sweep(*runs, batch=10_000)
    slow = replace(sweep, clock=iter([0.0, 1.0, 51.0]).__next__)

    slow(ScheduleFired(), NOON)
    first = len(bus.names())
    sweep(ScheduleFired(), NOON)

    assert (first, len(bus.names())) == (500, 1200)
