"""The data bucket in memory: folders of named bytes, each put a new version."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from events.words import Reason
from functions.aws.drops import Drops, Examine
from functions.drops import (
    MANIFEST,
    SUCCESS,
    Dataset,
    Fault,
    Folder,
    Manifest,
    Pinned,
    Stored,
    prefix_of,
    read_manifest,
)
from tests.fakes.calls import Calls


@dataclass(frozen=True)
class _Object:
    body: bytes
    version_id: str


class FakeDrops(Drops):
    """Drops by model and id; a file that says `bad` holds unusable rows."""

    def __init__(self, calls: Calls | None = None, *, bucket: str = "data") -> None:
        self.calls = calls or Calls()
        self.bucket = bucket
        self.objects: dict[str, _Object] = {}
        self.puts = 0

    def put(self, model: str, drop: str, files: Mapping[str, bytes]) -> list[str]:
        """Upload files; their keys."""
        for name, body in files.items():
            self.puts += 1
            self.objects[prefix_of(model, drop) + name] = _Object(body, f"version-{self.puts}")
        return [prefix_of(model, drop) + name for name in files]

    def look(self, model: str, drop: str) -> Folder:
        with self.calls.one("drops.look"):
            prefix = prefix_of(model, drop)
            found = {
                key.removeprefix(prefix): key
                for key in self.objects
                if key.startswith(prefix) and not key.endswith("/")
            }
            said = read_manifest(self.objects[found[MANIFEST]].body) if MANIFEST in found else None
            return Folder(
                bucket=self.bucket,
                prefix=prefix,
                files=tuple(
                    Stored(name, key, self.objects[key].version_id, len(self.objects[key].body))
                    for name, key in sorted(found.items())
                    if name not in {MANIFEST, SUCCESS}
                ),
                marked=bool(found.keys() & {MANIFEST, SUCCESS}),
                manifest=said if isinstance(said, Manifest) else None,
                complaint=said if isinstance(said, str) else "",
            )

    def examine(self, model: str, folder: Folder, look: Examine) -> Dataset | Fault:
        with self.calls.one("drops.examine"):
            pinned = []
            for stored in folder.data:
                body = self.objects[stored.key].body
                if body == b"bad":
                    return Fault(Reason.FILE_UNREADABLE, f"{stored.name}: not readable")
                pinned.append(Pinned(stored, sha256(body).hexdigest()))
            if not pinned:
                return Fault(Reason.NO_ROWS, "the drop has no data files")
            return Dataset(
                model=model,
                bucket=self.bucket,
                prefix=folder.prefix,
                files=tuple(pinned),
                rows=len(pinned),
                probe=((0.0, 1.0),),
            )
