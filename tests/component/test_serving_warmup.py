"""Nothing is served before it was computed here as it was in training, in every size."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from serving.columns import Rows
from serving.errors import ModelError
from serving.log import Log
from serving.model import Golden, load
from serving.pace import Pace, buckets
from serving.warmup import make_ready
from tests.fakes.artifact import write_artifact


@dataclass
class SummingModel:
    """Answers the sum of each row; refuses zeros when told to."""

    golden: Golden | None = None
    columns: tuple[str, ...] = ("a", "b")
    refuses_zeros: bool = False
    sizes: list[int] = field(default_factory=list)

    def predict(self, rows: Rows) -> list[Any]:
        self.sizes.append(len(rows))
        if self.refuses_zeros and not rows.any():
            raise ZeroDivisionError
        answers: list[Any] = rows.sum(axis=1).tolist()
        return answers


def ready(model: SummingModel, *, most: int = 8) -> tuple[Pace, str]:
    said, pace = io.StringIO(), Pace(buckets(most))
    make_ready(model, pace, Log(said))
    return pace, said.getvalue()


def test_every_bucket_is_computed_and_timed() -> None:
    model = SummingModel()

    pace, _ = ready(model)

    assert set(model.sizes) == set(pace.seconds) == {1, 2, 4, 8}
    assert all(seconds > 0 for seconds in pace.seconds.values())


def test_a_model_that_refuses_zeros_is_served_even_so() -> None:
    pace, said = ready(SummingModel(refuses_zeros=True))

    assert json.loads(said)["reason"] == "ZeroDivisionError: "
    assert pace.limit == 8


def test_a_model_that_refuses_zeros_is_warmed_with_its_golden_rows() -> None:
    model = SummingModel(Golden([[1, 2], [3, 4]], [3, 7]), refuses_zeros=True)

    pace, said = ready(model)

    assert said == ""
    assert set(pace.seconds) == {1, 2, 4, 8}


@pytest.mark.parametrize("predictions", [[3.0, 7.0], [3.0004, 7]])
def test_a_golden_answer_may_differ_as_devices_do(predictions: list[Any]) -> None:
    ready(SummingModel(Golden([[1, 2], [3, 4]], predictions)))


@pytest.mark.parametrize("predictions", [[3.0, 7.1], [3.0, "seven"], [3.0, [7.0]]])
def test_a_wrong_golden_answer_is_not_served(predictions: list[Any]) -> None:
    with pytest.raises(ModelError, match="GOLDEN_PROBE_FAILED: row 1 of its golden probe is"):
        ready(SummingModel(Golden([[1, 2], [3, 4]], predictions)))


def with_golden(folder: Path, golden: bytes) -> str:
    write_artifact(folder)
    (folder / "golden.json").write_bytes(golden)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["golden.json"] = hashlib.sha256(golden).hexdigest()
    data = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def test_an_artifact_may_bring_its_golden_probe(tmp_path: Path) -> None:
    digest = with_golden(tmp_path, b'{"instances": [[1, 2, 3, 4]], "predictions": [1]}')

    model = load(tmp_path, digest=digest, name="clouds")

    assert model.golden == Golden([[1, 2, 3, 4]], [1])


def test_a_golden_probe_is_verified_like_all_else(tmp_path: Path) -> None:
    digest = with_golden(tmp_path, b'{"instances": [[1, 2, 3, 4]], "predictions": [1]}')
    (tmp_path / "golden.json").write_bytes(b'{"instances": [[1, 2, 3, 4]], "predictions": [2]}')

    with pytest.raises(ModelError, match=r"DIGEST_MISMATCH: .*golden\.json"):
        load(tmp_path, digest=digest, name="clouds")


@pytest.mark.parametrize(
    "golden",
    [
        b"{",
        b'{"instances": [[1, 2, 3, 4]]}',
        b'{"instances": [[1, 2, 3]], "predictions": [1]}',
        b'{"instances": [[1, 2, 3, 4]], "predictions": [1, 2]}',
        b'{"instances": [], "predictions": []}',
    ],
)
def test_a_golden_probe_that_tells_nothing_is_refused(tmp_path: Path, golden: bytes) -> None:
    digest = with_golden(tmp_path, golden)

    with pytest.raises(ModelError, match=r"MODEL_BROKEN: golden\.json"):
        load(tmp_path, digest=digest, name="clouds")
