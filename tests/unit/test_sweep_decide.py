"""What each overdue record needs asked again; on a consistent world there is none."""

from datetime import timedelta

import pytest

from events.base import Event
from events.catalog import (
    DatasetReady,
    DropOverdue,
    EvaluationJobSettled,
    RollbackRequested,
    RolloutAdvanced,
    RolloutStepDue,
    TrainingJobSettled,
    TrainingRequested,
    VersionApproved,
)
from events.words import Reason
from functions.ledger import (
    ASK_PERSON_AFTER,
    RETRY_AFTER,
    DropState,
    EndpointRecord,
    Record,
    RolloutState,
    RunRecord,
    RunState,
)
from functions.sweep.decide import asked_again, its_turn, looked_at, waits
from tests.builders import (
    A_MINUTE_LATER,
    NAMES,
    NOON,
    ROLLOUT,
    RUN,
    a_drop,
    a_rollout,
    a_run,
    an_endpoint,
    an_evaluated_run,
    digest,
)

STEP_DUE = RolloutStepDue(rollout=ROLLOUT, model="digits", step=0)
ASKED: list[tuple[Record, Event | None]] = [
    (a_drop(), DropOverdue(model="digits", drop="monday")),
    (
        a_drop(state=DropState.ACCEPTED, dataset=digest("d"), rows=3),
        DatasetReady(model="digits", drop="monday", dataset=digest("d"), rows=3),
    ),
    (a_drop(state=DropState.REJECTED), None),
    (a_drop(state=DropState.EXPIRED), None),
    *(
        (
            a_run(state=state),
            TrainingRequested(model="digits", dataset=digest("dataset"), run=RUN, cause="sweep"),
        )
        for state in (RunState.STARTING, RunState.PARKED)
    ),
    (
        a_run(state=RunState.TRAINING),
        TrainingJobSettled(run=RUN, job=NAMES.training_job("digits", RUN)),
    ),
    (an_evaluated_run(), EvaluationJobSettled(run=RUN, job=NAMES.evaluation_job("digits", RUN))),
    *(
        (
            a_run(state=state, version=2),
            VersionApproved(model="digits", version=2, run=RUN),
        )
        for state in (RunState.APPROVED, RunState.HELD)
    ),
    *(
        (a_run(state=state), None)
        for state in (RunState.APPROVED, RunState.HELD, RunState.REJECTED, RunState.FAILED)
    ),
    (
        a_rollout(state=RolloutState.PROVISIONING, placed=False),
        VersionApproved(model="digits", version=2, run=RUN),
    ),
    (
        a_rollout(state=RolloutState.PROVISIONING),
        STEP_DUE.model_copy(update={"step": -1}),
    ),
    (a_rollout(), STEP_DUE),
    (a_rollout(holds=3), STEP_DUE.model_copy(update={"hold": 3})),
    *(
        (
            a_rollout(state=state, reason=Reason.TOO_SLOW, message="p99 90 ms"),
            RollbackRequested(
                rollout=ROLLOUT, model="digits", reason=Reason.TOO_SLOW, message="p99 90 ms"
            ),
        )
        for state in (RolloutState.PROVISIONING, RolloutState.SHIFTING, RolloutState.WATCHING)
    ),
    (a_rollout(state=RolloutState.WATCHING, step=3), STEP_DUE.model_copy(update={"step": 3})),
    (
        a_rollout(state=RolloutState.ROLLING_BACK, reason=Reason.ALARM, message="bad"),
        RollbackRequested(rollout=ROLLOUT, model="digits", reason=Reason.ALARM, message="bad"),
    ),
    (
        a_rollout(state=RolloutState.ABORTED),
        RollbackRequested(
            rollout=ROLLOUT, model="digits", reason=Reason.ASKED_BY_PERSON, message=""
        ),
    ),
    (a_rollout(state=RolloutState.COMPLETED), None),
    (a_rollout(state=RolloutState.STOPPED), None),
    (an_endpoint(waiting=3), VersionApproved(model="digits", version=3)),
    (an_endpoint(), None),
]


@pytest.mark.parametrize(
    ("record", "event"),
    ASKED,
    ids=[f"{r.kind}-{getattr(r, 'state', '')}-{i}" for i, (r, _) in enumerate(ASKED)],
)
def test_each_record_is_asked_what_moves_it_on(record: Record, event: Event | None) -> None:
    assert asked_again(record) == event


def test_every_state_there_is_has_its_answer() -> None:
    seen = {(type(r), getattr(r, "state", None)) for r, _ in ASKED}

    assert {s for kind, s in seen if kind is RunRecord} == set(RunState)
    assert {s for _, s in seen if isinstance(s, RolloutState)} == set(RolloutState)
    assert {s for _, s in seen if isinstance(s, DropState)} == set(DropState)


def test_an_overdue_record_is_asked_and_left_alone_for_a_while() -> None:
    after = looked_at(a_rollout(due_at=NOON), NOON)

    assert [saying.name for saying in after.outbox] == ["RolloutStepDue"]
    assert after.due_at == NOON + RETRY_AFTER


def test_a_record_with_something_unsaid_is_not_asked_before_its_time() -> None:
    advanced = RolloutAdvanced(
        rollout=ROLLOUT, model="digits", version=2, weight=5, message="probed"
    )
    baking = a_rollout(due_at=A_MINUTE_LATER).saying(advanced)

    assert looked_at(baking, NOON) == baking
    assert looked_at(baking.changed(due_at=None), NOON) == baking.changed(due_at=None)


def test_a_record_with_nothing_to_ask_is_closed() -> None:
    stale = EndpointRecord(model="digits", due_at=NOON)

    assert looked_at(stale, NOON) == stale.changed(due_at=None)


def test_runs_that_wait_for_a_person_or_for_room_are_asked_for_without_a_write() -> None:
    records: list[Record] = [
        *(a_run(state=state) for state in RunState),
        a_rollout(),
        a_drop(),
        an_endpoint(),
    ]

    assert [r.state for r in records if isinstance(r, RunRecord) and waits(r)] == [
        RunState.PARKED,
        RunState.HELD,
    ]
    assert not any(waits(r) for r in records if not isinstance(r, RunRecord))
    assert not waits(a_run(state=RunState.HELD).saying(STEP_DUE))


@pytest.mark.parametrize(
    ("state", "waited", "times"),
    [
        (RunState.HELD, timedelta(), 1),
        (RunState.HELD, timedelta(days=20), 1),
        (RunState.PARKED, timedelta(), 12),
        (RunState.PARKED, timedelta(days=2), 1),
    ],
)
def test_of_twelve_passes_an_hour_one_that_waits_long_is_asked_for_in_one(
    state: RunState, waited: timedelta, times: int
) -> None:
    for number in range(30):
        run = a_run(state=state, run=f"{number:012x}", started_at=NOON - waited)
        passes = [NOON + i * RETRY_AFTER for i in range(ASK_PERSON_AFTER // RETRY_AFTER)]

        assert sum(its_turn(run, now) for now in passes) == times
