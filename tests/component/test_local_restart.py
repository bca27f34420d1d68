"""A server that was killed with -9 comes back with everything that it had answered."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

ROOT = Path(__file__).parents[2]
_DROP_FROM_BOUNDING_SET, _MAY_WRITE_ANYWHERE = 24, 1
"""prctl's number of the call, and Linux's of CAP_DAC_OVERRIDE."""


@dataclass
class Life:
    """One life of a server on a state folder."""

    state: Path
    options: tuple[str, ...] = ()
    ready_in: float = 0.0
    url: str = ""
    process: "subprocess.Popen[bytes]" = field(init=False)

    def begin(self) -> None:
        ready = self.state.with_name(f"{self.state.name}.ready")
        ready.unlink(missing_ok=True)
        words = ["--port", "0", "--state", str(self.state), "--ready-file", str(ready)]
        begun = time.monotonic()
        command = [sys.executable, "-m", "local", *words, "--time-scale", "600", *self.options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        while not ready.exists():
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < begun + 60, "the server is not ready within 60 s"
            time.sleep(0.01)
        self.ready_in = time.monotonic() - begun
        self.url = ready.read_text().strip()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]  # a name, not a literal
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )


@contextmanager
def a_life(state: Path) -> Iterator[Life]:
    life = Life(state)
    life.begin()
    try:
        yield life
    finally:
        with contextlib.suppress(ProcessLookupError):
            life.kill()


@pytest.fixture
def state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="restart-") as made:
        yield Path(made) / "state"


def test_ids_times_keys_and_bodies_are_the_same_after_a_kill(state: Path) -> None:
    with a_life(state) as life:
        before = told(life, made(life))
    with a_life(state) as life:
        after = told(life, before["made"])

    assert after == before


def made(life: Life) -> dict[str, Any]:
    """Something in every service that the stack uses of moto."""
    s3 = life.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="kept", Key="a b/é", Body=b"one")["VersionId"]
    s3.put_object(Bucket="kept", Key="a b/é", Body=os.urandom(200_000), Metadata={"x": "y"})
    upload = s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
    part = s3.upload_part(
        Bucket="kept", Key="parts", UploadId=upload, PartNumber=1, Body=b"z" * 100_000
    )
    s3.complete_multipart_upload(
        Bucket="kept",
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    filled(life)
    kms = life.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    life.client("ssm").put_parameter(Name="/kept", Value="v", Type="String")
    life.client("iam").create_role(RoleName="kept", AssumeRolePolicyDocument="{}")
    life.client("sns").create_topic(Name="kept")
    life.client("ecr").create_repository(repositoryName="kept")
    return {"first": first, "key": key, "sealed": sealed}


def filled(life: Life) -> None:
    """A table with an item that was changed, a queue with a message that was taken away."""
    dynamodb = life.client("dynamodb")
    dynamodb.create_table(
        TableName="kept",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="kept", Item={"k": {"S": "1"}, "n": {"N": "1"}})
    dynamodb.update_item(
        TableName="kept",
        Key={"k": {"S": "1"}},
        UpdateExpression="ADD n :one",
        ConditionExpression="n = :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    sqs = life.client("sqs")
    url = sqs.create_queue(QueueName="kept")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="taken away")
    taken = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=taken["ReceiptHandle"])
    sqs.send_message(QueueUrl=url, MessageBody="left")


def told(life: Life, made: dict[str, Any]) -> dict[str, Any]:
    """What the services tell of it."""
    s3 = life.client("s3")
    versions = s3.list_object_versions(Bucket="kept")["Versions"]
    url = life.client("sqs").get_queue_url(QueueName="kept")["QueueUrl"]
    attributes = life.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return {
        "made": made,
        "versions": versions,
        "first": s3.get_object(Bucket="kept", Key="a b/é", VersionId=made["first"])["Body"].read(),
        "second": s3.get_object(Bucket="kept", Key="a b/é")["Body"].read(),
        "parts": s3.get_object(Bucket="kept", Key="parts")["Body"].read(),
        "buckets": s3.list_buckets()["Buckets"],
        "items": life.client("dynamodb").scan(TableName="kept")["Items"],
        "table": life.client("dynamodb").describe_table(TableName="kept")["Table"],
        "queue": attributes["Attributes"],
        "opened": life.client("kms").decrypt(CiphertextBlob=made["sealed"])["Plaintext"],
        "parameter": life.client("ssm").get_parameter(Name="/kept")["Parameter"],
        "role": life.client("iam").get_role(RoleName="kept")["Role"],
        "topics": life.client("sns").list_topics()["Topics"],
        "repositories": life.client("ecr").describe_repositories()["repositories"],
    }


@pytest.mark.parametrize("seed", range(3))
def test_what_was_answered_is_there_whenever_the_server_is_killed(state: Path, seed: int) -> None:
    chance = Random(seed)
    answered: set[str] = set()
    for turn in range(2):
        with a_life(state) as life:
            if turn == 0:
                life.client("s3").create_bucket(Bucket="kept")
            assert keys(life) >= answered
            writer = Writer(life, f"{turn}")
            writer.start()
            writer.wrote(chance.randint(1, 60))
            life.kill()
            writer.join()
            answered |= writer.answered
    with a_life(state) as life:
        assert keys(life) >= answered


class Writer(threading.Thread):
    """Puts until nobody answers; knows what was answered."""

    def __init__(self, life: Life, name: str) -> None:
        super().__init__(name=f"writer-{name}")
        self._s3 = life.client("s3")
        self.answered: set[str] = set()

    def run(self) -> None:
        number = 0
        with contextlib.suppress(BotoCoreError, ClientError, HTTPClientError):
            while True:
                key = f"{self.name}/{number}"
                self._s3.put_object(Bucket="kept", Key=key, Body=key.encode() * (number % 3 * 9000))
                self.answered.add(key)
                number += 1

    def wrote(self, count: int) -> None:
        while len(self.answered) < count:
            assert self.is_alive(), "the writer ended"
            time.sleep(0.001)


def keys(life: Life) -> set[str]:
    pages = life.client("s3").get_paginator("list_objects_v2").paginate(Bucket="kept")
    return {each["Key"] for page in pages for each in page.get("Contents", [])}


def test_a_folder_in_use_is_one_clear_line(state: Path) -> None:
    with a_life(state):
        assert refused(state) == f"{state} is used by another server; choose another"


def test_a_folder_that_cannot_be_written_is_one_clear_line(state: Path) -> None:
    state.write_text("a file")

    assert refused(state) == f"{state} cannot be written: File exists; choose another"


def test_a_folder_that_is_read_only_is_one_clear_line(tmp_path: Path) -> None:
    above = tmp_path / "above"
    above.mkdir(mode=0o500)

    said = refused(above / "state", before=without_root_rights)

    assert said == f"{above / 'state'} cannot be written: Permission denied; choose another"


def test_a_state_that_became_read_only_is_one_clear_line(state: Path) -> None:
    with a_life(state):
        pass
    for path in (*state.iterdir(), state):
        path.chmod(0o500 if path.is_dir() else 0o400)

    said = refused(state, before=without_root_rights)

    assert said == f"{state} cannot be written: Permission denied; choose another"


def without_root_rights() -> None:
    """Take from a child of root what lets it write anywhere; others cannot anyway."""
    ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDING_SET, _MAY_WRITE_ANYWHERE)


def test_a_damaged_file_is_set_aside_and_named(state: Path) -> None:
    state.mkdir()
    (state / "state.db").write_bytes(b"no database at all" * 100)
    said = subprocess.Popen(command(state), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert said.stderr is not None  # a pipe was asked for
    line = said.stderr.readline()
    said.kill()
    said.communicate()

    (aside,) = state.glob("state.db.damaged-*")
    assert line == f"{state}/state.db was damaged; it is kept as {aside}\n"


def test_the_port_is_that_of_the_life_before(state: Path) -> None:
    with a_life(state) as first:
        pass
    with a_life(state) as second:
        assert second.url == first.url


def test_another_port_is_taken_when_that_of_the_life_before_is_not_free(state: Path) -> None:
    with a_life(state) as first:
        pass
    port = int(first.url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)), a_life(state) as second:
        assert second.url != first.url


def test_what_dead_processes_left_is_deleted_at_the_start(state: Path) -> None:
    left = state / "sagemaker" / "endpoints" / "dead" / "1"
    left.mkdir(parents=True)
    with a_life(state):
        assert not left.exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_either_name_of_this_machine_reaches_it(state: Path, host: str) -> None:
    with a_life(state) as life:
        life.url = life.url.replace("127.0.0.1", host)
        assert life.client("s3").list_buckets()["Buckets"] == []


def refused(state: Path, before: Callable[[], None] | None = None) -> str:
    """The one line with which a server declines to start."""
    done = subprocess.run(
        command(state), cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=before
    )
    assert done.returncode == 2
    return done.stderr.removesuffix("\n")


def command(state: Path) -> list[str]:
    return [sys.executable, "-m", "local", "--port", "0", "--state", str(state)]
