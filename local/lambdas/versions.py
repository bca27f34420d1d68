"""Published versions and the aliases that point at them."""

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from local.errors import AwsError
from local.lambdas.function import LATEST, Deployed
from local.lambdas.pages import page
from local.lambdas.registry import Operation, Registry, Request, check_revision
from local.lambdas.settings import invalid


@dataclass(frozen=True)
class Versions:
    """Both belong to their function and are kept with it."""

    registry: Registry

    def operations(self) -> dict[str, Operation]:
        return {
            "PublishVersion": self._publish,
            "ListVersionsByFunction": self._list_versions,
            "CreateAlias": self._create_alias,
            "UpdateAlias": self._update_alias,
            "GetAlias": lambda r: self._alias(r)[1],
            "DeleteAlias": self._delete_alias,
            "ListAliases": self._list_aliases,
        }

    def _publish(self, request: Request) -> Request:
        deployed = self.registry.deployed(request)
        check_revision(request, deployed.latest.revision)
        asked, current = request.get("CodeSha256"), deployed.latest.code.sha256
        if asked and asked != current:
            raise invalid(
                f"CodeSHA256 ({asked}) is different from current CodeSHA256 in $LATEST"
                f" ({current}). Please try again with the CodeSHA256 in $LATEST."
            )
        return self.registry.publish(deployed, request.get("Description")).describe()

    def _list_versions(self, request: Request) -> Request:
        deployed = self.registry.deployed(request)
        found = [deployed.latest, *deployed.versions.values()]
        return page("Versions", [each.describe(qualified=True) for each in found], request)

    def _create_alias(self, request: Request) -> Request:
        deployed = self.registry.deployed(request)
        name = str(request["Name"])
        arn = f"{deployed.latest.arn}:{name}"
        if name in deployed.aliases:
            raise AwsError("ResourceConflictException", f"Alias already exists: {arn}", 409)
        return self._put(deployed, {"Name": name, "AliasArn": arn, "Description": ""}, request)

    def _update_alias(self, request: Request) -> Request:
        deployed, alias = self._alias(request)
        check_revision(request, alias["RevisionId"])
        return self._put(deployed, alias, request)

    def _put(self, deployed: Deployed, alias: Request, request: Request) -> Request:
        members = ("FunctionVersion", "Description", "RoutingConfig")
        given = {name: request[name] for name in members if request.get(name) is not None}
        changed: dict[str, Any] = {**alias, **given}
        _check_routing(deployed, changed)
        changed.pop("RevisionId", None)
        told = repr(sorted(changed.items()))
        digest = hashlib.sha256(f"{told}{alias.get('RevisionId')}".encode()).hexdigest()
        changed["RevisionId"] = str(uuid.UUID(hex=digest[:32]))
        with self.registry.changing(deployed):
            deployed.aliases[str(alias["Name"])] = changed
        return dict(changed)

    def _alias(self, request: Request) -> tuple[Deployed, Request]:
        deployed = self.registry.deployed(request)
        alias = deployed.aliases.get(str(request["Name"]))
        if alias is None:
            arn = f"{deployed.latest.arn}:{request['Name']}"
            raise AwsError("ResourceNotFoundException", f"Cannot find alias arn: {arn}", 404)
        return deployed, dict(alias)

    def _delete_alias(self, request: Request) -> None:
        deployed, name = self.registry.deployed(request), str(request["Name"])
        with self.registry.changing(deployed):
            deployed.aliases.pop(name, None)
            deployed.event_invoke.pop(name, None)
            deployed.policies.pop(name, None)

    def _list_aliases(self, request: Request) -> Request:
        aliases = self.registry.deployed(request).aliases
        wanted = request.get("FunctionVersion")
        found = [
            dict(each)
            for _, each in sorted(aliases.items())
            if wanted in {None, each["FunctionVersion"]}
        ]
        return page("Aliases", found, request)


def _check_routing(deployed: Deployed, alias: Request) -> None:
    """Every version must be there; weights need published versions, and more than one."""
    main = str(alias["FunctionVersion"])
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    for number in (main, *weights):
        if number != LATEST and number not in deployed.versions:
            raise AwsError(
                "ResourceNotFoundException",
                f"Function not found: {deployed.latest.arn}:{number}",
                status=404,
            )
    if weights and LATEST in {main, *weights}:
        raise invalid("$LATEST is not supported for an alias pointing to more than 1 version")
    if main in weights:
        raise invalid(
            f"Invalid function version {main}. Function version {main} is already included in"
            " routing configuration."
        )
