"""Which service a request is for: ours are answered here, everything else goes to moto."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from local import protocols
from local.errors import AwsError
from local.http_messages import HttpRequest, HttpResponse
from local.protocols import Call

Handle = Callable[[str, dict[str, Any]], dict[str, Any]]
Route = Callable[[HttpRequest], HttpResponse]

TARGETS = {
    "AWSEvents": "events",
    "AnyScaleFrontendService": "application-autoscaling",
    "GraniteServiceVersion20100801": "cloudwatch",
    "Logs_20140328": "logs",
    "SageMaker": "sagemaker",
}
SIGNING_NAMES = {"monitoring": "cloudwatch"}
REST_SERVICES = frozenset({"batch", "lambda", "scheduler"})
QUERY_SERVICES = frozenset({"cloudformation", "cloudwatch"})
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
_INVOCATION = re.compile(r"/endpoints/([^/]+)/invocations")
_ASYNCHRONOUS = re.compile(r"/endpoints/[^/]+/async-invocations")

log = logging.getLogger("local.front")


def signing_service(request: HttpRequest) -> str:
    """The service of the credential scope, or nothing for unsigned requests."""
    scope = _SCOPE.search(request.headers.get("authorization", ""))
    return scope.group(2) if scope else ""


@dataclass
class Front:
    """Routes by `X-Amz-Target`, then by credential scope, then by path."""

    moto: Route
    services: Mapping[str, Handle]
    invoke_endpoint: Callable[[str, HttpRequest], HttpResponse]
    local: Mapping[str, Route] = field(default_factory=dict)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        match = _INVOCATION.fullmatch(request.path) if request.method == "POST" else None
        if match is not None:
            return self.invoke_endpoint(unquote(match.group(1)), request)
        if _ASYNCHRONOUS.fullmatch(request.path):
            return self._answer(
                "rest-json", lambda: protocols.rest_call("sagemaker-runtime", request)
            )
        if request.path.startswith("/_local/"):
            return self._local(request)
        target = request.headers.get("x-amz-target", "").partition(".")
        service = TARGETS.get(target[0], "")
        if service in self.services:
            return self._answer("json", lambda: protocols.json_call(service, target[2], request))
        return self._signed(request)

    def _signed(self, request: HttpRequest) -> HttpResponse:
        scope = signing_service(request)
        service = SIGNING_NAMES.get(scope, scope)
        if service in self.services and service in REST_SERVICES:
            return self._answer("rest-json", lambda: protocols.rest_call(service, request))
        if service in self.services and service in QUERY_SERVICES:
            return self._answer("query", lambda: protocols.query_call(service, request))
        return self.moto(request)

    def _local(self, request: HttpRequest) -> HttpResponse:
        for prefix, route in self.local.items():
            if request.path.startswith(prefix):
                return route(request)
        return HttpResponse(404, body=f"nothing at {request.path}\n".encode())

    def _answer(self, protocol: str, decode: Callable[[], Call]) -> HttpResponse:
        try:
            call = decode()
            result = self.services[call.service](call.action, call.request)
            return protocols.encode(call, result)
        except AwsError as error:
            return protocols.encode_error(protocol, error)
        except Exception as error:  # a service must not take the connection down
            log.exception("unexpected failure")
            internal = AwsError("InternalFailure", f"{type(error).__name__}: {error}", 500)
            return protocols.encode_error(protocol, internal)
