"""Six chapters: a champion, a better one, a worse one, an old one, a careless one, broken ones."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from cli import actions
from demo.claims import Claims
from demo.stage import MODEL, Stage
from demo.witness import Witness
from events.words import Reason
from functions.ledger import (
    DropRecord,
    DropState,
    RolloutRecord,
    RolloutState,
    RunRecord,
    RunState,
)
from functions.registry import Approval

CARELESS = Path(__file__).parent / "models" / MODEL
_SHIFTING = frozenset({RolloutState.SHIFTING, RolloutState.PROVISIONING})
_OVER = frozenset({RolloutState.WATCHING, RolloutState.COMPLETED, RolloutState.ABORTED})


@dataclass
class Story:
    """The chapters, in the order they are told."""

    stage: Stage
    claims: Claims
    folders: dict[str, Path]
    witness: Witness

    def first_champion(self) -> float:
        """Chapter 1; when the first champion began to serve."""
        self.claims.begin("1. A first drop becomes the champion")
        actions.holdout(
            self.stage.home, MODEL, [self.folders["holdout"]], id_="v1", progress=lambda *_: None
        )
        self.stage.drop("drop-1", self.folders["drop-1"])
        run = self.stage.judged("drop-1")
        self._judged(run, RunState.APPROVED)
        rollout = self._rolled_out(1)
        self.claims.claim(
            "v1 serves as champion", holds=self.stage.champion() == 1, seen=rollout.message
        )
        return rollout.step_since.timestamp()

    def better(self) -> None:
        """Chapter 2: more data, a better model, traffic step by step."""
        self.claims.begin("2. A second drop with more data is promoted on evidence")
        self.stage.drop("drop-2", self.folders["drop-2"])
        self._judged(self.stage.judged("drop-2"), RunState.APPROVED)
        rollout = self._rolled_out(2)
        history = self.stage.home.ledger.history(RolloutRecord.kind, rollout.rollout)
        steps = [int(line.text.split(" %")[0]) for line in history if " %: " in line.text[:7]]
        for line in history:
            self.claims.console.print(f"    [dim]{line.at:%H:%M:%S}  {line.text}[/]")
        wanted = list(rollout.definition.rollout.steps)
        self.claims.claim(
            "traffic moved in the steps of model.toml", holds=steps == wanted, seen=steps
        )
        self.claims.claim(
            "v2 is the champion", holds=self.stage.champion() == 2, seen=rollout.message
        )

    def worse(self) -> None:
        """Chapter 3: half of the labels shuffled."""
        self.claims.begin("3. A drop with half of its labels shuffled is turned away")
        before = self.stage.home.endpoints.view(MODEL)
        self.stage.drop("drop-3", self.folders["drop-3"])
        run = self.stage.judged("drop-3")
        self._judged(run, RunState.REJECTED)
        self.claims.claim(
            "the gate says why, with numbers",
            holds=run.reason in {Reason.BELOW_MINIMUM, Reason.WORSE_THAN_CHAMPION},
            seen=run.reason,
        )
        after = self.stage.home.endpoints.view(MODEL)
        self.claims.claim(
            "the endpoint is untouched",
            holds=before == after,
            seen=after.weights if after else None,
        )

    def again(self) -> None:
        """Chapter 4: the same data twice, and every event of it three times more.

        Redelivered as EventBridge does it, by an asynchronous invocation with the same event: on
        the bus nobody but AWS may speak as S3.
        """
        self.claims.begin("4. The same drop again, and its events three more times")
        runs, jobs = len(self.stage.runs()), self._jobs()
        events = self.witness.events_of("drop-2")
        function = f"{self.stage.home.names.prefix}-accept-drop"
        invoked = self._invocations(function)
        for event in events * 3:
            self.stage.client("lambda").invoke(
                FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode()
            )
        self.stage.drop("drop-2", self.folders["drop-2"])
        self.stage.drop("drop-2-again", self.folders["drop-2"])
        again = self.stage.settled("drop-2-again")
        expected = invoked + 3 * len(events) + 2 * len(events)
        self.stage.until(
            lambda: self._invocations(function) >= expected or None, "the redelivered events"
        )
        self._calm()
        first = self.stage.record("drop-2")
        self.claims.claim(
            "the same content is the same dataset",
            holds=first is not None and first.dataset == again.dataset,
            seen=(again.dataset or "")[:12],
        )
        self.claims.claim(
            f"no second run after {3 * len(events)} redeliveries and two more uploads",
            holds=(len(self.stage.runs()), self._jobs()) == (runs, jobs),
            seen=f"{runs} runs, {jobs} training jobs",
        )

    def careless(self) -> RolloutRecord:
        """Chapter 5: good on the holdout, bad for users."""
        self.claims.begin("5. A careless version passes the gate and fails its users")
        known = {run.run for run in self.stage.runs()}
        actions.train(self.stage.home, MODEL, dataset="drop-2", folder=CARELESS)
        run = self.stage.until(lambda: self._new_run(known), "the careless run")
        self._judged(run, RunState.APPROVED)
        rollout = self._rolled_out(run.version or 0)
        self.claims.claim(
            "an alarm took the traffic back",
            holds=rollout.state is RolloutState.ABORTED and rollout.reason is Reason.ALARM,
            seen=rollout.message[:90],
        )
        view = self.stage.home.endpoints.view(MODEL)
        champion = rollout.champion.variant if rollout.champion else ""
        self.claims.claim(
            "v2 has all traffic again (read back)",
            holds=view is not None and view.weights.get(champion) == 100,
            seen=view.weights if view else None,
        )
        answer = actions.invoke(self.stage.home, MODEL, actions.sample(self.stage.home, MODEL))
        self.claims.claim(
            "v2 answers (probe)", holds="version=2" in str(answer["said"]), seen=answer["said"]
        )
        version = self.stage.home.registry.find(MODEL, run.version or 0)
        self.claims.claim(
            "its package is rejected and says why",
            holds=version is not None
            and version.approval is Approval.REJECTED
            and "ALARM" in version.comment,
            seen=version.comment[:60] if version else None,
        )
        return rollout

    def half_written(self) -> None:
        """Before chapter 5: its deadline passes while that is told."""
        self.stage.client("s3").upload_file(
            str(self.folders["half-written"] / "part-0.parquet"),
            self.stage.home.outputs["DataBucket"],
            f"drops/{MODEL}/half-written/part-0.parquet",
        )

    def broken(self) -> None:
        """Chapter 6: drops that are no drops."""
        self.claims.begin("6. Half-written and malformed drops start nothing")
        runs = len(self.stage.runs())
        for name in ("wrong-schema", "not-a-number"):
            self.stage.drop(name, self.folders[name])
        wanted = {
            "wrong-schema": (DropState.REJECTED, Reason.SCHEMA_MISMATCH),
            "not-a-number": (DropState.REJECTED, Reason.VALUES_MISSING),
            "half-written": (DropState.EXPIRED, Reason.INCOMPLETE),
        }
        for name, (state, reason) in wanted.items():
            drop = self.stage.settled(name)
            self.claims.claim(
                f"{name}: {reason}",
                holds=(drop.state, drop.reason) == (state, reason),
                seen=drop.message[:70],
            )
        self._calm()
        self.claims.claim(
            "nothing was started", holds=len(self.stage.runs()) == runs, seen=f"{runs} runs"
        )

    def drops(self) -> tuple[DropRecord, ...]:
        return self.stage.home.ledger.all(DropRecord)

    def _judged(self, run: RunRecord, wanted: RunState) -> None:
        accuracy = run.numbers.get("accuracy", float("nan"))
        seen = f"accuracy {accuracy:.4f}" + (f": {run.message}" if run.reason else "")
        self.claims.claim(f"run {run.run} is {wanted}", holds=run.state is wanted, seen=seen[:110])

    def _rolled_out(self, version: int) -> RolloutRecord:
        def look() -> RolloutRecord | None:
            found = self.stage.rollout(version)
            return found if found is not None and found.state in _OVER else None

        return self.stage.until(look, f"the rollout of v{version}", within=120)

    def _new_run(self, known: set[str]) -> RunRecord | None:
        ended = {RunState.APPROVED, RunState.REJECTED, RunState.FAILED}
        found = [r for r in self.stage.runs() if r.run not in known and r.state in ended]
        return found[0] if found else None

    def _jobs(self) -> int:
        pages = self.stage.client("sagemaker").get_paginator("list_training_jobs").paginate()
        return sum(len(page["TrainingJobSummaries"]) for page in pages)

    def _invocations(self, function: str) -> int:
        """How many events a function has dealt with, by the REPORT lines of its log."""
        pages = (
            self.stage.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=f"/aws/lambda/{function}", filterPattern="REPORT")
        )
        return sum(len(page["events"]) for page in pages)

    def _calm(self) -> None:
        """Two seconds in which no new run appears: time enough for one that was wrongly begun."""
        time.sleep(2)
