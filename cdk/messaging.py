"""The sluice bus, the one-shot schedules, the pages, and what could not be delivered."""

import aws_cdk as cdk_
import aws_cdk.aws_events as events_
import aws_cdk.aws_iam as iam
import aws_cdk.aws_scheduler as scheduler
import aws_cdk.aws_sqs as sqs
from constructs import Construct

from cdk.stages import Stage

KEPT = cdk_.Duration.days(14)


class Messaging(Construct):
    """Bus, schedule group with its role, pages, and the dead letters of rules and schedules."""

    def __init__(self, scope: Construct, id_: str, *, stage: Stage) -> None:
        super().__init__(scope, id_)
        self.bus = events_.EventBus(self, "Bus", event_bus_name=stage.prefix)
        self.schedules = scheduler.ScheduleGroup(
            self,
            "Schedules",
            schedule_group_name=stage.prefix,
            removal_policy=cdk_.RemovalPolicy.DESTROY,
        )
        self.schedule_role = iam.Role(
            self,
            "ScheduleRole",
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"),
            description="Lets one-shot schedules speak on the bus, or be kept as undelivered",
        )
        self.bus.grant_put_events_to(self.schedule_role)
        self.undelivered = sqs.Queue(
            self,
            "Undelivered",
            retention_period=KEPT,
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
        )
        self.pages = sqs.Queue(
            self,
            "Pages",
            retention_period=KEPT,
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
        )
        self.schedule_role.add_to_policy(
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.undelivered.queue_arn])
        )
