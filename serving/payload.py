"""Turns a request's body into rows, strictly, and answers into a body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import msgspec

from serving import arrow, cells, npy
from serving.columns import Columns, Rows
from serving.errors import MediaTypeError
from serving.instances import Instances
from serving.messages import JSON, Body
from serving.parquet import ParquetReader

CSV: Final = "text/csv"
JSON_LINES: Final = ("application/jsonlines", "application/x-ndjson", "application/jsonl")
NPY: Final = "application/x-npy"
ARROW: Final = ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file")
PARQUET: Final = ("application/vnd.apache.parquet", "application/x-parquet")

Read = Callable[[Body], Rows]


@dataclass(frozen=True)
class Payload:
    """Knows the columns of the model, and so what a row looks like in each format."""

    columns: Columns
    _reads: dict[str, Read] = field(init=False)

    def __post_init__(self) -> None:
        instances = Instances(self.columns)
        reads: dict[str, Read] = {
            JSON: instances.from_json,
            "": instances.from_json,
            CSV: partial(cells.rows, columns=self.columns),
            NPY: partial(npy.rows, columns=self.columns),
            **dict.fromkeys(JSON_LINES, instances.from_lines),
            **dict.fromkeys(ARROW, partial(arrow.rows, columns=self.columns)),
        }
        if find_spec("pyarrow") is not None:
            reads |= dict.fromkeys(PARQUET, ParquetReader(self.columns).rows)
        object.__setattr__(self, "_reads", reads)

    def rows(self, body: Body, content_type: str) -> Rows:
        read = self._reads.get(content_type) or self._reads.get(_media_type(content_type))
        if read is None:
            raise MediaTypeError(content_type, ", ".join(filter(None, self._reads)))
        return read(body)

    def is_quick(self, content_type: str) -> bool:
        """Whether it is read here; for the other the event loop must not wait."""
        return _media_type(content_type) not in PARQUET


def encode(answers: list[Any]) -> bytes:
    return msgspec.json.encode({"predictions": answers})


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
