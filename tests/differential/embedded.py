"""A scenario on the embedded AWS: its jobs and servers are processes, its events come by a queue.

The functions are the real ones over real adapters, invoked here one event at a time in the order in
which EventBridge delivers. Time is real; when nothing moves, the sweep looks as if an hour had gone
by.
"""

import json
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from events.foreign import ScheduleFired
from functions.aws.clients import settings_of
from functions.ledger import Record, RolloutRecord, RolloutState, RunRecord, RunState
from functions.registry import Approval
from functions.turn import taken
from tests.builders import MODEL, NAMES
from tests.differential.container import TRAFFIC
from tests.differential.scenarios import Drop, LedgerSeen, Scenario, seen
from tests.fakes.bus import Envelope, envelope
from tests.fakes.stage import COMES_AGAIN, routed_to
from tests.simulation.wired import real
from tests.simulation.world import deployed

CONTAINER = Path(__file__).with_name("container.py")
IMAGES = f'evaluation|serving|training="{sys.executable}" "{CONTAINER}" {{arguments}}'
"""What `local --image` is told."""
_IDLE = 2.0
"""Seconds without an event after which the sweep looks."""
_LONGEST = 240.0
_REQUESTS = 260
_ENOUGH = 110
_ERRORS = 5
_LATER = 5


