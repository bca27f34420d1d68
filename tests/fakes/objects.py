"""S3 objects in memory, by URI."""

import json

from functions.aws.objects import Objects
from tests.fakes.calls import Calls


class FakeObjects(Objects):
    """Small documents."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.kept: dict[str, bytes] = {}
        self.empty: set[str] = set()
        """Folders in which there is nothing."""

    def read(self, uri: str) -> bytes | None:
        with self.calls.one("objects.read"):
            return self.kept.get(uri)

    def any_in(self, folder: str) -> bool:
        with self.calls.one("objects.any_in"):
            return folder not in self.empty

    def write_json(self, uri: str, value: object) -> None:
        with self.calls.one("objects.write_json"):
            self.kept[uri] = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
