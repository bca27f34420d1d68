"""What `start_evaluation` is told by its environment."""

from functions.settings import Settings


class StartEvaluationSettings(Settings):
    """Settings of `start_evaluation`."""

    data_bucket: str
    artifact_bucket: str
    evaluation_role_arn: str
    evaluation_image: str
