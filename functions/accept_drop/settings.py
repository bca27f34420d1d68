"""What `accept_drop` is told by its environment."""

from functions.settings import Settings


class AcceptDropSettings(Settings):
    """Settings of `accept_drop`."""

    data_bucket: str
    artifact_bucket: str
    schedule_group: str
    schedule_role_arn: str
