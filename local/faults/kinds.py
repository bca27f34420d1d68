"""Which faults there are, what each may be told, and the reading of a wish for one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random
from typing import Any

_CALLS = ("service", "action", "name")
_EVENTS = ("source", "detail-type", "name")
_HOW_OFTEN = ("count", "probability", "seed")


class FaultError(Exception):
    """A wish that cannot be met; the message is one line for a person."""


@dataclass(frozen=True)
class Kind:
    """`matches` are globs, `numbers` its own parameters with what they are when nobody says."""

    said: str
    matches: tuple[str, ...]
    numbers: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parameters that are one of several words; the first when nobody says."""

    how_often: tuple[str, ...] = _HOW_OFTEN
    lasts: bool = False
    """Whether it strikes until it is taken back, when nobody says how often."""

    @property
    def known(self) -> tuple[str, ...]:
        return (*self.matches, *self.numbers, *self.words, *self.how_often)


KINDS: Mapping[str, Kind] = {
    "duplicate": Kind("an event is delivered several times", _EVENTS, {"copies": 2}),
    "reorder": Kind(
        "an event waits up to `seconds`: later ones overtake it", _EVENTS, {"seconds": 5}
    ),
    "delay": Kind("an event comes `seconds` later", _EVENTS, {"seconds": 5}),
    "lose": Kind("an event is accepted and never delivered", _EVENTS),
    "throttle": Kind("a call is refused with the service's throttling error", _CALLS),
    "internal-error": Kind("a call is answered with a 5xx", _CALLS, {"status": 500}),
    "access-denied": Kind("a call is refused for want of a permission", _CALLS),
    "limit-exceeded": Kind("a call is refused for a quota", _CALLS),
    "time-out-after-apply": Kind(
        "a call takes effect, and its connection closes `seconds` later without an answer",
        _CALLS,
        {"seconds": 0},
    ),
    "no-capacity": Kind("a job finds no machine of its type", ("name", "instance-type")),
    "interrupt": Kind("a job's spot machine is taken back", ("name",)),
    "kill-job": Kind("a job's machine fails", ("name",)),
    "fail-rollback": Kind("a rolling deployment that is to go back cannot", ("name",)),
    "kill-server": Kind("a process of an endpoint dies when it is invoked", ("name",)),
    "kill-function": Kind(
        "a function's sandbox dies at the `call`-th API call of an invocation",
        ("name", "service", "action"),
        {"call": 1},
        {"when": ("before", "after")},
    ),
    "disk-full": Kind(
        "S3 takes `bytes` more and then refuses, with InsufficientStorage (507)",
        ("name",),
        {"bytes": 0},
        lasts=True,
    ),
    "clock-jump": Kind(
        "the clock jumps by `seconds` at once, back when the fault goes",
        (),
        {"seconds": 3600},
        how_often=(),
    ),
}


class Fault:
    """One fault at work; the book that holds it guards it."""

    def __init__(self, id_: str, kind: str, wish: Mapping[str, Any]) -> None:
        self.id = id_
        self.kind = kind
        self.wish = dict(wish)
        self.struck = 0
        self._probability = wish.get("probability")
        lasts = self._probability is not None or KINDS[kind].lasts
        self._left = wish.get("count", None if lasts else 1)
        self.random = Random(wish.get("seed", 0))

    def __getitem__(self, parameter: str) -> float:
        return float(self.wish.get(parameter, KINDS[self.kind].numbers[parameter]))

    def word(self, parameter: str) -> str:
        return str(self.wish.get(parameter, KINDS[self.kind].words[parameter][0]))

    def is_about(self, subject: Mapping[str, tuple[str, ...]]) -> bool:
        kind = KINDS[self.kind]
        return all(
            any(fnmatchcase(value, str(self.wish[name])) for value in subject.get(name, ()))
            for name in kind.matches
            if name in self.wish
        )

    @property
    def exhausted(self) -> bool:
        return bool(self._left == 0)

    def strikes(self) -> bool:
        """Whether it strikes this time; it is counted when it does."""
        if self.exhausted:
            return False
        if self._probability is not None and self.random.random() >= self._probability:
            return False
        self.struck += 1
        if self._left is not None:
            self._left -= 1
        return True

    def told(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            **self.wish,
            "struck": self.struck,
            "left": self._left,
        }


def checked(wish: Any) -> tuple[str, dict[str, Any]]:
    """The kind and the parameters of a wish; raises FaultError."""
    if not isinstance(wish, dict):
        raise FaultError("a fault is a JSON object with a `kind`")
    asked = dict(wish)
    name = asked.pop("kind", None)
    if name not in KINDS:
        raise FaultError(f"kind {name!r} is not there; choose one of {', '.join(KINDS)}")
    kind = KINDS[name]
    for key, value in asked.items():
        if key not in kind.known:
            raise FaultError(f"{name} knows no {key!r}; it knows {', '.join(kind.known)}")
        _check(kind, key, value)
    if name != "clock-jump" and asked.get("seconds", 0) < 0:
        raise FaultError("only a clock jumps back: seconds is 0 or more")
    return name, asked


def _check(kind: Kind, key: str, value: Any) -> None:
    if key in kind.matches:
        if not isinstance(value, str) or not value:
            raise FaultError(f"{key} is a glob, not {value!r}")
        return
    if key in kind.words:
        if value not in kind.words[key]:
            raise FaultError(f"{key} is one of {', '.join(kind.words[key])}, not {value!r}")
        return
    _check_number(key, value)


def _check_number(key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FaultError(f"{key} is a number, not {value!r}")
    low, high, whole = _BOUNDS[key]
    if not low <= value <= high or (whole and value != int(value)):
        number = "a whole number" if whole else "a number"
        raise FaultError(f"{key} is {number} from {low} to {high}, not {value}")


_BOUNDS: Mapping[str, tuple[float, float, bool]] = {
    "count": (1, 1_000_000, True),
    "probability": (0, 1, False),
    "seed": (0, 2**63, True),
    "copies": (2, 100, True),
    "seconds": (-315_360_000, 315_360_000, False),
    "status": (500, 599, True),
    "call": (1, 10_000, True),
    "bytes": (0, 2**63, True),
}
