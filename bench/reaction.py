"""How fast Sluice reacts, on warm Lambdas of the embedded AWS, over many samples.

- drop event → CreateTrainingJob: from the put of a drop's last file to the job's creation time;
- alarm → champion at 100 %: from the alarm's state timestamp until the endpoint is read back in
  service with all traffic on the champion.

Waits that AWS would impose (provisioning, a change of weights) run at the demo's time scale; the
reaction (events, functions, calls) is never scaled. Run: `python -m bench.reaction`.
"""

import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from cli.deploy import ACCOUNT
from cli.embedded import stop
from cli.home import FOLDER, REGION, embedded
from cli.up import Up, bring_up
from demo.data import HOLDOUT_ROWS, digits, write
from demo.measure import Weights, percentile
from demo.stage import MODEL, Stage
from functions.ledger import RolloutRecord, RolloutState, RunRecord, RunState

DROPS = 20
ALARMS = 25
LIMIT = 2.0
_SCALE = 100.0
T = TypeVar("T")


def main() -> int:
    """Measure and print; 1 when a percentile is over its limit."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stop(FOLDER)
    shutil.rmtree(FOLDER / "state", ignore_errors=True)
    wish = Up(FOLDER, "dev", Path("models"), port=0, time_scale=_SCALE)
    local = bring_up(wish, lambda *_: None)
    try:
        stage = Stage(embedded(local, "dev"), local, {})
        champion(stage)
        starts = [_start(stage, number) for number in range(DROPS)]
        returns = [_return(stage) for _ in range(ALARMS)]
    finally:
        stop(FOLDER)
    held = [
        _row("drop event → CreateTrainingJob", starts, 95),
        _row("alarm → champion at 100 %", returns, 99),
    ]
    return 0 if all(held) else 1


def champion(stage: Stage) -> None:
    """A first champion, by an ordinary drop."""
    rows = digits()
    folder = FOLDER / "bench"
    write(folder / "holdout", {"holdout.parquet": rows.cut(0, HOLDOUT_ROWS)})
    stage.client("s3").upload_file(
        str(folder / "holdout" / "holdout.parquet"),
        stage.home.outputs["DataBucket"],
        f"holdouts/{MODEL}/v1/holdout.parquet",
    )
    stage.drop("first", write(folder / "first", {"part.parquet": rows.cut(HOLDOUT_ROWS)}))
    stage.until(lambda: stage.champion(), "the first champion")


def _start(stage: Stage, number: int) -> float:
    """Drop a few rows and see when their training job is made."""
    rows = digits().cut(HOLDOUT_ROWS + number, HOLDOUT_ROWS + number + 40)
    name = f"small-{number}"
    stage.drop(name, write(FOLDER / "bench" / name, {"part.parquet": rows}))
    run = stage.until(
        lambda: next((r for r in stage.runs() if r.drop == name and r.training_job), None), name
    )
    jobs = stage.client("sagemaker")
    job = stage.until(lambda: _described(jobs, run.training_job or ""), "its job")
    seconds: float = job["CreationTime"].timestamp() - stage.dropped[name]
    _ended_early(stage, run)
    return seconds


def _ended_early(stage: Stage, run: RunRecord) -> None:
    """Stop the job, which would run on a machine of its own in AWS, and see the run fail."""
    stage.client("sagemaker").stop_training_job(TrainingJobName=run.training_job)

    def failed() -> bool | None:
        seen = stage.home.ledger.get(RunRecord, run.run)
        return True if seen is not None and seen.state is RunState.FAILED else None

    stage.until(failed, f"the end of {run.run}")


def _described(sagemaker: Any, job: str) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=job)
    except sagemaker.exceptions.ClientError:
        return None
    return told


def _return(stage: Stage) -> float:
    """Roll the champion's own model out again as a new version, then ring its alarm."""
    version = _approved_copy(stage)
    rollout = stage.until(lambda: _shifting(stage, version), f"v{version} gaining traffic")
    variant = rollout.challenger.variant
    weights = Weights(lambda: stage.home.endpoints.view(MODEL))
    alarm = stage.home.names.alarm(MODEL, variant, "errors")
    cloudwatch = stage.client("cloudwatch")
    rung = time.time()
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="bench")
    champion = rollout.champion.variant if rollout.champion else ""

    def back() -> float | None:
        weights.sample()
        return weights.first_whole(champion, after=rung)

    returned = _at_once(back)
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="bench")
    stage.until(lambda: _ended(stage.rollout(version)), f"the end of v{version}")
    return returned - rung


def _at_once(look: Callable[[], T | None]) -> T:
    """Look again and again without a pause."""
    while True:
        found = look()
        if found is not None:
            return found


def _approved_copy(stage: Stage) -> int:
    """The champion's own model once more, as the approved version of a run of its own."""
    champion = stage.home.registry.find(MODEL, 1)
    made_by = stage.home.ledger.get(RunRecord, champion.run) if champion else None
    assert champion is not None
    assert made_by is not None
    again = made_by.model_copy(
        update={"run": token_hex(6), "version": None, "against": 1, "drop": None, "revision": 0}
    )
    stage.home.ledger.write(again)
    sagemaker = stage.client("sagemaker")
    group = stage.home.names.package_group(MODEL)
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{group}/1"
    first = sagemaker.describe_model_package(ModelPackageName=arn)
    made = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        InferenceSpecification=first["InferenceSpecification"],
        CustomerMetadataProperties=first["CustomerMetadataProperties"] | {"sluice:run": again.run},
    )
    return int(made["ModelPackageArn"].rsplit("/", 1)[1])


def _shifting(stage: Stage, version: int) -> RolloutRecord | None:
    rollout = stage.rollout(version)
    view = stage.home.endpoints.view(MODEL)
    if rollout is None or rollout.state is not RolloutState.SHIFTING or view is None:
        return None
    gained = view.in_service and view.weights.get(rollout.challenger.variant) == rollout.weight
    return rollout if gained else None


def _ended(rollout: RolloutRecord | None) -> RolloutRecord | None:
    return rollout if rollout is not None and rollout.ended else None


def _row(name: str, seconds: list[float], percent: float) -> bool:
    found = percentile(seconds, percent) or float("inf")
    print(
        f"{name:<34} p50 {percentile(seconds, 50):.3f} s  p{percent:.0f} {found:.3f} s"
        f"  max {max(seconds):.3f} s  of {len(seconds)}  (limit {LIMIT:.0f} s)"
    )
    return found <= LIMIT


if __name__ == "__main__":
    sys.exit(main())
