"""Who is checked: an embedded AWS that is started for it, or the account of the environment."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

TIME_SCALE = 600
ROOT = Path(__file__).parents[2]
CONTAINER = Path(__file__).with_name("container.py")


@dataclass(frozen=True)
class Target:
    """An AWS to ask; without a URL it is the account that boto3 finds by itself."""

    url: str | None

    @property
    def real(self) -> bool:
        return self.url is None

    @cached_property
    def account(self) -> str:
        return str(self.client("sts").get_caller_identity()["Account"])

    @cached_property
    def region(self) -> str:
        return str(self.client("sts").meta.region_name)

    def client(self, service: str, **settings: Any) -> Any:
        """A boto3 client that tries once: a refusal is to be seen as it came."""
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        config = config.merge(Config(**settings))
        if self.url is None:
            return boto3.client(service, config=config)  # type: ignore[call-overload]  # a name, not a literal
        return boto3.client(  # type: ignore[call-overload]  # a name, not a literal
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=config,
        )

    def name(self, prefix: str = "conformance") -> str:
        """A name that nobody else has."""
        return f"{prefix}-{uuid4().hex[:12]}"


@contextmanager
def embedded(*options: str, folder: Path | None = None) -> Iterator[Target]:
    """An embedded AWS of its own, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as made:
        state = folder or Path(made)
        ready = Path(made) / "url.txt"
        words = ["-m", "local", "--port", "0", "--state", str(state), "--ready-file", str(ready)]
        words += ["--time-scale", str(TIME_SCALE), *options]
        with subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE) as server:
            try:
                yield Target(_url(server, ready))
            finally:
                server.terminate()
                server.wait(30)


def _url(server: "subprocess.Popen[bytes]", ready: Path) -> str:
    deadline = time.monotonic() + 60
    while not ready.exists():
        assert server.poll() is None, f"the embedded AWS ended with {server.returncode}"
        assert time.monotonic() < deadline, "the embedded AWS is not ready within 60 s"
        time.sleep(0.02)
    return ready.read_text().strip()


@contextmanager
def chosen() -> Iterator[Target]:
    """`SLUICE_CONFORMANCE=aws` asks the account of the environment, everything else our own."""
    if os.environ.get("SLUICE_CONFORMANCE") == "aws":
        yield Target(None)
        return
    with embedded("--image", f'conformance="{sys.executable}" "{CONTAINER}"') as target:
        yield target


def refusal(call: Any, *given: Any, **request: Any) -> tuple[str, str]:
    """The code and the text with which AWS refuses a call; AssertionError when it does not."""
    try:
        call(*given, **request)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError(f"{given or request} was accepted")
