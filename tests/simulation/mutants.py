"""`python -m tests.simulation.mutants`: bugs planted on purpose, each of which has to be found.

A mutant is one small change of one file of `functions/`. Each is applied to a copy, and seeded
schedules are played until an invariant breaks. One that survives means that the invariants, or the
faults, are too weak.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
_BESIDE = ("bundles", "cli", "events", "local", "tests")
_SEEDS = 4000
_WITHIN = 300.0
_UNTOLD = "nothing_is_unsafe"
"""What is looked at after every rule stands in a story as well."""


@dataclass(frozen=True)
class Mutant:
    """What somebody might get wrong: in `file`, `old` (found once) becomes `new`."""

    name: str
    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Found:
    """What came of a mutant."""

    mutant: Mutant
    seconds: float
    said: str
    """The violation; empty when it survived."""


MUTANTS = (
    Mutant(
        "a job's name differs at every try",
        "start_training/handler.py",
        "return self.names.training_job(run.model, run.run, run.attempt)",
        'return self.names.training_job(run.model, run.run, run.attempt) + f"-{run.revision}"',
    ),
    Mutant(
        "an outbox is emptied and not said",
        "aws/book.py",
        "                self._bus.publish(*(_traced(saying.event()) for saying in record.outbox))\n",
        "",
    ),
    Mutant(
        "an outbox is never emptied",
        "aws/book.py",
        "                self._ledger.said(record)\n",
        "",
    ),
    Mutant(
        "the sweep does not ask about training",
        "sweep/decide.py",
        'return TrainingJobSettled(run=run.run, job=run.training_job or "")',
        "return None",
    ),
    Mutant(
        "the sweep does not ask about evaluations",
        "sweep/decide.py",
        'return EvaluationJobSettled(run=run.run, job=run.evaluation_job or "")',
        "return None",
    ),
    Mutant(
        "the sweep does not ask for runs that wait",
        "sweep/decide.py",
        "return TrainingRequested(model=run.model, dataset=run.dataset, run=run.run, cause=CAUSE)",
        "return None",
    ),
    Mutant(
        "the sweep does not ask about drops that were accepted",
        "sweep/decide.py",
        "return DatasetReady(model=record.model, drop=record.drop, dataset=dataset, rows=rows)",
        "return None",
    ),
    Mutant(
        "the sweep does not step rollouts",
        "sweep/decide.py",
        "            return RolloutStepDue(\n                rollout=rollout.rollout,\n                model=rollout.model,\n                step=rollout.step,\n                hold=rollout.holds,\n            )",
        "            return None",
    ),
    Mutant(
        "a drop without its marker counts as whole",
        "drops.py",
        "return self.marked and",
        "return bool(self.files) and",
    ),
    Mutant(
        "the drop is let go before its run is written",
        "start_training/handler.py",
        "        outcome = self._wanted(seen, now)\n",
        "        self._take_over(seen)\n        outcome = self._wanted(seen, now)\n",
    ),
    Mutant(
        "a failed job counts as completed",
        "start_evaluation/decide.py",
        "        case JobStatus.FAILED:\n            return Fail(",
        '        case JobStatus.FAILED:\n            return Evaluate("s3://nowhere/model.tar.gz")\n            return Fail(',
    ),
    Mutant(
        "no capacity is a failure",
        "start_training/handler.py",
        "            return self._short(record, str(error), now)",
        "            return self._fail(Fail(record, Reason.NO_CAPACITY, str(error)), now)",
    ),
    Mutant(
        "a job is asked for before its place is written",
        "start_training/handler.py",
        "record = self._written(record.changed(training_job=job, due_at=due), *beside)",
        "record = self._written(record.changed(training_job=job, due_at=due))",
    ),
    Mutant(
        "a place is never given back",
        "start_evaluation/handler.py",
        "records: tuple[Record, ...] = (run, *freed)",
        "records: tuple[Record, ...] = (run,)",
    ),
    Mutant(
        "one more may run than may run",
        "start_training/guards.py",
        "if len(allowance.reserved) >= most:",
        "if len(allowance.reserved) > most:",
    ),
    Mutant(
        "money that is reserved is there for the next",
        "start_training/guards.py",
        "case.model.spent_on(now) + held + case.most <= limit",
        "case.model.spent_on(now) + case.most <= limit",
    ),
    Mutant(
        "money that was spent is there again",
        "start_training/guards.py",
        "case.model.spent_on(now) + held + case.most <= limit",
        "held + case.most <= limit",
    ),
    Mutant(
        "a new day brings no new money",
        "allowance.py",
        "return self.spent if self.day == day_of(now) else 0.0",
        "return self.spent",
    ),
    Mutant(
        "a job costs nothing once it has ended",
        "allowance.py",
        "return prices.cost(hourly, seconds=job.billable or 0, count=1)",
        "return 0.0",
    ),
    Mutant(
        "what is reserved is enough for the cheapest machine alone",
        "definition.py",
        "return max((self.cost_at(price)",
        "return min((self.cost_at(price)",
    ),
    Mutant(
        "a run may cost its budget at each attempt",
        "start_training/guards.py",
        "case.run.cost + case.most <= limit",
        "case.most <= limit",
    ),
    Mutant(
        "no training waits for a cooldown",
        "start_training/guards.py",
        "    if now >= over:",
        "    if True:",
    ),
    Mutant(
        "nobody asks for a run whose cooldown is over",
        "start_training/guards.py",
        'began at {begun:%H:%M:%S}", until=over)',
        'began at {begun:%H:%M:%S}", until=None)',
    ),
    Mutant(
        "of two that wait the newer gives way",
        "start_training/guards.py",
        "return (one.dropped_at, one.run) > (other.dropped_at, other.run)",
        "return (one.dropped_at, one.run) < (other.dropped_at, other.run)",
    ),
    Mutant(
        "candidates that were refused are not counted",
        "gate_model/handler.py",
        "refused=isinstance(verdict, Reject)",
        "refused=False",
    ),
    Mutant(
        "a job without machines has failed",
        "start_evaluation/decide.py",
        "case JobStatus.FAILED | JobStatus.STOPPED if job.short:",
        "case JobStatus.FAILED | JobStatus.STOPPED if False:",
    ),
    Mutant(
        "other machines are asked for under the old name",
        "start_evaluation/handler.py",
        "attempt=record.attempt + 1, training_job=None",
        "training_job=None",
    ),
    Mutant(
        "a run that goes on may be begun once more",
        "machines.py",
        '_stays("it has not failed", *_UNJUDGED, _EVALUATING)',
        "_to(RunState.STARTING, *_UNJUDGED, _EVALUATING)",
    ),
    Mutant(
        "a candidate that is worse is let through",
        "gate_model/rules.py",
        "    if margin > 0:",
        "    if compared.high > -gates.max_drop - 0.2:",
    ),
    Mutant(
        "a verdict beside another champion counts",
        "gate_model/decide.py",
        "    return rival != (champion.model_digest if champion else None)",
        "    return False",
    ),
    Mutant(
        "an approval beside another champion counts",
        "start_rollout/decide.py",
        "    return run.against != (champion.version if champion else None)",
        "    return False",
    ),
    Mutant(
        "a rollout begins while another goes on",
        "start_rollout/decide.py",
        "if holder is not None and not holder.alone:",
        "if holder is not None and False:",
    ),
    Mutant(
        "the newest does not go first",
        "ledger.py",
        "line = sorted(versions, reverse=True)[:LONGEST_LINE]",
        "line = sorted(versions)[:1]",
    ),
    Mutant(
        "who waits is forgotten after a return",
        "roll_back/records.py",
        "    if free.waiting is None:\n        return free",
        "    if True:\n        return free",
    ),
    Mutant(
        "who waits is forgotten after a promotion",
        "step_rollout/records.py",
        "    if endpoint.waiting is None:\n        return endpoint",
        "    if True:\n        return endpoint",
    ),
    Mutant(
        "InService is trusted whatever the configuration",
        "step_rollout/decide.py",
        "if view.in_service and view.config == rollout.config:",
        "if view.in_service:",
    ),
    Mutant(
        "no data is good news",
        "step_rollout/decide.py",
        '            return Hold("no data yet")',
        '            return Promote("no news is good news")',
    ),
    Mutant(
        "errors are waited out",
        "step_rollout/decide.py",
        "        case Fail(reason=reason, message=message):\n            return RollBack(reason, message)",
        "        case Fail(message=message):\n            return _forward(case, message)",
    ),
    Mutant(
        "a bake is cut short by any event",
        "step_rollout/decide.py",
        '    if not case.baked:\n        return Ignore(f"step {rollout.step} bakes")\n',
        "",
    ),
    Mutant(
        "an old schedule ends the present bake",
        "step_rollout/decide.py",
        "return (due.step, due.hold) == (rollout.step, rollout.holds)",
        "return True",
    ),
    Mutant(
        "promoted before the last step",
        "step_rollout/decide.py",
        "if rollout.step + 1 < len(plan.stairs):",
        "if rollout.step + 2 < len(plan.stairs):",
    ),
    Mutant(
        "the registry's word is not read",
        "step_rollout/decide.py",
        "    if case.rejected is None or case.rollout.alone:",
        "    if True or case.rollout.alone:",
    ),
    Mutant(
        "the champion keeps its traffic beside the challenger's",
        "step_rollout/handler.py",
        "weights[rollout.champion.variant] = 100 - challenger",
        "weights[rollout.champion.variant] = 100",
    ),
    Mutant(
        "a return is not verified",
        "roll_back/verified.py",
        "        if settled and view.weights.get(champion.variant) == 100 and not taken:\n            return True",
        "        return True",
    ),
    Mutant(
        "the traffic returns to the challenger",
        "roll_back/verified.py",
        "weights = {v: 0 for v in VARIANTS if v in view.weights} | {champion.variant: 100}",
        "weights = {v: 100 for v in view.weights} | {champion.variant: 0}",
    ),
    Mutant(
        "a return from guardrails is not told from their success",
        "roll_back/verified.py",
        "== 100 and not taken:",
        "== 100:",
    ),
    Mutant(
        "guardrails take the only place, and nobody keeps the way back",
        "start_rollout/placing.py",
        "returns_to=self._way_back(rollout, view)",
        'returns_to=""',
    ),
    Mutant(
        "whoever was scaled is forgotten when the traffic returns",
        "roll_back/handler.py",
        "for each in _left(rollout, champion)]",
        "for each in ()]",
    ),
    Mutant(
        "a version that was taken back stays approved",
        "roll_back/handler.py",
        "        self._mark(returning, outcome)\n        return self._end",
        "        return self._end",
    ),
    Mutant(
        "a late weight has the last word over a return",
        "step_rollout/handler.py",
        "        self._return_if_overtaken(after)\n",
        "",
    ),
    Mutant(
        "a person's configuration is taken for SageMaker's way back",
        "standing.py",
        '        return f"the endpoint has {view.config}, which this rollout did not ask for"',
        "        return None",
    ),
    Mutant(
        "the endpoint is touched after a person has changed it",
        "step_rollout/records.py",
        "    return Written(left.paging(step.reason, step.why), _note(rollout, now, said), (free,))",
        "    back = left.changed(due_at=now).saying(VersionApproved(model=rollout.model, version=free.waiting or 1))\n    return Written(back, _note(rollout, now, said), (free,))",
    ),
    Mutant(
        "a page is said at every look",
        "ledger.py",
        "        if reason in self.paged:\n            return self\n",
        "",
    ),
    Mutant(
        "an endpoint that is stranded is asked for weights on and on",
        "roll_back/verified.py",
        "        if view.status in _STRANDED:",
        "        if view.status in _STRANDED and False:",
    ),
    Mutant(
        "a rollout has no place for the champion",
        "standing.py",
        "    return (placed(champion, 100, count), placed(challenger, 0, count))",
        "    return (placed(challenger, 100, count),)",
    ),
    Mutant(
        "evidence forgets the event",
        "turn.py",
        'event=str(raw.get("id", ""))',
        'event=""',
    ),
    Mutant(
        "a line of evidence does not hold the one before",
        "evidence.py",
        "        digest = entry.digest\n    end",
        "    end",
    ),
    Mutant(
        "a change without a note is no line",
        "evidence.py",
        "    if not notes and subject.substance == chain.substance:",
        "    if not notes:",
    ),
)


@contextmanager
def applied(mutant: Mutant) -> Iterator[Path]:
    """A copy of the project in which only `functions/` is its own, with the mutant in it."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as made:
        copy = Path(made)
        for name in _BESIDE:
            (copy / name).symlink_to(ROOT / name)
        shutil.copytree(ROOT / "functions", copy / "functions")
        path = copy / "functions" / mutant.file
        source = path.read_text("utf-8")
        if source.count(mutant.old) != 1:
            raise ValueError(
                f"{mutant.name}: {mutant.file} has its text {source.count(mutant.old)} times"
            )
        path.write_text(source.replace(mutant.old, mutant.new), "utf-8")
        yield copy


