"""How two models do on parts of a holdout, and where in the features a candidate is weakest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from training.paired import holm, mcnemar
from training.scores import Floats, Ints

if TYPE_CHECKING:
    import pyarrow as pa

Flags = NDArray[np.bool_]
Codes = NDArray[np.int64]

_MANY: Final = 20  # values of a column that are slices of their own
_BINS: Final = 4
_SEARCHED: Final = 128  # columns, the first ones
_BEAM: Final = 6  # of the weakest slices that are joined in pairs
_FEW: Final = 30  # rows of a slice that a search may name
_TOLD: Final = 5
_CHANCE: Final = 0.025  # of naming one that is no weaker than the rest, or no worse than before


@dataclass(frozen=True)
class Slice:
    """Rows, and the candidate's answers to them beside the champion's."""

    name: str
    rows: int
    right: int
    gained: int = 0
    lost: int = 0
    compared: bool = False

    @property
    def accuracy(self) -> float:
        return self.right / self.rows

    @property
    def chance(self) -> float:
        """Of so few gains beside an equally good champion."""
        return mcnemar(self.gained, self.lost)


@dataclass(frozen=True)
class Outcome:
    """Which answers were right; the champion's, where there is one."""

    right: Flags
    was_right: Flags | None

    def of(self, name: str, chosen: Flags) -> Slice:
        return next(self.by_code(chosen.astype(np.int64) - 1, [name]))

    def by_code(self, codes: Codes, names: Sequence[str]) -> Iterator[Slice]:
        """A slice for each name; rows with the code -1 are in none."""
        shifted, size = codes + 1, len(names) + 1
        rows = np.bincount(shifted, minlength=size)[1:]
        right = _counted(shifted, self.right, size)
        gained = lost = np.zeros(len(names), dtype=np.int64)
        if self.was_right is not None:
            gained = _counted(shifted, self.right & ~self.was_right, size)
            lost = _counted(shifted, ~self.right & self.was_right, size)
        compared = self.was_right is not None
        for at, name in enumerate(names):
            if rows[at]:
                yield Slice(
                    name,
                    int(rows[at]),
                    int(right[at]),
                    int(gained[at]),
                    int(lost[at]),
                    compared=compared,
                )


def told(slices: Sequence[Slice]) -> list[dict[str, object]]:
    """As a gate reads them; each chance counts among all of them."""
    chances = holm([each.chance for each in slices])
    return [_told(each, p) for each, p in zip(slices, chances, strict=True)]


def declared(columns: Mapping[str, Sequence[pa.Array]], outcome: Outcome) -> list[Slice]:
    """Every part of the rows, by every column's values."""
    import pyarrow as pa

    return [
        part
        for name, values in columns.items()
        for part in outcome.by_code(*_coded(name, pa.chunked_array(values)))
    ]


@dataclass
class Search:
    """Features as quarters of what the first rows hold, and the weakest parts among them."""

    columns: tuple[str, ...]
    edges: list[Floats] = field(default_factory=list)
    parts: list[NDArray[np.uint8]] = field(default_factory=list)

    def add(self, raw_NF: NDArray[np.float32]) -> None:
        raw_NF = raw_NF[:, :_SEARCHED]
        if not self.edges:
            self.edges = [_edges(column) for column in raw_NF.T]
        binned = [
            np.searchsorted(e, c, side="left") for e, c in zip(self.edges, raw_NF.T, strict=True)
        ]
        self.parts.append(np.stack(binned).astype(np.uint8))

    def found(self, outcome: Outcome) -> list[dict[str, object]]:
        """The weakest few, and those where the champion is surely better; exact, and Holm's.

        Single features first, then pairs of the weakest (as Slice Finder does it: Chung et al.,
        ICDE 2019).
        """
        binned = np.concatenate(self.parts, axis=1)
        whole = Slice("all", len(outcome.right), int(outcome.right.sum()))
        singles = [
            (part, column)
            for column, codes in enumerate(binned)
            for part in outcome.by_code(codes.astype(np.int64), self._names(column))
            if part.rows >= _FEW
        ]
        chances = Chances.among(whole)
        weakest = sorted(singles, key=lambda each: chances.weak(each[0]))[:_BEAM]
        pairs = self._pairs(weakest, binned, outcome)
        return _standing_out([*(part for part, _ in singles), *pairs], chances)

    def _pairs(
        self, weakest: Sequence[tuple[Slice, int]], binned: NDArray[np.uint8], outcome: Outcome
    ) -> Iterator[Slice]:
        masks = [
            (part.name, column, binned[column] == self._names(column).index(part.name))
            for part, column in weakest
        ]
        for at, (name, column, mask) in enumerate(masks):
            for other, beside, its in masks[at + 1 :]:
                both = mask & its
                if column != beside and both.sum() >= _FEW:
                    yield outcome.of(f"{name}, {other}", both)

    def _names(self, column: int) -> list[str]:
        return _ranges(self.columns[column], self.edges[column])


