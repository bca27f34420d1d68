"""How every function takes its turn: woken, logged, counted, and again if a record moved."""

import gc
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.parser.models import EventBridgeModel

from events.base import Event, EventError
from events.foreign import Foreign, ScheduleFired
from functions.aws.ledger import StaleRecordError
from functions.ledger import Record
from functions.routes import ROUTES, SCHEDULES
from functions.tracing import trace_id
from functions.witness import Witness, acting

Seen = Event | Foreign
_TRIES = 5
_LOGGED = (
    "why",
    "reason",
    "message",
    "version",
    "behind",
    "step",
    "weight",
    "first",
    "asked",
    "more",
)
"""The fields of outcomes that a log line tells."""
_SANDBOX = "AWS_LAMBDA_RUNTIME_API"
"""Only Lambda sets it."""


@dataclass(frozen=True)
class Told:
    """What a turn came to, for the log: the outcome and the record it is about."""

    outcome: object
    record: Record | None = None

    @property
    def keys(self) -> Mapping[str, str]:
        """Log keys: the run as correlation id, and the trace."""
        if self.record is None:
            return {}
        run = getattr(self.record, "run", None) or self.record.key
        trace = self.record.traceparent
        return {"correlation_id": run} | ({"trace_id": trace_id(trace)} if trace else {})


Turn = Callable[[Any, datetime], Told]
"""One pass of a function over one event; raising asks Lambda to come again."""


def woken_by(raw: Mapping[str, Any], unit: str) -> Seen:
    """The event in the envelope `raw`, by what `unit` is routed; raises EventError."""
    try:
        envelope = parse(event=dict(raw), model=EventBridgeModel)
    except (TypeError, ValueError) as error:
        raise EventError(f"{unit}: no EventBridge envelope: {type(error).__name__}") from error
    name, source = envelope.detail_type, envelope.source
    for route in ROUTES:
        pattern = route.pattern({})
        if route.to == unit and name in pattern["detail-type"] and source in pattern["source"]:
            return route.on.from_bus(raw)
    if name in ScheduleFired.detail_types and any(every.to == unit for every in SCHEDULES):
        return ScheduleFired()
    raise EventError(f"{unit}: no route for detail-type {name[:80]!r} from {source[:80]!r}")


def lambda_handler(unit: str, turn: Callable[[], Turn]) -> Callable[[dict[str, Any], object], None]:
    """The Lambda entry of `unit`; `turn` makes its turn: in a sandbox at once, else when used."""
    logger = Logger(service=unit)
    metrics = Metrics(namespace="Sluice", service=unit)
    if _SANDBOX in os.environ:
        turn()
        gc.freeze()
        gc.enable()

    def handle(raw: dict[str, Any], _context: object) -> None:
        logger.append_keys(event=raw.get("detail-type"), event_id=raw.get("id"))
        told = taken(turn(), raw, unit)
        outcome = type(told.outcome).__name__
        with logger.append_context_keys(**told.keys):
            logger.info({"outcome": outcome, "said": in_short(told.outcome)})
        metrics.add_metric(name=outcome, unit=MetricUnit.Count, value=1)
        metrics.flush_metrics()

    return handle


def in_short(outcome: object) -> dict[str, object]:
    """What may be logged of an outcome: short texts and numbers by name, never what it carries.

    Outcomes also carry records and datasets, and with these a customer's rows.
    """
    said = {name: getattr(outcome, name, None) for name in _LOGGED}
    return {name: value for name, value in said.items() if isinstance(value, str | int | tuple)}


def _now() -> datetime:
    return datetime.now(UTC)


def taken(
    turn: Turn, raw: Mapping[str, Any], unit: str, clock: Callable[[], datetime] = _now
) -> Told:
    """Take the turn; when a record moved under it, read and decide again, a few times."""
    seen = woken_by(raw, unit)
    for _ in range(_TRIES - 1):
        try:
            return _once(turn, seen, raw, unit, clock())
        except StaleRecordError:
            continue
    return _once(turn, seen, raw, unit, clock())


def _once(turn: Turn, seen: Seen, raw: Mapping[str, Any], unit: str, now: datetime) -> Told:
    cause = str(raw.get("detail-type", ""))
    with acting(Witness(by=unit, event=str(raw.get("id", "")), cause=cause, at=now)):
        return turn(seen, now)
