"""Whether a run may begin now: what runs, what was spent, and what came of the last ones."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from events.words import Reason
from functions.allowance import GROWN, AllowanceRecord, Reservation, next_day, what_of
from functions.definition import Training
from functions.ledger import RETRY_AFTER, RunRecord
from functions.machines import RunState


@dataclass(frozen=True)
class Case:
    """A run that could begin, and all that may hold it up."""

    run: RunRecord
    job: str
    """The name its training job will have."""
    limits: Training
    """As the model is deployed now: a limit that was raised counts at once."""
    model: AllowanceRecord
    stage: AllowanceRecord
    most_running: int
    """Training jobs of the whole stage."""
    waiting: RunRecord | None = None
    """The run that waits for its drop's turn."""
    champion: int | None = None

    @property
    def by_itself(self) -> bool:
        """Whether nobody asked for it but its drop, and it never began."""
        return not self.run.asked and self.run.attempt == 1 and self.run.short_since is None

    @property
    def held(self) -> Reservation:
        """What its job holds: enough for the dearest of its instance types, at today's prices."""
        training = self.run.definition.training
        priced = training.model_copy(update={"budget": self.limits.budget})
        return Reservation(run=self.run.run, most=priced.dearest(), hourly=priced.hourly())

    @property
    def most(self) -> float:
        """The most its job may cost."""
        return self.held.most


@dataclass(frozen=True)
class Go:
    """Nothing holds it up. `reserves` is written first, together with the run."""

    reserves: tuple[AllowanceRecord, ...] = ()
    supersedes: RunRecord | None = None


@dataclass(frozen=True)
class Wait:
    """Something does; `until` is when to ask again, None when only a person or a drop will."""

    reason: Reason
    message: str
    until: datetime | None
    allowance: AllowanceRecord | None = None
    """The model's, in which the run is now the one that waits."""
    supersedes: RunRecord | None = None


@dataclass(frozen=True)
class End:
    """It will never begin by itself."""

    reason: Reason
    message: str


Verdict = Go | Wait | End


def allowed(case: Case, *, now: datetime) -> Verdict:
    """Whether the run may begin. One that has its place goes on, whatever changed since."""
    if case.job in case.model.reserved:
        return Go()
    for check in _CHECKS:
        found = check(case, now)
        if isinstance(found, Wait):
            return _in_line(case, found)
        if found is not None:
            return found
    return _reserved(case, now)


def _overtaken(case: Case, _: datetime) -> End | None:
    newer = case.waiting
    if newer is None or not _is_newer(newer, case.run) or not case.by_itself:
        return None
    return superseded_by(newer)


def superseded_by(newer: RunRecord) -> End:
    """Why a run gives way to the one on a newer drop."""
    return End(Reason.SUPERSEDED, f"run {newer.run} on a newer drop takes its turn")


def _over_run(case: Case, _: datetime) -> End | None:
    limit = case.limits.budget.per_run
    if limit is None or case.run.cost + case.most <= limit:
        return None
    return End(
        Reason.OVER_BUDGET,
        f"it has cost {case.run.cost:.2f} USD, and up to {case.most:.2f} more would pass"
        f" [training.budget] per_run = {limit:g}",
    )


def _not_helping(case: Case, _: datetime) -> Wait | None:
    row, most = case.model.refused, case.limits.stop_after
    alike = (row.what, row.beside) == (what_of(case.run), case.champion)
    grown = (case.run.rows or 0) >= GROWN * row.rows > 0
    if not most or len(row.runs) < most or not alike or grown or not case.by_itself:
        return None
    return Wait(
        Reason.NOT_HELPING,
        f"the last {len(row.runs)} candidates in a row were refused;"
        f" `sluice train {case.run.model} --dataset {case.run.dataset[:12]}` begins it",
        until=None,
    )


def _cooling(case: Case, now: datetime) -> Wait | None:
    begun = case.model.begun_at
    if begun is None or not case.by_itself:
        return None
    over = begun + timedelta(seconds=case.limits.cooldown)
    if now >= over:
        return None
    return Wait(Reason.COOLDOWN, f"the last training began at {begun:%H:%M:%S}", until=over)


def _full(case: Case, now: datetime) -> Wait | None:
    scopes = (
        (case.model, case.limits.max_running, f"{case.run.model} may have at a time"),
        (case.stage, case.most_running, "the stage may have at a time"),
    )
    for allowance, most, whose in scopes:
        if len(allowance.reserved) >= most:
            said = f"{len(allowance.reserved)} training jobs run, as many as {whose}"
            return Wait(Reason.TOO_MANY_RUNNING, said, until=now + RETRY_AFTER)
    return None


def _over_day(case: Case, now: datetime) -> Wait | None:
    limit, held = case.limits.budget.per_day, case.model.outstanding
    if limit is None or case.model.spent_on(now) + held + case.most <= limit:
        return None
    return Wait(
        Reason.OVER_BUDGET,
        f"up to {case.most:.2f} USD more would pass [training.budget] per_day = {limit:g} of today",
        until=now + RETRY_AFTER if held else next_day(now),
    )


_Check = Callable[[Case, datetime], Wait | End | None]
_CHECKS: tuple[_Check, ...] = (_overtaken, _over_run, _not_helping, _cooling, _full, _over_day)


def _in_line(case: Case, wait: Wait) -> Wait:
    """Of the drops that wait in a cooldown, or after refusals, only the newest keeps its place."""
    coalesces = case.limits.cooldown > 0 or wait.reason is Reason.NOT_HELPING
    if not coalesces or not case.by_itself or case.run.dropped_at is None:
        return wait
    known = case.model.waiting == case.run.run
    return Wait(
        wait.reason,
        wait.message,
        wait.until,
        allowance=None if known else case.model.changed(waiting=case.run.run),
        supersedes=_older(case),
    )


def _reserved(case: Case, now: datetime) -> Go:
    """With its place in both allowances; who waits on an older drop gives way."""
    run, older = case.run, _older(case)
    held = [each.holding(case.job, case.held, now=now) for each in (case.model, case.stage)]
    if older is not None or case.model.waiting == run.run:
        held[0] = held[0].changed(waiting=None)
    return Go(tuple(held), older)


def _older(case: Case) -> RunRecord | None:
    """The run that waits, if it is on an older drop and still only waits."""
    other = case.waiting
    if other is None or not case.by_itself or not _is_newer(case.run, other):
        return None
    return other


def _is_newer(one: RunRecord, other: RunRecord) -> bool:
    if one.run == other.run or one.dropped_at is None or other.dropped_at is None:
        return False
    return (one.dropped_at, one.run) > (other.dropped_at, other.run)


def still_waits(run: RunRecord | None) -> bool:
    """Whether a run that is noted as waiting does: one that began, or ended, does not."""
    return run is not None and run.state is RunState.PARKED and run.training_job is None
