"""Challenger beside champion, minute by minute."""

from dataclasses import replace
from typing import Any

import pytest

from events.words import Reason
from functions.endpoint import MINUTE, NO_TRAFFIC, Arms, Minute, Traffic
from functions.step_rollout.comparison import Finding, findings, slow
from functions.step_rollout.judge import Inconclusive, Pass, Seen, bad_news, judge
from tests.builders import NOON, a_definition, traffic

BEFORE = traffic(60_000, 300, p99=0.02)


def minutes(count: int, **each: Any) -> Traffic:
    """The same every minute."""
    return Traffic(tuple(Minute(NOON + i * MINUTE, **each) for i in range(count)))


CHAMPION = minutes(10, requests=950, errors=5, slower=9, latency_p99=0.02)
EQUAL = minutes(10, requests=50, errors=0, slower=1, latency_p99=0.02)


def found(challenger: Traffic, champion: Traffic = CHAMPION, **rollout: Any) -> list[Finding]:
    definition = a_definition(rollout=rollout)
    return list(findings(Arms(challenger, champion), BEFORE, definition))


def test_an_equal_challenger_stands_every_comparison() -> None:
    assert found(EQUAL) == []


@pytest.mark.parametrize(
    ("worse", "rule", "reason"),
    [
        ({"errors": 5}, "errors", Reason.TOO_MANY_ERRORS),
        ({"refused": 5}, "refused", Reason.TOO_MANY_ERRORS),
        ({"slower": 8}, "slower", Reason.TOO_SLOW),
    ],
)
def test_a_worse_challenger_is_found_by_what_is_worse(
    worse: dict[str, int], rule: str, reason: Reason
) -> None:
    bad = Traffic(tuple(replace(each, **worse) for each in EQUAL.minutes))  # type: ignore[arg-type]  # counts

    (finding,) = found(bad)

    assert (finding.rule, finding.reason) == (rule, reason)


def test_one_slow_minute_accuses_nobody_and_several_do() -> None:
    def with_slow(count: int) -> Traffic:
        first = tuple(replace(each, slower=50) for each in EQUAL.minutes[:count])
        return Traffic(first + EQUAL.minutes[count:])

    assert found(with_slow(1)) == []
    assert [each.rule for each in found(with_slow(3))] == ["slower"]


def test_what_slows_both_arms_accuses_nobody() -> None:
    new = minutes(10, requests=50, slower=25)
    old = minutes(10, requests=950, slower=475)

    assert found(new, old) == []


def test_how_slow_it_is_says_nothing_without_a_champion_beside_it() -> None:
    assert found(minutes(10, requests=500, slower=400), NO_TRAFFIC) == []
    assert [each.rule for each in found(minutes(10, requests=500, errors=50), NO_TRAFFIC)] == [
        "errors"
    ]


def test_without_a_champion_beside_it_a_few_bad_minutes_may_be_the_weather() -> None:
    def storm(count: int) -> Traffic:
        calm = minutes(10, requests=500, errors=2)
        bad = tuple(replace(each, errors=100) for each in calm.minutes[:count])
        return Traffic(bad + calm.minutes[count:])

    assert found(storm(3), NO_TRAFFIC) == []
    assert [each.rule for each in found(storm(5), NO_TRAFFIC)] == ["errors"]


def test_more_than_is_allowed_by_the_model_is_needed() -> None:
    worse = minutes(10, requests=50, errors=4)

    assert [each.message for each in found(worse)] == [
        "fails more often than the champion, by more than 0.5%, surely"
    ]
    assert found(worse, max_errors=0.1) == []


def test_slow_is_what_takes_a_tenth_longer_than_the_champion_did_before() -> None:
    assert slow(BEFORE) == pytest.approx(0.022)
    assert slow(NO_TRAFFIC) is None


def test_a_comparison_in_dry_run_tells_and_does_nothing() -> None:
    slower = Arms(minutes(10, requests=50, slower=30, latency_p99=0.03), CHAMPION)
    seen = Seen(slower, slower, BEFORE)

    dry = a_definition(rollout={"dry_run": ["slower"]})

    verdict = judge(seen, dry, least=20)

    assert bad_news(seen, dry) is None
    assert isinstance(verdict, Pass)
    assert verdict.message.endswith(
        "; dry run: is slow more often than the champion, by more than 0.5%, surely"
    )
    assert bad_news(seen, a_definition(rollout={"dry_run": ["errors"]})) is not None


def test_more_refusals_than_allowed_but_not_surely_holds() -> None:
    step = Arms(traffic(100, refused=1), traffic(1000))

    verdict = judge(Seen(step, step), a_definition(), least=20)

    assert isinstance(verdict, Inconclusive)
    assert "more refusals than the 0.5% allowed, but not surely" in verdict.message
