"""Which AWS the command speaks to: the embedded one when it is up, else an account."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from cli.errors import CredentialsError, NotDeployedError, NotUpError, UnreachableError
from functions.aws.bus import Bus
from functions.aws.definitions import Definitions
from functions.aws.endpoints import Endpoints
from functions.aws.ledger import Ledger
from functions.aws.objects import Objects
from functions.aws.registry import Registry
from functions.names import Names
from functions.places import Places

FOLDER = Path(".sluice")
LOCAL = "local.json"
COMMAND = "-m local "
"""What the command line of an embedded AWS contains."""
REGION = "us-east-1"


def command_line(pid: int) -> str:
    """The words that started a process; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        if Path("/proc/self").exists():
            return ""
    done = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout


@dataclass(frozen=True)
class Local:
    """The embedded AWS that runs, as `sluice up` wrote it down."""

    url: str
    pid: int
    time_scale: float

    @classmethod
    def read(cls, folder: Path) -> "Local | None":
        """None when none was written down, or what was is not readable."""
        try:
            told = json.loads((folder / LOCAL).read_text("utf-8"))
            return cls(str(told["url"]), int(told["pid"]), float(told["time_scale"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def alive(self) -> bool:
        """Whether its process is there, and is ours: a number may be somebody else's by now."""
        return COMMAND in command_line(self.pid)

    def write(self, folder: Path) -> None:
        told = {"url": self.url, "pid": self.pid, "time_scale": self.time_scale}
        partial = folder / f"{LOCAL}.partial"
        partial.write_text(json.dumps(told), "utf-8")
        partial.rename(folder / LOCAL)


@dataclass(frozen=True)
class Home:
    """One stage in one AWS."""

    stage: str
    connect: Callable[[str], Any]
    """Makes the boto3 client of a service."""
    where: str
    """For people: the profile, or the URL."""
    embedded: bool = False

    @property
    def names(self) -> Names:
        return Names(f"sluice-{self.stage}")

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs; raises NotDeployedError."""
        name = f"Sluice-{self.stage}"
        try:
            stacks = self.connect("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                raise NotDeployedError(
                    f"{self.where} has no stack {name}; deploy it with"
                    f" `sluice --stage {self.stage} up` or, on an account,"
                    f" `npx cdk deploy -c stage={self.stage}`"
                ) from error
            raise
        return {o["OutputKey"]: o["OutputValue"] for o in stacks[0].get("Outputs", [])}

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.connect("dynamodb"), self.outputs["LedgerTable"])

    @cached_property
    def bus(self) -> Bus:
        return Bus(self.connect("events"), self.outputs["BusName"])

    @cached_property
    def objects(self) -> Objects:
        return Objects(self.connect("s3"))

    @cached_property
    def registry(self) -> Registry:
        return Registry(self.connect("sagemaker"), self.names)

    @cached_property
    def endpoints(self) -> Endpoints:
        return Endpoints(self.connect("sagemaker"), self.connect("sagemaker-runtime"), self.names)

    @cached_property
    def definitions(self) -> Definitions:
        return Definitions(self.connect("ssm"), self.names, self.objects)

    @property
    def places(self) -> Places:
        return Places(self.outputs["ArtifactBucket"])


def embedded(local: Local, stage: str) -> Home:
    """The embedded AWS as a home, whatever profile or proxy the environment names."""
    plain = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    session = boto3.Session(
        aws_access_key_id="local",
        aws_secret_access_key="local",  # the embedded AWS checks none
        region_name=REGION,
        botocore_session=plain,
    )
    config = Config(retries={"mode": "standard", "max_attempts": 2}, connect_timeout=3, proxies={})

    def connect(service: str) -> Any:
        make: Callable[..., Any] = session.client
        return make(service, endpoint_url=local.url, config=config)

    return Home(stage, connect, where=f"the embedded AWS at {local.url}", embedded=True)


def account(profile: str | None, region: str | None, stage: str) -> Home:
    """An account by ordinary AWS credentials; raises CredentialsError."""
    try:
        session = boto3.Session(profile_name=profile, region_name=region or None)
        credentials = session.get_credentials()
    except Exception as error:
        raise CredentialsError(
            f"profile {_named(profile)!r}: {error}; see `aws configure`"
        ) from error
    if credentials is None:
        raise CredentialsError(
            f"profile {_named(profile)!r} has no credentials; see `aws configure`"
        )
    if session.region_name is None:
        raise CredentialsError("no region is set; say --region or set AWS_REGION")
    make: Callable[..., Any] = session.client
    return Home(stage, make, where=f"account of profile {_named(profile)}")


def _named(profile: str | None) -> str:
    return profile or os.environ.get("AWS_PROFILE") or "default"


def choose(*, profile: str | None, region: str | None, stage: str, folder: Path = FOLDER) -> Home:
    """The embedded AWS unless a profile is named or none is up; raises CliError."""
    local = Local.read(folder)
    if profile is None and local is not None:
        _answering(local)
        return embedded(local, stage)
    if profile is None and not (
        os.environ.get("AWS_PROFILE") or os.environ.get("AWS_ACCESS_KEY_ID")
    ):
        raise NotUpError(
            "no embedded AWS is up here and no account is named; run `sluice up`,"
            " or say --profile NAME"
        )
    return account(profile, region, stage)


def _answering(local: Local) -> None:
    if not local.alive:
        raise UnreachableError(
            f"the embedded AWS at {local.url} is gone (process {local.pid}); run `sluice up`"
        )
    if not local.url:
        raise UnreachableError("the embedded AWS is still starting; wait for `sluice up` to end")
