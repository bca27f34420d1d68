"""No machines: the next type, later and later, and an end with a reason."""

from datetime import datetime, timedelta
from itertools import pairwise

from events.words import Reason
from functions.capacity import LONGEST_PAUSE, exhausted, waits_for_capacity
from functions.ledger import RETRY_AFTER, RunRecord
from functions.machines import RunNews, RunState
from tests.builders import NOON, a_definition, a_run

TYPES = ["ml.g5.xlarge", "ml.g4dn.xlarge", "ml.g6.2xlarge"]


def a_short_run(**training: object) -> RunRecord:
    return a_run(definition=a_definition(training={"instances": TYPES} | training))


def asked(run: RunRecord) -> list[tuple[datetime, str]]:
    """When which type is asked for, while none has room."""
    found, now = [], NOON
    waits: RunRecord | None = run
    while waits is not None:
        found.append((now, run.definition.training.instances[waits.instance]))
        waits = waits_for_capacity(waits, RunNews.PARKED, "full", now)
        now = waits.due_at or now if waits else now
    return found


def test_a_run_without_machines_waits_for_its_next_type() -> None:
    run = a_short_run()

    assert waits_for_capacity(run, RunNews.PARKED, "full", NOON) == run.changed(
        state=RunState.PARKED,
        reason=Reason.NO_CAPACITY,
        message="full",
        instance=1,
        short_since=NOON,
        short_times=1,
        due_at=NOON + RETRY_AFTER,
    )


def test_the_list_is_gone_along_again_and_again() -> None:
    types = [instance for _, instance in asked(a_short_run())]

    assert types[:7] == [*TYPES, *TYPES, TYPES[0]]


def test_each_round_waits_longer_to_an_hour_at_most() -> None:
    times = [at for at, _ in asked(a_short_run())]
    pauses = [after - before for before, after in pairwise(times)]

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (RETRY_AFTER, LONGEST_PAUSE)


def test_a_run_that_has_waited_too_long_waits_no_more() -> None:
    times = [at for at, _ in asked(a_short_run(max_wait="2h"))]

    assert timedelta(hours=2) <= times[-1] - times[0] < timedelta(hours=3)


def test_its_end_names_what_was_tried() -> None:
    assert exhausted(a_short_run(max_wait="90m"), "full") == (
        "none of ml.g5.xlarge, ml.g4dn.xlarge, ml.g6.2xlarge in 1.5 h; the last: full"
    )
