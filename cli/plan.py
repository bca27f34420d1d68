"""What a rollout would take: its phases, with the instances, the time and the cost of each."""

from collections.abc import Iterator
from dataclasses import dataclass

from cli.actions import deployed
from cli.home import Home
from functions import prices
from functions.definition import Definition
from functions.ledger import EndpointRecord, RolloutRecord

SCARCE = (
    'capacity was scarce lately: [rollout] strategy = "guardrail" with [rollout.guardrail]'
    ' type = "rolling" needs no second fleet'
)


@dataclass(frozen=True)
class Phase:
    """One part of a rollout."""

    name: str
    instances: int
    """At most, of the whole endpoint."""
    seconds: float
    """That are waited on purpose; how long SageMaker takes for machines nobody knows before."""
    cost: float | None
    """USD of the instances in that time; None where their price is not known."""


@dataclass(frozen=True)
class RolloutPlan:
    """A rollout that has not begun."""

    model: str
    strategy: str
    instance: str
    count: int
    """Of each variant."""
    phases: tuple[Phase, ...]
    advice: str = ""

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.phases)


def plan_of(home: Home, model: str) -> RolloutPlan:
    """The plan of a model's next rollout, on the instances its champion has now."""
    definition = deployed(home, model).definition
    endpoint = home.ledger.get(EndpointRecord, model)
    champion = endpoint.champion if endpoint else None
    view = home.endpoints.view(model) if champion else None
    live = view.counts.get(champion.variant, 0) if view and champion else 0
    count = max(definition.serving.count, live)
    standing = sum(view.counts.values()) if view else 0
    rollouts = [r for r in home.ledger.all(RolloutRecord) if r.model == model]
    scarce = any(rollout.tried for rollout in rollouts)
    return planned(model, definition, count=count, standing=standing, scarce=scarce)


def planned(
    model: str, definition: Definition, *, count: int, standing: int, scarce: bool = False
) -> RolloutPlan:
    """The same of a definition alone; `standing` instances serve now, none before the first."""
    instance = definition.serving.instances[0]
    hourly = prices.hourly(instance, definition.training.budget.prices)
    plan = definition.rollout
    told = [
        Phase(name, instances, seconds, _cost(hourly, instances, seconds))
        for name, instances, seconds in _phases(definition, count, standing)
    ]
    rolls = plan.strategy == "guardrail" and plan.guardrail.type == "rolling"
    advice = SCARCE if scarce and count > 1 and not rolls else ""
    return RolloutPlan(model, plan.strategy, instance, count, tuple(told), advice)


def _phases(definition: Definition, count: int, standing: int) -> Iterator[tuple[str, int, float]]:
    if not standing:
        yield "the first version is placed and probed", count, 0.0
    elif definition.rollout.strategy == "guardrail":
        yield from _guarded(definition, count, standing)
    else:
        yield from _beside(definition, count, standing)


def _beside(definition: Definition, count: int, standing: int) -> Iterator[tuple[str, int, float]]:
    """Two variants: the update makes both anew before it lets go of what stands there."""
    plan, both = definition.rollout, 2 * count
    yield "a new fleet of both versions; the challenger is probed", standing + both, 0.0
    for weight in plan.stairs:
        yield f"{weight} % on the challenger", both, plan.bake
    yield "watch; the way back is one change of weights", both, definition.watch.keep_warm


def _guarded(definition: Definition, count: int, standing: int) -> Iterator[tuple[str, int, float]]:
    plan, guard = definition.rollout, definition.rollout.guardrail
    rolling = guard.type == "rolling"
    more = guard.at_once(count) if rolling else count
    name = f"{guard.type} in {guard.moves(count)} moves of SageMaker's; then it is probed"
    yield name, standing + more, guard.waits(count)
    yield "100 % on the challenger", count, plan.bake
    yield "watch; the way back is a new fleet", count, definition.watch.keep_warm


def _cost(hourly: float | None, instances: int, seconds: float) -> float | None:
    return None if hourly is None else prices.cost(hourly, seconds=seconds, count=instances)
