"""The JSONPath that data processing of transform jobs knows: members, indexes, slices, lists."""

import re
from collections.abc import Callable
from typing import Any

from local.sagemaker.parts import invalid

Step = Callable[[Any], Any]
_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[([^\]]*)\]")
_NAMES = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_INDEXES = re.compile(r"-?\d+(?:,-?\d+)*")
_SLICE = re.compile(r"(-?\d*):(-?\d*)")


def json_path(expression: str) -> Step:
    """What finds the value; raises ValidationException for more than this AWS knows."""
    if not expression.startswith("$"):
        raise invalid(f"JSONPath {expression!r} must begin with $.")
    steps, end = [], 1
    for match in _STEP.finditer(expression, 1):
        if match.start() != end:
            break
        steps.append(_step(expression, match))
        end = match.end()
    if end != len(expression):
        raise invalid(f"JSONPath {expression!r}: not emulated yet.")
    return lambda value: _walked(steps, value)


def _walked(steps: list[Step], value: Any) -> Any:
    for step in steps:
        value = step(value)
    return value


def _step(expression: str, match: re.Match[str]) -> Step:
    name, inside = match.group(1), (match.group(2) or "").replace(" ", "")
    if name:
        return lambda value: value[name]
    names = [found[0] or found[1] for found in _NAMES.findall(inside)]
    if names:
        return _members(names)
    if _INDEXES.fullmatch(inside):
        return _indexes([int(each) for each in inside.split(",")])
    cut = _SLICE.fullmatch(inside)
    if cut is None:
        raise invalid(f"JSONPath {expression!r}: not emulated yet.")
    start, end = (int(each) if each else None for each in cut.groups())
    return lambda value: value[start:end]


def _members(names: list[str]) -> Step:
    if len(names) == 1:
        return lambda value: value[names[0]]
    return lambda value: {name: value[name] for name in names if name in value}


def _indexes(numbers: list[int]) -> Step:
    if len(numbers) == 1:
        return lambda value: value[numbers[0]]
    return lambda value: [value[number] for number in numbers]
