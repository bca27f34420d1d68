"""Endpoints: a fleet in service, replaced whole by an update, steered by weights in place."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, RLock

from local.errors import AwsError
from local.sagemaker.deployments import Deployments, RollbackError, StrandedError
from local.sagemaker.endpoint import IN_PROGRESS, SERVING, STRANDED, Endpoint, pending
from local.sagemaker.fleet import FEATURES, Entered, Fleet, FleetError
from local.sagemaker.guardrails import checked
from local.sagemaker.listing import Listing
from local.sagemaker.models import Models
from local.sagemaker.parts import Operations, Parts, Request, invalid, refuse
from local.sagemaker.variant import Variant
from local.sagemaker.weights import check_scaled, desired, retain
from local.timers import Timers

log = logging.getLogger("local.sagemaker")
_PROVISIONING = 60.0
_SHIFTING = 1.0
_MENDING = 1.0
_REVIVAL = 30.0
"""Real seconds that a request waits for processes that come back after a restart."""
_EVENT = "SageMaker Endpoint State Change"
_LISTING = Listing(
    "EndpointName",
    ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus"),
    status_key="EndpointStatus",
    newest_first=True,
)


class Endpoints:
    """Endpoints by name."""

    def __init__(self, parts: Parts, models: Models) -> None:
        self._parts = parts
        self._models = models
        self._lock = RLock()
        self._shelf = parts.account.store.shelf("endpoints")
        self._closing = Event()
        self._deployments = Deployments(parts, self._closing, self._keep)
        self._endpoints = {
            name: self._restored(name, kept) for name, kept in self._shelf.all().items()
        }
        self._fleets: set[Fleet] = set()
        self._timers = Timers("endpoints")
        self.when_gone: list[Callable[[str], None]] = []
        """Who is told the name of an endpoint that is no more."""
        self.operations: Operations = {
            "CreateEndpoint": self._create,
            "DescribeEndpoint": lambda r: self.find(r["EndpointName"]).described(),
            "ListEndpoints": self._list,
            "UpdateEndpoint": self._update,
            "UpdateEndpointWeightsAndCapacities": self._shift,
            "DeleteEndpoint": self._delete,
        }

    def start(self) -> None:
        for endpoint in list(self._endpoints.values()):
            self._parts.pool.submit(self._take_up, endpoint)
        self._timers.start()
        self._timers.after(_MENDING, self._mend)

    def stop(self) -> None:
        """No endpoint's process is left when this returns, also of fleets that come or go."""
        self._closing.set()
        self._timers.stop()
        with self._lock:
            fleets = list(self._fleets)
        for fleet in fleets:
            fleet.kill()

    def strike(self, name: str) -> bool:
        """One of its processes dies, as by itself; whether there was any."""
        with self._lock:
            endpoint = self._endpoints.get(name)
        fleet = endpoint.fleet if endpoint is not None else None
        return fleet is not None and fleet.strike()

    def find(self, name: str) -> Endpoint:
        """Raises SageMaker's error when there is none."""
        with self._lock:
            endpoint = self._endpoints.get(name)
        if endpoint is None:
            raise invalid(f'Could not find endpoint "{self._arn(name)}".')
        return endpoint

    @contextmanager
    def entered(self, name: str, target: str | None) -> Iterator[Entered]:
        """A variant and who answers for it, who stays meanwhile; raises the runtime's errors."""
        with self._lock:
            endpoint = self._endpoints.get(name)
        if endpoint is None:
            raise self._unknown(name)
        endpoint.revived.wait(_REVIVAL)
        with ExitStack() as stay:
            with endpoint.lock:
                fleet = endpoint.answering()
                if fleet is None or endpoint.status not in SERVING:
                    raise self._unknown(name)
                variant = fleet.choose(target)
                if variant is None:
                    message = f"Variant {target} not found for endpoint {name}."
                    raise AwsError("ValidationError", message)
                instance = stay.enter_context(fleet.answering(variant))
            yield Entered(fleet, variant, instance)

    def answering(self, name: str) -> Fleet:
        """The fleet whose turn it is; raises the runtime's error where none is in service."""
        with self._lock:
            endpoint = self._endpoints.get(name)
        fleet = endpoint.answering() if endpoint and endpoint.status in SERVING else None
        if fleet is None:
            raise self._unknown(name)
        return fleet

    def asynchronous(self) -> dict[str, Fleet]:
        """The fleets that answer from a queue, by endpoint."""
        with self._lock:
            serving = [each for each in self._endpoints.values() if each.status in SERVING]
        fleets = {each.name: each.fleet for each in serving}
        return {name: fleet for name, fleet in fleets.items() if fleet and fleet.asynchronous}

    def _unknown(self, name: str) -> AwsError:
        account = self._parts.account.id
        return AwsError("ValidationError", f"Endpoint {name} of account {account} not found.")

    def _arn(self, name: str) -> str:
        return self._parts.account.arn("sagemaker", f"endpoint/{name.lower()}")

    def _create(self, request: Request) -> Request:
        name, config = request["EndpointName"], request["EndpointConfigName"]
        arn = self._arn(name)
        fleet = self._fleet(name, config)
        last = _deployment(request, {}, None, fleet)
        now = self._parts.now()
        told = {
            "EndpointName": name,
            "EndpointArn": arn,
            "EndpointConfigName": config,
            "EndpointStatus": "Creating",
            "CreationTime": now,
            "LastModifiedTime": now,
            **last,
        }
        endpoint = Endpoint(name, told, coming=fleet)
        endpoint.revived.set()
        with self._lock:
            if name in self._endpoints:
                raise invalid(f'Cannot create already existing endpoint "{arn}".')
            self._endpoints[name] = endpoint
        self._parts.tags.put(arn, request.get("Tags", []))
        self._enter(endpoint, "Creating")
        self._parts.pool.submit(self._bring, endpoint, fleet, first=True)
        return {"EndpointArn": arn}

    def _update(self, request: Request) -> Request:
        endpoint = self.find(request["EndpointName"])
        fleet = self._fleet(endpoint.name, request["EndpointConfigName"])
        with endpoint.lock:
            self._unless_in_progress(endpoint, "InService", STRANDED)
            check_scaled(endpoint.fleet, fleet, self._parts.scaling.registered(endpoint.name))
            if request.get("RetainAllVariantProperties") and endpoint.fleet is not None:
                retain(endpoint.fleet, fleet, request)
            last = _deployment(request, endpoint.told, endpoint.fleet, fleet)
            endpoint.told.pop("LastDeploymentConfig", None)
            endpoint.guardrails = last.get("LastDeploymentConfig")
            summary = pending(fleet) | {"StartTime": self._parts.now()}
            stranded, endpoint.coming, endpoint.share = endpoint.coming, fleet, 0.0
            self._enter(endpoint, "Updating", PendingDeploymentSummary=summary, **last)
        if stranded is not None:
            self._parts.pool.submit(self._end, stranded.retire, stranded)
        self._parts.pool.submit(self._bring, endpoint, fleet, first=False)
        return {"EndpointArn": endpoint.told["EndpointArn"]}

    def _restored(self, name: str, kept: Request) -> Endpoint:
        """An endpoint as it was when the server ended, without processes."""
        return Endpoint(
            name,
            kept["told"],
            fleet=self._remade(name, kept.get("fleet")),
            coming=self._remade(name, kept.get("coming")),
            guardrails=kept.get("guardrails"),
            share=kept.get("share", 0.0),
        )

    def _remade(self, endpoint: str, kept: Request | None) -> Fleet | None:
        if kept is None:
            return None
        variants = [Variant.from_kept(each) for each in kept["variants"]]
        return Fleet(self._parts, endpoint, kept["config"], variants, kept.get("features"))

    def _take_up(self, endpoint: Endpoint) -> None:
        """Go on with what the end of the server interrupted."""
        if endpoint.fleet is not None:
            self._revive(endpoint, endpoint.fleet)
        if endpoint.status == STRANDED and endpoint.coming is not None:
            self._revive(endpoint, endpoint.coming)
        endpoint.revived.set()
        match endpoint.status, endpoint.coming, endpoint.fleet:
            case "Creating" | "Updating", Fleet() as coming, before:
                self._bring(endpoint, coming, first=before is None)
            case "Updating" | "RollingBack", None, Fleet() as fleet:
                self._reach(endpoint, fleet)
            case "Deleting", _, _:
                self._remove(endpoint)
            case _:
                pass

    def _revive(self, endpoint: Endpoint, fleet: Fleet) -> None:
        """Its processes again; those that do not come are tried again with those that die."""
        with self._lock:
            self._fleets.add(fleet)
        try:
            fleet.resize()
        except Exception as error:  # noqa: BLE001  # an endpoint in service stays in service
            log.warning("endpoint %s: %s", endpoint.name, error)

    def _bring(self, endpoint: Endpoint, fleet: Fleet, *, first: bool) -> None:
        """Bring a fleet into service; a failure of ours must not leave the endpoint hanging."""
        with self._lock:
            self._fleets.add(fleet)
        try:
            shift = self._deployments.begin(endpoint)
            self._parts.provision(_PROVISIONING)
            fleet.start()
            shift()
        except Exception as error:  # whatever breaks here would be AWS's own fault
            if self._closing.is_set():
                return
            if not isinstance(error, (FleetError, RollbackError)):
                log.exception("endpoint %s", endpoint.name)
            self._give_up(endpoint, fleet, error, first=first)
        else:
            with endpoint.lock:
                before, endpoint.fleet, endpoint.coming = endpoint.fleet, fleet, None
                endpoint.share = 0.0
                endpoint.told |= {"EndpointConfigName": fleet.config}
                self._settle(endpoint, "InService")
            if before is not None:
                self._end(before.retire, before)

    def _give_up(self, endpoint: Endpoint, fleet: Fleet, error: Exception, *, first: bool) -> None:
        """The fleet does not come into service; stranded, it keeps what it has of the traffic."""
        if isinstance(error, StrandedError):
            self._settle(endpoint, STRANDED, failure=str(error))
            return
        with endpoint.lock:
            endpoint.coming, endpoint.share = None, 0.0
        self._end(fleet.retire if isinstance(error, RollbackError) else fleet.kill, fleet)
        self._settle(endpoint, "Failed" if first else "InService", failure=_said(error))

    def _shift(self, request: Request) -> Request:
        endpoint = self.find(request["EndpointName"])
        asked = {d["VariantName"]: d for d in request["DesiredWeightsAndCapacities"]}
        for each in asked.values():
            refuse(each, "ServerlessUpdateConfig")
        with endpoint.lock:
            self._unless_in_progress(endpoint)
            fleet = endpoint.fleet
            assert fleet is not None  # an endpoint in service has one
            wanted = desired(fleet, asked)
            for name, variant in fleet.variants.items():
                variant.desired = wanted[name]
            self._enter(endpoint, "Updating")
        self._parts.pool.submit(self._reach, endpoint, fleet)
        return {"EndpointArn": endpoint.told["EndpointArn"]}

    def _reach(self, endpoint: Endpoint, fleet: Fleet) -> None:
        """Bring weights and counts to what is desired, or back to what they were."""
        failure: str | None = None
        try:
            self._parts.provision(_SHIFTING)
            fleet.resize()
        except Exception as error:  # whatever breaks here would be AWS's own fault
            if self._closing.is_set():
                return
            log.exception("endpoint %s", endpoint.name)
            failure = _said(error)
        with endpoint.lock:
            for variant in fleet.variants.values():
                if failure is not None:
                    variant.desired = None
                variant.arrive()
            if failure is not None and self._parts.scaling.registered(endpoint.name):
                self._enter(endpoint, "RollingBack")
            self._settle(endpoint, "InService", failure=failure)

    def _delete(self, request: Request) -> Request:
        endpoint = self.find(request["EndpointName"])
        with endpoint.lock:
            if endpoint.status in IN_PROGRESS:
                raise invalid(
                    f'Cannot update in-progress endpoint "{endpoint.told["EndpointArn"]}".'
                )
            self._enter(endpoint, "Deleting")
        self._parts.scaling.forget(endpoint.name)
        self._parts.pool.submit(self._remove, endpoint)
        return {}

    def _remove(self, endpoint: Endpoint) -> None:
        try:
            for fleet in filter(None, (endpoint.coming, endpoint.fleet)):
                self._end(fleet.retire, fleet)
            with contextlib.suppress(OSError):
                (self._parts.state / "endpoints" / endpoint.name).rmdir()
        finally:
            with self._lock:
                self._endpoints.pop(endpoint.name, None)
                self._shelf.drop(endpoint.name)
            for tell in self.when_gone:
                tell(endpoint.name)

    def _end(self, how: Callable[[], None], fleet: Fleet) -> None:
        how()
        with self._lock:
            self._fleets.discard(fleet)

    def _enter(self, endpoint: Endpoint, status: str, **also: object) -> None:
        """A status and the event of it, in the same order for everybody."""
        with endpoint.lock:
            now = self._parts.now()
            endpoint.told |= {"EndpointStatus": status, "LastModifiedTime": now, **also}
            self._keep(endpoint)
            self._parts.tell(
                _EVENT, endpoint.told["EndpointArn"], endpoint.event(self._parts.tags.of)
            )

    def _keep(self, endpoint: Endpoint) -> None:
        self._shelf.put(endpoint.name, endpoint.kept())

    def _settle(self, endpoint: Endpoint, status: str, *, failure: str | None = None) -> None:
        with endpoint.lock:
            endpoint.told.pop("PendingDeploymentSummary", None)
            endpoint.told.pop("FailureReason", None)
            also = {} if not failure else {"FailureReason": failure}
            self._enter(endpoint, status, **also)

    def _unless_in_progress(self, endpoint: Endpoint, *stable: str) -> None:
        if endpoint.status not in (stable or ("InService",)):
            verb = "update in-progress" if endpoint.status in IN_PROGRESS else "update"
            raise invalid(f'Cannot {verb} endpoint "{endpoint.told["EndpointArn"]}".')

    def _fleet(self, endpoint: str, config: str) -> Fleet:
        told = self._models.config(config)
        variants = [
            Variant(
                name=settings["VariantName"],
                settings=settings,
                container=self._models.container(settings["ModelName"]),
                weight=settings.get("InitialVariantWeight", 1.0),
                count=settings.get("InitialInstanceCount", 1),
                shadow=kind != "ProductionVariants",
            )
            for kind in ("ProductionVariants", "ShadowProductionVariants")
            for settings in told.get(kind, ())
        ]
        features = {name: told[name] for name in FEATURES if name in told}
        return Fleet(self._parts, endpoint, config, variants, features)

    def _list(self, request: Request) -> Request:
        with self._lock:
            endpoints = list(self._endpoints.values())
        found, token = _LISTING.page(request, [endpoint.described() for endpoint in endpoints])
        return {"Endpoints": found, **token}

    def _mend(self) -> None:
        """Containers that died are started again, as SageMaker does."""
        with self._lock:
            endpoints = list(self._endpoints.values())
        coming = [e.coming for e in endpoints if e.share and e.coming is not None]
        fleets = coming + [e.fleet for e in endpoints if e.fleet is not None]
        for fleet in fleets:
            self._parts.pool.submit(fleet.mend)
        self._timers.after(_MENDING, self._mend)


def _deployment(
    request: Request, told: Request, before: Fleet | None, after: Fleet
) -> dict[str, Request]:
    """The DeploymentConfig that counts, as DescribeEndpoint tells it; raises SageMaker's errors."""
    kept = told.get("LastDeploymentConfig") if request.get("RetainDeploymentConfig") else None
    config = request.get("DeploymentConfig") or kept
    if config is None:
        return {}
    checked(
        config,
        before.production if before is not None else (),
        after.production,
    )
    return {"LastDeploymentConfig": config}


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, (FleetError, RollbackError)) else repr(error)
