"""What `roll_back` is told by its environment."""

from functions.settings import Settings


class RollBackSettings(Settings):
    """Settings of `roll_back`."""

    artifact_bucket: str
