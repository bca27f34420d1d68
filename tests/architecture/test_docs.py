"""Pages written by code say what the code says."""

from pathlib import Path

import pytest

from docs.generate import HERE, main, pages, stale


def test_every_generated_page_is_fresh() -> None:
    assert list(stale(HERE)) == [], "run `make docs`"


def test_a_page_that_says_something_else_is_stale(tmp_path: Path) -> None:
    for name, text in pages().items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "routes.md").write_text("# Routes\n", "utf-8")
    (tmp_path / "events.md").unlink()

    assert sorted(stale(tmp_path)) == ["events.md", "routes.md"]


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--wrong"]) == 2
    assert capsys.readouterr().err == "usage: python -m docs.generate [--check]\n"
