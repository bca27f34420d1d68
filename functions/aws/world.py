"""Every adapter of a function, made from its settings when first needed.

Adapters are imported where they are made: a function starts with those it uses, not with all.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from functions.aws.book import Book
from functions.aws.bus import Bus
from functions.aws.clients import client
from functions.aws.ledger import Ledger
from functions.names import Names
from functions.settings import Settings

if TYPE_CHECKING:
    from functions.aws.alarms import Alarms
    from functions.aws.definitions import Definitions
    from functions.aws.drops import Drops
    from functions.aws.endpoints import Endpoints
    from functions.aws.evidence import TrafficMetrics
    from functions.aws.inventory import Inventory
    from functions.aws.jobs import Jobs
    from functions.aws.objects import Objects
    from functions.aws.registry import Registry
    from functions.aws.scaling import ScalableTargets
    from functions.aws.schedules import Schedules


class World:
    """AWS as one function's settings show it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.names = Names(settings.prefix)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(client("dynamodb"), self._settings.table_name)

    @cached_property
    def book(self) -> Book:
        return Book(self.ledger, Bus(client("events"), self._settings.bus_name))

    @cached_property
    def objects(self) -> "Objects":
        from functions.aws.objects import Objects

        return Objects(client("s3"))

    @cached_property
    def definitions(self) -> "Definitions":
        from functions.aws.definitions import Definitions

        return Definitions(client("ssm"), self.names, self.objects)

    @cached_property
    def inventory(self) -> "Inventory":
        from functions.aws.inventory import Inventory

        return Inventory(client("sagemaker"), self.names)

    @cached_property
    def jobs(self) -> "Jobs":
        from functions.aws.jobs import Jobs

        return Jobs(client("sagemaker"))

    @cached_property
    def registry(self) -> "Registry":
        from functions.aws.registry import Registry

        return Registry(client("sagemaker"), self.names)

    @cached_property
    def endpoints(self) -> "Endpoints":
        from functions.aws.endpoints import Endpoints

        return Endpoints(client("sagemaker"), client("sagemaker-runtime"), self.names)

    @cached_property
    def alarms(self) -> "Alarms":
        from functions.aws.alarms import Alarms

        return Alarms(client("cloudwatch"))

    @cached_property
    def scaling(self) -> "ScalableTargets":
        from functions.aws.scaling import ScalableTargets

        return ScalableTargets(client("application-autoscaling"), self.names)

    @cached_property
    def traffic(self) -> "TrafficMetrics":
        from functions.aws.evidence import TrafficMetrics

        return TrafficMetrics(client("cloudwatch"), self.names)

    def drops(self, bucket: str) -> "Drops":
        from functions.aws.drops import Drops

        return Drops(client("s3"), bucket=bucket)

    def schedules(self, *, group: str, role_arn: str, bus_arn: str) -> "Schedules":
        from functions.aws.schedules import Schedules

        return Schedules(
            client("scheduler"),
            group=group,
            role_arn=role_arn,
            bus_arn=bus_arn,
            undelivered_arn=self._settings.undelivered_arn,
        )
