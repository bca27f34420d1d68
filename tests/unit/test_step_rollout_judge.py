"""What the live evidence says of a challenger, beside what the champion does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.words import Reason
from functions.endpoint import Arms, Traffic
from functions.step_rollout.judge import (
    Fail,
    Inconclusive,
    NoData,
    Pass,
    Seen,
    Verdict,
    judge,
)
from tests.builders import a_definition, traffic

DEFINITION = a_definition(serving={"latency": "50ms"}, rollout={"max_errors": 0.01})
HEALTHY = traffic(1000)
RANK = {Fail: 0, NoData: 1, Inconclusive: 1, Pass: 2}


def judged(challenger: Traffic, champion: Traffic = HEALTHY, *, least: int = 20) -> Verdict:
    arms = Arms(challenger, champion)
    return judge(Seen(arms, arms), DEFINITION, least=least)


def test_silence_is_no_data() -> None:
    assert judged(traffic(0)) == NoData()


def test_enough_good_requests_pass_with_the_numbers() -> None:
    assert judged(traffic(40)) == Pass("challenger 0/40 errors, p99 10 ms; champion 0/1000")


def test_good_requests_that_are_too_few_are_too_little() -> None:
    assert judged(traffic(19)) == Inconclusive(
        "challenger 0/19 errors, p99 10 ms; champion 0/1000; 20 requests are needed"
    )


def test_bad_news_needs_no_minimum() -> None:
    verdict = judged(traffic(4, errors=3))

    assert verdict == Fail(
        Reason.TOO_MANY_ERRORS,
        "challenger 3/4 errors, p99 10 ms; champion 0/1000;"
        " fails more often than the champion, by more than 1.0%, surely",
    )


def test_a_slow_challenger_fails_once_there_is_enough_to_say_so() -> None:
    assert judged(traffic(40, p99=0.06)) == Fail(
        Reason.TOO_SLOW, "challenger 0/40 errors, p99 60 ms; champion 0/1000; allowed are 50 ms"
    )
    assert isinstance(judged(traffic(5, p99=0.06)), Inconclusive)


def test_a_challenger_that_is_slow_when_the_champion_is_too_is_not_blamed() -> None:
    assert judged(traffic(40, p99=0.06), traffic(1000, p99=0.07)) == Inconclusive(
        "challenger 0/40 errors, p99 60 ms; champion 0/1000;"
        " allowed are 50 ms, and the champion has 70 ms"
    )


@pytest.mark.parametrize(("p99", "excused"), [(0.06, True), (0.09, True), (0.091, False)])
def test_a_slow_champion_excuses_only_what_is_hardly_slower(*, p99: float, excused: bool) -> None:
    verdict = judged(traffic(40, p99=p99), traffic(1000, p99=0.06))

    assert isinstance(verdict, Inconclusive) is excused
    assert excused or verdict == Fail(
        Reason.TOO_SLOW,
        "challenger 0/40 errors, p99 91 ms; champion 0/1000;"
        " allowed are 50 ms, and the champion has 60 ms itself",
    )


def test_a_latency_nobody_measured_is_not_held_against_it() -> None:
    assert judged(traffic(40, p99=None)) == Pass(
        "challenger 0/40 errors, no latency; champion 0/1000"
    )


def test_more_errors_than_allowed_but_not_surely_is_too_little() -> None:
    assert judged(traffic(200, errors=4)) == Inconclusive(
        "challenger 4/200 errors, p99 10 ms; champion 0/1000;"
        " more errors than the 1.0% allowed, but not surely"
    )


def test_a_challenger_is_forgiven_what_the_champion_does_too() -> None:
    ailing = traffic(1000, errors=300)

    assert isinstance(judged(traffic(100, errors=30), ailing), Pass)
    assert isinstance(judged(traffic(100, errors=30)), Fail)


def test_with_all_the_traffic_it_is_measured_by_what_the_champion_did_before() -> None:
    ailing = Arms(traffic(1000, errors=13), traffic(0))
    whole = Arms(traffic(3000, errors=40), traffic(9000, errors=100))

    assert isinstance(judge(Seen(ailing, whole), DEFINITION, least=20), Pass)
    assert isinstance(judge(Seen(ailing, ailing), DEFINITION, least=20), Inconclusive)


@given(
    requests=st.integers(1, 500),
    errors=st.tuples(st.integers(0, 500), st.integers(0, 500)),
    champion=st.integers(0, 100),
    least=st.integers(1, 100),
)
def test_more_errors_never_make_a_better_verdict(
    requests: int, errors: tuple[int, int], champion: int, least: int
) -> None:
    fewer, more = sorted(min(e, requests) for e in errors)
    beside = traffic(100, errors=champion)

    better = judged(traffic(requests, errors=fewer), beside, least=least)
    worse = judged(traffic(requests, errors=more), beside, least=least)

    assert RANK[type(worse)] <= RANK[type(better)]


@given(requests=st.integers(0, 500), errors=st.integers(0, 500), least=st.integers(1, 500))
def test_nothing_passes_on_fewer_requests_than_asked(
    requests: int, errors: int, least: int
) -> None:
    verdict = judged(traffic(requests, errors=min(errors, requests)), least=least)

    assert not (isinstance(verdict, Pass) and requests < least)
