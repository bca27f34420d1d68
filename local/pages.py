"""Lists in pages, as the event services tell them."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.errors import AwsError

_MOST = 100


def page(
    member: str, found: Sequence[Any], request: Mapping[str, Any], *, limit: str = "Limit"
) -> dict[str, Any]:
    """As many as are asked for from where the token says; a token for the rest, if any."""
    start = _start(request.get("NextToken"))
    end = start + int(request.get(limit) or _MOST)
    answer: dict[str, Any] = {member: list(found[start:end])}
    if end < len(found):
        answer["NextToken"] = base64.urlsafe_b64encode(f"page:{end}".encode()).decode()
    return answer


def named(prefix: Any) -> Callable[[str], bool]:
    """Whether a name begins as asked for; without a wish each does."""
    return lambda name: name.startswith(str(prefix or ""))


def _start(token: Any) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(str(token)).decode().removeprefix("page:"))
    except ValueError as error:
        raise AwsError("ValidationException", "Parameter NextToken is not valid.") from error
