"""Layers: packages that functions share, by version."""

from dataclasses import dataclass
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.lambdas import records
from local.lambdas.code import CodeStore
from local.lambdas.function import Layer
from local.lambdas.pages import page
from local.lambdas.registry import Operation, Request
from local.lambdas.settings import invalid
from local.store import Shelf

_TOLD = ("Description", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo")


@dataclass(frozen=True)
class Layers:
    """Every version under a key of its own; a number is never used again."""

    account: Account
    clock: Clock
    code: CodeStore

    def operations(self) -> dict[str, Operation]:
        return {
            "PublishLayerVersion": self._publish,
            "GetLayerVersion": lambda r: self._told(self._version(r)),
            "GetLayerVersionByArn": lambda r: self._told(self._by_arn(str(r["Arn"]))),
            "DeleteLayerVersion": self._delete,
            "ListLayerVersions": self._list_versions,
            "ListLayers": self._list,
        }

    def layer(self, arn: str) -> Layer:
        """For a function that wants it."""
        version = self._kept().get(_key(*_name_and_number(arn)))
        if version is None:
            raise invalid(f"Layer version {arn} does not exist.")
        return Layer(arn, records.to_code(version["code"], self.code.packages))

    def _kept(self) -> Shelf:
        return self.account.store.shelf("lambda.layers")

    def _publish(self, request: Request) -> Request:
        name = str(request["LayerName"]).rpartition(":layer:")[2]
        code = self.code.fetch(request["Content"], self.account)
        numbers = self.account.store.shelf("lambda.layer-numbers")
        with self.account.store.together():
            number = int(numbers.get(name) or 0) + 1
            numbers.put(name, number)
            version = {
                "name": name,
                "number": number,
                "code": records.of_code(code),
                "created": self.clock.now(),
                **{member: request[member] for member in _TOLD if request.get(member)},
            }
            self._kept().put(_key(name, number), version)
        return self._told(version)

    def _version(self, request: Request) -> dict[str, Any]:
        name = str(request["LayerName"]).rpartition(":layer:")[2]
        return self._by_arn(f"{self._arn(name)}:{request['VersionNumber']}")

    def _by_arn(self, arn: str) -> dict[str, Any]:
        found = self._kept().get(_key(*_name_and_number(arn)))
        if found is None:
            message = "The resource you requested does not exist."
            raise AwsError("ResourceNotFoundException", message, status=404)
        return dict(found)

    def _delete(self, request: Request) -> None:
        """Nothing happens when there is none; functions that use it keep it."""
        name = str(request["LayerName"]).rpartition(":layer:")[2]
        self._kept().drop(_key(name, int(request["VersionNumber"])))

    def _list_versions(self, request: Request) -> Request:
        name = str(request["LayerName"]).rpartition(":layer:")[2]
        found = [
            self._summary(each) for each in self._newest_first(request) if each["name"] == name
        ]
        return page("LayerVersions", found, request)

    def _list(self, request: Request) -> Request:
        newest: dict[str, dict[str, Any]] = {}
        for each in self._newest_first(request):
            newest.setdefault(each["name"], each)
        found = [
            {"LayerName": n, "LayerArn": self._arn(n), "LatestMatchingVersion": self._summary(each)}
            for n, each in sorted(newest.items())
        ]
        return page("Layers", found, request)

    def _newest_first(self, request: Request) -> list[dict[str, Any]]:
        """Versions that suit the runtime and the architecture asked for."""
        filters = {
            "CompatibleRuntimes": request.get("CompatibleRuntime"),
            "CompatibleArchitectures": request.get("CompatibleArchitecture"),
        }
        versions = sorted(self._kept().all().values(), key=lambda each: -each["number"])
        return [
            each
            for each in versions
            if all(not want or want in each.get(member, ()) for member, want in filters.items())
        ]

    def _arn(self, name: str) -> str:
        return self.account.arn("lambda", f"layer:{name}")

    def _summary(self, version: dict[str, Any]) -> Request:
        moment = version["created"].isoformat(timespec="milliseconds")[:23]
        return {
            "LayerVersionArn": f"{self._arn(version['name'])}:{version['number']}",
            "Version": version["number"],
            "CreatedDate": f"{moment}+0000",
            **{member: version[member] for member in _TOLD if member in version},
        }

    def _told(self, version: dict[str, Any]) -> Request:
        code = records.to_code(version["code"], self.code.packages)
        content = {
            "Location": code.path.as_uri(),
            "CodeSha256": code.sha256,
            "CodeSize": code.size,
        }
        return {
            "Description": "",
            **self._summary(version),
            "LayerArn": self._arn(version["name"]),
            "Content": content,
        }


def _key(name: str, number: int) -> str:
    return f"{name}:{number:08d}"


def _name_and_number(arn: str) -> tuple[str, int]:
    name, _, number = arn.rpartition(":layer:")[2].partition(":")
    if not number.isdecimal():
        raise invalid(f"{arn} is not the ARN of a layer version.")
    return name, int(number)
