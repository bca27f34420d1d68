"""The end of the story: what must hold of the whole, and the bars with what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.table import Table

from demo.claims import Claims
from demo.measure import Memory, Weights, percentile
from demo.picture import Mark, draw
from demo.stage import MODEL, Stage
from demo.story import Story
from demo.traffic import Answer
from functions.ledger import RolloutRecord

FIRST_CHAMPION = 60.0
WHOLE_STORY = 180.0
MOST_MEMORY = 4096.0
SLOWEST_START = 2.0
SLOWEST_RETURN = 2.0
_SLACK = 1.0
"""Seconds after a rollout's end in which a request sent before it may still fail."""


@dataclass(frozen=True)
class Bar:
    """A limit and what was measured; None was not measured."""

    name: str
    limit: str
    seen: str
    holds: bool


@dataclass(frozen=True)
class Reckoning:
    """All bars, and where the picture lies."""

    bars: Sequence[Bar]
    picture: Path

    @property
    def holds(self) -> bool:
        return all(bar.holds for bar in self.bars)

    def table(self) -> Table:
        table = Table("", "bar", "limit", "measured", title="Bars")
        for bar in self.bars:
            mark = "[green]✓[/]" if bar.holds else "[red]✗[/]"
            table.add_row(mark, bar.name, bar.limit, bar.seen)
        return table


def reckon(
    story: Story,
    claims: Claims,
    *,
    users: Sequence[Answer],
    weights: Weights,
    memory: Memory,
    begun: float,
    served: float,
    marks: Sequence[Mark],
    picture: Path,
) -> Reckoning:
    """Claim what must hold at the end, draw the picture, and measure against the bars."""
    ended = max(answer.at for answer in users)
    _at_the_end(story, claims, users)
    rollouts = story.stage.home.ledger.all(RolloutRecord)
    objective = rollouts[0].definition.serving.latency
    draw(picture, users, begun=begun, marks=marks, objective=objective)
    starts = _starts(story.stage)
    returns = _returns(story.stage, rollouts, weights)
    bars = [
        _below("first champion serves", served - begun, FIRST_CHAMPION, "s"),
        _below("the whole story", ended - begun, WHOLE_STORY, "s"),
        _below("peak memory of all processes", memory.peak, MOST_MEMORY, "MiB"),
        _many("drop event → CreateTrainingJob, p95", starts[1:], 95, SLOWEST_START),
        _cold("  … the first drop's, on cold functions", starts[:1]),
        _many("alarm → champion at 100 %, p99", returns, 99, SLOWEST_RETURN),
    ]
    return Reckoning(bars, picture)


def _at_the_end(story: Story, claims: Claims, users: Sequence[Answer]) -> None:
    claims.begin("The end")
    champion = story.stage.champion()
    claims.claim("champion v2 serves", holds=champion == 2, seen=f"v{champion}")
    rollouts = story.stage.home.ledger.all(RolloutRecord)
    failed = [answer for answer in users if not answer.ok]
    unfair = [answer for answer in failed if not _challenged(answer, rollouts)]
    claims.claim(
        "no request that went to a champion failed",
        holds=not unfair,
        seen=f"{len(users)} requests, {len(failed)} failed, all on a challenger"
        if not unfair
        else f"{len(unfair)} failed, first: {unfair[0]}",
    )
    drops = story.drops()
    claims.claim(
        "every drop has a terminal record",
        holds=bool(drops) and all(drop.ended for drop in drops),
        seen=f"{len(drops)} drops",
    )


def _challenged(answer: Answer, rollouts: Sequence[RolloutRecord]) -> bool:
    """Whether a failed request was answered by a variant that was a challenger then."""
    return any(
        answer.variant == rollout.challenger.variant
        and rollout.champion is not None
        and _at(rollout.started_at) <= answer.at <= _at(rollout.ended_at) + _SLACK
        for rollout in rollouts
    )


def _at(moment: datetime | None) -> float:
    return moment.timestamp() if moment is not None else float("inf")


def _starts(stage: Stage) -> list[float]:
    """Seconds from the last file of each drop to its training job, in the order of the runs."""
    sagemaker = stage.client("sagemaker")
    seconds = []
    for run in stage.runs():
        if run.drop in stage.dropped and run.training_job:
            job = sagemaker.describe_training_job(TrainingJobName=run.training_job)
            seconds.append(job["CreationTime"].timestamp() - stage.dropped[run.drop])
    return seconds


def _returns(stage: Stage, rollouts: Sequence[RolloutRecord], weights: Weights) -> list[float]:
    """Seconds from an alarm to its champion being seen with all traffic."""
    cloudwatch = stage.client("cloudwatch")
    items = cloudwatch.describe_alarm_history(HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    seconds = []
    for rollout in rollouts:
        if rollout.champion is None or rollout.reason is None or rollout.ended_at is None:
            continue
        prefix = stage.home.names.alarm(MODEL, rollout.challenger.variant, "")
        rung = [
            item["Timestamp"].timestamp()
            for item in items
            if item["AlarmName"].startswith(prefix)
            and item["HistorySummary"].endswith("to ALARM")
            and rollout.started_at <= item["Timestamp"] <= rollout.ended_at
        ]
        whole = weights.first_whole(rollout.champion.variant, after=min(rung)) if rung else None
        if whole is not None:
            seconds.append(whole - min(rung))
    return seconds


def _below(name: str, seen: float, limit: float, unit: str) -> Bar:
    return Bar(name, f"≤ {limit:.0f} {unit}", f"{seen:.1f} {unit}", holds=seen <= limit)


def _cold(name: str, seconds: Sequence[float]) -> Bar:
    """Told beside the bar, which is of warm functions."""
    return Bar(name, "none", ", ".join(f"{s:.2f} s" for s in seconds), holds=True)


def _many(name: str, seconds: list[float], percent: float, limit: float) -> Bar:
    found = percentile(seconds, percent)
    each = ", ".join(f"{s:.2f}" for s in seconds)
    seen = "not measured" if found is None else f"{found:.2f} s of {each}"
    return Bar(name, f"≤ {limit:.0f} s", seen, holds=found is not None and found <= limit)
