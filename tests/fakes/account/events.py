"""EventBridge, Scheduler, SSM and CloudWatch, as far as functions ask them."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from events.base import Event
from events.catalog import parsed
from functions.definition import Deployed
from functions.endpoint import Minute, Traffic
from tests.fakes.account.messages import Answer, Asked, Body, RefusedError, said
from tests.fakes.account.recent import Recent

_AT = re.compile(r"at\((?P<at>[0-9T:-]+)\)")
_MICROSECONDS = 1e6
Reads = Callable[[str, str], Traffic]
"""What a variant of an endpoint answered."""


class EventBridge:
    """Takes events, entry by entry."""

    def __init__(self, post: Callable[[Event], None]) -> None:
        self._post = post
        self.takes = True
        """Whether the entries of the present call are taken."""
        self.operations: dict[str, Callable[[Asked], Answer]] = {"PutEvents": self._put_events}

    def _put_events(self, asked: Asked) -> Answer:
        entries = asked.body["Entries"]
        if not self.takes:
            failed = [{"ErrorCode": "InternalFailure", "ErrorMessage": "simulated"}]
            return said({"FailedEntryCount": len(entries), "Entries": failed * len(entries)})
        for entry in entries:
            self._post(parsed(entry["DetailType"], entry["Detail"]))
        return said({"FailedEntryCount": 0, "Entries": [{"EventId": "id"} for _ in entries]})


class Scheduler:
    """Takes one-shot schedules by their name."""

    def __init__(self, waiting: dict[str, tuple[datetime, Event]]) -> None:
        self.tokens: dict[str, str] = {}
        """The token by which each name was made."""
        self._waiting = waiting
        self.operations: dict[str, Callable[[Asked], Answer]] = {"CreateSchedule": self._create}

    def _create(self, asked: Asked) -> Answer:
        name, body = asked.path.removeprefix("/schedules/"), asked.body
        if name in self._waiting:
            if self.tokens.get(name) != body["ClientToken"]:
                raise RefusedError("ConflictException", f"{name} already exists.", status=409)
        else:
            self.tokens[name] = body["ClientToken"]
            self._waiting[name] = (_time(body), _event(body))
        return said({"ScheduleArn": f"arn:aws:scheduler:us-east-1:123456789012:schedule/g/{name}"})


class Parameters:
    """SSM's parameters: one for each deployed model."""

    def __init__(self, deployed: Mapping[str, Deployed]) -> None:
        self._values = {name: each.model_dump_json() for name, each in deployed.items()}
        self.operations: dict[str, Callable[[Asked], Answer]] = {"GetParameter": self._get}

    def _get(self, asked: Asked) -> Answer:
        name = asked.body["Name"]
        if name not in self._values:
            raise RefusedError("ParameterNotFound", "")
        return said({"Parameter": {"Name": name, "Value": self._values[name]}})


class CloudWatch:
    """Tells what a variant answered, in one data point."""

    def __init__(self, read: Reads, recent: Recent) -> None:
        self._read = read
        self._recent = recent
        self.operations: dict[str, Callable[[Asked], Answer]] = {"GetMetricData": self._data}

    def _data(self, asked: Asked) -> Answer:
        results = [self._result(query) for query in asked.body["MetricDataQueries"]]
        return said({"MetricDataResults": results})

    def _result(self, query: Body) -> Body:
        metric = query["MetricStat"]["Metric"]
        where = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        traffic = self._read(where["EndpointName"], where["VariantName"])
        minutes = () if self._recent.stale else traffic.minutes
        told = [
            (m.at, _told(m, metric["MetricName"], query["MetricStat"]["Stat"])) for m in minutes
        ]
        return {
            "Id": query["Id"],
            "Timestamps": [at.timestamp() for at, _ in told],
            "Values": [value for _, value in told],
            "StatusCode": "Complete",
        }


def _told(minute: Minute, metric: str, statistic: str) -> float:
    """One data point of a variant's metrics."""
    if metric == "ModelLatency" and statistic.startswith("TC("):
        return minute.slower
    return {
        "Invocations": minute.requests,
        "Invocation5XXErrors": minute.errors,
        "Invocation4XXErrors": minute.refused,
        "ModelLatency": (minute.latency_p99 or 0.0) * _MICROSECONDS,
    }[metric]


def _time(body: Body) -> datetime:
    match = _AT.fullmatch(body["ScheduleExpression"])
    if match is None:
        text = f"Invalid Schedule Expression {body['ScheduleExpression']}."
        raise RefusedError("ValidationException", text)
    return datetime.fromisoformat(match["at"]).replace(tzinfo=UTC)


def _event(body: Body) -> Event:
    target = body["Target"]
    detail: str = json.dumps(json.loads(target["Input"]))
    return parsed(target["EventBridgeParameters"]["DetailType"], detail)
