"""Lambda's lists, page by page."""

import base64
from collections.abc import Sequence
from typing import Any

from local.lambdas.settings import invalid

MOST = 50
Request = dict[str, Any]


def page(member: str, items: Sequence[Any], request: Request, *, most: int = MOST) -> Request:
    """From `Marker` on, at most `MaxItems`; a `NextMarker` when there is more."""
    start = _start(str(request.get("Marker") or ""))
    limit = min(most, int(request.get("MaxItems") or most))
    answer: Request = {member: list(items[start : start + limit])}
    if start + limit < len(items):
        answer["NextMarker"] = base64.b64encode(str(start + limit).encode()).decode()
    return answer


def _start(marker: str) -> int:
    try:
        return int(base64.b64decode(marker, validate=True)) if marker else 0
    except ValueError as error:
        raise invalid("Invalid pagination token") from error
