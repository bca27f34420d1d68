"""Every refusal is one line with a stable code, and exit status 2."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import errors
from cli.deploy import Cdk
from cli.embedded import start
from cli.main import app, main
from cli.up import alone, check_models

VERBS = [
    "approve",
    "down",
    "drop",
    "invoke",
    "logs",
    "plan",
    "rollback",
    "runs",
    "show",
    "status",
    "train",
    "up",
    "verify",
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
        (["up", "--port", "99999"], "BAD_INPUT"),
        (["up", "--time-scale", "0"], "BAD_INPUT"),
        (["up", "--models", "nowhere"], "BAD_DEFINITION"),
        (["--profile", "somebody", "down"], "BAD_INPUT"),
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
        "AWS_REFUSED",
        "BAD_DEFINITION",
        "BAD_INPUT",
        "BUSY",
        "DEPLOY_FAILED",
        "ENDED_BADLY",
        "EVIDENCE_BROKEN",
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


def test_a_process_that_merely_has_the_number_is_left_alone(sluice: Sluice) -> None:
    Path(".sluice").mkdir()
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    told = {"url": "http://127.0.0.1:1", "pid": other.pid, "time_scale": 1}
    Path(".sluice/local.json").write_text(json.dumps(told))

    status, _ = sluice("down")

    assert status == 0
    assert other.poll() is None
    assert not Path(".sluice/local.json").exists()
    other.communicate()


@pytest.mark.parametrize("written", ["[]", '{"url": 1}', "nonsense", '{"pid": "x"}'])
def test_what_cannot_be_read_counts_as_nothing_being_up(sluice: Sluice, written: str) -> None:
    Path(".sluice").mkdir()
    Path(".sluice/local.json").write_text(written)

    assert sluice("status")[1].startswith("NOT_UP: ")


def test_without_a_verb_the_help_is_the_answer(sluice: Sluice) -> None:
    assert sluice() == (0, "")


def test_a_model_that_cannot_be_deployed_is_told_before_anything_begins(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "digits"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text("")

    with pytest.raises(errors.BadDefinitionError, match=r"model\.toml: no such file"):
        check_models(tmp_path / "models")


def test_two_cannot_bring_up_in_one_folder(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(errors.BusyError), alone(tmp_path):
        pass


def test_what_app_py_refuses_keeps_its_code(tmp_path: Path) -> None:
    said = "Bundling\nUNKNOWN_STAGE: no stage 'x'; choose one of dev, prod\nSubprocess exited\n"
    call = subprocess.Popen(
        [sys.executable, "-c", f"print({said!r}, end=''); raise SystemExit(1)"],
        stdout=subprocess.PIPE,
        text=True,
    )

    with pytest.raises(errors.EndedBadlyError, match=r"^UNKNOWN_STAGE: no stage 'x'; choose"):
        Cdk(tmp_path, "x", tmp_path).finish("synth", call)