def _standing_out(slices: Sequence[Slice], chances: Chances) -> list[dict[str, object]]:
    weak = holm([chances.weak(each) for each in slices])
    worse = holm([each.chance for each in slices])
    order = sorted(range(len(slices)), key=lambda at: (weak[at], slices[at].accuracy))
    weakest = [at for at in order if weak[at] <= _CHANCE][:_TOLD]
    harmed = sorted((at for at in order if worse[at] <= _CHANCE), key=worse.__getitem__)[:_TOLD]
    return [_told(slices[at], worse[at]) for at in dict.fromkeys((*weakest, *harmed))]


@dataclass(frozen=True)
class Chances:
    """Of so few right answers in a part that is no weaker than the rest: Fisher's exact test."""

    whole: Slice
    factorials: Floats  # their logarithms

    @classmethod
    def among(cls, whole: Slice) -> Chances:
        return cls(whole, np.cumsum(np.log(np.maximum(np.arange(whole.rows + 1), 1))))

    def weak(self, part: Slice) -> float:
        rows, rest = part.rows, self.whole.rows - part.rows
        wrong = self.whole.rows - self.whole.right
        there = np.arange(max(rows - part.right, wrong - rest), min(rows, wrong) + 1)
        logs = self._ways(wrong, there) + self._ways(self.whole.right, rows - there)
        return min(1.0, float(np.exp(logs - self._ways(self.whole.rows, rows)).sum()))

    def _ways(self, of: int, chosen: Ints | int) -> Floats:
        """The logarithm of how many ways there are to choose."""
        found: Floats = self.factorials[of] - self.factorials[chosen]
        return found - self.factorials[of - chosen]


def _told(part: Slice, p: float) -> dict[str, object]:
    said: dict[str, object] = {"name": part.name, "rows": part.rows, "accuracy": part.accuracy}
    if part.compared:
        said |= {"difference": (part.gained - part.lost) / part.rows, "p": p}
    return said


def _counted(codes: Codes, chosen: Flags, size: int) -> Ints:
    return np.bincount(codes[chosen], minlength=size)[1:].astype(np.int64)


def _coded(name: str, values: pa.ChunkedArray) -> tuple[Codes, list[str]]:
    """A number for each row's slice, and what the slices are called."""
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    try:
        numbers = values.cast(pa.float64()).to_numpy().astype(np.float64)
    except pa.ArrowException:
        return _by_text(name, values.cast(pa.string()))
    return _by_number(name, numbers)


def _by_number(name: str, numbers: Floats) -> tuple[Codes, list[str]]:
    there = np.isfinite(numbers)
    distinct = np.unique(numbers[there])
    if len(distinct) > _MANY:
        edges = _edges(numbers[there])
        codes, names = np.searchsorted(edges, numbers, side="left"), _ranges(name, edges)
    else:
        codes = np.searchsorted(distinct, numbers)
        names = [f"{name} = {value:g}" for value in distinct]
    return np.where(there, codes, len(names)), [*names, f"{name} missing"]


def _by_text(name: str, texts: pa.ChunkedArray) -> tuple[Codes, list[str]]:
    """The commonest texts; what is missing is a text too."""
    encoded = texts.combine_chunks().dictionary_encode(null_encoding="encode")
    codes = encoded.indices.to_numpy().astype(np.int64)
    counts = np.bincount(codes, minlength=len(encoded.dictionary))
    common = np.argsort(-counts, kind="stable")[:_MANY]
    places = np.full(len(counts), -1, dtype=np.int64)
    places[common] = np.arange(len(common))
    words = [encoded.dictionary[int(at)].as_py() for at in common]
    return places[codes], [f"{name} = {w}" if w is not None else f"{name} missing" for w in words]


def _edges(values: Iterable[float]) -> Floats:
    """Of quarters; fewer where many values are alike."""
    inner = np.linspace(0, 1, _BINS + 1)[1:-1]
    found: Floats = np.unique(np.quantile(np.asarray(values, dtype=np.float64), inner))
    return found


def _ranges(name: str, edges: Floats) -> list[str]:
    below = [f"{name} ≤ {edges[0]:g}"]
    between = [f"{low:g} < {name} ≤ {high:g}" for low, high in pairwise(edges)]
    return [*below, *between, f"{name} > {edges[-1]:g}"]
