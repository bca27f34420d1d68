"""Application Auto Scaling's API, for the instances of SageMaker's endpoint variants."""

from collections.abc import Callable, Mapping, Set

from local.autoscaling.activities import Activities
from local.autoscaling.adjustments import Breach
from local.autoscaling.capacity import CapacityError
from local.autoscaling.policies import Policies
from local.autoscaling.records import (
    DIMENSION,
    NAMESPACE,
    SERVICE,
    Request,
    check_place,
    invalid,
    missing,
    page,
    told_place,
    variant_of,
)
from local.autoscaling.scaler import Scaler
from local.autoscaling.schedules import ScheduledActions
from local.autoscaling.targets import Targets
from local.clock import Clock
from local.cloud import Account
from local.constraints import check
from local.errors import AwsError, not_there
from local.seams import PutsMetrics
from local.timers import Timers

_QUIET = 30.0
"""Seconds of AWS between two zeros of a variant that is scaled: silence must be seen."""
_SHORTEST_QUIET = 0.05


class AutoScaling:
    """Reaches SageMaker and CloudWatch over the account's own URL, as their client."""

    def __init__(self, account: Account, clock: Clock, metrics: PutsMetrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._timers = Timers("autoscaling")
        self._activities = Activities(account.store, clock)
        self._targets = Targets(account, clock)
        self._policies = Policies(account, clock, self._targets)
        self._scaler = Scaler(
            account, clock, self._targets, self._policies, self._activities, self._timers
        )
        self._schedules = ScheduledActions(
            account, clock, self._targets, self._scaler, self._activities, self._timers
        )
        self.operations: Mapping[str, Callable[[Request], Request]] = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalingActivities": self._describe_activities,
            **self._targets.operations,
            **self._policies.operations,
            **self._schedules.operations,
        }

    def handle(self, action: str, request: Request) -> Request:
        """Answer one API call; raises AwsError."""
        if action not in self.operations:
            raise not_there(SERVICE, action)
        check(SERVICE, action, request, code="ValidationException")
        return self.operations[action](request)

    def start(self) -> None:
        self._scaler.start()
        self._schedules.start()
        self._timers.start()
        self._tell_silence()

    def stop(self) -> None:
        self._timers.stop()

    def registered(self, endpoint: str) -> Set[str]:
        """The variants of an endpoint that are scaled."""
        return self._targets.variants(endpoint)

    def forget(self, endpoint: str) -> None:
        """An endpoint is deleted: its variants are targets no more."""
        for variant in self.registered(endpoint):
            self._remove(f"endpoint/{endpoint}/variant/{variant}")

    def alarmed(
        self, action: str, alarm: str, state: str, *, threshold: float, value: float | None
    ) -> None:
        """What an alarm asks of a policy; raises AwsError when there is no such policy."""
        self._scaler.alarmed(action, Breach(alarm, state, threshold, value))

    def _register(self, request: Request) -> Request:
        check_place(request)
        resource = request["ResourceId"]
        variant_of(resource)
        try:
            least = self._scaler.least(resource)
            if least is None:
                raise invalid(f"SageMaker endpoint variant doesn't exist: {resource}")
            told = self._targets.put(request, least=least)
            self._scaler.bring_within(resource)
        except CapacityError as error:
            raise AwsError("InternalServiceException", str(error), 500) from error
        return {"ScalableTargetARN": told["ScalableTargetARN"]}

    def _deregister(self, request: Request) -> Request:
        check_place(request)
        if self._targets.records.get(request["ResourceId"]) is None:
            raise missing(f"No scalable target found for {told_place(request)}")
        self._remove(request["ResourceId"])
        return {}

    def _remove(self, resource: str) -> None:
        self._targets.records.drop(resource)
        self._schedules.forget(resource)
        self._policies.forget(resource)

    def _describe_activities(self, request: Request) -> Request:
        everything = request.get("IncludeNotScaledActivities")
        found = [
            record["told"]
            for record in self._activities.of(request.get("ResourceId"))
            if request["ServiceNamespace"] == NAMESPACE
            and request.get("ScalableDimension", DIMENSION) == DIMENSION
            and (everything or "NotScaledReasons" not in record["told"])
        ]
        return page("ScalingActivities", found, request)

    def _tell_silence(self) -> None:
        """SageMaker tells zeros of a scaled variant without traffic, so that it scales in."""
        for record in self._targets.records.all():
            endpoint, variant = variant_of(record["told"]["ResourceId"])
            dimensions = {"EndpointName": endpoint, "VariantName": variant}
            self._metrics.put("AWS/SageMaker", "InvocationsPerInstance", dimensions, 0.0)
        pause = max(_SHORTEST_QUIET, self._clock.scaled(_QUIET))
        self._timers.after(pause, self._tell_silence)
