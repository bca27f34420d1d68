"""What `start_rollout` is told by its environment."""

from functions.settings import Settings


class StartRolloutSettings(Settings):
    """Settings of `start_rollout`."""

    serving_role_arn: str
    serving_image: str
