"""Artifacts, actions and contexts: three kinds of things that are described alike."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from local.errors import AwsError
from local.sagemaker.lineage_pages import listed
from local.sagemaker.parts import Operations, Parts, Request, invalid
from local.store import Kept, encoded


@dataclass(frozen=True)
class Kind:
    """What one kind is called; `named` where its name is its identity."""

    name: str
    named: bool

    @property
    def arn_key(self) -> str:
        return f"{self.name}Arn"

    @property
    def name_key(self) -> str:
        return f"{self.name}Name"

    @property
    def type_key(self) -> str:
        return f"{self.name}Type"


ARTIFACTS = Kind("Artifact", named=False)
ACTIONS = Kind("Action", named=True)
CONTEXTS = Kind("Context", named=True)
_CHANGEABLE = ("Description", "Status", "ArtifactName")


class Entities:
    """The entities of one kind, by ARN; `associated` says whether something holds on to one."""

    def __init__(self, parts: Parts, kind: Kind, associated: Callable[[str], bool]) -> None:
        self._parts = parts
        self._kind = kind
        self._associated = associated
        self._store = parts.account.store
        self._entities = Kept(self._store.shelf(f"lineage {kind.name.lower()}s"))
        self.operations: Operations = {
            f"Create{kind.name}": self._create,
            f"Describe{kind.name}": lambda r: dict(self._asked(r)),
            f"List{kind.name}s": self._list,
            f"Update{kind.name}": self._update,
            f"Delete{kind.name}": self._delete,
        }

    def get(self, arn: str) -> Request | None:
        found: Request | None = self._entities.get(arn)
        return found

    def summary(self, entity: Request) -> Request:
        """An entity as a vertex is judged."""
        return {
            "Arn": entity[self._kind.arn_key],
            "Type": entity[self._kind.type_key],
            "LineageType": self._kind.name,
            "Name": entity.get(self._kind.name_key),
            **{k: entity[k] for k in ("CreationTime", "LastModifiedTime")},
            "Properties": entity.get("Properties", {}),
        }

    def _create(self, request: Request) -> Request:
        arn = self._arn(request)
        now = self._parts.now()
        with self._store.together():
            if arn in self._entities:
                raise invalid(f"{self._kind.name} already exists: {arn}")
            self._entities[arn] = {
                **{key: value for key, value in request.items() if key != "Tags"},
                self._kind.arn_key: arn,
                "CreationTime": now,
                "CreatedBy": {},
                "LastModifiedTime": now,
                "LastModifiedBy": {},
            }
            self._parts.tags.put(arn, request.get("Tags", []))
        return {self._kind.arn_key: arn}

    def _arn(self, request: Request) -> str:
        """Of its name, or for an artifact of its source: a source is one artifact."""
        if self._kind.named:
            identity = request[self._kind.name_key].rsplit("/", 1)[-1].lower()
        else:
            identity = sha256(encoded(request["Source"]).encode()).hexdigest()[:32]
        return self._parts.account.arn("sagemaker", f"{self._kind.name.lower()}/{identity}")

    def _asked(self, request: Request) -> Request:
        """The entity that a request means, by ARN, name or source."""
        if not self._kind.named and not {"ArtifactArn", "Source"} & set(request):
            raise invalid("Either ArtifactArn or Source must be specified.")
        arn = request.get(self._kind.arn_key) or self._arn(request)
        found: Request | None = self._entities.get(arn)
        if found is None:
            raise AwsError("ResourceNotFound", f"{self._kind.name} {arn} does not exist.")
        return found

    def _list(self, request: Request) -> Request:
        kind = self._kind
        with self._store.lock:
            entities = [dict(each) for each in self._entities.values()]
        source, of_type = request.get("SourceUri"), request.get(kind.type_key)
        wanted = [
            each
            for each in entities
            if source in (None, each["Source"]["SourceUri"])
            and of_type in (None, each[kind.type_key])
        ]
        keys = (kind.arn_key, kind.name_key, kind.type_key, "Source", "Status")
        return listed(
            f"{kind.name}Summaries",
            wanted,
            request,
            keys=(*keys, "CreationTime", "LastModifiedTime"),
            orders={"Name": kind.name_key},
        )

    def _update(self, request: Request) -> Request:
        """New properties take the place of all that were there."""
        with self._store.together():
            entity = dict(self._asked(request))
            arn = entity[self._kind.arn_key]
            properties = request.get("Properties", entity.get("Properties", {}))
            gone = request.get("PropertiesToRemove", [])
            entity |= {key: request[key] for key in _CHANGEABLE if key in request}
            entity["Properties"] = {k: v for k, v in properties.items() if k not in gone}
            self._entities[arn] = entity | {"LastModifiedTime": self._parts.now()}
        return {self._kind.arn_key: arn}

    def _delete(self, request: Request) -> Request:
        with self._store.together():
            arn = self._asked(request)[self._kind.arn_key]
            if self._associated(arn):
                raise invalid(f"{self._kind.name} {arn} has associations: delete them first.")
            del self._entities[arn]
            self._parts.tags.drop(arn)
        return {self._kind.arn_key: arn}
