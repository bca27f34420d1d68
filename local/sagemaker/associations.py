"""Associations: what leads from one lineage entity to another."""

from collections.abc import Callable

from local.errors import AwsError
from local.sagemaker.lineage_pages import listed
from local.sagemaker.parts import Operations, Parts, Request, invalid
from local.store import Kept

_KEYS = (
    "SourceArn",
    "DestinationArn",
    "SourceType",
    "DestinationType",
    "AssociationType",
    "SourceName",
    "DestinationName",
    "CreationTime",
    "CreatedBy",
)
_FILTERS = ("SourceArn", "DestinationArn", "SourceType", "DestinationType", "AssociationType")


class Associations:
    """By source and destination; `entity` tells of the entity at an ARN, if there is one."""

    def __init__(self, parts: Parts, entity: Callable[[str], Request | None]) -> None:
        self._parts = parts
        self._entity = entity
        self._store = parts.account.store
        self._kept = Kept(self._store.shelf("lineage associations"))
        self.operations: Operations = {
            "AddAssociation": self._add,
            "DeleteAssociation": self._delete,
            "ListAssociations": self._list,
        }

    def all(self) -> list[Request]:
        with self._store.lock:
            return [dict(each) for each in self._kept.values()]

    def touch(self, arn: str) -> bool:
        """Whether an entity is the source or the destination of any."""
        return any(arn in (each["SourceArn"], each["DestinationArn"]) for each in self.all())

    def _add(self, request: Request) -> Request:
        ends = _ends(request)
        with self._store.together():
            for arn in ends.values():
                if self._entity(arn) is None:
                    raise AwsError("ResourceNotFound", f"Lineage entity {arn} does not exist.")
            if _key(ends) in self._kept:
                raise invalid(f"Association already exists: {_key(ends)}")
            self._kept[_key(ends)] = {
                **request,
                "CreationTime": self._parts.now(),
                "CreatedBy": {},
            }
        return ends

    def _delete(self, request: Request) -> Request:
        ends = _ends(request)
        with self._store.together():
            if _key(ends) not in self._kept:
                raise AwsError("ResourceNotFound", f"Association {_key(ends)} does not exist.")
            del self._kept[_key(ends)]
        return ends

    def _list(self, request: Request) -> Request:
        told = [self._told(each) for each in self.all()]
        wanted = [
            each
            for each in told
            if all(request.get(name) in (None, each.get(name)) for name in _FILTERS)
        ]
        return listed("AssociationSummaries", wanted, request, keys=_KEYS, orders={})

    def _told(self, association: Request) -> Request:
        """With the names and types that its ends have now."""
        told = dict(association)
        for end in ("Source", "Destination"):
            entity = self._entity(association[f"{end}Arn"]) or {}
            told[f"{end}Type"] = entity.get("Type")
            if entity.get("Name"):
                told[f"{end}Name"] = entity["Name"]
        return told


def _ends(request: Request) -> Request:
    return {key: request[key] for key in ("SourceArn", "DestinationArn")}


def _key(ends: Request) -> str:
    return f"{ends['SourceArn']} {ends['DestinationArn']}"
