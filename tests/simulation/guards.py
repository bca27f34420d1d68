"""What the models of the simulated worlds allow themselves, and what their jobs really cost."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from events.words import Reason
from functions.allowance import STAGE, AllowanceRecord
from functions.definition import Training
from functions.ledger import Record, RunRecord
from functions.machines import RunState
from tests.fakes.jobs import FakeJobs
from tests.fakes.ledger import FakeLedger

HOUR = timedelta(hours=1)
TYPES = ["ml.g5.xlarge", "ml.g4dn.xlarge"]
GUARDS: Mapping[str, dict[str, Any]] = {
    "none": {},
    "cooldown": {"cooldown": "1h", "instances": TYPES},
    "cap": {"max_running": 1, "instances": TYPES, "max_wait": "1h"},
    "budget": {"budget": {"per_run": 1.5, "per_day": 2.0}, "stop_after": 0},
    "all": {
        "instances": TYPES,
        "cooldown": "30m",
        "max_running": 2,
        "max_wait": "2h",
        "budget": {"per_run": 3.0, "per_day": 3.0},
    },
}
"""`[training]` of the model, by the name of a world's thrift."""
RAISED = {"ml.g5.xlarge": 1.45, "ml.g4dn.xlarge": 1.2}
"""USD an hour once prices are raised."""
_GATES = frozenset({Reason.BELOW_MINIMUM, Reason.WORSE_THAN_CHAMPION})
_JUDGED = frozenset({RunState.APPROVED, RunState.HELD, RunState.REJECTED})
_A_TURN = timedelta(minutes=1)
"""As long as a function may take: by its own clock it began before its place was written."""
_TO_THE_CENT = 0.001

Hold = Callable[[object, str, str], None]


@dataclass(frozen=True)
class Begun:
    """A job whose place was taken."""

    at: datetime
    hourly: Mapping[str, float]
    """The prices of that moment."""


