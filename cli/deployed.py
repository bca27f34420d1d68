"""What was deployed last: with the same sources and the same stack there is nothing to do."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from cli.errors import DeployError
from cli.home import Local, embedded

DEPLOYED = "deployed.json"
_ELSEWHERE = frozenset({"node_modules", "tests", "docs", "bench", "cdk.out", "build"})
"""Folders that nothing deployed comes from."""
_CALM = 300.0
_POLL = 0.2
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


@dataclass(frozen=True)
class Deployed:
    """Sources by their digest, and the stack as the deployment left it."""

    sources: str
    stack: str

    @classmethod
    def read(cls, folder: Path) -> "Deployed | None":
        """None when nothing readable was written down."""
        try:
            told = json.loads((folder / DEPLOYED).read_text("utf-8"))
            return cls(str(told["sources"]), str(told["stack"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        partial = folder / f"{DEPLOYED}.partial"
        partial.write_text(json.dumps({"sources": self.sources, "stack": self.stack}), "utf-8")
        partial.rename(folder / DEPLOYED)


def sources(root: Path, models: Path, stage: str) -> str:
    """A digest of everything that synthesizing reads."""
    digest = hashlib.sha256(f"{stage}\0{sys.executable}\0{sys.version}".encode())
    for folder in (root, models.resolve()):
        for path in _files(folder):
            digest.update(f"\0{path.relative_to(folder)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def stack_as_it_is(local: Local, stage: str) -> str:
    """The identity of the stage's stack and of its last update; nothing unless it stands whole."""
    for stack in _stacks(local, f"Sluice-{stage}"):
        if stack["StackStatus"] in _DONE:
            return f"{stack['StackId']} {stack.get('LastUpdatedTime', '')}"
    return ""


def is_bootstrapped(local: Local) -> bool:
    """Whether CDK's own stack stands there, from an earlier life perhaps."""
    return any(s["StackStatus"].endswith(_DONE) for s in _stacks(local, "CDKToolkit"))


def calm(local: Local, within: float = _CALM) -> None:
    """Wait for what a killed deployment had begun: nothing can be deployed before."""
    deadline = time.monotonic() + within
    while busy := [stack["StackName"] for stack in _stacks(local) if _is_busy(stack)]:
        if time.monotonic() > deadline:
            raise DeployError(f"stack {busy[0]} is still at work after {within:.0f} s")
        time.sleep(_POLL)


def _is_busy(stack: dict[str, Any]) -> bool:
    status = stack["StackStatus"]
    return str(status).endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def _stacks(local: Local, name: str | None = None) -> list[dict[str, Any]]:
    formation = embedded(local, "").connect("cloudformation")
    try:
        found = formation.describe_stacks(**({} if name is None else {"StackName": name}))
    except ClientError as error:
        if "does not exist" in str(error):
            return []
        raise
    return list(found["Stacks"])


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if _counts(each))
        for name in sorted(names):
            if not name.startswith(".") and (path := Path(place, name)).is_file():
                yield path


def _counts(folder: str) -> bool:
    return not (folder.startswith((".", "__")) or folder in _ELSEWHERE)
