"""The gate: numbers in, a verdict with numbers out; nothing else counts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.words import Reason
from functions.definition import Gates
from functions.gate_model.decide import (
    Approve,
    AskHuman,
    Fail,
    Ignore,
    Outcome,
    Reevaluate,
    Register,
    Reject,
    Report,
    Wait,
    decide,
    gate,
)
from functions.jobs import JobStatus
from functions.ledger import Champion, RunState
from functions.machines import RunNews
from tests.builders import (
    NAMES,
    RUN,
    a_champion,
    a_definition,
    a_job,
    a_report,
    a_run,
    an_evaluated_run,
    digest,
)

JOB = NAMES.evaluation_job("digits", RUN)
CHAMPION = a_champion(1)
ACCURACY = st.floats(0, 1)


def judged(report: Report, *, champion: Champion | None = None, **fields: Any) -> Outcome:
    record = an_evaluated_run(against=champion.version if champion else None, **fields)
    return decide(
        record, a_job(name=JOB), report.model_dump(mode="json"), seen=JOB, champion=champion
    )


def test_a_first_candidate_above_the_minimum_is_approved() -> None:
    verdict = gate(a_report(0.95), Gates(min={"accuracy": 0.9}))

    assert verdict == Approve("accuracy 0.9500")


def test_a_candidate_below_the_minimum_is_rejected_with_the_number() -> None:
    verdict = gate(a_report(0.85), Gates(min={"accuracy": 0.9}))

    assert verdict == Reject(
        Reason.BELOW_MINIMUM, "accuracy 0.8500 is below the minimum 0.9 on 200 rows"
    )


def test_a_metric_that_was_not_measured_is_below_every_minimum() -> None:
    verdict = gate(a_report(0.95), Gates(min={"recall": 0.1}))

    assert verdict == Reject(
        Reason.BELOW_MINIMUM, "recall missing is below the minimum 0.1 on 200 rows"
    )


def test_a_candidate_surely_as_good_as_the_champion_is_approved() -> None:
    verdict = gate(a_report(0.95, champion=0.92, margin=0.02), Gates())

    assert verdict == Approve(
        "accuracy +0.0300 against the champion (95% between +0.0100 and +0.0500)"
    )


def test_a_candidate_that_may_be_worse_than_allowed_is_rejected() -> None:
    verdict = gate(a_report(0.95, champion=0.94, margin=0.04), Gates(max_drop=0.02))

    assert verdict == Reject(
        Reason.WORSE_THAN_CHAMPION,
        "accuracy +0.0100 against the champion (95% between -0.0300 and +0.0500), allowed -0.02",
    )


def test_a_good_candidate_of_a_careful_model_is_put_before_a_person() -> None:
    gates = Gates(min={"accuracy": 0.9}, approval="human")

    assert gate(a_report(0.95), gates) == AskHuman("accuracy 0.9500")


def test_a_bad_candidate_of_a_careful_model_is_not_put_before_anybody() -> None:
    verdict = gate(a_report(0.5), Gates(min={"accuracy": 0.9}, approval="human"))

    assert isinstance(verdict, Reject)


@given(accuracy=ACCURACY | st.just(float("nan")), least=ACCURACY)
def test_nothing_below_the_minimum_ever_gets_through(accuracy: float, least: float) -> None:
    verdict = gate(a_report(accuracy), Gates(min={"accuracy": least}))

    assert isinstance(verdict, Approve) == (accuracy >= least)


@given(accuracy=ACCURACY, champion=ACCURACY, margin=st.floats(0, 0.2), drop=st.floats(0, 0.2))
def test_nothing_that_may_be_worse_than_allowed_ever_gets_through(
    accuracy: float, champion: float, margin: float, drop: float
) -> None:
    report = a_report(accuracy, champion=champion, margin=margin)

    verdict = gate(report, Gates(max_drop=drop))

    assert report.comparison is not None
    assert isinstance(verdict, Approve) == (report.comparison.low >= -drop)


def test_a_completed_evaluation_is_registered_with_its_verdict() -> None:
    report = a_report(0.95, champion=0.9)

    assert judged(report, champion=CHAMPION) == Register(report, gate(report, Gates()))


@pytest.mark.parametrize(
    ("status", "failure", "outcome"),
    [
        (JobStatus.RUNNING, "", Wait()),
        (JobStatus.STOPPING, "", Wait()),
        (JobStatus.FAILED, "", Fail(Reason.JOB_FAILED, f"{JOB}: no reason given")),
        (JobStatus.STOPPED, "time", Fail(Reason.JOB_STOPPED, f"{JOB}: time")),
    ],
)
def test_a_job_that_did_not_complete_gives_no_verdict(
    status: JobStatus, failure: str, outcome: Outcome
) -> None:
    job = a_job(status, name=JOB, failure=failure)

    assert decide(an_evaluated_run(), job, None, seen=JOB, champion=None) == outcome


@pytest.mark.parametrize("state", [s for s in RunState if s is not RunState.EVALUATING])
def test_a_run_is_judged_once(state: RunState) -> None:
    record = a_run(state=state, evaluation_job=JOB)

    outcome = decide(record, a_job(name=JOB), a_report().model_dump(), seen=JOB, champion=None)

    assert outcome == Ignore(str(record.ignores(RunNews.UNJUDGED)))


def test_the_job_of_an_earlier_evaluation_gives_no_verdict() -> None:
    earlier = a_job(name=NAMES.evaluation_job("digits", RUN, 7))

    outcome = decide(
        an_evaluated_run(), earlier, a_report().model_dump(), seen=earlier.name, champion=None
    )

    assert outcome == Ignore("no run of ours waits for this job")


def test_a_job_of_nobody_gives_no_verdict() -> None:
    outcome = decide(None, None, None, seen=JOB, champion=None)

    assert outcome == Ignore("no run of ours waits for this job")


def test_a_job_that_somebody_deleted_ends_its_run() -> None:
    outcome = decide(an_evaluated_run(), None, None, seen=JOB, champion=None)

    assert outcome == Fail(Reason.JOB_STOPPED, f"{JOB} is gone")


def test_a_candidate_compared_with_a_former_champion_is_compared_again() -> None:
    report = a_report(0.95, champion=0.9, champion_digest=digest("model 1"))

    outcome = judged(report, champion=a_champion(2))

    assert outcome == Reevaluate("judged against version 2, 2 serves now")


def test_a_candidate_judged_alone_is_compared_once_there_is_a_champion() -> None:
    record = an_evaluated_run(against=None)

    outcome = decide(
        record, a_job(name=JOB), a_report().model_dump(mode="json"), seen=JOB, champion=CHAMPION
    )

    assert outcome == Reevaluate("judged against version None, 1 serves now")


def test_a_candidate_that_serves_already_is_not_compared_with_itself() -> None:
    report = a_report(0.95, champion=0.9)

    outcome = judged(report, champion=a_champion(2, run=RUN))

    assert outcome == Register(report, gate(report, Gates()))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"candidate": None}, "candidate"),
        ({"rows": 0}, "rows"),
        ({"candidate": {"digest": "short", "metrics": {}}}, "candidate.digest"),
        ({"comparison": None}, "document"),
        ({"champion": None}, "document"),
        ({"run": "another"}, "run 'another'"),
    ],
)
def test_a_report_that_does_not_say_enough_fails_the_run(
    change: dict[str, Any], where: str
) -> None:
    raw = a_report(0.95, champion=0.9).model_dump(mode="json") | change

    outcome = decide(an_evaluated_run(against=1), a_job(name=JOB), raw, seen=JOB, champion=CHAMPION)

    assert isinstance(outcome, Fail)
    assert outcome.reason is Reason.REPORT_UNREADABLE
    assert where in outcome.message


@pytest.mark.parametrize("raw", [None, [], "text", 3])
def test_a_report_that_is_none_fails_the_run(raw: object) -> None:
    outcome = decide(an_evaluated_run(), a_job(name=JOB), raw, seen=JOB, champion=None)

    assert isinstance(outcome, Fail)
    assert outcome.reason is Reason.REPORT_UNREADABLE


def test_the_models_own_gates_are_applied() -> None:
    definition = a_definition(gates={"min": {"accuracy": 0.99}})

    outcome = judged(a_report(0.95), definition=definition)

    assert isinstance(outcome, Register)
    assert isinstance(outcome.verdict, Reject)
