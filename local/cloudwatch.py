"""The CloudWatch API: dashboards here, metrics and alarms by their owners."""

import json
from collections.abc import Callable
from typing import Any, Protocol

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.store import Kept

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


class CloudWatch:
    """One API in AWS, three parts here."""

    def __init__(self, account: Account, clock: Clock, metrics: Handles, alarms: Handles) -> None:
        self._account = account
        self._clock = clock
        self._metrics = metrics
        self._alarms = alarms
        self._dashboards = Kept(account.store.shelf("dashboards"))
        self.operations: dict[str, Callable[[Request], Request]] = {
            "PutDashboard": self._put,
            "GetDashboard": self._get,
            "ListDashboards": self._list,
            "DeleteDashboards": self._delete,
        }

    def handle(self, action: str, request: Request) -> Request:
        operation = self.operations.get(action)
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
        self._dashboards[name] = {"body": body, "modified": self._clock.now()}
        return {"DashboardValidationMessages": []}

    def _get(self, request: Request) -> Request:
        name = str(request["DashboardName"])
        return {
            "DashboardArn": self._arn(name),
            "DashboardBody": self._find(name)["body"],
            "DashboardName": name,
        }

    def _list(self, request: Request) -> Request:
        prefix = request.get("DashboardNamePrefix") or ""
        entries = [
            {
                "DashboardName": name,
                "DashboardArn": self._arn(name),
                "LastModified": each["modified"],
                "Size": len(each["body"].encode()),
            }
            for name, each in sorted(self._dashboards.items())
            if name.startswith(prefix)
        ]
        return {"DashboardEntries": entries}

    def _delete(self, request: Request) -> Request:
        for name in request["DashboardNames"]:
            self._find(str(name))
        for name in request["DashboardNames"]:
            self._dashboards.pop(str(name), None)
        return {}

    def _find(self, name: str) -> Request:
        dashboard: Request | None = self._dashboards.get(name)
        if dashboard is None:
            message = f"Dashboard {name} does not exist"
            raise AwsError("DashboardNotFoundError", message, status=404)
        return dashboard
