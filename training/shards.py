"""Rows that need not fit into memory: streamed from their files, in an order the seed decides.

Several row groups are read in turn, in an order of the epoch's own; their rows fill a window, and a
window is shuffled. Reading and shuffling run ahead of the steps in threads of their own, by one
window: what is in memory does not grow with the files.

Letters of the shapes: W rows of a window, B rows of a batch, F columns.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from training import chance, data, tables
from training.ahead import ahead
from training.config import Config
from training.data import Rows
from training.source import Batch, Held, Source
from training.task import Task
from training.verbs import featured

if TYPE_CHECKING:
    import pyarrow as pa

_LANES: Final = 4  # pieces that are read in turn
_WINDOW: Final = 1 << 23  # bytes of features
_RING: Final = 4  # windows: used, waiting, being filled, and one for what a batch still holds
_EVERY: Final = 64  # of so many rows one is in the sample
_MOST_SAMPLED: Final = 1 << 16
_MIB: Final = 1 << 20


@dataclass(frozen=True)
class Piece:
    """What is read from its begin to its end: a row group, or a file of text."""

    path: Path
    group: int | None
    first: int  # number of its first row in the dataset
    rows: int


@dataclass(frozen=True)
class Shards:
    """A dataset whose every row was read once and found fit to learn from."""

    columns: tuple[str, ...]
    pieces: tuple[Piece, ...]
    sample: Rows
    config: Config

    def __len__(self) -> int:
        return sum(piece.rows for piece in self.pieces)


@dataclass(frozen=True)
class Chunk:
    """Rows as they are read, from a number of the dataset on."""

    first: int
    table: pa.Table


def opened(files: Sequence[Path], config: Config) -> Rows | Shards:
    """Rows in memory where they fit into the recipe's part of it; shards otherwise."""
    columns = data.columns_of(files, config)
    if _size(files, config, columns) <= config.recipe.in_memory * _MIB:
        return data.learnable(data.read(files, config))
    return surveyed(files, columns, config)


def begun(rows: Rows | Shards, task: Task, *, device: torch.device, seed: int) -> Source:
    if isinstance(rows, Rows):
        return Held.of(rows, task, device=device, seed=seed)
    return Streamed(rows, task, device, seed)


def surveyed(files: Sequence[Path], columns: tuple[str, ...], config: Config) -> Shards:
    """Reads every row once, and refuses what a model must not learn from."""
    pieces: list[Piece] = []
    samples: list[Rows] = []
    seen: set[int] = set()
    for path, group in _parts(files, config.format):
        begin, count = sum(piece.rows for piece in pieces), 0
        for table in tables.batches(path, config.format, (*columns, config.target), group=group):
            rows = data.checked(table, columns, config, path.name)
            seen |= set(torch.unique(rows.labels_N).tolist())
            if sum(map(len, samples)) < _MOST_SAMPLED:
                samples.append(
                    Rows(columns, rows.raw_NF[::_EVERY].clone(), rows.labels_N[::_EVERY])
                )
            count += len(rows)
        pieces.append(Piece(path, group, begin, count))
    for path in files:
        data.filled(path, sum(piece.rows for piece in pieces if piece.path == path))
    total = sum(piece.rows for piece in pieces)
    data.several(torch.tensor(sorted(seen)), rows=total)
    return Shards(columns, tuple(pieces), _joined(samples), config)


@dataclass(frozen=True)
class Streamed:
    """Batches of shards."""

    shards: Shards
    task: Task
    device: torch.device
    seed: int

    def __len__(self) -> int:
        return len(self.shards)

    def epoch(self, number: int, *, size: int, start: int = 0) -> Iterator[Batch]:
        """What comes before `start` is read too: the order of a window is known by reading."""
        index = 0
        for numbers_W, raw_WF, labels_W in windows(
            self.shards, f"{self.seed}/{number}", size=size, pinned=self.device.type == "cuda"
        ):
            for numbers_B, raw_BF, labels_B in zip(
                *(torch.split(each, size) for each in (numbers_W, raw_WF, labels_W)), strict=True
            ):
                if index >= start:
                    chance.begin(chance.seed_of(f"{self.seed}/features/{number}/{index}"))
                    x_BF = featured(self.task, raw_BF.to(self.device, non_blocking=True))
                    y_B = labels_B.to(self.device, non_blocking=True)
                    yield Batch(numbers_B, x_BF, y_B)
                index += 1

    def sample(self) -> tuple[Tensor, Tensor]:
        rows = self.shards.sample
        chance.begin(chance.seed_of(f"{self.seed}/sample"))
        return featured(self.task, rows.raw_NF.to(self.device)), rows.labels_N.to(self.device)


