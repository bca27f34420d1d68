"""The rule of a composite alarm: states of other alarms, joined by AND, OR and NOT."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from local.errors import AwsError

LONGEST = 10_240
MOST_ALARMS = 100
_STATES = frozenset({"ALARM", "OK", "INSUFFICIENT_DATA"})
_TOKEN = re.compile(r'\s*(?:([()])|"([^"]+)"|([^\s()"]+))')
StateOf = Callable[[str], str]
Holds = Callable[[StateOf], bool]


@dataclass(frozen=True)
class AlarmRule:
    """`alarms` are the names or ARNs that it looks at, as they are written."""

    holds: Holds
    alarms: tuple[str, ...]


@cache
def parsed(rule: str) -> AlarmRule:
    """NOT binds closer than AND, and AND closer than OR; raises ValidationError."""
    if len(rule) > LONGEST:
        raise _invalid(f"the rule is longer than {LONGEST} characters")
    reader = _Reader(list(_tokens(rule)))
    holds = reader.either()
    if reader.left:
        raise _invalid(f"unexpected {reader.left!r}")
    if len(reader.alarms) > MOST_ALARMS:
        raise _invalid(f"more than {MOST_ALARMS} alarms")
    return AlarmRule(holds, tuple(reader.alarms))


def _tokens(rule: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each: a bracket, a quoted name or a word."""
    place = 0
    while place < len(rule.rstrip()):
        found = _TOKEN.match(rule, place)
        if found is None:
            raise _invalid(f"unexpected {rule[place:].strip()[:20]!r}")
        place = found.end()
        bracket, quoted, word = found.groups()
        yield ("bracket", bracket) if bracket else ("name", quoted) if quoted else ("word", word)


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._place = 0
        self.alarms: dict[str, None] = {}

    @property
    def left(self) -> str:
        """The text of the next token, or nothing."""
        return self._tokens[self._place][1] if self._place < len(self._tokens) else ""

    def either(self) -> Holds:
        terms = [self._both()]
        while self._takes("OR"):
            terms.append(self._both())
        return lambda state: any(term(state) for term in terms)

    def _both(self) -> Holds:
        terms = [self._one()]
        while self._takes("AND"):
            terms.append(self._one())
        return lambda state: all(term(state) for term in terms)

    def _one(self) -> Holds:
        if self._takes("NOT"):
            term = self._one()
            return lambda state: not term(state)
        if self._takes("("):
            inner = self.either()
            self._expect(")")
            return inner
        word = self._next()
        if word in {"TRUE", "FALSE"}:
            return lambda _: word == "TRUE"
        if word not in _STATES:
            raise _invalid(f"unexpected {word!r}" if word else "it ends too early")
        return self._state(word)

    def _state(self, wanted: str) -> Holds:
        self._expect("(")
        name = self._next()
        if name in {"", "(", ")"}:
            raise _invalid(f"{wanted} needs the name of an alarm")
        self._expect(")")
        self.alarms[name] = None
        return lambda state: state(name) == wanted

    def _takes(self, text: str) -> bool:
        if self.left == text and self._tokens[self._place][0] != "name":
            self._place += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._takes(text):
            raise _invalid(f"{text!r} is missing")

    def _next(self) -> str:
        found = self.left
        self._place += 1
        return found


def _invalid(why: str) -> AwsError:
    return AwsError("ValidationError", f"AlarmRule is not valid: {why}")
