"""The demo's story in pieces that may be cut off anywhere and told again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from cli import actions
from cli.errors import CliError
from demo.stage import MODEL, Stage
from functions.ledger import DropState, RolloutRecord, RolloutState, RunState

AT_WORK = (ClientError, BotoCoreError, CliError, OSError)
"""What may happen to a caller while everything comes and goes."""
CHAMPION = 2
"""drop-1 makes version 1, drop-2 with more data version 2; nothing else is promoted."""
ACCEPTED = {"drop-1": RunState.APPROVED, "drop-2": RunState.APPROVED, "drop-3": RunState.REJECTED}
REFUSED = {
    "wrong-schema": DropState.REJECTED,
    "not-a-number": DropState.REJECTED,
    "half-written": DropState.EXPIRED,
}
_ENDED = frozenset({RunState.APPROVED, RunState.REJECTED, RunState.HELD, RunState.FAILED})
_MOVING = frozenset({RolloutState.SHIFTING, RolloutState.PROVISIONING})


@dataclass
class Told:
    """How far the story has come."""

    folders: dict[str, Path]
    dropped: set[str] = field(default_factory=set)
    with_holdout: bool = False

    def go_on(self, stage: Stage) -> bool:
        """Tell the next piece, if its time has come; whether everything has come to its end."""
        if not self.with_holdout:
            paths = [self.folders["holdout"]]
            actions.holdout(stage.home, MODEL, paths, id_="v1", progress=lambda *_: None)
            self.with_holdout = True
        for name in REFUSED:
            self._drop(stage, name)
        for name in ACCEPTED:
            self._drop(stage, name)
            if not has_ended(stage, name):
                return False
        return all(has_ended(stage, name) for name in REFUSED)

    def _drop(self, stage: Stage, name: str) -> None:
        if name in self.dropped:
            return
        if name == "half-written":
            path = str(self.folders[name] / "part-0.parquet")
            key = f"drops/{MODEL}/half-written/part-0.parquet"
            stage.client("s3").upload_file(path, stage.home.outputs["DataBucket"], key)
        else:
            stage.drop(name, self.folders[name])
        self.dropped.add(name)


def has_ended(stage: Stage, name: str) -> bool:
    """A drop whose whole consequence is there: turned away, or judged and rolled out."""
    drop = stage.record(name)
    if drop is None or not drop.ended:
        return False
    if drop.state is not DropState.ACCEPTED:
        return True
    run = next((run for run in stage.runs() if run.drop == name), None)
    if run is None or run.state not in _ENDED:
        return False
    return run.state is not RunState.APPROVED or (stage.champion() or 0) >= (run.version or 0)


def wrong(stage: Stage) -> Iterator[str]:
    """What is not as the story has it at its end."""
    for name, state in {**dict.fromkeys(ACCEPTED, DropState.ACCEPTED), **REFUSED}.items():
        drop = stage.record(name)
        if drop is None or drop.state is not state:
            yield f"{name} is not {state}: {drop}"
    runs = stage.runs()
    for name, verdict in ACCEPTED.items():
        found = [run for run in runs if run.drop == name]
        if [run.state for run in found] != [verdict]:
            yield f"{name}: not one run that is {verdict}: {found}"
    yield from _wrong_champion(stage)


def _wrong_champion(stage: Stage) -> Iterator[str]:
    if stage.champion() != CHAMPION:
        yield f"version {stage.champion()} is the champion"
    said = actions.invoke(stage.home, MODEL, actions.sample(stage.home, MODEL))["said"]
    if f"version={CHAMPION}" not in str(said):
        yield f"somebody else answers: {said}"


def under_way(stage: Stage) -> str:
    """What a kill at this moment interrupts."""
    try:
        found = [name for name, at_work in _WORK.items() if at_work(stage)]
    except AT_WORK:
        return "?"
    return "+".join(found) or "nothing"


def _is_training(stage: Stage) -> bool:
    told = stage.client("sagemaker").list_training_jobs(StatusEquals="InProgress")
    return bool(told["TrainingJobSummaries"])


def _is_evaluating(stage: Stage) -> bool:
    told = stage.client("sagemaker").list_processing_jobs(StatusEquals="InProgress")
    return bool(told["ProcessingJobSummaries"])


def _is_rolling_out(stage: Stage) -> bool:
    return any(rollout.state in _MOVING for rollout in stage.home.ledger.all(RolloutRecord))


def _is_receiving(stage: Stage) -> bool:
    names = (*ACCEPTED, "wrong-schema", "not-a-number")
    return any((drop := stage.record(name)) and not drop.ended for name in names)


_WORK: dict[str, Callable[[Stage], bool]] = {
    "receiving": _is_receiving,
    "training": _is_training,
    "evaluation": _is_evaluating,
    "rollout": _is_rolling_out,
}
