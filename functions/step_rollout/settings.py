"""What `step_rollout` is told by its environment."""

from functions.settings import Settings


class StepRolloutSettings(Settings):
    """Settings of `step_rollout`."""

    artifact_bucket: str
    schedule_group: str
    schedule_role_arn: str
