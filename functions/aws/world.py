"""Every adapter of a function, made from its settings when first needed."""

from functools import cached_property

from functions.aws.book import Book
from functions.aws.bus import Bus
from functions.aws.clients import client
from functions.aws.definitions import Definitions
from functions.aws.drops import Drops
from functions.aws.endpoints import Endpoints
from functions.aws.evidence import TrafficMetrics
from functions.aws.jobs import Jobs
from functions.aws.ledger import Ledger
from functions.aws.objects import Objects
from functions.aws.registry import Registry
from functions.aws.schedules import Schedules
from functions.names import Names
from functions.settings import Settings


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
    def objects(self) -> Objects:
        return Objects(client("s3"))

    @cached_property
    def definitions(self) -> Definitions:
        return Definitions(client("ssm"), self.names, self.objects)

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs(client("sagemaker"))

    @cached_property
    def registry(self) -> Registry:
        return Registry(client("sagemaker"), self.names)

    @cached_property
    def endpoints(self) -> Endpoints:
        return Endpoints(client("sagemaker"), client("sagemaker-runtime"), self.names)

    @cached_property
    def traffic(self) -> TrafficMetrics:
        return TrafficMetrics(client("cloudwatch"), self.names)

    def drops(self, bucket: str) -> Drops:
        return Drops(client("s3"), bucket=bucket)

    def schedules(self, *, group: str, role_arn: str, bus_arn: str) -> Schedules:
        return Schedules(client("scheduler"), group=group, role_arn=role_arn, bus_arn=bus_arn)
