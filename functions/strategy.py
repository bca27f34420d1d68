"""`[rollout]` and `[watch]`: how traffic moves to a challenger, what it takes, and what follows."""

from collections.abc import Iterator
from itertools import pairwise
from math import ceil
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from functions.sections import Pause, Seconds, Section, Share

Fault = tuple[str, str]
"""A key and what is wrong with it."""
Rule = Literal["errors", "refused", "slower"]
"""What a challenger is compared with the champion by."""
Strategy = Literal["stepped", "all_at_once", "guardrail"]
_LATER = ("shadow", "experiment")
_ONE_INTERVAL = 3600
"""Seconds that SageMaker waits between two moves, or before it ends the old fleet, at most."""
_LONGEST_BAKES = 15 * 86400
"""So long CloudWatch tells metrics by the minute."""
_PERCENT = {"canary": (1, 50), "linear": (10, 50), "rolling": (5, 50)}
"""What SageMaker takes as the size of a move, of all instances."""
GOLDEN_FILE = "golden.jsonl"
LONGEST_GOLDEN = 4096
MOST_GOLDEN = 16
"""They travel in the model's parameter, which takes 8 KB in all, and in every rollout."""
GUARDRAILS_DROPPED = (
    "SageMaker silently drops its guardrails there and updates all at once, without a bake;"
    ' write strategy = "stepped"'
)
NO_GUARDRAILS = "ml.inf1."
"""Instance types whose updates SageMaker guards by nothing, whatever is asked."""


def _there(value: object) -> object:
    if value in _LATER:
        raise ValueError(f'{value!r} is not there yet; write strategy = "stepped"')
    return value


def _up_to_all(steps: tuple[int, ...]) -> tuple[int, ...]:
    rising = all(a < b for a, b in pairwise(steps))
    if not steps or not rising or steps[0] < 1 or steps[-1] != 100:
        raise ValueError(f"steps must rise from at least 1 to 100 percent, not {list(steps)}")
    return steps


class Guardrail(Section):
    """`[rollout.guardrail]`: how SageMaker itself moves the traffic, with strategy `guardrail`.

    It needs two instances or more; it goes back by itself when an alarm of the variant rings.
    """

    type: Literal["canary", "linear", "rolling"] = "canary"
    """Blue/green in two moves or in many, or batch by batch in place of the old instances."""
    size: int = Field(default=10, ge=1)
    """Of one move: canary 1 … 50, linear 10 … 50, rolling 5 … 50 percent of the instances."""
    unit: Literal["percent", "instances"] = "percent"
    """What `size` counts; instances come to no more than half of them either."""
    wait: Pause = Field(default=300, le=_ONE_INTERVAL)
    """How long SageMaker watches the alarms after each move; at most one hour."""
    termination_wait: Pause = Field(default=0, le=_ONE_INTERVAL)
    """How long the old instances stay after the last move of canary and linear."""
    timeout: Seconds = Field(default=14400, ge=600, le=28800)
    """The longest the whole move may take, 10 minutes to 8 hours; then SageMaker goes back."""

    def moves(self, instances: int) -> int:
        """How many moves it takes over so many instances."""
        return 2 if self.type == "canary" else ceil(instances / self.at_once(instances))

    def at_once(self, instances: int) -> int:
        """Instances of one move."""
        part = self.size if self.unit == "instances" else instances * self.size // 100
        return max(1, part)

    def waits(self, instances: int) -> float:
        """Seconds that it only waits."""
        between = self.moves(instances) - (0 if self.type == "rolling" else 1)
        return between * self.wait + self.termination_wait

    def faults(self, instances: int) -> Iterator[Fault]:
        """What SageMaker would refuse."""
        low, high = _PERCENT[self.type]
        if self.unit == "percent" and not low <= self.size <= high:
            yield "size", f"{self.type} takes {low} to {high} percent, not {self.size}"
        elif instances > 1 and self.at_once(instances) * 100 > high * instances:
            yield (
                "size",
                f"{self.at_once(instances)} of {instances} instances are more than {high} percent;"
                " write a smaller size, or a larger [serving] count",
            )
        elif self.unit == "instances" and self.size * 100 < low * instances:
            yield "size", f"{self.size} of {instances} instances are less than {low} percent"
        if self.type == "rolling" and self.termination_wait:
            yield "termination_wait", "rolling ends old instances as it goes; leave it out"
        if self.waits(instances) >= self.timeout:
            yield (
                "timeout",
                f"{self.timeout:.0f} s are no more than the waits, which come to"
                f" {self.waits(instances):.0f} s; write more, or shorter waits",
            )


