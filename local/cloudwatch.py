"""The CloudWatch API: dashboards here, metrics and alarms by their owners."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError

Request = dict[str, Any]
ALARM_ACTIONS = frozenset(
    {
        "DeleteAlarms",
        "DescribeAlarmHistory",
        "DescribeAlarms",
        "DescribeAlarmsForMetric",
        "DisableAlarmActions",
        "EnableAlarmActions",
        "PutCompositeAlarm",
        "PutMetricAlarm",
        "SetAlarmState",
        "ListTagsForResource",
        "TagResource",
        "UntagResource",
    }
)


class Handles(Protocol):
    def handle(self, action: str, request: Request) -> Request: ...


@dataclass(frozen=True)
class _Dashboard:
    name: str
    body: str
    modified: datetime


class CloudWatch:
    """One API in AWS, three parts here."""

    def __init__(self, account: Account, clock: Clock, metrics: Handles, alarms: Handles) -> None:
        self._account = account
        self._clock = clock
        self._metrics = metrics
        self._alarms = alarms
        self._dashboards: dict[str, _Dashboard] = {}
        self._operations: dict[str, Callable[[Request], Request]] = {
            "PutDashboard": self._put,
            "GetDashboard": self._get,
            "ListDashboards": self._list,
            "DeleteDashboards": self._delete,
        }

    def handle(self, action: str, request: Request) -> Request:
        operation = self._operations.get(action)
        if operation is not None:
            return operation(request)
        owner = self._alarms if action in ALARM_ACTIONS else self._metrics
        return owner.handle(action, request)

    def _arn(self, name: str) -> str:
        return f"arn:aws:cloudwatch::{self._account.id}:dashboard/{name}"

    def _put(self, request: Request) -> Request:
        name, body = str(request["DashboardName"]), str(request["DashboardBody"])
        try:
            json.loads(body)
        except ValueError as error:
            message = f"The field DashboardBody must be a valid JSON object: {error}"
            raise AwsError("InvalidParameterInput", message) from error
        self._dashboards[name] = _Dashboard(name, body, self._clock.now())
        return {"DashboardValidationMessages": []}

    def _get(self, request: Request) -> Request:
        dashboard = self._find(str(request["DashboardName"]))
        return {
            "DashboardArn": self._arn(dashboard.name),
            "DashboardBody": dashboard.body,
            "DashboardName": dashboard.name,
        }

    def _list(self, request: Request) -> Request:
        prefix = request.get("DashboardNamePrefix") or ""
        entries = [
            {
                "DashboardName": each.name,
                "DashboardArn": self._arn(each.name),
                "LastModified": each.modified,
                "Size": len(each.body),
            }
            for each in list(self._dashboards.values())
            if each.name.startswith(prefix)
        ]
        return {"DashboardEntries": entries}

    def _delete(self, request: Request) -> Request:
        for name in request["DashboardNames"]:
            self._find(str(name))
        for name in request["DashboardNames"]:
            self._dashboards.pop(str(name), None)
        return {}

    def _find(self, name: str) -> _Dashboard:
        dashboard = self._dashboards.get(name)
        if dashboard is None:
            message = f"Dashboard {name} does not exist"
            raise AwsError("DashboardNotFoundError", message, status=404)
        return dashboard
