"""Every refusal is one line with a stable code, and exit status 2."""

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import errors
from cli.deploy import Cdk
from cli.embedded import start
from cli.main import app, main

VERBS = [
    "approve",
    "down",
    "drop",
    "invoke",
    "logs",
    "rollback",
    "runs",
    "show",
    "status",
    "train",
    "up",
]

Sluice = Callable[..., tuple[int, str]]


@pytest.fixture
def sluice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Sluice:
    """Runs the command in an empty folder without credentials: its status and standard error."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["sluice", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return int(left.value.code or 0), capsys.readouterr().err

    return run


def test_the_verbs_are_these() -> None:
    names = (command.callback.__name__ for command in app.registered_commands if command.callback)

    assert sorted(names) == VERBS


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["status"], "NOT_UP"),
        (["runs"], "NOT_UP"),
        (["drop", "digits", "x"], "NOT_UP"),
        (["--profile", "nobody", "status"], "NO_CREDENTIALS"),
        (["juggle"], "BAD_INPUT"),
        (["approve", "digits", "two"], "BAD_INPUT"),
        (["drop"], "BAD_INPUT"),
    ],
)
def test_a_refusal_is_one_line_with_its_code(
    sluice: Sluice, arguments: list[str], code: str
) -> None:
    status, said = sluice(*arguments)

    assert status == 2
    assert said.startswith(f"{code}: ")
    assert said.count("\n") == 1


def test_an_embedded_aws_that_died_is_called_gone(sluice: Sluice) -> None:
    Path(".sluice").mkdir()
    gone = {"url": "http://127.0.0.1:1", "pid": 2**22 - 3, "time_scale": 1}
    Path(".sluice/local.json").write_text(json.dumps(gone))

    status, said = sluice("status")

    assert (status, said.split(":")[0]) == (2, "UNREACHABLE")


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(errors.PortBusyError, match=rf"PORT_BUSY: port {port} .* --port"):
            start(tmp_path, port=port, time_scale=1)

    assert not (tmp_path / "local.json").exists()


def test_a_missing_tool_is_named_with_what_installs_it(tmp_path: Path) -> None:
    cdk = Cdk(tmp_path, "dev", tmp_path, root=tmp_path)

    with pytest.raises(errors.ToolMissingError, match=r"TOOL_MISSING: cdk: .*make setup"):
        cdk.check()


def test_codes_are_stable_and_differ() -> None:
    codes = [error.code for error in errors.CliError.__subclasses__()]

    assert sorted(codes) == [
        "BAD_INPUT",
        "DEPLOY_FAILED",
        "NOTHING_TO_DO",
        "NOT_DEPLOYED",
        "NOT_FOUND",
        "NOT_UP",
        "NO_CREDENTIALS",
        "PORT_BUSY",
        "TIMED_OUT",
        "TOOL_MISSING",
        "UNKNOWN_MODEL",
        "UNREACHABLE",
    ]
