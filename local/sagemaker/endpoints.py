"""Endpoints: a fleet in service, replaced whole by an update, steered by weights in place."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from local.sagemaker.fleet import Fleet, FleetError, Variant
from local.sagemaker.models import Models
from local.sagemaker.parts import Operations, Parts, Request, invalid, milliseconds, page
from local.timers import Timers

log = logging.getLogger("local.sagemaker")
_PROVISIONING = 60.0
_SHIFTING = 1.0
_MENDING = 1.0
_SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack"})
_EVENT = "SageMaker Endpoint State Change"


@dataclass
class Endpoint:
    """One endpoint, under its lock."""

    name: str
    told: dict[str, Any]
    fleet: Fleet | None = None
    lock: RLock = field(default_factory=RLock)

    @property
    def status(self) -> str:
        return str(self.told["EndpointStatus"])


class Endpoints:
    """Endpoints by name."""

    def __init__(self, parts: Parts, models: Models) -> None:
        self._parts = parts
        self._models = models
        self._lock = RLock()
        self._endpoints: dict[str, Endpoint] = {}
        self._timers = Timers("endpoints")
        self.operations: Operations = {
            "CreateEndpoint": self._create,
            "DescribeEndpoint": lambda r: self._described(self.find(r["EndpointName"])),
            "ListEndpoints": self._list,
            "UpdateEndpoint": self._update,
            "UpdateEndpointWeightsAndCapacities": self._shift,
            "DeleteEndpoint": self._delete,
        }

    def start(self) -> None:
        self._timers.start()
        self._timers.after(_MENDING, self._mend)

    def stop(self) -> None:
        self._timers.stop()
        with self._lock:
            endpoints = list(self._endpoints.values())
        for endpoint in endpoints:
            if endpoint.fleet is not None:
                endpoint.fleet.kill()

    def find(self, name: str) -> Endpoint:
        """Raises SageMaker's error when there is none."""
        with self._lock:
            endpoint = self._endpoints.get(name)
        if endpoint is None:
            arn = self._parts.account.arn("sagemaker", f"endpoint/{name.lower()}")
            raise invalid(f'Could not find endpoint "{arn}".')
        return endpoint

    @contextmanager
    def entered(self, name: str, target: str | None) -> Iterator[Variant]:
        """A variant that stays for as long as it is being asked; raises SageMaker's errors."""
        endpoint = self.find(name)
        with ExitStack() as stay:
            with endpoint.lock:
                fleet = endpoint.fleet
                if fleet is None or endpoint.status not in _SERVING:
                    account = self._parts.account.id
                    raise invalid(f"Endpoint {name} of account {account} not found.")
                variant = fleet.choose(target)
                if variant is None:
                    raise invalid(f"Variant {target} not found for endpoint {name}.")
                stay.enter_context(fleet.answering())
            yield variant

    def _create(self, request: Request) -> Request:
        name, config = request["EndpointName"], request["EndpointConfigName"]
        arn = self._parts.account.arn("sagemaker", f"endpoint/{name.lower()}")
        fleet = self._fleet(name, config)
        now = self._parts.now()
        told = {
            "EndpointName": name,
            "EndpointArn": arn,
            "EndpointConfigName": config,
            "EndpointStatus": "Creating",
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        endpoint = Endpoint(name, told)
        with self._lock:
            if name in self._endpoints:
                raise invalid(f'Cannot create already existing endpoint "{arn}".')
            self._endpoints[name] = endpoint
        self._tell(endpoint)
        self._parts.pool.submit(self._guarded, endpoint, fleet, first=True)
        return {"EndpointArn": arn}

    def _update(self, request: Request) -> Request:
        endpoint = self.find(request["EndpointName"])
        fleet = self._fleet(endpoint.name, request["EndpointConfigName"])
        with endpoint.lock:
            self._unless_in_progress(endpoint)
            if request.get("RetainAllVariantProperties") and endpoint.fleet is not None:
                _retain(endpoint.fleet, fleet)
            endpoint.told |= {
                "EndpointStatus": "Updating",
                "LastModifiedTime": self._parts.now(),
                "PendingDeploymentSummary": _pending(fleet, self._parts),
            }
        self._tell(endpoint)
        self._parts.pool.submit(self._guarded, endpoint, fleet, first=False)
        return {"EndpointArn": endpoint.told["EndpointArn"]}

    def _guarded(self, endpoint: Endpoint, fleet: Fleet, *, first: bool) -> None:
        """Bring a fleet into service; a failure of ours must not leave the endpoint hanging."""
        try:
            self._parts.provision(_PROVISIONING)
            fleet.start()
        except FleetError as error:
            self._settle(endpoint, "Failed" if first else "InService", failure=str(error))
        except Exception as error:  # whatever breaks here would be AWS's own fault
            log.exception("endpoint %s", endpoint.name)
            fleet.kill()
            self._settle(endpoint, "Failed" if first else "InService", failure=repr(error))
        else:
            with endpoint.lock:
                before, endpoint.fleet = endpoint.fleet, fleet
                endpoint.told |= {"EndpointConfigName": fleet.config}
            self._settle(endpoint, "InService")
            if before is not None:
                before.retire()

    def _settle(self, endpoint: Endpoint, status: str, *, failure: str | None = None) -> None:
        with endpoint.lock:
            endpoint.told.pop("PendingDeploymentSummary", None)
            endpoint.told.pop("FailureReason", None)
            endpoint.told |= {"EndpointStatus": status, "LastModifiedTime": self._parts.now()}
            if failure is not None:
                endpoint.told["FailureReason"] = failure
        self._tell(endpoint)

    def _shift(self, request: Request) -> Request:
        endpoint = self.find(request["EndpointName"])
        with endpoint.lock:
            self._unless_in_progress(endpoint)
            fleet = endpoint.fleet
            asked = {d["VariantName"]: d for d in request["DesiredWeightsAndCapacities"]}
            if fleet is None or not set(asked) <= set(fleet.variants):
                unknown = sorted(set(asked) - set(fleet.variants if fleet else ()))
                raise invalid(f"The variant name(s) {unknown} are not present within endpoint.")
            weights = {n: v.weight for n, v in fleet.variants.items()}
            weights |= {n: d["DesiredWeight"] for n, d in asked.items() if "DesiredWeight" in d}
            if not any(weights.values()):
                raise invalid("The sum of the variant weights must be greater than zero.")
            endpoint.told |= {"EndpointStatus": "Updating", "LastModifiedTime": self._parts.now()}
        self._tell(endpoint)
        self._parts.pool.submit(self._reweigh, endpoint, fleet, weights, asked)
        return {"EndpointArn": endpoint.told["EndpointArn"]}

    def _reweigh(
        self,
        endpoint: Endpoint,
        fleet: Fleet,
        weights: Mapping[str, float],
        asked: Mapping[str, Request],
    ) -> None:
        self._parts.provision(_SHIFTING)
        with endpoint.lock:
            for name, variant in fleet.variants.items():
                variant.weight = weights[name]
                variant.count = asked.get(name, {}).get("DesiredInstanceCount", variant.count)
        self._settle(endpoint, "InService")

    def _delete(self, request: Request) -> Request:
        endpoint = self.find(request["EndpointName"])
        with endpoint.lock:
            if endpoint.status in {"Creating", "Updating"}:
                raise invalid(
                    f'Cannot update in-progress endpoint "{endpoint.told["EndpointArn"]}".'
                )
            endpoint.told["EndpointStatus"] = "Deleting"
        with self._lock:
            self._endpoints.pop(endpoint.name, None)
        self._tell(endpoint)
        if endpoint.fleet is not None:
            self._parts.pool.submit(endpoint.fleet.retire)
        return {}

    def _unless_in_progress(self, endpoint: Endpoint) -> None:
        if endpoint.status != "InService":
            verb = "update in-progress" if endpoint.status in {"Creating", "Updating"} else "update"
            raise invalid(f'Cannot {verb} endpoint "{endpoint.told["EndpointArn"]}".')

    def _fleet(self, endpoint: str, config: str) -> Fleet:
        variants = [
            Variant(
                name=settings["VariantName"],
                settings=settings,
                container=self._models.container(settings["ModelName"]),
                weight=settings.get("InitialVariantWeight", 1.0),
                count=settings.get("InitialInstanceCount", 1),
            )
            for settings in self._models.config(config)["ProductionVariants"]
        ]
        return Fleet(self._parts, endpoint, config, variants)

    def _described(self, endpoint: Endpoint) -> Request:
        with endpoint.lock:
            told = dict(endpoint.told)
            if endpoint.fleet is not None:
                told["ProductionVariants"] = [
                    v.described() for v in endpoint.fleet.variants.values()
                ]
        return told

    def _list(self, request: Request) -> Request:
        with self._lock:
            told = [self._described(e) for e in self._endpoints.values()]
        part, status = request.get("NameContains", ""), request.get("StatusEquals")
        keys = (
            "EndpointName",
            "EndpointArn",
            "CreationTime",
            "LastModifiedTime",
            "EndpointStatus",
        )
        found = [
            {key: t[key] for key in keys}
            for t in told
            if part in t["EndpointName"] and status in {None, t["EndpointStatus"]}
        ]
        shown, token = page(request, found)
        return {"Endpoints": shown, **token}

    def _mend(self) -> None:
        """Containers that died are started again, as SageMaker does."""
        with self._lock:
            endpoints = list(self._endpoints.values())
        for endpoint in endpoints:
            if endpoint.fleet is not None and endpoint.status == "InService":
                self._parts.pool.submit(endpoint.fleet.mend)
        self._timers.after(_MENDING, self._mend)

    def _tell(self, endpoint: Endpoint) -> None:
        told = self._described(endpoint)
        detail = {
            key: told[key] for key in ("EndpointName", "EndpointArn", "EndpointConfigName")
        } | {
            "ProductionVariants": [
                {k: v for k, v in variant.items() if k != "DeployedImages"}
                for variant in told.get("ProductionVariants", [])
            ],
            "EndpointStatus": _upper_snake(told["EndpointStatus"]),
            "CreationTime": float(milliseconds(told["CreationTime"])),
            "LastModifiedTime": float(milliseconds(told["LastModifiedTime"])),
            "Tags": {},
        }
        if "FailureReason" in told:
            detail["FailureReason"] = told["FailureReason"]
        self._parts.tell(_EVENT, told["EndpointArn"], detail)


def _retain(before: Fleet, after: Fleet) -> None:
    for name, variant in after.variants.items():
        if name in before.variants:
            variant.weight = before.variants[name].weight
            variant.count = before.variants[name].count


def _pending(fleet: Fleet, parts: Parts) -> Request:
    return {
        "EndpointConfigName": fleet.config,
        "StartTime": parts.now(),
        "ProductionVariants": [
            {"VariantName": v.name, "DesiredWeight": v.weight, "DesiredInstanceCount": v.count}
            for v in fleet.variants.values()
        ],
    }


def _upper_snake(status: str) -> str:
    return "".join(f"_{c}" if c.isupper() else c for c in status).strip("_").upper()
