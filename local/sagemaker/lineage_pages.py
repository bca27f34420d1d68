"""Lists of lineage: what was made in a span of time, newest first unless asked otherwise."""

from collections.abc import Mapping, Sequence

from local.pages import page
from local.sagemaker.parts import Request


def listed(
    member: str,
    found: Sequence[Request],
    request: Request,
    *,
    keys: Sequence[str],
    orders: Mapping[str, str],
) -> Request:
    """A page of summaries with these keys; `orders` are keys that SortBy names otherwise."""
    by = request.get("SortBy", "CreationTime")
    key = orders.get(by, by)
    made = sorted(
        (each for each in found if _in_time(each, request)), key=lambda each: each.get(key) or ""
    )
    if request.get("SortOrder", "Descending") == "Descending":
        made.reverse()
    summaries = [{k: each[k] for k in keys if k in each} for each in made]
    return page(member, summaries, {"MaxResults": 10, **request}, limit="MaxResults")


def _in_time(each: Request, request: Request) -> bool:
    after, before = request.get("CreatedAfter"), request.get("CreatedBefore")
    made = each["CreationTime"]
    return (after is None or made >= after) and (before is None or made <= before)
