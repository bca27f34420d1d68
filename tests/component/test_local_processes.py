"""Children of the embedded AWS."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.processes import Child
from tests.fakes.embedded_aws import eventually
from tests.fakes.processes import is_alive


@pytest.mark.parametrize("niceness", [0, 7])
def test_a_child_is_as_nice_as_it_was_told_to_be(tmp_path: Path, niceness: int) -> None:
    said: list[str] = []

    child = Child(
        [sys.executable, "-c", "import os; print(os.nice(0))"],
        environment={},
        cwd=tmp_path,
        line=said.append,
        niceness=niceness,
    )

    assert child.wait(30) == 0
    assert said == [str(min(19, os.nice(0) + niceness))]


SERVER = """
import os, signal, time
from pathlib import Path
from local.processes import Child
from tests.fakes.embedded_aws import eventually

said = []
environment = {"PATH": os.environ["PATH"]}
Child(
    ["sh", "-c", "sleep 300 & echo $!; wait"],
    environment=environment, cwd=Path.cwd(), line=said.append,
)
while not said:
    time.sleep(0.01)
print(said[0], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_child_started_ends_with_a_killed_server_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVER],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )

    grandchild = int(done.stdout)
    eventually(lambda: not is_alive(grandchild))
