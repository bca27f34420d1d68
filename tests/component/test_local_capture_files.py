"""Captured lines on their way to S3: bounded in size, whole, and never more than there is room."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.clock import Clock
from local.cloud import Account
from local.images import Images
from local.sagemaker import capture_files
from local.sagemaker.capture_files import CaptureFiles
from local.sagemaker.parts import Parts
from local.store import Store
from tests.component.test_local_fleet import Bus, Logs
from tests.fakes.embedded_aws import RecordedMetrics, eventually

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
PLACE = ("s3://bucket/all", "endpoint", "variant")


@dataclass
class S3:
    """Takes objects while it is `open`."""

    objects: dict[str, bytes] = field(default_factory=dict)
    open: threading.Event = field(default_factory=threading.Event)
    code: str = ""
    refused: int = 0

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:  # noqa: N803  # boto3's names
        if self.code:
            self.refused += 1
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "PutObject")
        if not self.open.is_set():
            self.refused += 1
            raise EndpointConnectionError(endpoint_url=Bucket)
        self.objects[Key] = Body
        return {}


@dataclass
class World:
    parts: Parts
    s3: S3
    made: list[CaptureFiles] = field(default_factory=list)

    def files(self) -> CaptureFiles:
        files = CaptureFiles(self.parts)
        files.start()
        self.made.append(files)
        return files

    @property
    def folder(self) -> Path:
        return self.parts.state / "captured"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    s3 = S3()
    account = Account("http://127.0.0.1:1", store=Store(), _clients={"s3": s3})
    parts = Parts(
        account, Clock(600), Bus(), RecordedMetrics(), Logs(), Images([]), tmp_path / "state"
    )
    world = World(parts, s3)
    yield world
    for files in world.made:
        files.stop()


def test_lines_of_an_hour_share_an_object_and_hours_do_not(world: World) -> None:
    files = world.files()
    for at in (AT, AT, AT.replace(hour=10)):
        files.take(*PLACE, at, b"line\n")

    world.s3.open.set()

    eventually(lambda: len(world.s3.objects) == 2)
    bodies = {key.rpartition("/")[0]: body for key, body in world.s3.objects.items()}
    assert bodies == {
        "all/endpoint/variant/2026/03/01/09": b"line\nline\n",
        "all/endpoint/variant/2026/03/01/10": b"line\n",
    }


def test_a_large_file_is_followed_by_another(world: World) -> None:
    files = world.files()
    line = b"x" * (1024 * 1024) + b"\n"
    for _ in range(8):
        files.take(*PLACE, AT, line)

    world.s3.open.set()

    eventually(lambda: sum(map(len, world.s3.objects.values())) == 8 * len(line))
    assert max(map(len, world.s3.objects.values())) < capture_files._LARGEST + len(line)


def test_what_s3_does_not_take_is_kept_until_it_does(world: World) -> None:
    world.files().take(*PLACE, AT, b"line\n")
    eventually(lambda: world.s3.refused > 1)

    world.s3.open.set()

    eventually(lambda: world.s3.objects)
    eventually(lambda: not list(world.folder.iterdir()))


def test_what_another_life_left_is_sent_up_to_its_last_whole_line(world: World) -> None:
    first = world.files()
    first.take(*PLACE, AT, b"whole\n")
    first.stop()
    (left,) = world.folder.iterdir()
    with left.open("ab") as file:
        file.write(b"half")
    world.s3.open.set()

    world.files()

    eventually(lambda: list(world.s3.objects.values()) == [b"whole\n"])


def test_what_is_for_a_bucket_that_is_not_there_is_given_up(world: World) -> None:
    world.s3.code = "NoSuchBucket"

    world.files().take(*PLACE, AT, b"line\n")

    eventually(lambda: world.s3.refused == 1 and not list(world.folder.iterdir()))


def test_what_waits_for_s3_never_fills_the_disk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_files, "_MOST_WAITING", 100)
    files = world.files()
    for _ in range(50):
        files.take(*PLACE, AT, b"123456789\n")

    assert sum(path.stat().st_size for path in world.folder.iterdir()) == 100
    world.s3.open.set()
    eventually(lambda: not list(world.folder.iterdir()))
    files.take(*PLACE, AT, b"again\n")

    eventually(lambda: b"again\n" in world.s3.objects.values())