def hunted(mutant: Mutant) -> Found:
    """Play schedules on a mutant until one breaks."""
    began = time.monotonic()
    done = _ran(mutant, "tests.simulation", "--seeds", str(_SEEDS), "--until-broken")
    lines = (done.stdout + done.stderr).strip().splitlines()
    said = lines[-1] if lines and done.returncode else ""
    return Found(mutant, time.monotonic() - began, said)


def shrunk(mutant: Mutant) -> list[str]:
    """The shortest story that breaks a mutant, one rule a line; empty when it survived."""
    done = _ran(mutant, "tests.simulation.rules", "--examples", str(_SEEDS), "--same")
    told = [line for line in done.stderr.splitlines() if line.startswith("state.")]
    return [line for line in told if _UNTOLD not in line] if done.returncode else []


def _ran(mutant: Mutant, *words: str) -> subprocess.CompletedProcess[str]:
    with applied(mutant) as copy:
        environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_WITHIN,
            check=False,
        )


def _stories(chosen: Sequence[Mutant]) -> int:
    found = {mutant.name: shrunk(mutant) for mutant in chosen}
    for name, story in found.items():
        print(f"{name}: {f'{len(story)} rules' if story else 'SURVIVED'}")
        print("".join(f"  {line}\n" for line in story), flush=True)
    return 0 if all(found.values()) else 1


def main() -> int:
    """Hunt them all; 1 when one survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="those whose name has this in it")
    parser.add_argument("--shrink", action="store_true", help="in the shortest stories there are")
    wish = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if wish.only in mutant.name]
    if wish.shrink:
        return _stories(chosen)
    found: list[Found] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for done in as_completed([pool.submit(hunted, mutant) for mutant in chosen]):
            found.append(each := done.result())
            print(
                f"{each.seconds:6.1f} s  {each.mutant.name}: {each.said[:110] or 'SURVIVED'}",
                flush=True,
            )
    survived = [each for each in found if not each.said]
    print(
        f"{len(found) - len(survived)} of {len(found)} caught,"
        f" median {median(each.seconds for each in found):.1f} s"
    )
    return 1 if survived else 0


if __name__ == "__main__":
    raise SystemExit(main())
