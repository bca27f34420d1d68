"""What `start_rollout` is told by its environment."""

from functions.settings import Settings


class StartRolloutSettings(Settings):
    """Settings of `start_rollout`."""

    artifact_bucket: str
    serving_role_arn: str
    serving_image: str
    schedule_group: str
    schedule_role_arn: str
