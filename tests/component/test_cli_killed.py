"""What a killed `sluice up` leaves, and how the next one knows what is left to do."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from cli.deployed import Deployed, sources
from cli.embedded import awaited, start, stop
from cli.guard import end, guarded
from cli.home import Local

ROOT = Path(__file__).parents[2]
_BEGIN = """
import os, sys, time
from pathlib import Path
from cli.guard import guarded
script = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
call = guarded([sys.executable, "-c", script], cwd=Path.cwd(), environment=os.environ)
print(call.stdout.readline(), flush=True)
time.sleep(600)
"""


def test_a_call_ends_with_the_killed_process_that_began_it() -> None:
    caller = subprocess.Popen(
        [sys.executable, "-c", _BEGIN], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert caller.stdout is not None
    call = psutil.Process(int(caller.stdout.readline()))

    caller.kill()
    caller.communicate()

    assert psutil.wait_procs([call], timeout=20)[1] == []


def test_a_call_that_is_ended_leaves_nothing(tmp_path: Path) -> None:
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    call = guarded([sys.executable, "-c", script], cwd=tmp_path, environment=os.environ)
    assert call.stdout is not None
    command = psutil.Process(int(call.stdout.readline()))

    end(call)
    call.communicate()

    assert psutil.wait_procs([command], timeout=20)[1] == []


def test_a_call_tells_what_its_command_says_and_how_it_ends(tmp_path: Path) -> None:
    script = "import sys; print('out', flush=True); sys.stderr.write('err'); raise SystemExit(3)"
    call = guarded([sys.executable, "-c", script], cwd=tmp_path, environment=os.environ)

    assert call.communicate()[0] == "out\nerr"
    assert call.returncode == 3


@pytest.mark.parametrize("changed", ["functions/new.py", "app.py", "constraints.txt"])
def test_other_sources_are_to_be_deployed(tmp_path: Path, changed: str) -> None:
    before = _sources(tmp_path)
    (tmp_path / "root" / changed).write_text("else")

    assert _sources(tmp_path) != before


def test_another_model_is_to_be_deployed(tmp_path: Path) -> None:
    before = _sources(tmp_path)
    (tmp_path / "models" / "digits" / "model.py").write_text("else")

    assert _sources(tmp_path) != before


def test_the_same_sources_are_known_again(tmp_path: Path) -> None:
    before = _sources(tmp_path)
    (tmp_path / "root" / "tests" / "new.py").write_text("no source of anything deployed")

    assert _sources(tmp_path) == before


def test_what_was_deployed_is_read_back(tmp_path: Path) -> None:
    assert Deployed.read(tmp_path) is None
    Deployed("digest", "stack").write(tmp_path)

    assert Deployed.read(tmp_path) == Deployed("digest", "stack")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it outlives us
def test_one_that_was_still_starting_is_waited_for(tmp_path: Path) -> None:
    server = start(tmp_path, port=0, time_scale=1.0)
    try:
        replace(server, url="").write(tmp_path)  # as a killed `up` leaves it

        assert awaited(tmp_path, replace(server, url="")) == server
        assert Local.read(tmp_path) == server
    finally:
        stop(tmp_path)


def _sources(folder: Path) -> str:
    root, models = folder / "root", folder / "models"
    for place in (root / "functions", root / "tests", models / "digits"):
        place.mkdir(parents=True, exist_ok=True)
    return sources(root, models, "dev")
