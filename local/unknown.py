"""What moto does not know is refused as AWS would, in the protocol of the call."""

import re
from collections.abc import Callable
from xml.sax.saxutils import escape

from local import changes
from local.errors import AwsError, not_there
from local.http_messages import HttpRequest, HttpResponse
from local.protocols import encode_error

Route = Callable[[HttpRequest], HttpResponse]
_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
_PAGE = re.compile(rb"\s*<(!doctype )?html", re.IGNORECASE)
_NOT_FOUND, _FAILED, _MISSING = 404, 500, 501


def with_refusals(moto: Route) -> Route:
    """A page of HTML, a failure of moto's own or its `not implemented` become an AWS error."""

    def answer(request: HttpRequest) -> HttpResponse:
        try:
            response = moto(request)
        except (NotImplementedError, ImportError):  # moto's words for it
            return _refusal(request)
        return _refusal(request) if _is_unknown(response) else response

    return answer


def _is_unknown(response: HttpResponse) -> bool:
    if response.status == _MISSING:
        return True
    if response.status not in (_NOT_FOUND, 405, _FAILED):
        return False
    return _PAGE.match(response.body) is not None or response.body == b"Not yet implemented"


def _refusal(request: HttpRequest) -> HttpResponse:
    found = _SERVICE.search(request.headers.get("authorization", ""))
    service = found.group(1) if found else "aws"
    named = changes.action(request)
    error = not_there(service, named or f"{request.method} {request.path}")
    return encoded(request, service, named, error)


def _xml(error: AwsError) -> HttpResponse:
    body = f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
    return HttpResponse(error.status, {"Content-Type": "application/xml"}, body.encode())


def encoded(request: HttpRequest, service: str, named: str, error: AwsError) -> HttpResponse:
    """A refusal in the protocol that the request speaks."""
    if service == "s3":
        return _xml(error)
    if "x-amz-target" in request.headers or changes.is_json(request):
        return encode_error("json", error)
    return encode_error("query" if named else "rest-json", error)
