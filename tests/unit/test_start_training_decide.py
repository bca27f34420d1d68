"""A dataset (or a request) becomes exactly one run, whoever asks and however often."""

from dataclasses import replace

import pytest

from events.words import Reason
from functions.ledger import RETRY_AFTER, RunRecord, RunState
from functions.machines import RunNews
from functions.start_training.decide import (
    Ignore,
    Park,
    Start,
    Wish,
    decide,
    judgeable,
    resume,
)
from tests.builders import A_MINUTE_LATER, NOON, TRACE, a_deployed, a_run, digest

WISH = Wish(
    model="digits",
    dataset=digest("dataset"),
    drop="monday",
    cause="drop monday",
    traceparent=TRACE,
)
BEGUN = [state for state in RunState if state not in {RunState.STARTING, RunState.PARKED}]


def test_a_wish_for_a_new_run_starts_it_with_all_it_needs() -> None:
    deployed = a_deployed()

    outcome = decide(WISH, deployed, None, now=NOON)

    assert outcome == Start(
        RunRecord(
            run=WISH.run(deployed),
            model="digits",
            dataset=WISH.dataset,
            drop="monday",
            cause="drop monday",
            definition=deployed.definition,
            code_uri=deployed.code_uri,
            code=deployed.code,
            started_at=NOON,
            traceparent=TRACE,
        )
    )


def test_a_wish_for_a_model_nobody_deployed_starts_nothing() -> None:
    assert decide(WISH, None, None, now=NOON) == Ignore("no model 'digits' is deployed here")


@pytest.mark.parametrize("state", [RunState.STARTING, RunState.PARKED])
def test_a_run_that_was_not_begun_is_begun(state: RunState) -> None:
    record = a_run(state=state)

    assert decide(WISH, a_deployed(), record, now=NOON) == Start(record)


@pytest.mark.parametrize("state", [state for state in BEGUN if state is not RunState.FAILED])
def test_a_run_that_was_begun_is_not_begun_again(state: RunState) -> None:
    record = a_run(state=state)

    assert resume(record) == Ignore(str(record.ignores(RunNews.STARTED)), record)


def test_whoever_asks_for_a_run_that_failed_is_told_what_helps() -> None:
    record = a_run(state=RunState.FAILED)

    assert resume(record) == Ignore(
        f"run {record.run} is failed: only its next attempt counts; `sluice train digits --dataset"
        f" {record.dataset[:12]}` begins it once more",
        record,
    )


def test_a_run_that_failed_is_begun_once_more_as_its_next_attempt() -> None:
    failed = a_run(
        state=RunState.FAILED,
        attempt=2,
        training_job="t2",
        evaluation_job="e1",
        evaluations=1,
        version=7,
        numbers={"accuracy": 0.9},
        reason=Reason.JOB_FAILED,
        message="no room",
        ended_at=NOON,
    )

    assert resume(failed, 3) == Start(
        failed.changed(
            state=RunState.STARTING,
            attempt=3,
            asked=True,
            training_job=None,
            evaluation_job=None,
            evaluations=2,
            artifact=None,
            version=None,
            numbers={},
            reason=None,
            message="",
            ended_at=None,
        )
    )


@pytest.mark.parametrize("attempt", [None, 1, 2, 4])
def test_a_request_that_comes_twice_or_late_begins_nothing(attempt: int | None) -> None:
    failed = a_run(state=RunState.FAILED, attempt=2)

    assert isinstance(resume(failed, attempt), Ignore)


def test_a_person_who_asks_for_a_run_that_waits_is_remembered() -> None:
    waiting = a_run(state=RunState.PARKED, reason=Reason.COOLDOWN)

    assert resume(waiting, person=True) == Start(waiting.changed(asked=True))


def test_a_run_that_gave_way_is_wanted_again_when_its_data_is_dropped_again() -> None:
    gone = a_run(
        state=RunState.FAILED,
        reason=Reason.SUPERSEDED,
        message="a newer drop",
        dropped_at=NOON,
        ended_at=NOON,
        training_job=None,
    )
    again = replace(WISH, drop="tuesday", dropped_at=A_MINUTE_LATER)
    twice = replace(WISH, dropped_at=NOON)

    assert decide(again, a_deployed(), gone, now=NOON) == Start(
        gone.changed(
            state=RunState.STARTING,
            reason=None,
            message="",
            drop="tuesday",
            dropped_at=A_MINUTE_LATER,
            ended_at=None,
        )
    )
    assert isinstance(decide(twice, a_deployed(), gone, now=NOON), Ignore)


def test_a_run_that_waits_is_as_new_as_the_last_drop_of_its_data() -> None:
    waiting = a_run(state=RunState.PARKED, dropped_at=NOON, training_job=None)
    again = replace(WISH, drop="tuesday", dropped_at=A_MINUTE_LATER)

    assert decide(again, a_deployed(), waiting, now=NOON) == Start(
        waiting.changed(drop="tuesday", dropped_at=A_MINUTE_LATER)
    )


def test_a_candidate_nobody_could_judge_is_not_trained() -> None:
    start = Start(a_run())

    assert judgeable(start, holdout=True, now=NOON) == start
    assert judgeable(start, holdout=False, now=NOON) == Park(
        start.record,
        Reason.NO_HOLDOUT,
        "no holdout 'v1' to judge it on; `sluice drop digits FOLDER --holdout v1`,"
        " then it begins by itself",
        until=NOON + RETRY_AFTER,
    )


def test_a_run_nobody_knows_cannot_be_begun() -> None:
    assert resume(None) == Ignore("no such run")


def test_a_run_is_the_same_for_the_same_data_code_and_recipe_only() -> None:
    same = WISH.run(a_deployed())
    rollout_differs = WISH.run(a_deployed(rollout={"steps": [100]}))
    others = {
        WISH.run(a_deployed(code="other")),
        WISH.run(a_deployed(training={"hyperparameters": {"epochs": 2}})),
        WISH.run(a_deployed(evaluation={"holdout": "v2"})),
        Wish("digits", digest("other"), None, "a person", None).run(a_deployed()),
        Wish("letters", WISH.dataset, None, "a person", None).run(a_deployed()),
    }

    assert same == rollout_differs
    assert len(others | {same}) == 6