class Golden(Section):
    """A request whose answer is known: one line of `golden.jsonl`."""

    instance: tuple[float, ...] = Field(min_length=1)
    prediction: float


class Rollout(Section):
    """`[rollout]`: how traffic moves and what it takes."""

    strategy: Annotated[Strategy, BeforeValidator(_there)] = "stepped"
    """`stepped`: champion and challenger side by side, traffic moves by weights. `all_at_once`:
    the same in one step. `guardrail`: SageMaker replaces the instances. docs/rollouts.md helps
    choosing."""
    steps: Annotated[tuple[int, ...], AfterValidator(_up_to_all)] = (5, 25, 50, 100)
    """Percent of traffic on the challenger, rising, ending at 100; of `stepped` only."""
    bake: Seconds = 600
    """How long each step is watched before its evidence is judged."""
    min_requests: int = Field(default=20, ge=1)
    """Requests the challenger must have answered within a step before it moves on."""
    promote_requests: int = Field(default=100, ge=1)
    """Requests over the whole rollout before promotion."""
    max_errors: Share = 0.005
    """Share of its requests that a challenger may fail or refuse beyond the champion's."""
    max_slower: Share = 0.005
    """Share of its answers beyond the champion's that may be slower than the champion's p99."""
    false_alarm: Share = 0.01
    """Chance that a rollout of an equally good challenger is taken back by the comparison."""
    look: Seconds = 60
    """How often the arms are compared within a bake; bad news does not wait for its end."""
    dry_run: tuple[Rule, ...] = ()
    """Comparisons that only tell what they would have done: `errors`, `refused`, `slower`."""
    golden: str = Field(default="", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$|^$")
    """File beside `model.toml` with golden requests, one `{"instance": […], "prediction": …}` a
    line; without a word `golden.jsonl`, if it is there. Else the first rows of the dataset are
    asked, and only the form of the answers is looked at."""
    tolerance: float = Field(default=0.0, ge=0)
    """How far an answer may lie from the recorded one."""
    requests: tuple[Golden, ...] = Field(default=(), max_length=MOST_GOLDEN)
    """What stands in that file; 16 requests at most."""
    guardrail: Guardrail = Guardrail()

    def questions(self, recorded: object) -> tuple[list[Any], tuple[float, ...]]:
        """What a golden probe asks, and the answers as far as they are known."""
        if self.requests:
            asked = [list(each.instance) for each in self.requests]
            return asked, tuple(each.prediction for each in self.requests)
        known = recorded.get("instances", []) if isinstance(recorded, dict) else []
        return known, ()

    @property
    def stairs(self) -> tuple[int, ...]:
        """The shares that the strategy gives to the challenger, one after the other."""
        return self.steps if self.strategy == "stepped" else (100,)

    def faults(self, instances: tuple[str, ...], count: int) -> Iterator[Fault]:
        """What does not go together, on so many instances of these types."""
        if len(self.stairs) * self.bake > _LONGEST_BAKES:
            yield (
                "bake",
                f"{len(self.stairs)} bakes are longer than the 15 days for which CloudWatch tells"
                " metrics by the minute; write a shorter one",
            )
        if self.strategy != "stepped" and self.steps != Rollout().steps:
            yield "steps", f'of strategy = "stepped" only; {self.strategy} takes none'
        if self.strategy == "guardrail":
            yield from self._unguarded(instances, count)
        elif self.guardrail != Guardrail():
            yield "guardrail", f'of strategy = "guardrail" only; {self.strategy} takes none'

    def _unguarded(self, instances: tuple[str, ...], count: int) -> Iterator[Fault]:
        for instance in instances:
            if instance.startswith(NO_GUARDRAILS):
                yield "strategy", f"guardrail on {instance} (archived by AWS): {GUARDRAILS_DROPPED}"
        if count < 2:
            yield (
                "strategy",
                "guardrail moves whole instances, and one cannot be divided;"
                ' write [serving] count = 2 or more, or strategy = "stepped"',
            )
        for key, said in self.guardrail.faults(count):
            yield f"guardrail.{key}", said


class Watch(Section):
    """`[watch]`: the time after promotion."""

    keep_warm: Seconds = 3600
    """The old champion stays that long, one weight change away; newer versions wait meanwhile."""
