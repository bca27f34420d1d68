"""`python -m bench.loader [--full]`: streaming rows in shuffled batches, beside only reading them.

Each turn is a process of its own, the two in turn: one only reads the files with Arrow, a chunk at
a time and with all its threads; the other delivers an epoch of shuffled float32 batches. A ratio
compares turns that are neighbours. `--full` is 10 million rows by 20 columns; both limits hold
there: at most 1 GB of memory, at least 60 % of the rate of only reading.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from training import shards
from training.config import Config, Recipe
from training.data import Rows
from training.shards import Piece, Shards

_COLUMNS: Final = 20
_FILES: Final = 8
_BATCH: Final = 4096
_LEAST_RATIO: Final = 0.6
_MOST_GB: Final = 1.0


def write(folder: Path, rows: int) -> None:
    random = np.random.default_rng(1)
    for index in range(_FILES):
        count = rows // _FILES
        columns = {f"x_{column}": random.normal(size=count) for column in range(_COLUMNS)}
        table = pa.table(columns | {"label": random.integers(0, 3, count)})
        pq.write_table(table, folder / f"part-{index}.parquet")


def read(folder: Path) -> int:
    """With Arrow and nothing else."""
    rows = 0
    for path in sorted(folder.iterdir()):
        with pq.ParquetFile(path) as file:
            rows += sum(batch.num_rows for batch in file.iter_batches(1 << 16))
    return rows


def load(folder: Path) -> int:
    """An epoch of batches, as a training takes them."""
    return sum(len(labels_W) for _, _, labels_W in shards.windows(known(folder), "0", size=_BATCH))


def known(folder: Path) -> Shards:
    """As after a survey, which is not what is measured."""
    config = Config("parquet", ("x_*",), "label", 3, (), Recipe(), "accuracy")
    columns = tuple(f"x_{column}" for column in range(_COLUMNS))
    pieces: list[Piece] = []
    for path in sorted(folder.iterdir()):
        for group in range(pq.read_metadata(path).num_row_groups):
            rows = pq.read_metadata(path).row_group(group).num_rows
            pieces.append(Piece(path, group, sum(piece.rows for piece in pieces), rows))
    nothing = Rows(columns, torch.empty(0), torch.empty(0))
    return Shards(columns, tuple(pieces), nothing, config)


def turn(kind: str, folder: Path) -> dict[str, float]:
    """Rows a second and the most memory, of a process that does nothing else."""
    command = [sys.executable, "-m", "bench.loader", "--turn", kind, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def measured(kind: str, folder: Path) -> dict[str, float]:
    torch.set_num_threads(1)  # as in a training
    began = time.perf_counter()
    rows = {"read": read, "load": load}[kind](folder)
    seconds = time.perf_counter() - began
    return {"rate": rows / seconds, "gb": _peak()}


def _peak() -> float:
    """Of this program alone: what getrusage tells began with the process that started it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e9 for line in lines if line.startswith("VmHWM"))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--turn", choices=["read", "load"])
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args(arguments)
    if options.turn:
        print(json.dumps(measured(options.turn, options.folder)))
        return 0
    rows = 10_000_000 if options.full else 1_000_000
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder, rows)
        turn("read", folder)  # into the page cache, for both
        turns = [(turn("read", folder), turn("load", folder)) for _ in range(options.turns)]
    ratio = median(ours["rate"] / peer["rate"] for peer, ours in turns)
    memory = max(ours["gb"] for _, ours in turns)
    for name, index in (("only read with Arrow", 0), ("shuffled batches", 1)):
        middle = median(each[index]["rate"] for each in turns) / 1e6
        print(f"{name:22} {middle:6.2f} M rows/s, {max(e[index]['gb'] for e in turns):.2f} GB")
    print(f"{rows} rows: ratio {ratio:.2f} (at least {_LEAST_RATIO}), at most {_MOST_GB} GB")
    return int(ratio < _LEAST_RATIO or memory > _MOST_GB)


if __name__ == "__main__":
    raise SystemExit(main())
