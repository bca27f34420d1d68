"""What hangs on a function besides its code: async settings, concurrency, tags."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.clock import Clock
from local.errors import AwsError
from local.lambdas.asynchronous import DEFAULT_AGE, DEFAULT_ATTEMPTS, Policy
from local.lambdas.function import LATEST, Deployed, Function
from local.lambdas.pages import page
from local.lambdas.registry import Operation, Registry, Request
from local.lambdas.settings import invalid

CONCURRENCY = 1000
LEAST_UNRESERVED = 100
_CONFIG = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
_LIMITS = {
    "TotalCodeSize": 80_530_636_800,
    "CodeSizeUnzipped": 262_144_000,
    "CodeSizeZipped": 52_428_800,
    "ConcurrentExecutions": CONCURRENCY,
}


@dataclass(frozen=True)
class Attachments:
    """Kept with their function and told back."""

    registry: Registry
    clock: Clock
    resize: Callable[[Function, int | None], None]

    def operations(self) -> dict[str, Operation]:
        return {
            "PutFunctionEventInvokeConfig": lambda r: self._put_event_config(r, {}),
            "UpdateFunctionEventInvokeConfig": self._update_event_config,
            "GetFunctionEventInvokeConfig": lambda r: dict(self._event_config(r)),
            "DeleteFunctionEventInvokeConfig": self._delete_event_config,
            "ListFunctionEventInvokeConfigs": self._list_event_configs,
            "PutFunctionConcurrency": self._put_concurrency,
            "GetFunctionConcurrency": self._get_concurrency,
            "DeleteFunctionConcurrency": lambda r: self._reserve(self.registry.deployed(r), None),
            "GetAccountSettings": self._account_settings,
            "TagResource": lambda r: self._retag(r, {**self._tagged(r).tags, **r["Tags"]}),
            "UntagResource": self._untag,
            "ListTags": lambda r: {"Tags": dict(self._tagged(r).tags)},
        }

    def event_config(self, arn: str) -> Request:
        """The settings for events of a function, given by its ARN with a qualifier."""
        deployed, qualifier = self.registry.find(arn)
        return deployed.event_invoke.get(qualifier or LATEST, {})

    def policy(self, arn: str) -> Policy:
        config = self.event_config(arn)
        return Policy(
            retries=int(config.get("MaximumRetryAttempts", DEFAULT_ATTEMPTS)),
            age=float(config.get("MaximumEventAgeInSeconds", DEFAULT_AGE)),
            switched_off=self.registry.find(arn)[0].reserved == 0,
        )

    def _put_event_config(self, request: Request, before: Request) -> Request:
        deployed, qualifier = self.registry.place(request)
        deployed.version(qualifier)
        qualifier = qualifier or LATEST
        given = {name: request[name] for name in _CONFIG if request.get(name) is not None}
        arn = f"{deployed.latest.arn}:{qualifier}"
        config = {**before, **given, "LastModified": self.clock.now(), "FunctionArn": arn}
        with self.registry.changing(deployed):
            deployed.event_invoke[qualifier] = config
        return {"DestinationConfig": {"OnSuccess": {}, "OnFailure": {}}, **config}

    def _update_event_config(self, request: Request) -> Request:
        return self._put_event_config(request, self._event_config(request))

    def _event_config(self, request: Request) -> Request:
        deployed, qualifier = self.registry.place(request)
        config = deployed.event_invoke.get(qualifier or LATEST)
        if config is None:
            arn = f"{deployed.latest.arn}:{qualifier or LATEST}"
            message = f"The function {arn} doesn't have an EventInvokeConfig"
            raise AwsError("ResourceNotFoundException", message, status=404)
        return config

    def _delete_event_config(self, request: Request) -> None:
        self._event_config(request)
        deployed, qualifier = self.registry.place(request)
        with self.registry.changing(deployed):
            del deployed.event_invoke[qualifier or LATEST]

    def _list_event_configs(self, request: Request) -> Request:
        configs = self.registry.deployed(request).event_invoke
        return page(
            "FunctionEventInvokeConfigs", [dict(each) for each in configs.values()], request
        )

    def _put_concurrency(self, request: Request) -> Request:
        deployed = self.registry.deployed(request)
        wanted = int(request["ReservedConcurrentExecutions"])
        if self._unreserved(but=deployed) - wanted < LEAST_UNRESERVED:
            raise invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's"
                " UnreservedConcurrentExecution below its minimum value of"
                f" [{LEAST_UNRESERVED}]."
            )
        self._reserve(deployed, wanted)
        return {"ReservedConcurrentExecutions": wanted}

    def _reserve(self, deployed: Deployed, reserved: int | None) -> None:
        with self.registry.changing(deployed):
            deployed.reserved = reserved
        for function in (deployed.latest, *deployed.versions.values()):
            self.resize(function, reserved)

    def _get_concurrency(self, request: Request) -> Request:
        reserved = self.registry.deployed(request).reserved
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def _unreserved(self, but: Deployed | None = None) -> int:
        return CONCURRENCY - sum(d.reserved or 0 for d in self.registry.all() if d is not but)

    def _account_settings(self, _: Request) -> Request:
        functions = self.registry.all()
        versions = [f for d in functions for f in (d.latest, *d.versions.values())]
        size = sum(each.code.size for each in versions)
        return {
            "AccountLimit": {**_LIMITS, "UnreservedConcurrentExecutions": self._unreserved()},
            "AccountUsage": {"TotalCodeSize": size, "FunctionCount": len(functions)},
        }

    def _tagged(self, request: Request) -> Deployed:
        deployed, qualifier = self.registry.find(str(request["Resource"]))
        if qualifier:
            raise invalid("Tags on function aliases and versions are not supported.")
        return deployed

    def _retag(self, request: Request, tags: dict[str, Any]) -> None:
        with self.registry.changing(self._tagged(request)) as deployed:
            deployed.tags = tags

    def _untag(self, request: Request) -> None:
        kept = {k: v for k, v in self._tagged(request).tags.items() if k not in request["TagKeys"]}
        self._retag(request, kept)
