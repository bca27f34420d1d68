"""AWS's wire protocols for the services we answer: bytes to boto3-shaped dicts and back."""

import gzip
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from botocore.utils import parse_timestamp
from werkzeug.datastructures import Headers, MultiDict

from local.errors import AwsError
from local.http_messages import HttpRequest, HttpResponse


def _aware(value: Any) -> datetime:
    moment: datetime = parse_timestamp(value)
    return moment.astimezone(UTC)


@dataclass(frozen=True)
class Call:
    """One decoded API call; `protocol` is how its answer is encoded."""

    service: str
    action: str
    request: dict[str, Any]
    protocol: str


@dataclass(frozen=True)
class _Route:
    action: str
    method: str
    pattern: re.Pattern[str]
    literal: int
    query: Mapping[str, str]


@cache
def _model(service: str) -> Any:
    from moto.core.utils import get_service_model

    return get_service_model(service)


@cache
def _operation(service: str, action: str) -> Any:
    model = _model(service)
    if action not in model.operation_names:
        raise AwsError("UnknownOperationException", f"{service} has no operation {action!r}")
    return model.operation_model(action)


@cache
def _routes(service: str) -> tuple[_Route, ...]:
    routes = []
    for action in _model(service).operation_names:
        trait = _operation(service, action).http
        path, _, query = trait["requestUri"].partition("?")
        labels = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", path.rstrip("/"))
        labels = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", labels)
        literal = len(re.sub(r"\{[^}]*\}", "", path))
        routes.append(
            _Route(
                action,
                trait["method"],
                re.compile(labels + "/?"),
                literal,
                dict(parse_qsl(query, keep_blank_values=True)),
            ),
        )
    return tuple(sorted(routes, key=lambda route: -route.literal))


def warm(service: str) -> None:
    """Load a service's model now, so that the first call does not wait for it."""
    if _model(service).metadata["protocol"] == "rest-json":
        _routes(service)


def json_call(service: str, action: str, request: HttpRequest) -> Call:
    return Call(service, action, _parse("json", service, action, request), "json")


def query_call(service: str, request: HttpRequest) -> Call:
    values = MultiDict(parse_qsl(request.query, keep_blank_values=True))
    values.update(parse_qsl(_content(request).decode(), keep_blank_values=True))
    action = values.get("Action", "")
    parsed = _parse("query", service, action, request, values=values)
    return Call(service, action, parsed, "query")


def rest_call(service: str, request: HttpRequest) -> Call:
    values = MultiDict(parse_qsl(request.query, keep_blank_values=True))
    for route in _routes(service):
        match = route.pattern.fullmatch(request.path) if route.method == request.method else None
        if match is not None and all(values.get(k) == v for k, v in route.query.items()):
            labels = {name: unquote(value) for name, value in match.groupdict().items()}
            parsed = _parse("rest-json", service, route.action, request, values=values, uri=labels)
            return Call(service, route.action, parsed, "rest-json")
    message = f"{service} has no operation at {request.method} {request.path}"
    raise AwsError("UnknownOperationException", message, status=404)


def _content(request: HttpRequest) -> bytes:
    """The body; clients compress large ones on the way."""
    if request.headers.get("content-encoding") != "gzip":
        return request.body
    try:
        return gzip.decompress(request.body)
    except (OSError, EOFError) as error:
        raise AwsError("SerializationException", f"The body is not gzip: {error}") from error


def _parse(
    protocol: str,
    service: str,
    action: str,
    request: HttpRequest,
    *,
    values: MultiDict[str, str] | None = None,
    uri: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    from moto.core.parse import PROTOCOL_PARSERS

    parser = PROTOCOL_PARSERS[protocol](_operation(service, action), timestamp_parser=_aware)
    given: Any = {
        "method": request.method,
        "values": values if values is not None else MultiDict(),
        "headers": Headers(list(request.headers.items())),
        "body": _content(request),
        "url_path": request.path,
        "url_params": dict(uri or {}),
    }
    try:
        parsed: dict[str, Any] = parser.parse(given)
    except (ValueError, TypeError, AttributeError) as error:
        message = f"{action}: the request has a value of another type: {error}"
        raise AwsError("SerializationException", message) from error
    return parsed


def encode(call: Call, result: Mapping[str, Any]) -> HttpResponse:
    """The answer of an operation in the protocol of its call."""
    from moto.core.serialize import SerializationContext, get_serializer_class

    request_id = str(uuid.uuid4())
    serializer = get_serializer_class(call.service, call.protocol)(
        _operation(call.service, call.action), SerializationContext(request_id)
    )
    answer = serializer.serialize(result)
    body = answer["body"] or b""
    headers = {**answer["headers"], "x-amzn-RequestId": request_id}
    if call.protocol == "json":
        version = _model(call.service).metadata.get("jsonVersion", "1.0")
        headers["Content-Type"] = f"application/x-amz-json-{version}"
    content = body.encode() if isinstance(body, str) else bytes(body)
    member = _status_member(call.service, call.action)
    status = int(result.get(member, answer["status_code"])) if member else answer["status_code"]
    return HttpResponse(status, headers, content)


@cache
def _status_member(service: str, action: str) -> str:
    """The output member that travels as the HTTP status, if the operation has one."""
    shape = _operation(service, action).output_shape
    members = shape.members.items() if shape is not None else ()
    bound = [n for n, m in members if m.serialization.get("location") == "statusCode"]
    return bound[0] if bound else ""


def encode_error(protocol: str, error: AwsError) -> HttpResponse:
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id}
    if protocol == "query":
        return _query_error(error, request_id)
    said = {"__type": error.code, "message": error.message, "Message": error.message}
    body = {**said, **error.details}
    headers |= {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": error.code}
    return HttpResponse(error.status, headers, json.dumps(body).encode())


def _query_error(error: AwsError, request_id: str) -> HttpResponse:
    from xml.sax.saxutils import escape

    kind = "Sender" if error.status < 500 else "Receiver"
    body = (
        f"<ErrorResponse><Error><Type>{kind}</Type><Code>{escape(error.code)}</Code>"
        f"<Message>{escape(error.message)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return HttpResponse(error.status, {"Content-Type": "text/xml"}, body.encode())