@dataclass
class Spending:
    """S10: what runs and what it costs, counted by the world itself and not by the ledger."""

    ledger: FakeLedger
    jobs: FakeJobs
    limits: Callable[[], Training]
    most_running: Callable[[], int]
    hold: Hold
    begun: dict[str, Begun] = field(default_factory=dict)
    by_day: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    by_run: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    reached: Counter[str] = field(default_factory=Counter)
    """How often a run came to wait, or ended, for each reason."""

    def written(self, before: Record | None, after: Record, now: datetime) -> None:
        """A run comes to a reason; an allowance gives a job its place."""
        match before, after:
            case RunRecord() | None, RunRecord():
                self._run_written(before, after, now)
            case AllowanceRecord() | None, AllowanceRecord(scope=scope) if scope != STAGE:
                for job in set(after.reserved) - set(before.reserved if before else ()):
                    self._place_taken(job, after.reserved[job].run, before, now)
            case _:
                pass

    def _run_written(self, before: RunRecord | None, after: RunRecord, now: datetime) -> None:
        if after.reason is not None and (before is None or before.reason is not after.reason):
            self.reached[f"{after.state} {after.reason}"] += 1
        view = self.jobs.views.get(after.training_job or "")
        broke = view is None or not view.short or after.reason is not Reason.JOB_FAILED
        self.hold(broke, "L1", f"run {after.run} ended, and its job only got no machines")
        if after.state is RunState.FAILED and after.reason is Reason.NO_CAPACITY:
            waited = after.short_since is not None and now - after.short_since >= timedelta(
                seconds=after.definition.training.max_wait
            )
            self.hold(waited, "L1", f"run {after.run} gave up on machines too early")
        if after.state is RunState.FAILED and after.reason is Reason.OVER_BUDGET:
            limit, most = self.limits().budget.per_run, max(self._hourly().values())
            over = limit is not None and after.cost + most > limit
            self.hold(over, "L1", f"run {after.run} has cost {after.cost}, and ended of it")

    def _place_taken(
        self, job: str, run_id: str, before: AllowanceRecord | None, now: datetime
    ) -> None:
        run = self.ledger.rows[(RunRecord.kind, run_id)]
        assert isinstance(run, RunRecord)
        view = self.jobs.views.get(job)
        self.hold(view is None or not view.ended, "S1", f"{job} has ended, and is to begin")
        by_itself = not run.asked and run.attempt == 1 and run.short_since is None
        last = max((each.at for each in self.begun.values()), default=None)
        if by_itself and last is not None:
            pause = timedelta(seconds=self.limits().cooldown)
            self.hold(
                now - last >= pause - _A_TURN,
                "S10",
                f"{job} began {now - last} after the one before",
            )
        if by_itself:
            self._helps(run)
        self.begun[job] = Begun(now, self._hourly())

    def _helps(self, run: RunRecord) -> None:
        """Not after as many refusals in a row as the model allows itself."""
        judged = [r for r in self.ledger.all(RunRecord) if r.state in _JUDGED and r.ended_at]
        judged.sort(key=lambda r: (r.ended_at, r.revision), reverse=True)
        row = 0
        for each in judged:
            if each.reason not in _GATES or each.against != judged[0].against:
                break
            row += 1
        most = self.limits().stop_after
        self.reached["began after a refusal"] += row > 0
        self.hold(
            not most or row <= most, "S10", f"run {run.run} began after {row} that were refused"
        )

    def job_started(self, name: str, now: datetime) -> None:
        """A training job that was not there before: within the caps, and within the money."""
        running = [each for each in self.jobs.running() if each in self.jobs.trainings]
        most = min(self.limits().max_running, self.most_running())
        self.hold(len(running) <= most, "S10", f"{running} run, {most} may")
        self.hold(name in self.begun, "S10", f"{name} runs without a place")
        at_most = self.by_day[now.date().isoformat()] + sum(self._cost(each) for each in running)
        self._within(self.limits().budget.per_day, at_most, f"the day of {name}")
        run = self.jobs.trainings[name].hyperparameters["run"]
        self._within(
            self.limits().budget.per_run, self.by_run[run] + self._cost(name), f"run {run}"
        )

    def job_ended(self, name: str, now: datetime) -> None:
        """What it is paid for."""
        cost = self._cost(name, self.jobs.views[name].billable or 0)
        self.by_day[now.date().isoformat()] += cost
        self.by_run[self.jobs.trainings[name].hyperparameters["run"]] += cost

    def _within(self, limit: float | None, amount: float, what: str) -> None:
        fits = limit is None or amount <= limit + _TO_THE_CENT
        self.hold(fits, "S10", f"{what} may come to {amount:.2f} USD, {limit} are allowed")

    def _cost(self, name: str, seconds: float | None = None) -> float:
        """Of the whole time it may take, if it runs."""
        spec = self.jobs.trainings[name]
        paid = spec.max_runtime if seconds is None else seconds
        return self.begun[name].hourly.get(spec.instance, 0.0) * paid / 3600

    def _hourly(self) -> Mapping[str, float]:
        return {**self.limits().hourly(), **self.limits().budget.prices}

    def at_rest(self) -> None:
        """Nobody holds a place, what ended is counted, and who gave way, gave way to a newer."""
        for each in self.ledger.all(AllowanceRecord):
            self.hold(not each.reserved, "L4", f"{list(each.reserved)} hold places for ever")
        runs = self.ledger.all(RunRecord)
        for run in runs:
            counted = abs(run.cost - self.by_run[run.run]) <= _TO_THE_CENT * run.attempt
            self.hold(counted, "S10", f"run {run.run}: {run.cost} of {self.by_run[run.run]} USD")
            waits = run.state is not RunState.PARKED or run.reason is Reason.NOT_HELPING
            self.hold(waits, "L1", f"run {run.run} is parked for ever: {run.reason}")
            newer = any(_newer(other, run) for other in runs)
            gave_way = run.state is RunState.FAILED and run.reason is Reason.SUPERSEDED
            self.hold(newer or not gave_way, "L1", f"run {run.run} gave way to nobody")


def _newer(one: RunRecord, other: RunRecord) -> bool:
    if one.dropped_at is None or other.dropped_at is None:
        return False
    return (one.dropped_at, one.run) > (other.dropped_at, other.run)
