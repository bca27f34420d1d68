"""Scalable targets: which variants are scaled, and between which counts."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from local.autoscaling.adjustments import Bounds
from local.autoscaling.records import (
    DIMENSION,
    NAMESPACE,
    Records,
    Request,
    check_place,
    invalid,
    missing,
    page,
    told_place,
    variant_of,
)
from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError

_ROLE = (
    "role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
_SUSPENDED = (
    "DynamicScalingInSuspended",
    "DynamicScalingOutSuspended",
    "ScheduledScalingSuspended",
)
_MOST_TAGS = 50


class Targets:
    """By resource id; `told` is what DescribeScalableTargets tells."""

    def __init__(self, account: Account, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self.records = Records(account.store.shelf("autoscaling.targets"))
        self.operations: Mapping[str, Callable[[Request], Request]] = {
            "DescribeScalableTargets": self._describe,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": lambda r: {"Tags": self._by_arn(r["ResourceARN"])["tags"]},
        }

    def find(self, request: Request) -> Request:
        """The target that a request for something of it names; raises ObjectNotFoundException."""
        check_place(request)
        found = self.records.get(request["ResourceId"])
        if found is None:
            raise missing(f"No scalable target registered for {told_place(request)}")
        return found

    def bounds(self, resource: str) -> Bounds | None:
        """None for what is no target any more."""
        found = self.records.get(resource)
        if found is None:
            return None
        return Bounds(found["told"]["MinCapacity"], found["told"]["MaxCapacity"])

    def suspended(self, resource: str, what: str) -> bool:
        found = self.records.get(resource)
        return bool(found and found["told"]["SuspendedState"].get(f"{what}Suspended"))

    def variants(self, endpoint: str) -> frozenset[str]:
        """The variants of an endpoint that are scaled."""
        places = [variant_of(record["told"]["ResourceId"]) for record in self.records.all()]
        return frozenset(variant for name, variant in places if name == endpoint)

    def put(self, request: Request, *, least: int | None = None) -> Request:
        """A target, new or changed, with a minimum of `least` or as it was registered with.

        Raises for capacities that are none.
        """
        known = self.records.get(request["ResourceId"])
        if known is not None and request.get("Tags"):
            raise invalid(
                "The scalable target that you tried to tag already exists. To update tags on an"
                " existing scalable target, use the TagResource API."
            )
        record = known or self._made(request)
        given = {m: request[m] for m in ("MinCapacity", "MaxCapacity") if m in request}
        state = record["told"]["SuspendedState"] | request.get("SuspendedState", {})
        told: Request = record["told"] | given | {"SuspendedState": state}
        record = record | {"told": told, "least": record["least"] if least is None else least}
        _check(told, record["least"])
        self.records.put(request["ResourceId"], record)
        return told

    def _made(self, request: Request) -> Request:
        for member in ("MinCapacity", "MaxCapacity"):
            if member not in request:
                raise invalid(f"{member} must be specified for a new scalable target")
        arn = self._account.arn("application-autoscaling", f"scalable-target/{uuid4().hex}")
        told = {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": request["ResourceId"],
            "ScalableDimension": DIMENSION,
            "RoleARN": self._account.arn("iam", _ROLE),
            "CreationTime": self._clock.now(),
            "SuspendedState": dict.fromkeys(_SUSPENDED, False),
            "ScalableTargetARN": arn,
        }
        return {"told": told, "tags": _tags({}, request.get("Tags", {})), "last": None, "least": 1}

    def _describe(self, request: Request) -> Request:
        wanted = request.get("ResourceIds")
        found = [
            record["told"]
            for record in self.records.all()
            if request["ServiceNamespace"] == NAMESPACE
            and request.get("ScalableDimension", DIMENSION) == DIMENSION
            and (not wanted or record["told"]["ResourceId"] in wanted)
        ]
        return page("ScalableTargets", found, request)

    def _tag(self, request: Request) -> Request:
        record = self._by_arn(request["ResourceARN"])
        tags = _tags(record["tags"], request["Tags"])
        self.records.change(record["told"]["ResourceId"], tags=tags)
        return {}

    def _untag(self, request: Request) -> Request:
        record = self._by_arn(request["ResourceARN"])
        left = {k: v for k, v in record["tags"].items() if k not in request["TagKeys"]}
        self.records.change(record["told"]["ResourceId"], tags=left)
        return {}

    def _by_arn(self, arn: str) -> Request:
        for record in self.records.all():
            if record["told"]["ScalableTargetARN"] == arn:
                return record
        message = f"No scalable target found for resource ARN: {arn}"
        raise AwsError("ResourceNotFoundException", message, details={"ResourceName": arn})


def _tags(known: Mapping[str, str], given: Mapping[str, str]) -> dict[str, Any]:
    tags = {**known, **given}
    if len(tags) > _MOST_TAGS:
        raise AwsError("TooManyTagsException", f"A resource has at most {_MOST_TAGS} tags")
    return tags


def _check(told: Request, lowest: int) -> None:
    least, most = told["MinCapacity"], told["MaxCapacity"]
    if least > most:
        raise invalid("Minimum capacity cannot be greater than maximum capacity")
    if least < lowest:
        raise invalid(f"Minimum capacity cannot be less than {lowest}")
