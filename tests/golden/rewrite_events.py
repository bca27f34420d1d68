"""Writes one golden JSON per event version: `python -m tests.golden.rewrite_events`.

A file of an older version is never touched: it must parse for ever.
"""

import json
from pathlib import Path

from events.base import Event
from events.catalog import CATALOG
from events.words import Reason

FOLDER = Path(__file__).parent / "events"

_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_SAID: dict[str, object] = {
    "model": "digits",
    "drop": "2026-11-24",
    "dataset": "3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b",
    "code_uri": "s3://sluice-dev-artifacts/code/digits/code.zip",
    "code": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "run": "0123456789ab",
    "rows": 1500,
    "attempt": 2,
    "cause": "a person",
    "job": "sluice-dev-digits-0123456789ab-t1",
    "version": 2,
    "champion": 1,
    "rollout": "sluice-dev-digits-v2",
    "about": "sluice-dev-digits-v2",
    "step": 1,
    "hold": 2,
    "look": 0,
    "person": False,
    "weight": 25,
    "reason": Reason.TOO_MANY_ERRORS,
    "message": "challenger 9/20 errors, p99 12 ms; champion 0/380",
    "traceparent": _TRACE,
    "schema_version": 1,
}


def examples() -> dict[str, Event]:
    """Every event of ours with every field said."""
    return {
        name: kind.model_validate({field: _SAID[field] for field in kind.model_fields})
        for name, kind in CATALOG.items()
    }


def rewrite() -> None:
    """Bring the files of the present versions up to date."""
    FOLDER.mkdir(exist_ok=True)
    for name, event in examples().items():
        text = json.dumps(json.loads(event.detail()), indent=2, sort_keys=True)
        (FOLDER / f"{name}.v{event.schema_version}.json").write_text(f"{text}\n")


if __name__ == "__main__":
    rewrite()
