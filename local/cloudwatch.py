"""The CloudWatch API: dashboards here, metrics and alarms by their owners."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from local.clock import Clock
from local.cloud import Account
from local.constraints import check
from local.errors import AwsError
from local.store import Kept

Request = dict[str, Any]
Operation = Callable[[Request], Request]
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


_WIDGETS = frozenset({"alarm", "custom", "explorer", "log", "metric", "text"})
_MOST_WIDGETS = 500


class Handles(Protocol):
    @property
    def operations(self) -> Mapping[str, Operation]: ...

    def handle(self, action: str, request: Request) -> Request: ...


class CloudWatch:
    """One API in AWS, three parts here."""

    def __init__(self, account: Account, clock: Clock, metrics: Handles, alarms: Handles) -> None:
        self._account = account
        self._clock = clock
        self._metrics = metrics
        self._alarms = alarms
        self._dashboards = Kept(account.store.shelf("dashboards"))
        self._own: dict[str, Operation] = {
            "PutDashboard": self._put,
            "GetDashboard": self._get,
            "ListDashboards": self._list,
            "DeleteDashboards": self._delete,
        }

    @property
    def operations(self) -> dict[str, Operation]:
        """Of all three parts."""
        return {**self._metrics.operations, **self._alarms.operations, **self._own}

    def handle(self, action: str, request: Request) -> Request:
        check("cloudwatch", action, request, code="ValidationError")
        operation = self._own.get(action)
        if operation is not None:
            return operation(request)
        owner = self._alarms if action in ALARM_ACTIONS else self._metrics
        return owner.handle(action, request)

    def _arn(self, name: str) -> str:
        return f"arn:aws:cloudwatch::{self._account.id}:dashboard/{name}"

    def _put(self, request: Request) -> Request:
        name, body = str(request["DashboardName"]), str(request["DashboardBody"])
        _check_body(body)
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
            raise AwsError("ResourceNotFound", message, status=404)
        return dashboard


def _check_body(body: str) -> None:
    """Raise InvalidParameterInput for what no dashboard can be made of."""
    try:
        dashboard = json.loads(body)
    except ValueError as error:
        raise _unfit(f"The field DashboardBody must be a valid JSON object: {error}") from error
    widgets = dashboard.get("widgets") if isinstance(dashboard, dict) else None
    if not isinstance(widgets, list):
        raise _unfit("The field widgets is required and must be an array")
    if len(widgets) > _MOST_WIDGETS:
        raise _unfit(f"The field widgets must not have more than {_MOST_WIDGETS} items")
    for number, widget in enumerate(widgets):
        kind = widget.get("type") if isinstance(widget, dict) else None
        if kind not in _WIDGETS:
            raise _unfit(f"/widgets/{number}/type should be one of {', '.join(sorted(_WIDGETS))}")


def _unfit(message: str) -> AwsError:
    return AwsError("InvalidParameterInput", message)
