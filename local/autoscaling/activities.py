"""Scaling activities: what was done to a target, or not done and why."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from local.autoscaling.records import DIMENSION, NAMESPACE, Records, Request
from local.clock import Clock
from local.store import Store

_MOST = 200
"""Of one target; AWS keeps those of six weeks."""


class Activities:
    """Newest first; one that did nothing is not told twice in a row."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._clock = clock
        self._records = Records(store.shelf("autoscaling.activities"))

    def begin(self, resource: str, description: str, cause: str, **change: int) -> Request:
        """One that is in progress, with the change that it is about; its record."""
        told = self._made(resource, description, cause, StatusCode="InProgress")
        record = {"told": told, "change": change}
        self._records.put(told["ActivityId"], record)
        self._forget(resource)
        return record

    def tell(self, activity: Request, status: str, message: str) -> None:
        """How far it has come; what is over has an end."""
        told = activity | {"StatusCode": status, "StatusMessage": message}
        if status != "InProgress":
            told["EndTime"] = self._clock.now()
        self._records.change(activity["ActivityId"], told=told)

    def over(self, resource: str, description: str, cause: str, status: str, said: str) -> None:
        """One that took no time."""
        more = {"StatusCode": status, "StatusMessage": said, "EndTime": self._clock.now()}
        told = self._made(resource, description, cause, **more)
        self._records.put(told["ActivityId"], {"told": told})
        self._forget(resource)

    def not_scaled(self, resource: str, cause: str, reason: Request) -> None:
        newest = self.of(resource)
        last: Request = newest[0]["told"] if newest else {}
        if last.get("Cause") == cause and last.get("NotScaledReasons") == [reason]:
            return
        description = "Attempting to scale due to alarm triggered"
        told = self._made(resource, description, cause, StatusCode="Failed")
        told["NotScaledReasons"] = [reason]
        self._records.put(told["ActivityId"], {"told": told})
        self._forget(resource)

    def of(self, resource: str | None) -> Sequence[Request]:
        """The newest first, of one target or of all."""
        found = [r for r in self._records.all() if resource in {None, r["told"]["ResourceId"]}]
        return sorted(found, key=lambda record: record["told"]["StartTime"], reverse=True)

    def unfinished(self, resource: str | None = None) -> list[Request]:
        """The records of changes under way, of one target or of all."""
        return [r for r in self.of(resource) if r["told"]["StatusCode"] == "InProgress"]

    def _made(self, resource: str, description: str, cause: str, **more: Any) -> Request:
        return {
            "ActivityId": str(uuid4()),
            "ServiceNamespace": NAMESPACE,
            "ResourceId": resource,
            "ScalableDimension": DIMENSION,
            "Description": description,
            "Cause": cause,
            "StartTime": self._clock.now(),
            **more,
        }

    def _forget(self, resource: str) -> None:
        for old in self.of(resource)[_MOST:]:
            self._records.drop(old["told"]["ActivityId"])
