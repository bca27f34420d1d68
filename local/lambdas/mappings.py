"""Event source mappings: what reads a queue for a function, made, changed and told."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from botocore.exceptions import ClientError

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.lambdas.pages import page
from local.lambdas.poller import Mapped, Poller
from local.lambdas.registry import Operation, Registry, Request
from local.lambdas.settings import invalid, unsupported
from local.patterns import parse_pattern

MOST_FIFO = 10
_MEMBERS = (
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "FilterCriteria",
    "FunctionResponseTypes",
    "ScalingConfig",
)


@dataclass
class Mappings:
    """Each is kept under its id, and a poller of its own works for it while it is enabled."""

    account: Account
    clock: Clock
    registry: Registry
    invoke: Callable[[str, bytes], Any]
    _pollers: dict[str, Poller] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        self._kept = self.account.store.shelf("lambda.mappings")

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateEventSourceMapping": self._create,
            "GetEventSourceMapping": lambda r: self._find(r)["told"],
            "UpdateEventSourceMapping": self._update,
            "DeleteEventSourceMapping": self._delete,
            "ListEventSourceMappings": self._list,
        }

    def start(self) -> None:
        for kept in self._kept.all().values():
            self._poll(kept["told"])

    def stop(self) -> None:
        with self._lock:
            for poller in self._pollers.values():
                poller.stop()

    def _create(self, request: Request) -> Request:
        function = str(request["FunctionName"])
        deployed, qualifier = self.registry.find(function)
        target = deployed.version(qualifier)
        arn = f"{target.arn}:{qualifier}" if qualifier else target.arn
        queue = str(request.get("EventSourceArn") or "")
        self._check_new(queue, arn, target.timeout)
        name = str(uuid.uuid4())
        told = {
            "UUID": name,
            "EventSourceMappingArn": self.account.arn("lambda", f"event-source-mapping:{name}"),
            "EventSourceArn": queue,
            "FunctionArn": arn,
            "BatchSize": 10,
            "MaximumBatchingWindowInSeconds": 0,
            "FunctionResponseTypes": [],
        }
        with self._lock:
            return {**self._change(told, request), "State": "Creating"}

    def _check_new(self, queue: str, function: str, timeout: float) -> None:
        if queue.split(":")[2:3] != ["sqs"]:
            raise unsupported("EventSourceArn", queue, "only SQS queues are read")
        for kept in self._kept.all().values():
            told = kept["told"]
            if (told["EventSourceArn"], told["FunctionArn"]) == (queue, function):
                raise AwsError(
                    "ResourceConflictException",
                    f'An event source mapping with SQS arn (" {queue} ") and function'
                    f' (" {function.split(":")[6]} ") already exists. Please update or delete'
                    f" the existing mapping with UUID {told['UUID']}",
                    status=409,
                )
        visible = self._visibility(queue)
        if visible < timeout:
            raise invalid(
                f"Queue visibility timeout: {visible} seconds is less than Function timeout:"
                f" {timeout:.0f} seconds"
            )

    def _visibility(self, queue: str) -> int:
        sqs = self.account.client("sqs")
        try:
            url = sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
            told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        except ClientError as error:
            raise invalid(
                "Error occurred while ReceiveMessage. SQS Error Code:"
                f" {error.response['Error']['Code']}. SQS Error Message:"
                f" {error.response['Error']['Message']}"
            ) from error
        return int(told["Attributes"]["VisibilityTimeout"])

    def _update(self, request: Request) -> Request:
        with self._lock:
            told = self._find(request)["told"]
            if request.get("FunctionName"):
                deployed, qualifier = self.registry.find(str(request["FunctionName"]))
                arn = deployed.version(qualifier).arn
                told["FunctionArn"] = f"{arn}:{qualifier}" if qualifier else arn
            return {**self._change(told, request), "State": "Updating"}

    def _change(self, told: Request, request: Request) -> Request:
        enabled = request.get("Enabled", told.get("State", "Enabled") == "Enabled")
        given = {name: request[name] for name in _MEMBERS if request.get(name) is not None}
        changed = {
            **told,
            **given,
            "State": "Enabled" if enabled else "Disabled",
            "StateTransitionReason": "USER_INITIATED",
            "LastModified": self.clock.now(),
        }
        _check(changed)
        self._kept.put(changed["UUID"], {"told": changed})
        self._poll(changed)
        return changed

    def _delete(self, request: Request) -> Request:
        with self._lock:
            told = self._find(request)["told"]
            self._kept.drop(told["UUID"])
            self._end(told["UUID"])
        return {**told, "State": "Deleting"}

    def _list(self, request: Request) -> Request:
        function, queue = request.get("FunctionName"), request.get("EventSourceArn")
        arn = self.registry.arn(str(function)) if function else ""
        found = [
            kept["told"]
            for kept in self._kept.all().values()
            if (not arn or kept["told"]["FunctionArn"].startswith(arn))
            and queue in {None, kept["told"]["EventSourceArn"]}
        ]
        return page("EventSourceMappings", found, request, most=100)

    def _find(self, request: Request) -> dict[str, Any]:
        kept = self._kept.get(str(request["UUID"]))
        if kept is None:
            message = "The resource you requested does not exist."
            raise AwsError("ResourceNotFoundException", message, status=404)
        return dict(kept)

    def _poll(self, told: Request) -> None:
        """The poller that a mapping has now, in place of the one that it had."""
        with self._lock:
            self._end(told["UUID"])
            if told["State"] == "Enabled":
                poller = Poller(self.account, self.clock, Mapped.of(told), self.invoke)
                self._pollers[told["UUID"]] = poller
                poller.start()

    def _end(self, name: str) -> None:
        poller = self._pollers.pop(name, None)
        if poller is not None:
            poller.stop()


def _check(told: Request) -> None:
    size, window = int(told["BatchSize"]), int(told["MaximumBatchingWindowInSeconds"])
    fifo = told["EventSourceArn"].endswith(".fifo")
    if fifo and window:
        raise invalid("Batching window is not supported for FIFO queues")
    if fifo and size > MOST_FIFO:
        raise invalid(f"Batch size must be at most {MOST_FIFO} for FIFO queues")
    if size > MOST_FIFO and not window:
        raise invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is"
            " greater than 10"
        )
    with _as_filters():
        for each in (told.get("FilterCriteria") or {}).get("Filters") or []:
            parse_pattern(each["Pattern"])


@contextmanager
def _as_filters() -> Iterator[None]:
    try:
        yield
    except AwsError as error:
        message = "Invalid filter pattern definition."
        raise invalid(message) from error
