"""The functions of the account: create, change, version, alias, delete."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from threading import RLock
from typing import Any, Protocol

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.lambdas.code import CodeStore
from local.lambdas.function import (
    LATEST,
    SETTINGS,
    Code,
    Deployed,
    Function,
    checked_settings,
    not_found,
    split_name,
)

Request = dict[str, Any]
Operation = Callable[[Request], Request | None]


class RunsFunctions(Protocol):
    def deploy(self, function: Function, *, limit: int | None) -> None: ...

    def remove(self, function: Function) -> None: ...


class Registry:
    """Holds every function; tells the runner what to deploy and what to remove."""

    def __init__(
        self, account: Account, clock: Clock, code: CodeStore, runner: RunsFunctions
    ) -> None:
        self._account = account
        self._clock = clock
        self._code = code
        self._runner = runner
        self._functions: dict[str, Deployed] = {}
        self._lock = RLock()

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateFunction": self._create,
            "UpdateFunctionCode": self._update_code,
            "UpdateFunctionConfiguration": self._update_configuration,
            "GetFunction": self._get,
            "GetFunctionConfiguration": lambda r: self.version(r).describe(),
            "ListFunctions": lambda _: {
                "Functions": [each.latest.describe() for each in list(self._functions.values())]
            },
            "PublishVersion": self._publish,
            "ListVersionsByFunction": self._list_versions,
            "CreateAlias": self._create_alias,
            "UpdateAlias": self._update_alias,
            "GetAlias": lambda r: self._alias(r),
            "DeleteAlias": self._delete_alias,
            "ListAliases": lambda r: {"Aliases": list(self.deployed(r).aliases.values())},
        }

    def deployed(self, request: Request) -> Deployed:
        return self.find(str(request["FunctionName"]))[0]

    def version(self, request: Request) -> Function:
        deployed, qualifier = self.find(str(request["FunctionName"]))
        return deployed.version(request.get("Qualifier") or qualifier)

    def find(self, function: str) -> tuple[Deployed, str]:
        name, qualifier = split_name(function)
        with self._lock:
            deployed = self._functions.get(name)
        if deployed is None:
            raise not_found(self.arn(name))
        return deployed, qualifier

    def arn(self, function: str) -> str:
        return self._account.arn("lambda", f"function:{split_name(function)[0]}")

    def _create(self, request: Request) -> Request:
        name = split_name(str(request["FunctionName"]))[0]
        settings = checked_settings(request)
        code = self._fetch(request.get("Code", {}))
        with self._lock:
            if name in self._functions:
                message = f"Function already exist: {name}"
                raise AwsError("ResourceConflictException", message, status=409)
            function = Function(name, self.arn(name), code, settings, self._clock.now())
            self._functions[name] = Deployed(function, tags=dict(request.get("Tags") or {}))
        self._runner.deploy(function, limit=None)
        return self._maybe_publish(request, function)

    def _update_code(self, request: Request) -> Request:
        code = self._fetch(request)
        return self._maybe_publish(request, self._change(request, code=code))

    def _update_configuration(self, request: Request) -> Request:
        deployed = self.deployed(request)
        merged = {**deployed.latest.settings, **{n: request[n] for n in SETTINGS if n in request}}
        checked_settings({**merged, "Layers": request.get("Layers")})
        return self._change(request, settings=merged).describe()

    def _change(self, request: Request, **changes: Any) -> Function:
        with self._lock:
            deployed = self.deployed(request)
            function = replace(deployed.latest, modified=self._clock.now(), **changes)
            deployed.latest = function
        self._runner.deploy(function, limit=deployed.reserved)
        return function

    def _maybe_publish(self, request: Request, function: Function) -> Request:
        return self._publish(request) if request.get("Publish") else function.describe()

    def _fetch(self, source: Request) -> Code:
        if source.get("ZipFile"):
            return self._code.unpack(bytes(source["ZipFile"]))
        if not source.get("S3Bucket"):
            message = "Code needs ZipFile, or S3Bucket and S3Key"
            raise AwsError("InvalidParameterValueException", message)
        where = {"Bucket": source["S3Bucket"], "Key": source["S3Key"]}
        if source.get("S3ObjectVersion"):
            where["VersionId"] = source["S3ObjectVersion"]
        s3 = self._account.client("s3")
        try:
            package = s3.get_object(**where)["Body"].read()
        except s3.exceptions.ClientError as error:
            message = f"Error occurred while GetObject of s3://{where['Bucket']}/{where['Key']}"
            raise AwsError("InvalidParameterValueException", f"{message}: {error}") from error
        return self._code.unpack(package)

    def _get(self, request: Request) -> Request:
        deployed, function = self.deployed(request), self.version(request)
        answer: Request = {
            "Configuration": function.describe(),
            "Code": {"RepositoryType": "S3", "Location": function.code.path.as_uri()},
            "Tags": dict(deployed.tags),
        }
        if deployed.reserved is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": deployed.reserved}
        return answer

    def delete(self, request: Request) -> list[Function]:
        """Remove a function, or one version of it; the versions that are gone."""
        deployed, qualifier = self.find(str(request["FunctionName"]))
        qualifier = request.get("Qualifier") or qualifier
        with self._lock:
            if qualifier and qualifier != LATEST:
                gone = [deployed.versions.pop(qualifier)] if qualifier in deployed.versions else []
                deployed.event_invoke.pop(qualifier, None)
            else:
                gone = [deployed.latest, *deployed.versions.values()]
                self._functions.pop(deployed.latest.name, None)
        for function in gone:
            self._runner.remove(function)
        return gone

    def _publish(self, request: Request) -> Request:
        with self._lock:
            deployed = self.deployed(request)
            newest = deployed.versions.get(str(len(deployed.versions)))
            unchanged = newest is not None and _same(newest, deployed.latest)
            if newest is None or not unchanged:
                number = str(len(deployed.versions) + 1)
                newest = replace(deployed.latest, version=number)
                deployed.versions[number] = newest
        if not unchanged:
            self._runner.deploy(newest, limit=deployed.reserved)
        return newest.describe()

    def _list_versions(self, request: Request) -> Request:
        deployed = self.deployed(request)
        return {"Versions": [f.describe() for f in (deployed.latest, *deployed.versions.values())]}

    def _create_alias(self, request: Request) -> Request:
        deployed = self.deployed(request)
        name = str(request["Name"])
        if name in deployed.aliases:
            message = f"Alias already exists: {deployed.latest.arn}:{name}"
            raise AwsError("ResourceConflictException", message, status=409)
        deployed.version(str(request["FunctionVersion"]))
        deployed.aliases[name] = {"Name": name, "AliasArn": f"{deployed.latest.arn}:{name}"}
        return self._update_alias(request)

    def _update_alias(self, request: Request) -> Request:
        alias = self._alias(request)
        for member in ("FunctionVersion", "Description", "RoutingConfig"):
            if request.get(member) is not None:
                alias[member] = request[member]
        digest = hashlib.sha256(repr(sorted(alias.items())).encode()).hexdigest()
        alias["RevisionId"] = digest[:32]
        return dict(alias)

    def _alias(self, request: Request) -> Request:
        deployed = self.deployed(request)
        alias = deployed.aliases.get(str(request["Name"]))
        if alias is None:
            arn = f"{deployed.latest.arn}:{request['Name']}"
            raise AwsError("ResourceNotFoundException", f"Cannot find alias arn: {arn}", 404)
        return alias

    def _delete_alias(self, request: Request) -> None:
        self.deployed(request).aliases.pop(str(request["Name"]), None)


def _same(one: Function, other: Function) -> bool:
    return one.code == other.code and one.settings == other.settings
