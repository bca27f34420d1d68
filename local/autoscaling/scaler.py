"""Brings variants to the counts that alarms, schedules and bounds ask for."""

from collections.abc import Mapping
from datetime import timedelta
from threading import RLock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.autoscaling.activities import Activities
from local.autoscaling.adjustments import (
    Bounds,
    Breach,
    Change,
    cooldown,
    scales_out,
    wanted,
    wants,
)
from local.autoscaling.capacity import Capacity, CapacityError, Seen
from local.autoscaling.policies import TRACKING, Policies
from local.autoscaling.records import Request
from local.autoscaling.targets import Targets
from local.clock import Clock
from local.cloud import Account
from local.timers import Timers

_LOOK = 5.0
"""Seconds of AWS between two looks at a change that is under way."""
_SHORTEST_LOOK = 0.05
_CHANGING = frozenset({"Creating", "Updating", "RollingBack", "SystemUpdating"})


class Scaler:
    """One decision at a time; a change is followed until SageMaker has made it."""

    def __init__(
        self,
        account: Account,
        clock: Clock,
        targets: Targets,
        policies: Policies,
        activities: Activities,
        timers: Timers,
    ) -> None:
        self._account = account
        self._clock = clock
        self._targets = targets
        self._policies = policies
        self._activities = activities
        self._timers = timers
        self._capacity = Capacity(account)
        self._deciding = RLock()

    def start(self) -> None:
        for record in self._activities.unfinished():
            self._look_later(record)

    def least(self, resource: str) -> int | None:
        """The lowest MinCapacity of a variant; None when there is none; raises CapacityError."""
        seen = self._capacity.seen(resource)
        return None if seen is None else 1 - int(seen.asynchronous)

    def bring_within(self, resource: str) -> None:
        """What is below the minimum or above the maximum is brought to it, if it can be now."""
        with self._deciding:
            bounds, seen = self._targets.bounds(resource), self._capacity.seen(resource)
            if bounds is None or seen is None or not seen.scalable:
                return
            if (count := bounds.within(seen.count)) != seen.count:
                kind = "minimum" if count > seen.count else "maximum"
                self._set(resource, seen.count, count, f"{kind} capacity was set to {count}")

    def alarmed(self, action: str, breach: Breach) -> None:
        """An alarm asks for what a policy says; raises AwsError when there is no such policy."""
        policy = self._policies.by_action(action)
        resource = policy["ResourceId"]
        cause = (
            f"monitor alarm {breach.alarm} in state {breach.state} triggered policy"
            f" {policy['PolicyName']}"
        )
        with self._deciding:
            bounds, seen = self._targets.bounds(resource), self._seen(resource)
            if bounds is None or seen is None:
                return
            for record in self._activities.unfinished(resource):
                self._conclude(record, seen)
            if not seen.scalable:
                reason = {"Code": "TargetServicePutResourceAsUnscalable"}
                self._activities.not_scaled(resource, cause, reason)
                return
            self._scale(policy, breach, bounds, seen, cause)

    def _scale(
        self, policy: Request, breach: Breach, bounds: Bounds, seen: Seen, cause: str
    ) -> None:
        resource, wish = policy["ResourceId"], wants(policy, breach)
        count = wanted(wish, seen.count, bounds, self._recent(policy))
        if bounds.within(wish(seen.count)) == seen.count:
            reason = _reason(bounds, seen.count, wish(seen.count))
            self._activities.not_scaled(resource, cause, reason)
        elif count != seen.count and self._allowed(policy, breach, out=count > seen.count):
            self._set(resource, seen.count, count, cause)

    def _seen(self, resource: str) -> Seen | None:
        """While SageMaker does not answer nothing is scaled; the alarm asks again."""
        try:
            return self._capacity.seen(resource)
        except CapacityError:
            return None

    def _recent(self, policy: Request) -> Change | None:
        """The last change, while it cools down for this policy."""
        record = self._targets.records.get(policy["ResourceId"]) or {}
        if record.get("last") is None:
            return None
        change = Change(**record["last"])
        pause = cooldown(policy, change).total_seconds()
        until = change.ended + timedelta(seconds=self._clock.scaled(pause))
        return change if self._clock.now() < until else None

    def _allowed(self, policy: Request, breach: Breach, *, out: bool) -> bool:
        """A suspended direction is none; tracking policies scale in together only."""
        direction = "DynamicScalingOut" if out else "DynamicScalingIn"
        if self._targets.suspended(policy["ResourceId"], direction):
            return False
        if out or policy["PolicyType"] != TRACKING or scales_out(policy, breach.alarm):
            return True
        lows = [
            other["Alarms"][1]["AlarmName"]
            for other in self._policies.of(policy["ResourceId"])
            if other["PolicyType"] == TRACKING and len(other["Alarms"]) > 1
        ]
        return self._all_ring(lows)

    def _all_ring(self, names: list[str]) -> bool:
        try:
            told = self._account.client("cloudwatch").describe_alarms(AlarmNames=names)
        except (ClientError, BotoCoreError):
            return False
        return all(alarm["StateValue"] == "ALARM" for alarm in told["MetricAlarms"])

    def _set(self, resource: str, before: int, count: int, cause: str) -> None:
        description = f"Setting desired instance count to {count}."
        record = self._activities.begin(resource, description, cause, before=before, after=count)
        activity = record["told"]
        try:
            self._capacity.set(resource, count)
        except CapacityError as error:
            message = f"Failed to set desired instance count to {count}. Reason: {error}"
            self._activities.tell(activity, "Failed", message)
            return
        message = f"Successfully set desired instance count to {count}."
        waiting = f"{message} Waiting for change to be fulfilled by sagemaker."
        self._activities.tell(activity, "InProgress", waiting)
        self._look_later(record)

    def _look_later(self, record: Mapping[str, Any]) -> None:
        pause = max(_SHORTEST_LOOK, self._clock.scaled(_LOOK))
        self._timers.after(pause, lambda: self._look(record))

    def _look(self, record: Mapping[str, Any]) -> None:
        """Whether a change that was asked for has been made; again until it is known."""
        resource = record["told"]["ResourceId"]
        with self._deciding:
            if record["told"]["ActivityId"] not in self._under_way(resource):
                return
            try:
                over = self._conclude(record, self._capacity.seen(resource))
                self.bring_within(resource)
            except CapacityError:
                over = False
        if not over:
            self._look_later(record)

    def _under_way(self, resource: str) -> set[str]:
        return {each["told"]["ActivityId"] for each in self._activities.unfinished(resource)}

    def _conclude(self, record: Mapping[str, Any], seen: Seen | None) -> bool:
        """Tell how a change ended, and since when it cools down; whether it has ended."""
        activity, change = record["told"], record["change"]
        resource, count = activity["ResourceId"], change["after"]
        message = f"Successfully set desired instance count to {count}. Change"
        if seen is not None and seen.status in _CHANGING:
            return False
        if seen is None:
            self._activities.tell(activity, "Failed", f"{resource} is not there any more.")
        elif seen.count == count:
            self._targets.records.change(resource, last=change | {"ended": self._clock.now()})
            done = f"{message} successfully fulfilled by sagemaker."
            self._activities.tell(activity, "Successful", done)
        else:
            self._activities.tell(activity, "Unfulfilled", f"{message} not fulfilled by sagemaker.")
        return True


def _reason(bounds: Bounds, count: int, wish: int) -> Request:
    """Why a count stays as it is."""
    if wish > count >= bounds.most:
        return {"Code": "AlreadyAtMaxCapacity", "MaxCapacity": bounds.most}
    if wish < count <= bounds.least:
        return {"Code": "AlreadyAtMinCapacity", "MinCapacity": bounds.least}
    return {"Code": "AlreadyAtDesiredCapacity", "CurrentCapacity": count}
