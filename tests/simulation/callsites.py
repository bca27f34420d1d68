"""Every boto3 call of the adapters, declared: what can go wrong at it, and who makes it.

A call that is written in `functions/aws` and has no entry here fails a test, and so does an entry
whose call is gone.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

ADAPTERS = Path(__file__).parents[2] / "functions" / "aws"


class Mode(StrEnum):
    """What can go wrong at a call."""

    CRASH_BEFORE = "the sandbox dies before the call"
    CRASH_AFTER = "the sandbox dies after the call took effect"
    TIMED_OUT = "the call takes effect at every try, and no answer comes in time"
    LOST_ANSWER = "the call takes effect, its answer is lost, and botocore asks again"
    THROTTLED = "the call is throttled at every try"
    INTERNAL = "the call is answered by 500 at every try"
    DENIED = "the call is denied"
    LIMIT = "the call is refused for a limit of the account"
    STALE = "the read does not see what was just changed"
    NOT_TAKEN = "the call is taken, its entries are not"


ANYWHERE = (
    Mode.CRASH_BEFORE,
    Mode.CRASH_AFTER,
    Mode.TIMED_OUT,
    Mode.LOST_ANSWER,
    Mode.THROTTLED,
    Mode.INTERNAL,
    Mode.DENIED,
)
"""What can go wrong at any call."""


@dataclass(frozen=True, order=True)
class Site:
    """One place in the adapters from which AWS is asked one thing."""

    place: str
    """Module, class and method."""
    operation: str

    def __str__(self) -> str:
        return f"{self.place}: {self.operation}"


@dataclass(frozen=True)
class Declared:
    """What is known of a call."""

    service: str
    beside: tuple[Mode, ...] = ()
    """What can go wrong there beside what can anywhere."""
    by_people: str = ""
    """Who asks, when no function does."""
    unplayed: str = ""
    """Why no wired world makes it yet."""

    @property
    def modes(self) -> tuple[Mode, ...]:
        return ANYWHERE + self.beside


_SCALER = "application-autoscaling"
_LIMIT, _STALE = (Mode.LIMIT,), (Mode.STALE,)
_LATE = "SageMaker shows late what it has just made"
_GUARDED = "wired worlds are stepped and not scaled: the account in memory has no guardrails yet"
_TOOLS = "sluice reads the whole table; no function does"


def _table(*rows: tuple[str, str, Declared]) -> MappingProxyType[Site, Declared]:
    return MappingProxyType({Site(place, operation): known for place, operation, known in rows})


SITES = _table(
    ("alarms.Alarms.look", "DescribeAlarms", Declared("cloudwatch", unplayed=_GUARDED)),
    ("bus.Bus._put", "PutEvents", Declared("events", (Mode.NOT_TAKEN,))),
    ("definitions.Definitions.get", "GetParameter", Declared("ssm")),
    ("drops.Drops._download", "GetObject", Declared("s3")),
    ("drops.Drops._manifest", "GetObject", Declared("s3")),
    ("drops.Drops.look", "ListObjectVersions", Declared("s3")),
    ("endpoints.Endpoints._ensure_config", "CreateEndpointConfig", Declared("sagemaker", _LIMIT)),
    ("endpoints.Endpoints._ensure_endpoint", "CreateEndpoint", Declared("sagemaker", _LIMIT)),
    ("endpoints.Endpoints._ensure_endpoint", "DeleteEndpoint", Declared("sagemaker")),
    ("endpoints.Endpoints._bring", "UpdateEndpoint", Declared("sagemaker", _LIMIT)),
    ("endpoints.Endpoints._create_model", "CreateModel", Declared("sagemaker", _LIMIT)),
    ("endpoints.Endpoints.probe", "InvokeEndpoint", Declared("sagemaker-runtime")),
    ("endpoints.Endpoints.remove", "DeleteEndpoint", Declared("sagemaker")),
    (
        "endpoints.Endpoints._give",
        "UpdateEndpointWeightsAndCapacities",
        Declared("sagemaker", _LIMIT),
    ),
    ("endpoints.Endpoints.view", "DescribeEndpoint", Declared("sagemaker", _STALE)),
    ("evidence.TrafficMetrics.read", "GetMetricData", Declared("cloudwatch", _STALE)),
    ("inventory.Inventory._remove", "DeleteEndpointConfig", Declared("sagemaker")),
    ("inventory.Inventory._remove", "StopProcessingJob", Declared("sagemaker")),
    ("inventory.Inventory._remove", "StopTrainingJob", Declared("sagemaker")),
    ("inventory.Inventory._versions_in", "DescribeEndpointConfig", Declared("sagemaker")),
    ("inventory.Inventory.made_since", "ListEndpointConfigs", Declared("sagemaker")),
    ("inventory.Inventory.made_since", "ListModels", Declared("sagemaker")),
    ("inventory.Inventory.running", "ListEndpoints", Declared("sagemaker")),
    ("inventory.Inventory.running", "ListProcessingJobs", Declared("sagemaker")),
    ("inventory.Inventory.running", "ListTrainingJobs", Declared("sagemaker")),
    ("jobs.Jobs.evaluate", "CreateProcessingJob", Declared("sagemaker", _LIMIT)),
    ("jobs.Jobs.evaluation", "DescribeProcessingJob", Declared("sagemaker", _STALE)),
    ("jobs.Jobs.train", "CreateTrainingJob", Declared("sagemaker", _LIMIT)),
    ("jobs.Jobs.training", "DescribeTrainingJob", Declared("sagemaker", _STALE)),
    ("ledger.Ledger.all", "Scan", Declared("dynamodb", by_people=_TOOLS)),
    ("ledger.Ledger.get", "GetItem", Declared("dynamodb")),
    ("ledger.Ledger.history", "Query", Declared("dynamodb", by_people=_TOOLS)),
    ("ledger.Ledger.logs", "Scan", Declared("dynamodb", by_people=_TOOLS)),
    ("ledger.Ledger.overdue", "Query", Declared("dynamodb", _STALE)),
    ("ledger.Ledger.put_off", "UpdateItem", Declared("dynamodb")),
    ("ledger.Ledger.said", "PutItem", Declared("dynamodb")),
    ("ledger.Ledger.write", "TransactWriteItems", Declared("dynamodb")),
    ("objects.Objects.any_in", "ListObjectsV2", Declared("s3")),
    ("objects.Objects.read", "GetObject", Declared("s3")),
    ("objects.Objects.write_json", "PutObject", Declared("s3")),
    ("registry.Registry._arn", "DescribeModelPackageGroup", Declared("sagemaker")),
    ("registry.Registry._create", "CreateModelPackage", Declared("sagemaker", _LIMIT)),
    ("registry.Registry._read", "DescribeModelPackage", Declared("sagemaker", _STALE)),
    ("registry.Registry.decide", "UpdateModelPackage", Declared("sagemaker")),
    ("registry.Registry.newest", "ListModelPackages", Declared("sagemaker", _STALE)),
    *(
        (f"scaling.ScalableTargets.{method}", operation, Declared(_SCALER, unplayed=_GUARDED))
        for method, operation in (
            ("_scaling", "DescribeScalingPolicies"),
            ("of", "DescribeScalableTargets"),
            ("put_on", "PutScalingPolicy"),
            ("put_on", "RegisterScalableTarget"),
            ("take_off", "DeregisterScalableTarget"),
        )
    ),
    ("schedules.Schedules.say", "CreateSchedule", Declared("scheduler", _LIMIT)),
)
"""Reads that are consistent by AWS's word (S3, GetItem with ConsistentRead) are never stale."""


