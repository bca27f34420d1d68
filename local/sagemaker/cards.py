"""Model cards: a status, and a version for every content."""

from datetime import datetime

from local.errors import AwsError
from local.sagemaker.card_content import check_content, model_of
from local.sagemaker.listing import Listing
from local.sagemaker.parts import Operations, Parts, Request, invalid, with_times
from local.store import Kept

_EVENT = "SageMaker Model Card State Change"
_SUMMARY = ("ModelCardName", "ModelCardArn", "ModelCardStatus", "CreationTime", "LastModifiedTime")
_CARDS = Listing("ModelCardName", _SUMMARY, also=frozenset({"ModelCardStatus"}))
_VERSIONS = Listing(
    "ModelCardVersion",
    (*_SUMMARY, "ModelCardVersion"),
    also=frozenset({"ModelCardStatus", "ModelCardName"}),
)
_NOT_TOLD = frozenset({"Content", "ModelCardArn"})
"""What events do not carry."""


class ModelCards:
    """Versions by name and number; the last one is the card as it is now."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.account.store
        self._versions = Kept(self._store.shelf("model card versions"))
        self._last = Kept(self._store.shelf("model cards"))
        """The number of the last version, by name."""
        self.operations: Operations = {
            "CreateModelCard": self._create,
            "DescribeModelCard": self._describe,
            "ListModelCards": self._list,
            "ListModelCardVersions": self._list_versions,
            "UpdateModelCard": self._update,
            "DeleteModelCard": self._delete,
        }

    def _create(self, request: Request) -> Request:
        name = request["ModelCardName"]
        check_content(request["Content"])
        arn = self._parts.account.arn("sagemaker", f"model-card/{name}")
        now = self._parts.now()
        card = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "SecurityConfig": request.get("SecurityConfig", {}),
            "ModelCardArn": arn,
            "ModelCardVersion": 1,
            "CreationTime": now,
            "CreatedBy": {},
            "LastModifiedTime": now,
            "LastModifiedBy": {},
        }
        with self._store.together():
            if name in self._last:
                raise AwsError("ConflictException", f"Model card {arn} already exists.")
            self._keep(card)
            self._parts.tags.put(arn, request.get("Tags", []))
        self._tell(card)
        return {"ModelCardArn": arn}

    def _describe(self, request: Request) -> Request:
        card = self._find(request["ModelCardName"], request.get("ModelCardVersion"))
        if request.get("IncludedData") == "MetadataOnly":
            return {key: value for key, value in card.items() if key != "Content"}
        return card

    def _list(self, request: Request) -> Request:
        with self._store.lock:
            cards = [self._find(name) for name in self._last]
        found, token = _CARDS.page(request, _of_status(cards, request))
        return {"ModelCardSummaries": found, **token}

    def _list_versions(self, request: Request) -> Request:
        """Newest first, as the last of them is what the card is."""
        with self._store.lock:
            last = self._find(request["ModelCardName"])
            numbers = range(1, last["ModelCardVersion"] + 1)
            cards = [self._find(last["ModelCardName"], number) for number in numbers]
        asked = {"SortOrder": "Descending", **request, "SortBy": "Name"}
        found, token = _VERSIONS.page(asked, _of_status(cards, request))
        return {"ModelCardVersionSummaryList": found, **token}

    def _update(self, request: Request) -> Request:
        """Another content is another version; another status is not."""
        if {"Content", "ModelCardStatus"} <= set(request):
            raise invalid("Model card content and status cannot be updated in a single call.")
        if "Content" in request:
            check_content(request["Content"])
        with self._store.together():
            card = self._find(request["ModelCardName"])
            if card["ModelCardStatus"] == "Archived" and "Content" in request:
                raise invalid("The model card is archived: it cannot be updated.")
            card |= {k: request[k] for k in ("Content", "ModelCardStatus") if k in request}
            card["ModelCardVersion"] += "Content" in request
            card["LastModifiedTime"] = self._parts.now()
            self._keep(card)
        self._tell(card)
        return {"ModelCardArn": card["ModelCardArn"]}

    def _delete(self, request: Request) -> Request:
        with self._store.together():
            card = self._find(request["ModelCardName"])
            name = card["ModelCardName"]
            del self._last[name]
            for number in range(1, card["ModelCardVersion"] + 1):
                del self._versions[_key(name, number)]
            self._parts.tags.drop(card["ModelCardArn"])
        return {}

    def _keep(self, card: Request) -> None:
        name, number = card["ModelCardName"], card["ModelCardVersion"]
        self._versions[_key(name, number)] = card
        self._last[name] = number

    def _find(self, name: str, number: int | None = None) -> Request:
        """A version by the card's name or ARN, the last one unless asked for another."""
        name = name.rsplit("/", 1)[-1]
        with self._store.lock:
            found = self._versions.get(_key(name, number or self._last.get(name, 0)))
        if found is None:
            version = "" if number is None else f" version {number}"
            raise AwsError("ResourceNotFound", f"Model card {name}{version} does not exist.")
        return dict(found)

    def _tell(self, card: Request) -> None:
        told = {key: value for key, value in card.items() if key not in _NOT_TOLD}
        detail = with_times(told, _iso) | {
            "ModelId": model_of(card["Content"]),
            "AccountId": self._parts.account.id,
        }
        self._parts.tell(_EVENT, card["ModelCardArn"], detail)


def _of_status(cards: list[Request], request: Request) -> list[Request]:
    status = request.get("ModelCardStatus")
    return [card for card in cards if status in (None, card["ModelCardStatus"])]


def _key(name: str, number: int) -> str:
    return f"{name}/{number}"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
