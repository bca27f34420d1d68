"""Reads rows from NumPy's own format, without the parts of it that could run something.

The header is a Python literal; only the one form that NumPy writes for plain numbers is taken, and
the length of the body must be what the header says. The rows are a view of the body.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from serving.columns import Columns, Rows
from serving.errors import BadInputError
from serving.messages import Body

_MAGIC: Final = b"\x93NUMPY"
_LENGTH_BYTES: Final = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}
_HEADER: Final = re.compile(
    rb"\{'descr': '([<>|][bfiu][1248])', 'fortran_order': (True|False),"
    rb" 'shape': \((\d{1,9}), ?(\d{0,9})\), \}\s*"
)
_HEADER_BYTES: Final = 4096


def rows(body: Body, columns: Columns) -> Rows:
    header, start = _header(body)
    found = _HEADER.fullmatch(header)
    if found is None:
        raise BadInputError(
            f"the header {header[:60]!r} tells no plain numbers in one or two dimensions"
        )
    descr, fortran, first, second = found.groups()
    dtype = np.dtype(descr.decode())
    shape = (int(first), int(second)) if second else (1, int(first))  # one row alone
    expected = start + shape[0] * shape[1] * dtype.itemsize
    if len(body) != expected:
        raise BadInputError(f"the body has {len(body)} bytes, its header tells of {expected}")
    return columns.cast(_array(body, start, dtype, shape, fortran=fortran == b"True"))


def _array(
    body: Body, start: int, dtype: np.dtype[np.generic], shape: tuple[int, int], *, fortran: bool
) -> NDArray[np.generic]:
    numbers = np.frombuffer(body, dtype=dtype, offset=start) if len(body) > start else np.empty(0)
    return numbers.reshape(shape, order="F" if fortran else "C")


def _header(body: Body) -> tuple[bytes, int]:
    length_bytes = _LENGTH_BYTES.get(bytes(body[6:8]))
    if bytes(body[:6]) != _MAGIC or length_bytes is None:
        raise BadInputError("the body does not begin as an .npy file of version 1, 2 or 3 does")
    start = 8 + length_bytes
    size = int.from_bytes(body[8:start], "little")
    if len(body) < start or size > _HEADER_BYTES:
        raise BadInputError(f"the header has {size} bytes: at most {_HEADER_BYTES} are read")
    return bytes(body[start : start + size]), start + size
