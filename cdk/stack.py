"""The whole of a stage on one screen."""

from pathlib import Path

import aws_cdk as cdk_
from constructs import Construct

from cdk.alarms import Alarms
from cdk.bundling import CHECKS, CORE, Bundler
from cdk.dashboard import Dashboard
from cdk.functions import HandlerFunction
from cdk.grants import grant_all
from cdk.ledger import LedgerTable
from cdk.messaging import Messaging
from cdk.models import Model, model_folders
from cdk.places import Places
from cdk.roles import ExecutionRoles
from cdk.rules import Rules
from cdk.settings import settings_of
from cdk.stages import SERVING_VERSION, TRAINING_ACCOUNT, TRAINING_IMAGE, Stage
from cdk.storage import Storage
from functions.routes import FUNCTIONS


class SluiceStack(cdk_.Stack):
    """Drop data in, get a better model out, and never a worse one."""

    def __init__(
        self, scope: Construct, id_: str, *, stage: Stage, models: Path, bundler: Bundler
    ) -> None:
        super().__init__(scope, id_, description=f"Sluice, stage {stage.name}")
        training_image = (
            f"{TRAINING_ACCOUNT}.dkr.ecr.{self.region}.{self.url_suffix}/{TRAINING_IMAGE}"
        )
        serving_image = (
            f"{self.account}.dkr.ecr.{self.region}.{self.url_suffix}"
            f"/sluice-serving:{SERVING_VERSION}"
        )
        self.storage = storage = Storage(self, "Storage", stage=stage)
        messaging = Messaging(self, "Messaging", stage=stage)
        ledger = LedgerTable(self, "Ledger", stage=stage)
        scratch = bundler.cache / "code"
        known = [
            Model(self, f"Model-{folder.name}", stage=stage, folder=folder, scratch=scratch)
            for folder in model_folders(models)
        ]
        self.roles = roles = ExecutionRoles(self, "Roles", stage=stage, storage=storage)
        core = bundler.code("core", CORE)
        checks = bundler.code("checks", CHECKS)
        self.handlers = handlers = {
            unit: HandlerFunction(
                self,
                unit,
                unit=unit,
                stage=stage,
                code=checks if unit == "accept_drop" else core,
                settings=settings_of(
                    unit,
                    stage=stage,
                    storage=storage,
                    messaging=messaging,
                    ledger=ledger,
                    roles=roles,
                    images=(training_image, serving_image),
                ),
                large=unit == "accept_drop",
            )
            for unit in FUNCTIONS
        }
        grant_all(Places(stage, self, storage, messaging, ledger, roles), handlers)
        Rules(self, "Rules", stage=stage, storage=storage, messaging=messaging, handlers=handlers)
        alarms = Alarms(self, "Alarms", handlers=handlers, messaging=messaging)
        dashboard = Dashboard(
            self,
            "Overview",
            stage=stage,
            models=known,
            handlers=handlers,
            messaging=messaging,
            alarms=alarms,
        )
        for name, value in {
            "DataBucket": storage.data.bucket_name,
            "ArtifactBucket": storage.artifacts.bucket_name,
            "BusName": messaging.bus.event_bus_name,
            "LedgerTable": ledger.table.table_name,
            "ScheduleGroup": messaging.schedules.schedule_group_name,
            "Dashboard": dashboard.page.dashboard_name,
            "TrainingImage": training_image,
            "ServingImage": serving_image,
        }.items():
            cdk_.CfnOutput(self, name, value=value)
