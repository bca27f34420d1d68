"""What `gate_model` is told by its environment."""

from functions.settings import Settings


class GateModelSettings(Settings):
    """Settings of `gate_model`."""

    artifact_bucket: str
    serving_image: str
