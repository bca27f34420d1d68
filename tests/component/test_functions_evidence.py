"""The evidence log: complete, chained, and any change beside it is found."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.verify import verified
from functions.aws.ledger import Log
from functions.evidence import Entry
from functions.ledger import DropState, LedgerError, RunRecord
from tests.builders import a_drop
from tests.fakes.ledger import FakeLedger
from tests.fakes.stage import Stage


def a_story() -> Stage:
    """A champion, a better one that took over, and one the gate refused."""
    stage = Stage(watch={"keep_warm": "10m"})
    stage.accuracy = {"tuesday": 0.97, "wednesday": 0.5}
    for drop in ("monday", "tuesday", "wednesday"):
        stage.drop(drop)
        stage.rest()
    return stage


STORY = a_story()
"""Read only: every test that spoils a log spoils a copy."""


def logs() -> list[Log]:
    return [replace(log, lines=list(log.lines)) for log in STORY.ledger.logs()]


def test_every_chain_of_a_story_holds() -> None:
    found = verified(logs())

    assert found.faults == ()
    assert found.records == len(STORY.ledger.records())
    assert found.lines == len(STORY.ledger.notes)


def test_every_change_of_state_has_its_event_its_cause_its_actor_and_its_time() -> None:
    run = STORY.run_of("tuesday")
    history = STORY.ledger.history("RUN", run.run)

    assert [entry.number for entry in history] == list(range(1, len(history) + 1))
    assert [s for i, e in enumerate(history) if (s := e.state) != history[i - 1].state] == [
        "starting",
        "training",
        "evaluating",
        "approved",
    ]
    assert {(e.by, e.cause) for e in history} >= {
        ("start_training", "DatasetReady"),
        ("start_evaluation", "SageMaker Training Job State Change"),
        ("gate_model", "SageMaker Processing Job State Change"),
    }
    assert all(entry.event and entry.at for entry in history)


def test_what_only_moves_a_record_on_is_no_line() -> None:
    ledger = FakeLedger()
    (first,) = ledger.write(a_drop(drop="monday"))
    ledger.write(first.changed(due_at=first.first_seen))

    assert len(ledger.notes) == 1


def test_evidence_on_a_record_that_is_not_written_with_it_is_refused() -> None:
    note = STORY.ledger.notes[0]

    with pytest.raises(LedgerError, match="not written with it"):
        FakeLedger().write(a_drop(drop="other"), notes=(note,))


def test_a_record_that_was_changed_beside_its_log_is_found() -> None:
    stage = a_story()
    drop = stage.drop_of("wednesday")
    key = (drop.kind, drop.key)
    stage.ledger.rows[key] = drop.model_copy(update={"state": DropState.REJECTED})

    (fault,) = verified(stage.ledger.logs()).faults

    assert fault == f"DROP {drop.key}: the record was changed beside its log"


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_line_can_be_changed_taken_out_doubled_or_moved(data: st.DataObject) -> None:
    known = logs()
    log = data.draw(st.sampled_from([each for each in known if len(each.lines) > 1]))
    at = data.draw(st.integers(0, len(log.lines) - 1))
    match data.draw(st.sampled_from(["change", "take out", "double", "move", "cut the end"])):
        case "change":
            entry = Entry.model_validate_json(log.lines[at])
            log.lines[at] = entry.model_copy(update={"by": "somebody"}).model_dump_json()
        case "take out":
            del log.lines[at]
        case "double":
            log.lines.insert(at, log.lines[at])
        case "move":
            log.lines.append(log.lines.pop(0))
        case _:
            del log.lines[-1]

    faults = verified(known).faults

    assert faults
    assert all(fault.startswith(f"{log.kind} {log.key}: ") for fault in faults)


def test_a_log_without_its_record_and_a_line_nobody_can_read_are_faults() -> None:
    orphan = Log("RUN", "gone", None, ["{}"])
    (unreadable, *_) = (log for log in logs() if isinstance(log.record, RunRecord))
    unreadable.lines[0] = "{}"

    assert verified([orphan]).faults == ("RUN gone: 1 lines of evidence, and no record",)
    (fault,) = verified([unreadable]).faults
    assert "a line cannot be read" in fault
