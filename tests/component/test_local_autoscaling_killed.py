"""Auto scaling of a server that is killed: it goes on as it was."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.component.test_local_job_killed import killed
from tests.conformance.target import TIME_SCALE, Target
from tests.conformance.variants import Scaled, tracking

ENDPOINT = "scaled"
INTACT = ("ScalableTargets", "ScalingPolicies", "ScheduledActions")


def told(aws: Target) -> dict[str, object]:
    scaling, of = aws.client("application-autoscaling"), {"ServiceNamespace": "sagemaker"}
    answers = (
        scaling.describe_scalable_targets(**of)
        | scaling.describe_scaling_policies(**of)
        | scaling.describe_scheduled_actions(**of)
    )
    return {member: answers[member] for member in INTACT}


def test_targets_policies_and_actions_outlast_a_kill(tmp_path: Path) -> None:
    with killed(tmp_path / "state", tmp_path / "first") as aws:
        scaled = Scaled(aws, ENDPOINT)
        scaled.create()
        scaled.register(2, 4)
        scaled.counts(2)
        scaled.policy("track", tracking())
        scaled.scaling.put_scheduled_action(
            **scaled.place,
            ScheduledActionName="yearly",
            Schedule="cron(0 0 1 1 ? *)",
            ScalableTargetAction={"MinCapacity": 1},
        )
        done = scaled.done("Setting desired instance count to 2.")
        before = told(aws)

    with killed(tmp_path / "state", tmp_path / "second") as aws:
        scaled = Scaled(aws, ENDPOINT)
        assert told(aws) == before
        assert done in scaled.activities()
        scaled.counts(2)


def test_what_fell_due_while_no_process_ran_is_done_at_the_start(tmp_path: Path) -> None:
    with killed(tmp_path / "state", tmp_path / "first") as aws:
        scaled = Scaled(aws, ENDPOINT)
        scaled.create()
        scaled.register(1, 4)
        soon = datetime.now(UTC) + timedelta(seconds=TIME_SCALE)
        scaled.scaling.put_scheduled_action(
            **scaled.place,
            ScheduledActionName="soon",
            Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})",
            ScalableTargetAction={"MinCapacity": 3},
        )

    with killed(tmp_path / "state", tmp_path / "second") as aws:
        scaled = Scaled(aws, ENDPOINT)
        scaled.counts(3)
        assert scaled.done("Setting min capacity to 3")["StatusCode"] == "Successful"


def test_a_change_that_a_kill_interrupts_comes_to_its_end(tmp_path: Path) -> None:
    with killed(tmp_path / "state", tmp_path / "first") as aws:
        scaled = Scaled(aws, ENDPOINT)
        scaled.create()
        scaled.register(3, 4)
        assert scaled.activities()[0]["StatusCode"] == "InProgress"

    with killed(tmp_path / "state", tmp_path / "second") as aws:
        scaled = Scaled(aws, ENDPOINT)
        scaled.counts(3)
        done = scaled.done("Setting desired instance count to 3.")
        assert done["StatusCode"] == "Successful"
