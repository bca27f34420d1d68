"""Children of the embedded AWS."""

import os
import sys
from pathlib import Path

import pytest

from local.processes import Child


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
