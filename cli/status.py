"""Where every model of a stage stands."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from cli.home import Home
from functions.allowance import AllowanceRecord
from functions.ledger import EndpointRecord, RolloutRecord, RunRecord, RunState


@dataclass(frozen=True)
class Parked:
    """A run that waits."""

    run: str
    reason: str
    message: str


@dataclass(frozen=True)
class ModelStatus:
    """One model: who serves, who challenges, what ran last."""

    model: str
    champion: int | None
    endpoint: str
    weights: dict[str, int]
    rollout: str | None
    rollout_state: str | None
    weight: int | None
    """The challenger's percent."""
    waiting: int | None
    """The newest version approved meanwhile."""
    last_run: str | None
    last_state: str | None
    parked: list[Parked]
    """Runs that wait, and for what."""
    training: int
    """Training jobs that hold a place."""
    spent: float
    """USD that trainings have come to today, by the day in UTC."""
    reserved: float
    """The most USD that those under way may still cost."""


@dataclass(frozen=True)
class Status:
    """A stage."""

    where: str
    stage: str
    models: list[ModelStatus]
    overdue: int
    """Records the sweep should have moved on by now."""

    def told(self) -> dict[str, Any]:
        return asdict(self)


def status_of(home: Home) -> Status:
    """Read it all; raises CliError."""
    endpoints = {e.model: e for e in home.ledger.all(EndpointRecord)}
    runs = sorted(home.ledger.all(RunRecord), key=lambda run: run.started_at)
    models = sorted(set(endpoints) | {run.model for run in runs})
    return Status(
        where=home.where,
        stage=home.stage,
        models=[
            _model(home, m, endpoints.get(m), [r for r in runs if r.model == m]) for m in models
        ],
        overdue=sum(1 for _ in home.ledger.overdue(datetime.now(UTC), limit=100)),
    )


def _model(
    home: Home, model: str, endpoint: EndpointRecord | None, runs: list[RunRecord]
) -> ModelStatus:
    view = home.endpoints.view(model)
    held = endpoint.rollout if endpoint else None
    rollout = home.ledger.get(RolloutRecord, held) if held else None
    last = runs[-1] if runs else None
    allowance = home.ledger.get(AllowanceRecord, model) or AllowanceRecord(scope=model)
    return ModelStatus(
        model=model,
        champion=endpoint.champion.version if endpoint and endpoint.champion else None,
        endpoint=view.status if view else "none",
        weights=dict(view.weights) if view else {},
        rollout=held,
        rollout_state=rollout.state.value if rollout else None,
        weight=rollout.weight if rollout else None,
        waiting=endpoint.waiting if endpoint else None,
        last_run=last.run if last else None,
        last_state=last.state.value if last else None,
        parked=[
            Parked(run.run, str(run.reason or ""), run.message)
            for run in runs
            if run.state is RunState.PARKED
        ],
        training=len(allowance.reserved),
        spent=allowance.spent_on(datetime.now(UTC)),
        reserved=allowance.outstanding,
    )
