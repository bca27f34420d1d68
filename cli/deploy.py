"""The real CDK command line: synthesize, bootstrap, deploy."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cli.errors import DeployError, EndedBadlyError, ToolMissingError
from cli.guard import guarded
from cli.home import REGION, Local

ROOT = Path(__file__).resolve().parents[1]
ACCOUNT = "123456789012"
"""The account number of the embedded AWS."""
_OURS = re.compile(r"([A-Z]+(?:_[A-Z]+)+): (.+)")
"""A refusal of app.py: a code of ours and what to do."""
_TELLING = ("_FAILED", "ERROR", "Error:", "❌", ": fail: ")
_STRANGE = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")


@dataclass(frozen=True)
class Cdk:
    """CDK calls against one embedded AWS, with everything they write under `folder`."""

    folder: Path
    stage: str
    models: Path
    root: Path = ROOT

    @property
    def assembly(self) -> Path:
        return self.folder.resolve() / "cdk.out" / self.stage

    @property
    def scratch(self) -> Path:
        """Temporary files of the calls; what a killed one left goes with the next `up`."""
        return self.folder.resolve() / "tmp"

    def check(self) -> None:
        """Raises ToolMissingError naming what is not installed."""
        for tool, how in (
            (self._cdk, "the CDK command line is not installed; run `make setup`"),
            (self._bin / "node", "Node.js is not in the virtual environment; run `make setup`"),
        ):
            if not tool.exists():
                raise ToolMissingError(f"{tool.name}: {how}")

    def synth(self) -> "subprocess.Popen[str]":
        """Begin to synthesize; `finish` waits for it."""
        return self._begin(
            *("synth", "--quiet", "--output", str(self.assembly)),
            *("--app", f"{sys.executable} {self.root / 'app.py'}"),
            *("--context", f"stage={self.stage}", "--context", f"models={self.models.resolve()}"),
            cwd=self.root,
        )

    def bootstrap(self, local: Local) -> "subprocess.Popen[str]":
        """Begin to bootstrap the account."""
        return self._begin(
            *("bootstrap", f"aws://{ACCOUNT}/{REGION}"), cwd=self.folder, local=local
        )

    def deploy(self, local: Local) -> "subprocess.Popen[str]":
        """Begin to deploy what was synthesized."""
        return self._begin(
            *("deploy", "--all", "--app", str(self.assembly), "--method=direct"),
            *("--require-approval", "never", "--progress", "events"),
            cwd=self.folder,
            local=local,
        )

    def finish(self, what: str, process: "subprocess.Popen[str]") -> str:
        """What a call said; raises app.py's own refusal, or DeployError with a telling line."""
        said, _ = process.communicate()
        (self.folder / f"{what}.log").write_text(said, "utf-8")
        if process.returncode == 0:
            return said
        refused = [match for line in said.splitlines() if (match := _OURS.fullmatch(line.strip()))]
        if refused:
            raise EndedBadlyError(*refused[-1].groups())
        raise DeployError(f"cdk {what}: {_telling(said)}; all of it: {self.folder}/{what}.log")

    @property
    def _bin(self) -> Path:
        return Path(sys.executable).parent

    @property
    def _cdk(self) -> Path:
        return self.root / "node_modules" / ".bin" / "cdk"

    def _begin(
        self, *arguments: str, cwd: Path, local: Local | None = None
    ) -> "subprocess.Popen[str]":
        environment = {
            **os.environ,
            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(self.scratch),
            "CDK_DISABLE_VERSION_CHECK": "1",
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        }
        if local is not None:
            environment |= {
                "AWS_ENDPOINT_URL": local.url,
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
                "AWS_REGION": REGION,
                "AWS_EC2_METADATA_DISABLED": "true",
            }
            environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
            for name in _STRANGE:
                environment.pop(name, None)
        return guarded([str(self._cdk), *arguments], cwd=cwd, environment=environment)


def _telling(said: str) -> str:
    """The line of CDK's output that says what went wrong."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marked = [
        line
        for line in lines
        if any(mark in line for mark in _TELLING) and not line.endswith("AggregateError:")
    ]
    return (marked or lines or ["it said nothing"])[-1]
