"""Says what the server does, as JSON lines that carry its model."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TextIO


@dataclass(frozen=True)
class Log:
    stream: TextIO
    context: dict[str, str] = field(default_factory=dict)

    def info(self, message: str, **fields: object) -> None:
        self._write("INFO", message, fields)

    def error(self, message: str, **fields: object) -> None:
        self._write("ERROR", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, object]) -> None:
        head = {"time": datetime.now(UTC).isoformat(), "level": level, "message": message}
        told = {name: value for name, value in fields.items() if value != ""}
        line = json.dumps(head | self.context | told, default=str) + "\n"
        with suppress(OSError):  # nobody reads any more: an answer is worth more than its line
            self.stream.write(line)
            self.stream.flush()