class Embedded:
    """An account of the embedded AWS with one stage in it."""

    def __init__(self, url: str, scenario: Scenario) -> None:
        self._url = url
        self._scenario = scenario
        self._session = boto3.Session(
            region_name="us-east-1", aws_access_key_id="local", aws_secret_access_key="local"
        )
        self.client = cache(self._client)
        self._queue = self._stands(deployed(scenario.approval, "none").model_dump_json())
        self.real = real(self.client, pause=time.sleep, clock=time.monotonic)
        self._units = self.real.units()
        self._again: deque[tuple[str, Envelope]] = deque()
        self._rung: set[str] = set()
        self.heard = time.monotonic()

    def play(self) -> LedgerSeen:
        """The ledger at the end; AssertionError when it does not come in time."""
        for drop in self._scenario.drops:
            self._drop(drop)
            self._until(lambda: not self._open(), f"{drop.name} comes to its end")
        records = [r for log in self.real.ledger.logs() if isinstance(r := log.record, Record)]
        lines = [e for r in records for e in self.real.ledger.history(r.kind, r.key)]
        return seen(records, lines)

    def _client(self, service: str) -> Any:
        make: Callable[..., Any] = self._session.client
        config = settings_of(service).merge(Config(s3={"addressing_style": "path"}))
        return make(service, endpoint_url=self._url, config=config)

    # what stands before the first drop

    def _stands(self, definition: str) -> str:
        self._table()
        s3 = self.client("s3")
        for bucket in ("data", "artifacts"):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_notification_configuration(
            Bucket="data", NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        s3.put_object(Bucket="data", Key=f"holdouts/{MODEL}/v1/part-0.parquet", Body=b"rows")
        s3.put_object(Bucket="artifacts", Key="code/digits/code.zip", Body=b"code")
        self.client("ssm").put_parameter(
            Name=NAMES.definition_parameter(MODEL), Value=definition, Type="String"
        )
        self.client("sagemaker").create_model_package_group(
            ModelPackageGroupName=NAMES.package_group(MODEL)
        )
        self.client("scheduler").create_schedule_group(Name="sluice")
        return self._buses()

    def _table(self) -> None:
        keys = ("pk", "sk", "open", "due_at")
        self.client("dynamodb").create_table(
            TableName="ledger",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k in keys],
            KeySchema=_keys("pk", "sk"),
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "open",
                    "KeySchema": _keys("open", "due_at"),
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )

    def _buses(self) -> str:
        """One queue hears both buses."""
        events, sqs = self.client("events"), self.client("sqs")
        events.create_event_bus(Name="sluice")
        url: str = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = "arn:aws:sqs:us-east-1:123456789012:heard"
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        theirs = ["aws.s3", "aws.sagemaker", "aws.cloudwatch"]
        for bus, sources in (("default", theirs), ("sluice", ["sluice"])):
            pattern = json.dumps({"source": sources})
            events.put_rule(Name="heard", EventBusName=bus, EventPattern=pattern)
            target = {"Id": "queue", "Arn": arn}
            events.put_targets(Rule="heard", EventBusName=bus, Targets=[target])
        return url

    # what people do

    def _drop(self, drop: Drop) -> None:
        s3, folder = self.client("s3"), f"drops/{MODEL}/{drop.name}"
        s3.put_object(Bucket="data", Key=f"{folder}/part-0.parquet", Body=drop.body)
        if not drop.whole:
            self._until(lambda: bool(self._open()), f"{drop.name} is expected")
        s3.put_object(Bucket="data", Key=f"{folder}/_SUCCESS", Body=b"")
        self._until(lambda: bool(self._records()), f"{drop.name} is seen")

    def _person_approves(self) -> None:
        for run in self._records():
            if isinstance(run, RunRecord) and run.state is RunState.HELD and run.version:
                found = self.real.registry.find(MODEL, run.version)
                if found is not None and found.approval is Approval.PENDING:
                    self.real.registry.decide(
                        MODEL, run.version, approval=Approval.APPROVED, reason="a person says so"
                    )

    # how time goes by

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        """Deliver what comes until it holds and nothing more is on its way."""
        deadline = time.monotonic() + _LONGEST
        while True:
            idle = not self._deliver()
            if idle and condition():
                return
            assert time.monotonic() < deadline, f"not within {_LONGEST} s: {what}"
            if self._at_work():
                self.heard = time.monotonic()
            elif idle and time.monotonic() - self.heard > _IDLE:
                self._quiet()

    def _at_work(self) -> bool:
        """Whether SageMaker has something to tell soon: then the sweep is not first."""
        sagemaker = self.client("sagemaker")
        running = {"StatusEquals": "InProgress"}
        return bool(
            sagemaker.list_training_jobs(**running)["TrainingJobSummaries"]
            or sagemaker.list_processing_jobs(**running)["ProcessingJobSummaries"]
            or sagemaker.list_endpoints(StatusEquals="Creating")["Endpoints"]
            or sagemaker.list_endpoints(StatusEquals="Updating")["Endpoints"]
        )

    def _quiet(self) -> None:
        self._person_approves()
        sweep = envelope(ScheduleFired.source, ScheduleFired.detail_types[0], {})
        self._turn("sweep", sweep, ahead=timedelta(hours=1))
        self.heard = time.monotonic()

    def _deliver(self) -> bool:
        """The next few events; whether there were any."""
        sqs = self.client("sqs")
        answer = sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        messages = answer.get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
            raw = json.loads(message["Body"])
            if self._before(raw):
                later = {"MessageBody": message["Body"], "DelaySeconds": _LATER}
                sqs.send_message(QueueUrl=self._queue, **later)
                continue
            for unit in routed_to(raw) * (2 if self._scenario.twice else 1):
                self.heard = time.monotonic()
                self._turn(unit, raw)
        for unit, raw in [self._again.popleft() for _ in range(len(self._again))]:
            self._turn(unit, raw)
        return bool(messages)

    def _turn(self, unit: str, raw: Envelope, *, ahead: timedelta = timedelta()) -> None:
        try:
            taken(self._units[unit], raw, unit, clock=lambda: datetime.now(UTC) + ahead)
        except COMES_AGAIN:
            self._again.append((unit, raw))

    def _before(self, raw: Envelope) -> bool:
        """Whoever judges a step has traffic to judge by; whether an alarm rings and comes first."""
        records = self._records() if raw["detail-type"] == "RolloutStepDue" else []
        shifting = [
            rollout
            for rollout in records
            if isinstance(rollout, RolloutRecord) and rollout.state is RolloutState.SHIFTING
        ]
        return any(self._traffic(rollout) for rollout in shifting)

    def _traffic(self, rollout: RolloutRecord) -> bool:
        """Users ask, until CloudWatch knows of enough; whether a version's alarm rings of it."""
        variant, failed = rollout.challenger.variant, 0
        for _ in range(_REQUESTS):
            failed += self._asks()
        if failed > _ERRORS:
            return self._rings(variant)
        deadline = time.monotonic() + _LONGEST
        since = rollout.step_since
        while self._requests(variant, since) < min(_ENOUGH, _REQUESTS * rollout.weight // 200):
            assert time.monotonic() < deadline, f"CloudWatch does not see the traffic on {variant}"
            time.sleep(0.2)
        return False

    def _requests(self, variant: str, since: datetime) -> int:
        now = datetime.now(UTC) + timedelta(minutes=1)
        return self.real.traffic.read(MODEL, variant=variant, since=since, until=now).requests

    def _asks(self) -> bool:
        """One request; whether it failed."""
        body = json.dumps({"instances": [TRAFFIC]}).encode()
        with suppress(ClientError):
            self.client("sagemaker-runtime").invoke_endpoint(
                EndpointName=NAMES.endpoint(MODEL), ContentType="application/json", Body=body
            )
            return False
        return True

    def _rings(self, variant: str) -> bool:
        """The alarm of a variant, once; whether it has only now."""
        name, cloudwatch = NAMES.alarm(MODEL, variant, "5xx"), self.client("cloudwatch")
        if name in self._rung:
            return False
        self._rung.add(name)
        where = {"EndpointName": NAMES.endpoint(MODEL), "VariantName": variant}
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SageMaker",
            MetricName="Invocation5XXErrors",
            Dimensions=[{"Name": k, "Value": v} for k, v in where.items()],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="it fails")
        return True

    # what there is to see

    def _records(self) -> list[Record]:
        found = (log.record for log in self.real.ledger.logs())
        return [record for record in found if isinstance(record, Record)]

    def _open(self) -> list[Record]:
        return [record for record in self._records() if record.due_at or record.outbox]


def _keys(*names: str) -> list[dict[str, str]]:
    kinds = zip(names, ("HASH", "RANGE"), strict=True)
    return [{"AttributeName": name, "KeyType": kind} for name, kind in kinds]
