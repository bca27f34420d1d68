"""List calls: their filters, their order and their pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.pages import page
from local.sagemaker.parts import Request, invalid

_PAGE = 10
_TIMES = {
    "CreationTimeAfter": ("CreationTime", 1),
    "CreationTimeBefore": ("CreationTime", -1),
    "LastModifiedTimeAfter": ("LastModifiedTime", 1),
    "LastModifiedTimeBefore": ("LastModifiedTime", -1),
}
_COMMON = frozenset(
    {"NextToken", "MaxResults", "NameContains", "SortBy", "SortOrder", "StatusEquals", *_TIMES}
)


@dataclass(frozen=True)
class Listing:
    """How one kind of thing is listed; `newest_first` where SageMaker does so unasked."""

    name_key: str
    summary: Sequence[str]
    status_key: str = ""
    newest_first: bool = False
    also: frozenset[str] = frozenset()
    """Filters of this kind alone, which its owner has applied already."""

    def page(self, request: Request, told: Sequence[Request]) -> tuple[list[Request], Request]:
        """The summaries a List call asks for, and the token of the next page, if any."""
        unknown = sorted(set(request) - _COMMON - self.also)
        if unknown:
            raise invalid(f"Listing by {', '.join(unknown)} is not emulated yet.")
        found = sorted(
            (each for each in told if self._wanted(request, each)), key=self._order(request)
        )
        if request.get("SortOrder", "Descending" if self.newest_first else "Ascending") != (
            "Ascending"
        ):
            found.reverse()
        answer = page("found", found, {"MaxResults": _PAGE, **request}, limit="MaxResults")
        summaries = [{k: t[k] for k in self.summary if k in t} for t in answer.pop("found")]
        return summaries, answer

    def _wanted(self, request: Request, told: Mapping[str, Any]) -> bool:
        return (
            request.get("NameContains", "") in str(told[self.name_key])
            and request.get("StatusEquals") in {None, told.get(self.status_key)}
            and all(
                (told[key] - request[name]).total_seconds() * side >= 0
                for name, (key, side) in _TIMES.items()
                if name in request
            )
        )

    def _order(self, request: Request) -> Callable[[Request], Any]:
        by = request.get("SortBy", "CreationTime")
        key = {"Name": self.name_key, "Status": self.status_key}.get(by, "CreationTime")
        return lambda told: told[key]
