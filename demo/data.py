"""The UCI handwritten digits as drops: good, better, shuffled, half-written and malformed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_digits

_SEED = 7
HOLDOUT_ROWS = 360
FIRST_ROWS = 700
FAINT = 0.45
"""How much ink is left in a faint picture."""

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Pictures (N, 64) of 0…16 and their digits (N,)."""

    pixels: Floats
    labels: Labels

    def cut(self, start: int, stop: int | None = None) -> "Rows":
        return Rows(self.pixels[start:stop], self.labels[start:stop])

    def with_half_of_the_labels_shuffled(self) -> "Rows":
        rng = np.random.default_rng(_SEED)
        chosen = rng.permutation(len(self.labels))[: len(self.labels) // 2]
        labels = self.labels.copy()
        labels[chosen] = rng.permutation(labels[chosen])
        return Rows(self.pixels, labels)

    def with_a_hole(self) -> "Rows":
        pixels = self.pixels.copy()
        pixels[3, 17] = np.nan
        return Rows(pixels, self.labels)


def digits() -> Rows:
    """All 1797 pictures in one fixed order."""
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(_SEED).permutation(len(labels))
    return Rows(pixels[order].astype(np.float32), labels[order].astype(np.int64))


def write(folder: Path, parts: Mapping[str, Rows], *, columns: int = 64) -> Path:
    """One parquet file per part, with the first `columns` pixels; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        table = {f"pixel_{i}": rows.pixels[:, i] for i in range(columns)}
        pq.write_table(pa.table({**table, "label": rows.labels}), folder / name)
    return folder


def write_all(folder: Path) -> dict[str, Path]:
    """Every folder the story drops, by name."""
    rows = digits()
    held, rest = rows.cut(0, HOLDOUT_ROWS), rows.cut(HOLDOUT_ROWS)
    first, whole = rest.cut(0, FIRST_ROWS), len(rest.labels)
    spoilt = rest.with_half_of_the_labels_shuffled()
    return {
        "holdout": write(folder / "holdout", {"holdout.parquet": held}),
        "drop-1": write(
            folder / "drop-1",
            {"part-0.parquet": first.cut(0, 350), "part-1.parquet": first.cut(350)},
        ),
        "drop-2": write(
            folder / "drop-2",
            {"part-0.parquet": first, "part-1.parquet": rest.cut(FIRST_ROWS, whole)},
        ),
        "drop-3": write(folder / "drop-3", {"part-0.parquet": spoilt}),
        "half-written": write(folder / "half-written", {"part-0.parquet": first}),
        "wrong-schema": write(folder / "wrong-schema", {"part-0.parquet": first}, columns=0),
        "not-a-number": write(folder / "not-a-number", {"part-0.parquet": first.with_a_hole()}),
    }


def questions() -> list[list[float]]:
    """What users ask: clean pictures, and every fourth a faint one."""
    pixels = digits().pixels
    return [
        [float(p) * (FAINT if i % 4 == 0 else 1.0) for p in row] for i, row in enumerate(pixels)
    ]