def by_functions() -> dict[Site, Declared]:
    """The calls that a function can make."""
    return {site: known for site, known in SITES.items() if not (known.by_people or known.unplayed)}


def written(folder: Path = ADAPTERS) -> frozenset[Site]:
    """Every boto3 call that stands in the adapters' source."""
    return frozenset(
        Site(f"{path.stem}.{holder.name}.{method.name}", operation)
        for path in sorted(folder.glob("*.py"))
        for holder in ast.parse(path.read_text("utf-8")).body
        if isinstance(holder, ast.ClassDef)
        for method in holder.body
        if isinstance(method, ast.FunctionDef)
        for operation in _asked(method)
    )


def _asked(method: ast.FunctionDef) -> Iterator[str]:
    """The operations that a method calls on a client it holds."""
    for node in ast.walk(method):
        match node:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Attribute(value=ast.Name(id="self"), attr="_client" | "_runtime"),
                    attr=name,
                ),
                args=arguments,
            ):
                if name == "get_paginator" and isinstance(arguments[0], ast.Constant):
                    name = str(arguments[0].value)
                yield "".join(word.title() for word in name.split("_"))
            case _:
                pass


def calling(operation: str) -> Site:
    """The site from which the present call is made, read from the stack."""
    frame = sys._getframe(1)
    folder = str(ADAPTERS)
    while frame.f_back is not None:
        code = frame.f_code
        if code.co_filename.startswith(folder):
            place = code.co_qualname.split(".<locals>")[0]
            return Site(f"{Path(code.co_filename).stem}.{place}", operation)
        frame = frame.f_back
    return Site("nowhere", operation)
