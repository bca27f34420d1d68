"""Only the artifact that was asked for is loaded, and only whole."""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from serving.errors import ModelError
from serving.model import Model, load
from tests.fakes.artifact import write_artifact
from tests.fakes.container import COLUMNS, MODEL_PY
from training import artifact


def loaded(folder: Path, digest: str, *, name: str = "clouds") -> Model:
    return load(folder, digest=digest, name=name)


def test_it_answers_as_the_evaluation_saw_it(tmp_path: Path) -> None:
    digest = write_artifact(tmp_path)
    rows = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)

    pin = artifact.Pin("champion", digest=digest)
    judged = artifact.read(tmp_path, pin=pin, device=torch.device("cpu"))
    expected = judged.task.predict(judged.model, judged.task.features(torch.from_numpy(rows)))

    model = loaded(tmp_path, digest)
    assert model.predict(rows) == expected.tolist()
    assert model.columns == COLUMNS


def test_another_artifact_than_asked_for_is_refused(tmp_path: Path) -> None:
    write_artifact(tmp_path)

    with pytest.raises(ModelError, match=r"DIGEST_MISMATCH.*asked for was 0000"):
        loaded(tmp_path, "0" * 64)


@pytest.mark.parametrize("name", ["model.safetensors", "code/model.py", "code/model.toml"])
def test_a_file_that_is_not_the_manifests_is_refused(tmp_path: Path, name: str) -> None:
    digest = write_artifact(tmp_path)
    with (tmp_path / name).open("ab") as file:
        file.write(b" ")

    with pytest.raises(ModelError, match=f"DIGEST_MISMATCH: .*{name} has sha256"):
        loaded(tmp_path, digest)


def test_no_code_runs_before_the_digests_hold(tmp_path: Path) -> None:
    digest = write_artifact(tmp_path)
    trap = tmp_path / "ran"
    (tmp_path / "code" / "model.py").write_text(f"open({str(trap)!r}, 'w').close()\n{MODEL_PY}")

    with pytest.raises(ModelError):
        loaded(tmp_path, digest)

    assert not trap.exists()
    runpy.run_path(str(tmp_path / "code" / "model.py"))
    assert trap.exists(), "the trap works"


@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors", "code/model.py"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    digest = write_artifact(tmp_path)
    (tmp_path / name).unlink()

    with pytest.raises(ModelError, match=f"MODEL_MISSING: .*{name} cannot be read"):
        loaded(tmp_path, digest)


def test_another_model_is_refused(tmp_path: Path) -> None:
    digest = write_artifact(tmp_path)

    with pytest.raises(ModelError, match=r"MODEL_MISMATCH.*'clouds', not 'digits'"):
        loaded(tmp_path, digest, name="digits")


def changed(folder: Path, name: str, data: bytes) -> str:
    """An artifact that is whole by its digests, with other content."""
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"][name] = hashlib.sha256(data).hexdigest()
    text = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(text)
    return hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("code/model.py", b"class Task:"),
        ("code/model.py", b"import nothing_of_that_name"),
        ("code/model.py", MODEL_PY.replace("Linear(4, 8)", "Linear(4, 9)").encode()),
        ("code/model.py", MODEL_PY.replace("nn.ReLU()", "nn.NoSuchLayer()").encode()),
        ("model.safetensors", b"pickle"),
        ("model.safetensors", (2).to_bytes(8, "little") + b"{}"),
    ],
    ids=["syntax", "import", "shape", "build", "weights", "no columns"],
)
def test_an_artifact_that_cannot_be_loaded_is_told_as_such(
    tmp_path: Path, name: str, data: bytes
) -> None:
    write_artifact(tmp_path)
    digest = changed(tmp_path, name, data)

    with pytest.raises(ModelError, match="MODEL_BROKEN"):
        loaded(tmp_path, digest)


def test_too_few_answers_are_an_error_and_never_someone_elses(tmp_path: Path) -> None:
    digest = write_artifact(tmp_path, source=MODEL_PY.replace("argmax(dim=1)", "argmax(dim=1)[1:]"))

    with pytest.raises(ValueError, match="2 answers for 3 rows"):
        loaded(tmp_path, digest).predict(np.zeros((3, 4), dtype=np.float32))


@pytest.mark.parametrize("answer", ["nan", "inf"])
def test_an_answer_that_is_no_finite_number_is_an_error_and_never_null(
    tmp_path: Path, answer: str
) -> None:
    source = MODEL_PY.replace(
        "model(x).argmax(dim=1)", f'model(x)[:, 0].masked_fill(x[:, 0] < 0, float("{answer}"))'
    )
    model = loaded(tmp_path, write_artifact(tmp_path, source=source))
    rows = np.zeros((2, 4), dtype=np.float32)
    assert len(model.predict(rows)) == 2

    rows[1, 0] = -1
    with pytest.raises(ValueError, match="predict of Task gave NaN or infinity"):
        model.predict(rows)


def test_the_source_that_runs_is_read_once_and_is_what_was_verified(tmp_path: Path) -> None:
    digest = write_artifact(tmp_path)
    source = tmp_path / "code" / "model.py"
    verified = source.read_bytes()
    source.unlink()
    os.mkfifo(source)
    writer = threading.Thread(target=source.write_bytes, args=(verified,))
    writer.start()

    model = loaded(tmp_path, digest)

    writer.join()
    assert model.columns == COLUMNS
