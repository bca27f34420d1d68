"""The home of the command over a stage in memory: every verb without an AWS."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cli.home import Home
from functions.aws.bus import Bus
from functions.aws.definitions import Definitions
from functions.aws.endpoints import Endpoints
from functions.aws.ledger import Ledger
from functions.aws.objects import Objects
from functions.aws.registry import Registry
from tests.builders import MODEL
from tests.fakes.stage import Stage


@dataclass
class FakeS3:
    """Takes uploads; a drop's arrive on the stage when its manifest does."""

    stage: Stage
    put: dict[str, bytes] = field(default_factory=dict)

    def upload_file(self, path: str, _bucket: str, key: str, **_: Any) -> None:
        self.put[key] = Path(path).read_bytes()

    def put_object(self, *, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803  # boto3's
        self.put[Key] = Body
        parts = Key.split("/")
        if parts[0] == "drops":
            prefix = Key.removesuffix(parts[-1])
            found = {k.removeprefix(prefix): v for k, v in self.put.items() if k.startswith(prefix)}
            self.stage.upload(parts[2], found, model=MODEL)


class FakeHome(Home):
    """A stage as the command sees it."""

    def __init__(self, stage: Stage) -> None:
        self.s3 = FakeS3(stage)
        super().__init__("dev", lambda _service: self.s3, where="the stage in memory")
        self.played = stage

    @cached_property
    def outputs(self) -> dict[str, str]:
        return {"DataBucket": "data", "ArtifactBucket": "artifacts"}

    @cached_property
    def ledger(self) -> Ledger:
        return self.played.ledger

    @cached_property
    def bus(self) -> Bus:
        return self.played.bus

    @cached_property
    def objects(self) -> Objects:
        return self.played.objects

    @cached_property
    def registry(self) -> Registry:
        return self.played.registry

    @cached_property
    def endpoints(self) -> Endpoints:
        return self.played.endpoints

    @cached_property
    def definitions(self) -> Definitions:
        return self.played.definitions
