"""The functions of the account: create, change, find, delete."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import RLock
from typing import Any, Protocol

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.lambdas import records
from local.lambdas.code import CodeStore
from local.lambdas.function import LATEST, Code, Deployed, Function, Layer, not_found, split_name
from local.lambdas.pages import page
from local.lambdas.settings import SETTINGS, checked_settings, invalid

Request = dict[str, Any]
Operation = Callable[[Request], Request | None]


class RunsFunctions(Protocol):
    def deploy(self, function: Function, *, limit: int | None, warm: bool = True) -> None: ...

    def remove(self, function: Function) -> None: ...


class FindsLayers(Protocol):
    def layer(self, arn: str) -> Layer: ...


class Registry:
    """Holds and keeps every function; tells the runner what to deploy and what to remove."""

    def __init__(
        self,
        account: Account,
        clock: Clock,
        code: CodeStore,
        runner: RunsFunctions,
        layers: FindsLayers,
    ) -> None:
        self._account = account
        self._clock = clock
        self._code = code
        self._runner = runner
        self._layers = layers
        self._kept = account.store.shelf("lambda.functions")
        self._functions = {
            name: records.to_deployed(kept, code.packages)
            for name, kept in self._kept.all().items()
        }
        self.lock = RLock()

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateFunction": self._create,
            "UpdateFunctionCode": self._update_code,
            "UpdateFunctionConfiguration": self._update_configuration,
            "GetFunction": self._get,
            "GetFunctionConfiguration": self._get_configuration,
            "ListFunctions": self._list,
        }

    def start(self) -> None:
        """Everything that is kept runs again; warm is what is new or has an alias."""
        for deployed in self.all():
            aliased = {number for alias in deployed.aliases.values() for number in _used(alias)}
            for function in (deployed.latest, *deployed.versions.values()):
                warm = function.version in {LATEST, *aliased}
                self._runner.deploy(function, limit=deployed.reserved, warm=warm)

    def all(self) -> list[Deployed]:
        with self.lock:
            return [self._functions[name] for name in sorted(self._functions)]

    def deployed(self, request: Request) -> Deployed:
        return self.find(str(request["FunctionName"]))[0]

    def version(self, request: Request) -> Function:
        deployed, qualifier = self.place(request)
        return deployed.version(qualifier)

    def place(self, request: Request) -> tuple[Deployed, str]:
        """The function and the qualifier that a request is about; empty when it names none."""
        deployed, qualifier = self.find(str(request["FunctionName"]))
        asked = str(request.get("Qualifier") or "")
        if asked and qualifier and asked != qualifier:
            raise invalid(
                "The derived qualifier from the function name does not match the specified"
                " qualifier."
            )
        return deployed, asked or qualifier

    def find(self, function: str) -> tuple[Deployed, str]:
        name, qualifier = split_name(function)
        with self.lock:
            deployed = self._functions.get(name)
        if deployed is None:
            raise not_found(f"{self.arn(name)}:{qualifier}" if qualifier else self.arn(name))
        return deployed, qualifier

    def arn(self, function: str) -> str:
        return self._account.arn("lambda", f"function:{split_name(function)[0]}")

    @contextmanager
    def changing(self, deployed: Deployed) -> Iterator[Deployed]:
        """What is changed inside is kept at the end."""
        with self.lock:
            yield deployed
            self._kept.put(deployed.latest.name, records.of_deployed(deployed))

    def publish(self, deployed: Deployed, description: str | None) -> Function:
        """A version of what is there now: the newest one if that is what it was made of."""
        newest = deployed.versions.get(str(deployed.published))
        if newest is not None and deployed.published_from == deployed.latest.revision:
            return newest
        with self.changing(deployed):
            deployed.published += 1
            number = str(deployed.published)
            told = {} if description is None else {"Description": description}
            made = replace(
                deployed.latest, version=number, settings={**deployed.latest.settings, **told}
            )
            deployed.versions[number] = made
            deployed.published_from = deployed.latest.revision
        self._runner.deploy(made, limit=deployed.reserved)
        return made

    def delete(self, request: Request) -> list[Function]:
        """Remove a function, or one version of it; the versions that are gone."""
        deployed, qualifier = self.place(request)
        if qualifier == LATEST:
            raise invalid("$LATEST version cannot be deleted without deleting the function.")
        gone = (
            self._delete_version(deployed, qualifier) if qualifier else self._delete_all(deployed)
        )
        for function in gone:
            self._runner.remove(function)
        return gone

    def _delete_all(self, deployed: Deployed) -> list[Function]:
        with self.lock:
            self._functions.pop(deployed.latest.name, None)
            self._kept.drop(deployed.latest.name)
        return [deployed.latest, *deployed.versions.values()]

    def _delete_version(self, deployed: Deployed, number: str) -> list[Function]:
        users = [name for name, each in deployed.aliases.items() if number in _used(each)]
        if users:
            message = "Unable to delete version because the following aliases reference it"
            raise AwsError("ResourceConflictException", f"{message}: [{', '.join(users)}]", 409)
        if number not in deployed.versions:
            raise not_found(f"{deployed.latest.arn}:{number}")
        with self.changing(deployed):
            deployed.event_invoke.pop(number, None)
            deployed.policies.pop(number, None)
            return [deployed.versions.pop(number)]

    def _create(self, request: Request) -> Request:
        name = split_name(str(request["FunctionName"]))[0]
        settings = checked_settings(request)
        layers = self._chosen_layers(request.get("Layers") or [])
        self._check_new(name)
        code = self._fetch(request.get("Code") or {})
        with self.lock:
            self._check_new(name)
            function = Function(
                name, self.arn(name), code, settings, self._clock.now(), layers=layers
            )
            deployed = Deployed(function, tags=dict(request.get("Tags") or {}))
            self._functions[name] = deployed
            with self.changing(deployed):
                pass
        self._runner.deploy(function, limit=None)
        return self._maybe_publish(request, deployed)

    def _check_new(self, name: str) -> None:
        if name in self._functions:
            raise AwsError("ResourceConflictException", f"Function already exist: {name}", 409)

    def _update_code(self, request: Request) -> Request:
        deployed = self._changeable(request)
        code = self._fetch(request)
        told = {n: request[n] for n in ("Architectures",) if request.get(n)}
        if request.get("DryRun"):
            return replace(deployed.latest, code=code).describe()
        self._change(deployed, code=code, settings={**deployed.latest.settings, **told})
        return self._maybe_publish(request, deployed)

    def _update_configuration(self, request: Request) -> Request:
        deployed = self._changeable(request)
        merged = {**deployed.latest.settings, **{n: request[n] for n in SETTINGS if n in request}}
        checked_settings(merged)
        changes: dict[str, Any] = {"settings": merged}
        if request.get("Layers") is not None:
            changes["layers"] = self._chosen_layers(request["Layers"])
        return self._change(deployed, **changes).describe()

    def _changeable(self, request: Request) -> Deployed:
        deployed = self.deployed(request)
        check_revision(request, deployed.latest.revision)
        return deployed

    def _change(self, deployed: Deployed, **changes: Any) -> Function:
        with self.changing(deployed):
            function = replace(deployed.latest, modified=self._clock.now(), **changes)
            deployed.latest = function
        self._runner.deploy(function, limit=deployed.reserved)
        return function

    def _maybe_publish(self, request: Request, deployed: Deployed) -> Request:
        if request.get("Publish"):
            return self.publish(deployed, None).describe()
        return deployed.latest.describe()

    def _chosen_layers(self, arns: list[str]) -> tuple[Layer, ...]:
        if len(arns) > 5:
            raise invalid("Cannot reference more than 5 layers.")
        return tuple(self._layers.layer(arn) for arn in arns)

    def _fetch(self, source: Request) -> Code:
        if not source.get("ZipFile") and not source.get("S3Bucket"):
            raise invalid("Please provide a source for function code.")
        return self._code.fetch(source, self._account)

    def _get(self, request: Request) -> Request:
        deployed, qualifier = self.place(request)
        function = deployed.version(qualifier)
        answer: Request = {
            "Configuration": function.describe(qualified=bool(qualifier)),
            "Code": {"RepositoryType": "S3", "Location": function.code.path.as_uri()},
            "Tags": dict(deployed.tags),
        }
        if deployed.reserved is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": deployed.reserved}
        return answer

    def _get_configuration(self, request: Request) -> Request:
        deployed, qualifier = self.place(request)
        return deployed.version(qualifier).describe(qualified=bool(qualifier))

    def _list(self, request: Request) -> Request:
        every = request.get("FunctionVersion") == "ALL"
        found = [
            function.describe(qualified=every)
            for deployed in self.all()
            for function in (deployed.latest, *(deployed.versions.values() if every else ()))
        ]
        return page("Functions", found, request)


def check_revision(request: Request, current: str) -> None:
    """Refuse a change of what has changed since the caller looked."""
    if request.get("RevisionId") not in {None, "", current}:
        message = "The Revision Id provided does not match the latest Revision Id. Call the"
        message = f"{message} GetFunction/GetAlias API to retrieve the latest Revision Id"
        raise AwsError("PreconditionFailedException", message, status=412)


def _used(alias: Request) -> set[str]:
    """The versions that an alias sends events to."""
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return {str(alias["FunctionVersion"]), *weights}
