"""What `start_training` is told by its environment."""

from functions.settings import Settings


class StartTrainingSettings(Settings):
    """Settings of `start_training`."""

    data_bucket: str
    artifact_bucket: str
    training_role_arn: str
    training_image: str
    max_running: int
    """Training jobs of the whole stage at a time."""
