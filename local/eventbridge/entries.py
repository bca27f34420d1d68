"""The entries of PutEvents: what is refused as a whole, and what fails alone."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from local.errors import AwsError

LARGEST_REQUEST = 1_048_576
MOST_ENTRIES = 10
_TIME_SIZE = 14
_TEXTS = ("Source", "DetailType", "Detail")


def check_entries(entries: Sequence[Mapping[str, Any]]) -> None:
    """Raises AwsError ValidationException for the whole request."""
    if not 1 <= len(entries) <= MOST_ENTRIES:
        wish = f"less than or equal to {MOST_ENTRIES}" if entries else "greater than or equal to 1"
        raise AwsError(
            "ValidationException",
            "1 validation error detected: Value at 'entries' failed to satisfy constraint:"
            f" Member must have length {wish}",
        )
    if sum(size(entry) for entry in entries) > LARGEST_REQUEST:
        message = "Total size of the entries in the request is over the limit."
        raise AwsError("ValidationException", message)


def size(entry: Mapping[str, Any]) -> int:
    """Bytes of an entry, as AWS documents how it counts them."""
    texts = [str(entry.get(name) or "") for name in _TEXTS]
    texts += [str(each) for each in entry.get("Resources") or []]
    return sum(len(text.encode()) for text in texts) + (_TIME_SIZE if entry.get("Time") else 0)


def checked_detail(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The parsed detail of an entry; raises AwsError with the entry's own error code."""
    for key in _TEXTS:
        if not entry.get(key):
            raise AwsError(
                "InvalidArgument",
                f"Parameter {key} is not valid. Reason: {key} is a required argument.",
            )
    if str(entry["Source"]).startswith("aws."):
        raise AwsError("NotAuthorizedForSourceException", "Not authorized for the source.")
    try:
        detail = json.loads(entry["Detail"])
    except ValueError as error:
        raise AwsError("MalformedDetail", "Detail is malformed.") from error
    if not isinstance(detail, dict):
        raise AwsError("MalformedDetail", "Detail is malformed.")
    return detail