class Window:
    """Room for rows, used again and again: new memory costs more than all that is done in it."""

    def __init__(self, rows: int, columns: int, *, pinned: bool = False) -> None:
        self.numbers_W = torch.empty(rows, dtype=torch.int64)
        self.raw_WF = torch.empty(rows, columns, pin_memory=pinned)
        self.labels_W = torch.empty(rows, dtype=torch.int64, pin_memory=pinned)
        self.filled = 0

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Those rows that are filled."""
        end = self.filled
        return self.numbers_W[:end], self.raw_WF[:end], self.labels_W[:end]

    def take(self, chunk: Chunk, start: int) -> int:
        """Rows of the chunk, as many as there is room for; tells how many."""
        room = len(self.labels_W) - self.filled
        table = chunk.table.slice(start, room)
        rows = slice(self.filled, self.filled + len(table))
        raw_WF = self.raw_WF.numpy()
        for index, column in enumerate(table.columns[:-1]):
            raw_WF[rows, index] = data.plain(column)
        self.labels_W.numpy()[rows] = data.plain(table.columns[-1])
        first = chunk.first + start
        torch.arange(first, first + len(table), out=self.numbers_W[rows])
        self.filled += len(table)
        return len(table)

    def shuffle(self, source: Window, generator: torch.Generator) -> None:
        """The rows of another window, in an order that is drawn."""
        order = torch.randperm(source.filled, generator=generator).numpy()
        self.filled = source.filled
        for ours, theirs in zip(self.parts, source.parts, strict=True):
            np.take(theirs.numpy(), order, axis=0, out=ours.numpy(), mode="clip")


def windows(
    shards: Shards, seed: str, *, size: int, pinned: bool = False
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Numbers, features and labels of rows in the order of this seed, whole batches each time.

    They hold until the next but one is taken.
    """
    generator = torch.Generator().manual_seed(chance.seed_of(seed))
    order = torch.randperm(len(shards.pieces), generator=generator).tolist()
    pieces = [shards.pieces[index] for index in order]
    columns = len(shards.columns)
    room = max(1, _WINDOW // (4 * columns * size)) * size
    ring = itertools.cycle([Window(room, columns, pinned=pinned) for _ in range(_RING)])
    chunks = ahead(_interleaved(pieces, shards), most=_LANES)
    return ahead(_shuffled(chunks, Window(room, columns), ring, generator), most=1)


def _shuffled(
    chunks: Iterator[Chunk], read: Window, ring: Iterator[Window], generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    for _ in _fillings(chunks, read):
        window = next(ring)
        window.shuffle(read, generator)
        yield window.parts


def _fillings(chunks: Iterator[Chunk], window: Window) -> Iterator[None]:
    """Each time the window is full, and once for what is left."""
    for chunk in chunks:
        start = 0
        while start < len(chunk.table):
            start += window.take(chunk, start)
            if window.filled == len(window.labels_W):
                yield
                window.filled = 0
    if window.filled:
        yield


def _interleaved(pieces: Sequence[Piece], shards: Shards) -> Iterator[Chunk]:
    """A chunk of each lane in turn; a lane that ends goes on with the next piece."""
    waiting = (_chunks(piece, shards) for piece in pieces)
    lanes = deque(itertools.islice(waiting, _LANES))
    while lanes:
        lane = lanes.popleft()
        chunk = next(lane, None)
        if chunk is not None:
            yield chunk
            lanes.append(lane)
        elif (following := next(waiting, None)) is not None:
            lanes.append(following)


def _chunks(piece: Piece, shards: Shards) -> Iterator[Chunk]:
    """Rows that the survey has checked already."""
    wanted = (*shards.columns, shards.config.target)
    at = piece.first
    for table in tables.batches(piece.path, shards.config.format, wanted, group=piece.group):
        yield Chunk(at, table)
        at += len(table)


def _parts(files: Sequence[Path], format: str) -> Iterator[tuple[Path, int | None]]:
    for path in files:
        groups = tables.groups(path, format)
        yield from ((path, group) for group, _ in groups)
        if not groups:
            yield path, None


def _size(files: Sequence[Path], config: Config, columns: tuple[str, ...]) -> int:
    """Bytes of the features in memory; of a text about as many as it has itself."""
    if config.format != "parquet":
        return sum(path.stat().st_size for path in files)
    rows = sum(rows for path in files for _, rows in tables.groups(path, config.format))
    return 4 * rows * len(columns)


def _sampled(rows: Rows) -> Rows:
    return Rows(rows.columns, rows.raw_NF[::_EVERY].clone(), rows.labels_N[::_EVERY].clone())


def _joined(parts: Sequence[Rows]) -> Rows:
    return Rows(
        parts[0].columns,
        torch.cat([part.raw_NF for part in parts]),
        torch.cat([part.labels_N for part in parts]),
    )
