"""Each function's settings, filled with what the stack made."""

from typing import Any

from cdk.ledger import LedgerTable
from cdk.messaging import Messaging
from cdk.roles import ExecutionRoles
from cdk.stages import Stage
from cdk.storage import Storage
from functions.accept_drop.settings import AcceptDropSettings
from functions.gate_model.settings import GateModelSettings
from functions.roll_back.settings import RollBackSettings
from functions.settings import Settings
from functions.start_evaluation.settings import StartEvaluationSettings
from functions.start_rollout.settings import StartRolloutSettings
from functions.start_training.settings import StartTrainingSettings
from functions.step_rollout.settings import StepRolloutSettings
from functions.sweep.settings import SweepSettings

SETTINGS: dict[str, type[Settings]] = {
    "accept_drop": AcceptDropSettings,
    "start_training": StartTrainingSettings,
    "start_evaluation": StartEvaluationSettings,
    "gate_model": GateModelSettings,
    "start_rollout": StartRolloutSettings,
    "step_rollout": StepRolloutSettings,
    "roll_back": RollBackSettings,
    "sweep": SweepSettings,
}


def settings_of(
    unit: str,
    *,
    stage: Stage,
    storage: Storage,
    messaging: Messaging,
    ledger: LedgerTable,
    roles: ExecutionRoles,
    images: tuple[str, str],
) -> Settings:
    """What `unit` is told: of all there is to tell, the fields its settings have."""
    training_image, serving_image = images
    everything: dict[str, Any] = {
        "prefix": stage.prefix,
        "bus_name": messaging.bus.event_bus_name,
        "bus_arn": messaging.bus.event_bus_arn,
        "table_name": ledger.table.table_name,
        "undelivered_arn": messaging.undelivered.queue_arn,
        "data_bucket": storage.data.bucket_name,
        "artifact_bucket": storage.artifacts.bucket_name,
        "schedule_group": messaging.schedules.schedule_group_name,
        "schedule_role_arn": messaging.schedule_role.role_arn,
        "max_running": stage.max_running,
        "training_role_arn": roles.training.role_arn,
        "training_image": training_image,
        "evaluation_role_arn": roles.evaluation.role_arn,
        "evaluation_image": training_image,
        "serving_role_arn": roles.serving.role_arn,
        "serving_image": serving_image,
    }
    kind = SETTINGS[unit]
    return kind.model_validate({k: v for k, v in everything.items() if k in kind.model_fields})
