"""What a model's answer says: its version, and whether it is one."""

import json
from typing import Any

_SHOWN = 100
"""Bytes of an answer that cannot be used."""


def fault_in(body: bytes, *, questions: int) -> str:
    """What is wrong with an answer; empty when it has one prediction to each question."""
    try:
        said: Any = json.loads(body)
    except ValueError:
        return f"the answer is not JSON: {body[:_SHOWN]!r}"
    predictions = said.get("predictions") if isinstance(said, dict) else None
    if not isinstance(predictions, list):
        return f"the answer has no list of predictions: {body[:_SHOWN]!r}"
    if len(predictions) != questions:
        return f"{len(predictions)} answers to {questions} questions"
    return ""


def version_in(attributes: str) -> int | None:
    """The `version=2` of the attributes the container sends with each answer."""
    said = dict(part.split("=", 1) for part in attributes.split(";") if "=" in part)
    return int(said["version"]) if said.get("version", "").isdecimal() else None
