"""The code archive as a process: the digits learn, and SIGTERM leaves something to go on from."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tests.fakes.container import (
    MODEL_TOML,
    TrainingContainer,
    clouds,
    digest_of,
    evaluation,
    training,
    write_model,
)

DIGITS = Path(__file__).parents[2] / "models" / "digits"
DEADLINE = 120.0
HOLDOUT = 360


def start(code: Path, verb: str, base: Path, **more: str) -> subprocess.Popen[str]:
    """From elsewhere and without the repository on the path: the archive is all there is."""
    environment = {"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": str(base), **more}
    return subprocess.Popen(
        [sys.executable, str(code), verb],
        cwd=base,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, complained = process.communicate(timeout=DEADLINE)
    assert complained == ""
    return process.returncode, said


def digits(rows: slice) -> dict[str, object]:
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))[rows]
    columns: dict[str, object] = {f"pixel_{index}": pixels[order, index] for index in range(64)}
    return columns | {"label": labels[order]}


def test_the_digits_learn_and_more_of_them_learn_better(tmp_path: Path) -> None:
    few = training(tmp_path / "few", DIGITS, [digits(slice(HOLDOUT, 1060))], run="a" * 12)
    many = training(tmp_path / "many", DIGITS, [digits(slice(HOLDOUT, 1760))], run="b" * 12)
    for container in (few, many):
        status, said = finish(start(container.code, "train", container.base))
        assert (status, "accuracy=" in said) == (0, True)
    base = evaluation(tmp_path / "e", many.artifact, few.artifact, digits(slice(HOLDOUT)))
    environment = {
        "SLUICE_MODEL": "digits",
        "SLUICE_RUN": "b" * 12,
        "SLUICE_CHAMPION_DIGEST": digest_of(few.artifact),
        "TRACEPARENT": "00-1-2-01",
    }

    status, said = finish(start(many.code, "evaluate", base, **environment))

    assert status == 0
    assert all(json.loads(line)["traceparent"] == "00-1-2-01" for line in said.splitlines())
    report = json.loads((base / "processing" / "output" / "report.json").read_text())
    assert report["rows"] == HOLDOUT
    assert report["candidate"]["metrics"]["accuracy"] >= 0.95
    assert report["champion"]["metrics"]["accuracy"] >= 0.95
    assert report["comparison"]["low"] > -0.02


def clouds_by(format: str, base: Path) -> dict[str, Any]:
    """Metrics of a model that was trained and evaluated on the same rows in one format."""
    toml = MODEL_TOML.replace("[data]", f"[data]\nformat = '{format}'", 1)
    container = training(
        base / "ml", write_model(base / "clouds", toml=toml), [clouds(90)], format=format
    )
    status, _ = finish(start(container.code, "train", container.base))
    assert status == 0
    held = evaluation(base / "e", container.artifact, None, clouds(60, seed=9), format=format)
    told = {"SLUICE_MODEL": "clouds", "SLUICE_RUN": "0123456789ab"}
    status, _ = finish(start(container.code, "evaluate", held, **told))
    assert status == 0
    report = json.loads((held / "processing" / "output" / "report.json").read_text())
    metrics: dict[str, Any] = report["candidate"]["metrics"]
    return metrics


def test_a_drop_of_text_trains_and_evaluates_to_the_numbers_of_its_parquet(tmp_path: Path) -> None:
    parquet, csv, jsonl = (clouds_by(of, tmp_path / of) for of in ("parquet", "csv", "jsonl"))

    assert csv == parquet
    assert jsonl == parquet


def test_a_job_that_was_given_nonsense_leaves_one_line_and_says_whose_fault_it_is(
    tmp_path: Path,
) -> None:
    container = training(
        tmp_path / "ml", write_model(tmp_path / "clouds"), [{"x_0": ["word"], "label": [0]}]
    )

    status, _ = finish(start(container.code, "train", container.base))

    assert status == 2
    assert container.failure == (
        "DATA_SCHEMA: column x_0 of part-0.parquet holds string: it must hold integers or floats"
    )


def files(container: TrainingContainer) -> dict[str, Any]:
    found = container.artifact.rglob("*")
    return {path.name: path.read_bytes() for path in found if path.is_file()}


def test_a_stopped_job_goes_on_and_ends_in_the_same_bits(tmp_path: Path) -> None:
    toml = MODEL_TOML.replace("epochs = 4", "epochs = 300")
    model = write_model(tmp_path / "clouds", toml=toml)
    container = training(tmp_path / "ml", model, [clouds(300)])
    whole = container.again(tmp_path / "whole")
    assert finish(start(whole.code, "train", whole.base))[0] == 0

    process = start(container.code, "train", container.base)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("epoch=3 "):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    stopped, _ = finish(process)

    assert stopped == 128 + signal.SIGTERM
    assert files(container) == {}
    assert not (container.base / "output" / "failure").exists()

    status, said = finish(start(container.code, "train", container.base))
    assert status == 0
    assert "resumed from a checkpoint" in said
    assert files(container) == files(whole)


@pytest.mark.parametrize("arguments", [["fly"], []])
def test_a_wrong_verb_is_told_the_right_ones(tmp_path: Path, arguments: list[str]) -> None:
    container = training(tmp_path, write_model(tmp_path / "clouds"), [clouds(5)])
    command = [sys.executable, str(container.code), *arguments]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)

    assert (done.returncode, done.stderr) == (2, "usage: python3 <code.zip> train|evaluate\n")


def killed_after(container: TrainingContainer, epoch: int) -> None:
    """SIGKILL as soon as so many epochs are told, while a checkpoint is being written."""
    process = start(container.code, "train", container.base)
    assert process.stdout is not None
    while not process.stdout.readline().startswith(f"epoch={epoch} "):
        assert process.poll() is None
    process.kill()
    assert finish(process)[0] == -signal.SIGKILL


def test_a_training_that_is_killed_again_and_again_ends_in_the_same_bits(tmp_path: Path) -> None:
    toml = MODEL_TOML.replace("epochs = 4", "epochs = 40").replace(
        "checkpoint_every = 2", "checkpoint_every = 1\nema = 0.9\nmicro_batch = 5"
    )
    model = write_model(tmp_path / "clouds", toml=toml)
    container = training(tmp_path / "ml", model, [clouds(300)])
    whole = container.again(tmp_path / "whole")
    assert finish(start(whole.code, "train", whole.base))[0] == 0

    for epoch in (2, 9, 20):
        killed_after(container, epoch)
    status, said = finish(start(container.code, "train", container.base))

    assert status == 0
    assert "resumed from a checkpoint" in said
    assert files(container) == files(whole)
