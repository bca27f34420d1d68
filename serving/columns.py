"""What a row of this model looks like, and rows that look otherwise.

Letters of the shapes: B rows of a request, F feature columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from serving.errors import BadRowsError, TooManyRowsError

Rows = NDArray[np.float32]
_Values = Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class Columns:
    names: tuple[str, ...]
    max_rows: int
    missing: bool = False  # whether a value may be lacking: null, an empty cell, or NaN
    _zeros: Rows = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_zeros", np.zeros(len(self.names), dtype=np.float32))

    def of(self, values: _Values) -> Rows:
        """Rows of Python's numbers, in the order of the columns."""
        self.count(len(values))
        try:
            with np.errstate(over="ignore"):
                rows_BF = np.array(values, dtype=np.float32)
        except ValueError:
            self._find_ragged(values)
            raise
        if rows_BF.shape[1:] != (len(self.names),):
            self._find_ragged(values)
        return self.checked(rows_BF, values)

    def cast(self, values_BF: NDArray[np.generic]) -> Rows:
        """Rows of any numbers; what is in the right form already is not copied."""
        if values_BF.shape[1:] != (len(self.names),):
            shape = " by ".join(map(str, values_BF.shape))
            raise BadRowsError(f"the body is {shape} numbers: this model takes {self._wanted()}")
        self.count(len(values_BF))
        with np.errstate(over="ignore"):
            return self.checked(np.ascontiguousarray(values_BF, dtype=np.float32))

    def checked(self, rows_BF: Rows, given: _Values | None = None) -> Rows:
        """`given` are the values as they were before they had to fit."""
        if not self._all_finite(rows_BF):
            bad_BF = np.isinf(rows_BF) if self.missing else ~np.isfinite(rows_BF)
            for row, column in np.argwhere(bad_BF):
                value = (rows_BF if given is None else given)[row][column]
                raise BadRowsError(
                    f"instances[{row}], {self.names[column]}, is {value}:"
                    " it must be a finite number that fits 32 bits"
                )
        return rows_BF

    def count(self, rows: int) -> None:
        if not rows:
            raise BadRowsError("instances is empty: send at least one row")
        if rows > self.max_rows:
            raise TooManyRowsError(rows, limit=self.max_rows)

    def named(self, given: Sequence[str], *, what: str) -> None:
        """All columns are there, by name and once, and no others."""
        found = set(given)
        lacking = [name for name in self.names if name not in found]
        unknown = sorted(found - set(self.names))
        faults = [f"lacks {some(lacking)}"] if lacking else []
        faults += [f"has unknown {some(unknown)}"] if unknown else []
        if len(found) < len(given):
            faults.append("has a column twice")
        if faults:
            raise BadRowsError(f"{what} {' and '.join(faults)}")

    def _all_finite(self, rows_BF: Rows) -> bool:
        """Nothing but a finite number gives 0 when it is multiplied by 0."""
        if len(rows_BF) == 1:
            with np.errstate(invalid="ignore"):
                return isfinite(rows_BF[0].dot(self._zeros))
        return bool(np.isfinite(rows_BF).all())

    def _find_ragged(self, values: _Values) -> None:
        for index, row in enumerate(values):
            if len(row) != len(self.names):
                raise BadRowsError(
                    f"instances[{index}] has {len(row)} values: this model takes {self._wanted()}"
                )

    def _wanted(self) -> str:
        return f"{len(self.names)}, {self.names[0]} to {self.names[-1]}"


def some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
