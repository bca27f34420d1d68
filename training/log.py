"""Says what the job does: JSON lines for people, metric lines for SageMaker's patterns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TextIO


@dataclass(frozen=True)
class Log:
    """Every line carries the run and, where one came in, the W3C trace context."""

    stream: TextIO
    context: dict[str, str] = field(default_factory=dict)
    speaks: bool = True  # a process that does not tells of errors alone

    def about(self, **context: str) -> Log:
        return replace(
            self, context=self.context | {key: value for key, value in context.items() if value}
        )

    def of_one(self, *, speaks: bool) -> Log:
        """Of one process among several."""
        return replace(self, speaks=speaks)

    def info(self, message: str, **fields: object) -> None:
        if self.speaks:
            self._line("INFO", message, fields)

    def error(self, message: str, **fields: object) -> None:
        self._line("ERROR", message, fields)

    def metrics(self, **values: float) -> None:
        if not self.speaks:
            return
        self._write(" ".join(f"{name}={_number(value)}" for name, value in values.items()))

    def _line(self, level: str, message: str, fields: dict[str, object]) -> None:
        head = {"time": datetime.now(UTC).isoformat(), "level": level, "message": message}
        self._write(json.dumps(head | self.context | fields, default=str))

    def _write(self, line: str) -> None:
        self.stream.write(line + "\n")
        self.stream.flush()


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6f}"
