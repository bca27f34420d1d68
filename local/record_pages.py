"""Pages of CloudWatch's lists: `MaxRecords` of them, and a token for what is left."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from local.errors import AwsError

Record = TypeVar("Record")
MOST = 100


def record_page(
    records: Sequence[Record], request: Mapping[str, Any], *, most: int = MOST
) -> tuple[Sequence[Record], dict[str, str]]:
    """One page and its NextToken, if there is more; InvalidNextToken for a token of nobody's."""
    size = int(request.get("MaxRecords", most))
    token = str(request.get("NextToken") or "0")
    if not token.isdigit():
        raise AwsError("InvalidNextToken", f"The value {token} for parameter NextToken is invalid.")
    start = int(token)
    end = start + size
    return records[start:end], {"NextToken": str(end)} if end < len(records) else {}
