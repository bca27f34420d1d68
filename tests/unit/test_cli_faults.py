"""`sluice faults`: what the words of the command line become, and what it says."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.errors import BadInputError
from cli.faults import wish_of
from cli.home import COMMAND
from cli.main import main
from local.clock import Clock
from local.faults import Faults
from local.http_server import HttpServer

Sluice = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sluice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Sluice:
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sluice", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def up(sluice: Sluice) -> Iterator[None]:
    """An embedded AWS that knows nothing but faults, and a process that stands for its own."""
    server = HttpServer(0, Faults(Clock()).answer)
    server.start()
    Path(".sluice").mkdir()
    words = [sys.executable, "-c", "input()", *COMMAND.split(), ""]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        told = {"url": f"http://127.0.0.1:{server.port}", "pid": process.pid, "time_scale": 1}
        Path(".sluice/local.json").write_text(json.dumps(told))
        yield
        process.kill()
    server.stop()


def test_words_become_a_wish_with_numbers_where_they_belong() -> None:
    assert wish_of("throttle", ["service=sqs", "name=12", "count=3", "probability=0.5"]) == {
        "kind": "throttle",
        "service": "sqs",
        "name": "12",
        "count": 3,
        "probability": 0.5,
    }


@pytest.mark.parametrize("word", ["service", "=x", "count=", "count=many"])
def test_a_word_that_says_nothing_is_refused(word: str) -> None:
    with pytest.raises(BadInputError):
        wish_of("throttle", [word])


@pytest.mark.usefixtures("up")
def test_a_fault_is_added_listed_and_taken_back(sluice: Sluice) -> None:
    added = json.loads(sluice("faults", "add", "lose", "source=app", "--json")[1])
    listed: list[dict[str, Any]] = json.loads(sluice("faults", "list", "--json")[1])
    cleared = sluice("faults", "clear", added["id"])

    expected = {"kind": "lose", "source": "app", "struck": 0, "left": 1}
    assert listed == [{"id": added["id"], **expected}]
    assert cleared[:2] == (0, "1 taken back\n")
    assert "nothing goes wrong" in sluice("faults", "list")[1]


@pytest.mark.usefixtures("up")
def test_the_list_for_people_says_what_each_is_about(sluice: Sluice) -> None:
    sluice("faults", "add", "throttle", "service=sagemaker", "probability=0.5")

    said = sluice("faults", "list")[1]

    assert "service=sagemaker probability=0.5" in said
    assert "always" in said


@pytest.mark.usefixtures("up")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["add", "quake"], "BAD_INPUT: kind 'quake' is not there; "),
        (["add", "lose", "colour=red"], "BAD_INPUT: lose knows no 'colour'; "),
        (["clear", "f9"], "NOT_FOUND: there is no fault 'f9'"),
    ],
)
def test_what_the_embedded_aws_refuses_is_one_line(
    sluice: Sluice, arguments: list[str], line: str
) -> None:
    status, _, said = sluice("faults", *arguments)

    assert status == 2
    assert said.startswith(line)
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["faults", "list"], "NOT_UP"),
        (["--profile", "somebody", "faults", "clear"], "BAD_INPUT"),
        (["faults", "juggle"], "BAD_INPUT"),
    ],
)
def test_without_an_embedded_aws_there_is_nothing_to_disturb(
    sluice: Sluice, arguments: list[str], code: str
) -> None:
    status, _, said = sluice(*arguments)

    assert (status, said.split(":")[0]) == (2, code)
