"""The gate: numbers in, a verdict with numbers out; nothing else counts."""

from math import isfinite
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.words import Reason
from functions.gate_model.decide import (
    Approve,
    AskHuman,
    Fail,
    Ignore,
    Outcome,
    Reevaluate,
    Register,
    Reject,
    Verdict,
    Wait,
    decide,
    gate,
)
from functions.gate_model.rules import Comparison, Report, Slice
from functions.jobs import JobStatus
from functions.judgement import Gates
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


def reasoned(verdict: Verdict) -> Reason | None:
    return verdict.reason if isinstance(verdict, Reject) else None


def test_a_candidate_below_the_minimum_is_rejected_with_the_number() -> None:
    verdict = gate(a_report(0.85), Gates(min={"accuracy": 0.9}))

    assert isinstance(verdict, Reject)
    assert verdict.reason is Reason.BELOW_MINIMUM
    assert verdict.message == "accuracy 0.8500 is below the minimum 0.9 on 200 rows"
    assert verdict.margin == pytest.approx(-0.05)


@pytest.mark.parametrize("gates", [Gates(min={"auroc": 0.1}), Gates(max={"ece": 0.9})])
def test_a_score_that_was_not_measured_keeps_no_bar(gates: Gates) -> None:
    verdict = gate(a_report(0.95), gates)

    assert reasoned(verdict) is Reason.NOT_MEASURED


def test_a_loss_above_its_maximum_is_rejected_with_the_number() -> None:
    report = with_metrics(a_report(0.95), log_loss=0.7)

    verdict = gate(report, Gates(max={"log_loss": 0.5}))

    assert isinstance(verdict, Reject)
    assert verdict.reason is Reason.ABOVE_MAXIMUM
    assert verdict.message == "log_loss 0.7000 is above the maximum 0.5 on 200 rows"


def test_a_candidate_surely_better_than_the_champion_is_approved() -> None:
    verdict = gate(a_report(0.95, champion=0.92, margin=0.02), Gates())

    assert isinstance(verdict, Approve)
    assert verdict.message == (
        "accuracy +0.0300 against the champion (95% between +0.0100 and +0.0500)"
    )
    assert verdict.margin == pytest.approx(0.01)


def test_what_the_holdout_cannot_decide_is_refused_as_such() -> None:
    report = a_report(0.95, champion=0.94, margin=0.04)

    verdict = gate(report, Gates(max_drop=0.02))

    assert isinstance(verdict, Reject)
    assert verdict.reason is Reason.UNDECIDED
    assert verdict.message == (
        "accuracy +0.0100 against the champion (95% between -0.0300 and +0.0500),"
        " [gates] max_drop = 0.02: 200 rows cannot decide it, about 970 would"
    )
    assert verdict.margin == pytest.approx(-0.01)


def test_a_candidate_surely_worse_than_allowed_is_rejected_as_worse() -> None:
    verdict = gate(a_report(0.85, champion=0.94, margin=0.04), Gates(max_drop=0.02))

    assert reasoned(verdict) is Reason.WORSE_THAN_CHAMPION


def test_a_candidate_no_different_from_the_champion_is_not_surely_better() -> None:
    verdict = gate(a_report(0.95, champion=0.95, margin=0.0), Gates())

    assert reasoned(verdict) is Reason.UNDECIDED


def test_an_equally_good_candidate_passes_within_a_margin() -> None:
    verdict = gate(a_report(0.95, champion=0.95, margin=0.02), Gates(max_drop=0.03))

    assert isinstance(verdict, Approve)


@pytest.mark.parametrize("approval", ["human", "auto_if_better"])
def test_what_the_holdout_cannot_decide_is_for_a_person_where_there_is_one(approval: str) -> None:
    gates = Gates.model_validate({"approval": approval})

    verdict = gate(a_report(0.95, champion=0.94, margin=0.04), gates)

    assert isinstance(verdict, AskHuman)
    assert verdict.message.startswith("UNDECIDED: accuracy +0.0100 against the champion")


@pytest.mark.parametrize(
    ("champion", "approved"), [(0.90, True), (0.95, False), (0.96, False)], ids=str
)
def test_auto_if_better_lets_pass_alone_what_is_surely_better(
    champion: float, *, approved: bool
) -> None:
    gates = Gates(max_drop=0.05, approval="auto_if_better")

    verdict = gate(a_report(0.95, champion=champion, margin=0.02), gates)

    assert isinstance(verdict, Approve if approved else AskHuman)


@pytest.mark.parametrize("approval", ["auto", "human", "auto_if_better"])
def test_what_is_surely_worse_is_put_before_nobody(approval: str) -> None:
    gates = Gates.model_validate({"approval": approval})

    verdict = gate(a_report(0.80, champion=0.95, margin=0.02), gates)

    assert reasoned(verdict) is Reason.WORSE_THAN_CHAMPION


def test_a_good_candidate_of_a_careful_model_is_put_before_a_person() -> None:
    gates = Gates(min={"accuracy": 0.9}, approval="human")

    assert gate(a_report(0.95), gates) == AskHuman("accuracy 0.9500")


def test_a_bad_candidate_of_a_careful_model_is_not_put_before_anybody() -> None:
    verdict = gate(a_report(0.5), Gates(min={"accuracy": 0.9}, approval="human"))

    assert isinstance(verdict, Reject)


