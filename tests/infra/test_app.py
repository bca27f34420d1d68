"""What a person can put right is one line of standard error, and exit status 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import refusal
from cdk.bundling import CORE, BundleError, Bundler
from tests.infra.conftest import ROOT


def synthesis(folder: Path, **context: str) -> tuple[int, list[str]]:
    """Exit status and lines of standard error of `app.py`, as the CDK command line runs it."""
    always = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=ROOT,
        env={
            **os.environ,
            "CDK_CONTEXT_JSON": json.dumps(always | context),
            "CDK_OUTDIR": str(folder / "cdk.out"),
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()


def a_model(folder: Path, definition: str) -> Path:
    """A models folder with one model that has a definition and no code."""
    model = folder / "models" / "digits"
    model.mkdir(parents=True)
    (model / "model.toml").write_text(definition, "utf-8")
    return model


def test_an_unknown_stage_is_told_which_there_are(tmp_path: Path) -> None:
    assert synthesis(tmp_path, stage="nowhere") == (
        2,
        ["UNKNOWN_STAGE: -c stage=nowhere: choose one of dev, prod"],
    )


@pytest.mark.parametrize(
    ("definition", "line"),
    [
        ("[data\n", "BAD_DEFINITION: {model}/model.toml: "),
        ("[dta]\n", "BAD_DEFINITION: {model}/model.toml: "),
        ('[data]\nfeatures = ["x"]\nclasses = 2\n', "BAD_MODEL: {model}/model.py cannot be read"),
    ],
)
def test_a_model_that_cannot_be_used_is_told_where_and_what(
    tmp_path: Path, definition: str, line: str
) -> None:
    model = a_model(tmp_path, definition)

    status, said = synthesis(tmp_path, models=str(model.parent))

    assert (status, len(said)) == (2, 1), said
    assert said[0].startswith(line.format(model=model))


def test_wheels_that_cannot_be_fetched_are_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)

    with pytest.raises(BundleError) as refused:
        Bundler(root=ROOT, cache=tmp_path).asset("core", CORE)

    said = refusal(refused.value)
    assert said.startswith(f"BUNDLE_FAILED: pip install {' '.join(CORE)}: ")
    assert "pip must reach a package index" in said
    assert "\n" not in said
