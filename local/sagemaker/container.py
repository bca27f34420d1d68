"""One container's place on this machine: its /opt/ml, its words and its environment."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_OPT_ML = "/opt/ml"


@dataclass(frozen=True)
class Container:
    """Where `/opt/ml` of one container lies; every mention of it is replaced by that place."""

    base: Path

    def path(self, inside: str) -> Path:
        """The place of an absolute path inside the container."""
        return Path(self.moved(inside))

    def moved(self, text: str) -> str:
        return text.replace(_OPT_ML, str(self.base))

    def words(self, words: Sequence[str]) -> list[str]:
        return [self.moved(word) for word in words]

    def environment(self, own: Mapping[str, str]) -> dict[str, str]:
        """The container's own variables, and how programs find the place."""
        told = {name: self.moved(value) for name, value in own.items()}
        return {**told, "SAGEMAKER_BASE_DIR": str(self.base), "PYTHONUNBUFFERED": "1"}

    def folder(self, inside: str) -> Path:
        """The place of a folder inside the container, made."""
        place = self.path(inside)
        place.mkdir(parents=True, exist_ok=True)
        return place

    def write(self, inside: str, value: Any) -> None:
        """A JSON file inside the container."""
        place = self.path(inside)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(value), "utf-8")

    def read(self, inside: str, *, limit: int = 1024) -> str:
        """The beginning of a text the container left behind; empty when it left none."""
        place = self.path(inside)
        if not place.is_file():
            return ""
        return place.read_text("utf-8", "replace").strip()[:limit]
