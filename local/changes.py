"""Which requests change moto's state: the others are not written down."""

import re
from urllib.parse import parse_qs

from local.http_messages import HttpRequest

_READS = re.compile(
    r"(Get|List|Describe|BatchGet|Query|Scan|Lookup|Search|Head|Check|Simulate|TransactGet"
    r"|Encrypt|Decrypt|ReEncrypt|GenerateDataKey|GenerateRandom|GenerateMac|VerifyMac|Sign$|Verify$"
    r"|BatchCheck|DecodeAuthorization)"
)
_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/x-amz-json"


def action(request: HttpRequest) -> str:
    """The operation's name in the protocols that say one; nothing in REST."""
    target = request.headers.get("x-amz-target")
    if target is not None:
        return target.rpartition(".")[2]
    if request.method == "POST" and request.headers.get("content-type", "").startswith(_FORM):
        named = parse_qs(request.body.decode("utf-8", "replace")).get("Action")
        return named[0] if named else ""
    named = parse_qs(request.query).get("Action") if "Action=" in request.query else None
    return named[0] if named else ""


def changes_state(request: HttpRequest) -> bool:
    """Whether it may; what is not known to read only counts as a change."""
    named = action(request)
    if named:
        return _READS.match(named) is None or named == "GetSessionToken"
    return request.method not in _READING_METHODS


def receives(request: HttpRequest) -> bool:
    """Whether it takes messages off a queue, and may wait for some."""
    return action(request) == "ReceiveMessage"


def is_json(request: HttpRequest) -> bool:
    return request.headers.get("content-type", "").startswith(_JSON)
