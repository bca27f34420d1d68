"""SageMaker's /opt/ml in a temporary folder, for a model small enough to train in a blink."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bundles.code import bundle, digest

MODEL_TOML = """
[data]
features = ["x_*"]
target = "label"
classes = 3
[data.range]
"x_*" = [-20, 20]
[training.hyperparameters]
epochs = 4
batch_size = 16
checkpoint_every = 2
[evaluation]
metric = "accuracy"
"""

MODEL_PY = '''
"""Tells three clouds of points apart."""
import torch
from torch import nn
from torch.nn import functional


class Task:
    def build(self):
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))

    def features(self, raw):
        return raw / 5

    def loss(self, model, x, y):
        return functional.cross_entropy(model(x), y)

    def predict(self, model, x):
        return model(x).argmax(dim=1)

    def probabilities(self, model, x):
        return torch.softmax(model(x), dim=1)
'''

COLUMNS = ("x_0", "x_1", "x_2", "x_10")


def clouds(rows: int, *, seed: int = 0) -> dict[str, list[float]]:
    """Columns of points around one centre for each label."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, rows)
    points = random.normal(size=(rows, len(COLUMNS))) + 2.0 * labels[:, None]
    columns = {name: points[:, index].tolist() for index, name in enumerate(COLUMNS)}
    return columns | {"label": labels.tolist()}


def write_parquet(path: Path, columns: Mapping[str, object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(dict(columns)), path)
    return path


def write_csv(path: Path, columns: Mapping[str, object]) -> Path:
    lines = [",".join(columns), *(",".join(map(repr, row)) for row in _rows(columns))]
    return _write(path, "\r\n".join(lines) + "\r\n")


def write_jsonl(path: Path, columns: Mapping[str, object]) -> Path:
    rows = (dict(zip(columns, row, strict=True)) for row in _rows(columns))
    return _write(path, "".join(json.dumps(row) + "\n" for row in rows))


def _rows(columns: Mapping[str, object]) -> list[tuple[object, ...]]:
    return list(zip(*(list(value) for value in columns.values()), strict=True))  # type: ignore[call-overload]  # each is a list


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, newline="")
    return path


WRITERS = {"parquet": write_parquet, "csv": write_csv, "jsonl": write_jsonl}


def write_model(folder: Path, *, toml: str = MODEL_TOML, source: str = MODEL_PY) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.toml").write_text(toml)
    (folder / "model.py").write_text(source)
    return folder


@dataclass(frozen=True)
class TrainingContainer:
    """One training job, laid out as SageMaker lays it out."""

    base: Path
    code: Path

    @property
    def failure(self) -> str:
        return (self.base / "output" / "failure").read_text()

    @property
    def artifact(self) -> Path:
        return self.base / "model"

    def again(self, base: Path) -> TrainingContainer:
        """The same inputs in a fresh container, without any output."""
        shutil.copytree(self.base / "input", base / "input")
        return TrainingContainer(base, base / self.code.relative_to(self.base))


def training(
    base: Path,
    model: Path,
    parts: Sequence[Mapping[str, object]],
    *,
    run: str = "0123456789ab",
    format: str = "parquet",
) -> TrainingContainer:
    folder = base / "input" / "data"
    entries = []
    for index, columns in enumerate(parts):
        key = f"drops/{model.name}/d1/part-{index}.{format}"
        data = WRITERS[format](folder / "train" / key, columns).read_bytes()
        entries.append(
            {
                "bucket": "data",
                "key": key,
                "version_id": f"v{index}",
                "sha256": hashlib.sha256(data).hexdigest(),
                "size": len(data),
            }
        )
    archive = bundle(model)
    write_json(
        folder / "dataset" / "dataset.json",
        {"model": model.name, "digest": "d" * 64, "files": entries},
    )
    write_json(
        base / "input" / "config" / "hyperparameters.json",
        {
            "model": model.name,
            "run": run,
            "dataset_digest": "d" * 64,
            "code_digest": digest(archive),
            "attempt": "1",
        },
    )
    code = folder / "code" / f"{digest(archive)}.zip"
    code.parent.mkdir(parents=True)
    code.write_bytes(archive)
    return TrainingContainer(base, code)


def evaluation(
    base: Path,
    candidate: Path,
    champion: Path | None,
    holdout: Mapping[str, object],
    *,
    format: str = "parquet",
) -> Path:
    folder = base / "processing" / "input"
    pack(candidate, folder / "candidate" / "model.tar.gz")
    if champion is not None:
        pack(champion, folder / "champion" / "model.tar.gz")
    WRITERS[format](folder / "holdout" / f"part-0.{format}", holdout)
    return base


def digest_of(artifact: Path) -> str:
    """What the ledger knows a model by."""
    return hashlib.sha256((artifact / "manifest.json").read_bytes()).hexdigest()


def pack(artifact: Path, archive: Path) -> Path:
    """As SageMaker does it: the folder's content, under ./"""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(artifact, arcname=".")
    return archive


def write_json(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
