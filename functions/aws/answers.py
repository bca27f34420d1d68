"""What a model's answer says: its version, and whether it is one."""

import json
from typing import Any

from functions.endpoint import Expected

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


def disagreement(body: bytes, expected: Expected) -> str:
    """Where a good answer lies farther from the recorded ones than it may; empty for nowhere."""
    predictions = json.loads(body)["predictions"] if expected.predictions else []
    for number, (said, known) in enumerate(zip(predictions, expected.predictions, strict=True), 1):
        if not isinstance(said, int | float) or abs(said - known) > expected.tolerance:
            return f"golden request {number}: {said!r} instead of {known:g}"
    return ""


def other_model(attributes: str, expected: Expected) -> str:
    """What is wrong with the model's digest in the attributes; a container may send none."""
    digest = _said(attributes).get("digest", "")
    if not expected.digest or expected.digest.startswith(digest):
        return ""
    return f"the model with digest {digest} answered, not {expected.digest[: len(digest)]}"


def _said(attributes: str) -> dict[str, str]:
    return dict(part.strip().split("=", 1) for part in attributes.split(";") if "=" in part)


def version_in(attributes: str) -> int | None:
    """The `version=2` of the attributes the container sends with each answer."""
    said = _said(attributes)
    return int(said["version"]) if said.get("version", "").isdecimal() else None