def test_a_first_model_may_be_for_a_person_alone() -> None:
    assert gate(a_report(0.95), Gates(first="human")) == AskHuman("accuracy 0.9500")
    assert isinstance(gate(a_report(0.95, champion=0.9), Gates(first="human")), Approve)


@pytest.mark.parametrize(("low", "approved"), [(0.2, True), (0.0, False), (-0.1, False)])
def test_a_first_model_must_surely_beat_the_commonest_class(low: float, *, approved: bool) -> None:
    constant = Comparison(
        metric="accuracy", difference=low + 0.1, low=low, high=low + 0.2, confidence=0.95
    )

    verdict = gate(a_report(0.95).model_copy(update={"constant": constant}), Gates())

    assert isinstance(verdict, Approve) == approved
    assert approved or reasoned(verdict) is Reason.NO_BETTER_THAN_CONSTANT


def test_a_holdout_with_few_rows_decides_nothing() -> None:
    report = a_report(0.95, champion=0.9)

    assert reasoned(gate(report, Gates(min_rows=201))) is Reason.HOLDOUT_TOO_SMALL
    assert isinstance(gate(report, Gates(min_rows=201, approval="human")), AskHuman)
    assert isinstance(gate(report, Gates(min_rows=200)), Approve)


@pytest.mark.parametrize("approval", ["auto", "human", "auto_if_better"])
def test_a_champion_that_gives_no_answers_is_a_matter_for_a_person(approval: str) -> None:
    broken = {"comparison": None, "champion_failure": "ARTIFACT_DAMAGED: it is incomplete"}
    report = a_report(0.95, champion=0.9).model_copy(update=broken)

    verdict = gate(report, Gates.model_validate({"approval": approval}))

    assert verdict == AskHuman(
        "the champion gave no answers to compare with: ARTIFACT_DAMAGED: it is incomplete"
    )


def a_slice(**told: object) -> Slice:
    said: dict[str, object] = {"name": "region = 3", "rows": 80, "accuracy": 0.9}
    return Slice.model_validate(said | told)


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (a_slice(difference=-0.1, p=0.001), Reason.WORSE_ON_SLICE),
        (a_slice(difference=-0.1, p=0.2), None),
        (a_slice(difference=-0.01, p=0.001), None),
        (a_slice(accuracy=0.6), Reason.BELOW_MINIMUM),
        (a_slice(accuracy=0.6, rows=29), None),
    ],
)
def test_a_slice_has_bars_of_its_own(part: Slice, reason: Reason | None) -> None:
    report = a_report(0.95, champion=0.9).model_copy(update={"slices": (part,)})

    verdict = gate(report, Gates(slice_drop=0.02, slice_min=0.7))

    assert reasoned(verdict) is reason


def test_a_slice_that_a_search_found_is_for_a_person_where_there_is_one() -> None:
    part = a_slice(difference=-0.1, p=0.001)
    report = a_report(0.95, champion=0.9).model_copy(update={"found": (part,)})

    assert isinstance(gate(report, Gates()), Approve)
    asked = gate(report, Gates(approval="auto_if_better"))
    assert isinstance(asked, AskHuman)
    assert asked.message == (
        "WORSE_ON_SLICE: region = 3: accuracy 0.9000, -0.1000 against the champion on 80 rows,"
        " surely worse, of all that were searched"
    )


def with_metrics(report: Report, **told: float) -> Report:
    metrics = {**report.candidate.metrics, **told}
    judged = report.candidate.model_copy(update={"metrics": metrics})
    return report.model_copy(update={"candidate": judged})


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
    assert isinstance(verdict, Approve) == (report.comparison.low + drop > 0)


@given(low=st.floats(), high=st.floats(), difference=st.floats(), drop=st.floats(0, 1))
def test_an_interval_of_no_numbers_approves_nothing(
    low: float, high: float, difference: float, drop: float
) -> None:
    report = a_report(0.95, champion=0.9)
    assert report.comparison is not None
    odd = {"low": low, "high": high, "difference": difference}
    compared = report.comparison.model_copy(update=odd)

    verdict = gate(report.model_copy(update={"comparison": compared}), Gates(max_drop=drop))

    finite = all(map(isfinite, (low, high, difference)))
    assert finite or reasoned(verdict) is Reason.NOT_MEASURED


def test_a_completed_evaluation_is_registered_with_its_verdict() -> None:
    report = a_report(0.95, champion=0.9)

    assert judged(report, champion=CHAMPION) == Register(report, gate(report, Gates()))


@pytest.mark.parametrize(
    ("status", "failure", "outcome"),
    [
        (JobStatus.RUNNING, "", Wait()),
        (JobStatus.STOPPING, "", Wait()),
        (JobStatus.FAILED, "", Fail(Reason.JOB_FAILED, f"{JOB}: no reason given")),
        (
            JobStatus.FAILED,
            "AlgorithmError: HOLDOUT_LEAKED: 3 of 9 rows, exit code: 2",
            Fail(
                Reason.HOLDOUT_LEAKED,
                f"{JOB}: AlgorithmError: HOLDOUT_LEAKED: 3 of 9 rows, exit code: 2",
            ),
        ),
        (
            JobStatus.FAILED,
            "HOLDOUT_ODD: not a reason of ours",
            Fail(Reason.JOB_FAILED, f"{JOB}: HOLDOUT_ODD: not a reason of ours"),
        ),
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
