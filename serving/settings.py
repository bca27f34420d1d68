"""What the environment says, typed once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serving.errors import SettingsError

MIB: Final = 2**20
MAX_BODY: Final = 25 * MIB  # of InvokeEndpoint
BYTES: Final = 2**40
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9._-]{1,63}")


@dataclass(frozen=True)
class Settings:
    model_dir: Path
    host: str
    port: int
    model: str
    version: str
    digest: str
    max_batch: int  # rows the model sees at once
    max_queued: int  # rows that may wait or be at work
    max_queued_bytes: int  # of those rows
    latency: float  # seconds that one answer should take at most
    threads: int  # of torch, on a CPU
    max_connections: int
    max_body: int  # bytes
    max_bodies: int  # bytes of the bodies on all connections
    max_rows: int  # of one request
    missing: bool  # whether a value of a row may be lacking
    timeout_seconds: int  # from a request's first byte to its answer
    stall_seconds: int  # at one batch before the model counts as hung

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        base = Path(environment.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
        return cls(
            model_dir=base / "model",
            host=environment.get("SLUICE_HOST") or "0.0.0.0",
            port=_whole(environment, "SAGEMAKER_BIND_TO_PORT", 8080, low=0, high=65535),
            model=_matching(environment, "SLUICE_MODEL", _TOKEN),
            version=_matching(environment, "SLUICE_VERSION", _TOKEN),
            digest=_matching(environment, "SLUICE_MODEL_DIGEST", _DIGEST),
            max_batch=_whole(environment, "SLUICE_MAX_BATCH", 32),
            max_queued=_whole(environment, "SLUICE_MAX_QUEUED", 1024),
            max_queued_bytes=_whole(environment, "SLUICE_MAX_QUEUED_BYTES", 64 * MIB, high=BYTES),
            latency=_whole(environment, "SLUICE_LATENCY_MS", 250) / 1000,
            threads=_whole(environment, "SLUICE_THREADS", 1),
            max_connections=_whole(environment, "SLUICE_MAX_CONNECTIONS", 4096),
            max_body=_whole(environment, "SLUICE_MAX_BODY", 6 * MIB, high=MAX_BODY),
            max_bodies=_whole(environment, "SLUICE_MAX_BODIES", 64 * MIB, high=BYTES),
            max_rows=_whole(environment, "SLUICE_MAX_ROWS", 10_000),
            missing=_one_of(environment, "SLUICE_MISSING", ("refuse", "allow")) == "allow",
            timeout_seconds=_whole(environment, "SLUICE_TIMEOUT_SECONDS", 60),
            stall_seconds=_whole(environment, "SLUICE_STALL_SECONDS", 60),
        )


def _matching(environment: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str:
    value = environment.get(name, "")
    if pattern.fullmatch(value) is None:
        raise SettingsError(
            "SETTING_INVALID", f"{name} is {value!r}: it must match {pattern.pattern}"
        )
    return value


def _whole(
    environment: Mapping[str, str], name: str, default: int, *, low: int = 1, high: int = 1_000_000
) -> int:
    text = environment.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise SettingsError(
            "SETTING_INVALID", f"{name} is {text!r}: it must be a whole number {low} to {high}"
        )
    return int(text)


def _one_of(environment: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """The first is the default."""
    value = environment.get(name) or allowed[0]
    if value not in allowed:
        raise SettingsError(
            "SETTING_INVALID", f"{name} is {value!r}: it must be {' or '.join(allowed)}"
        )
    return value
