"""The conditions of filter patterns: `$.a = "x" && ($.b > 3 || $.c NOT EXISTS)`."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from local.errors import AwsError

Values = list[Any]
Test = Callable[[Values], bool]
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<selector>\$(?:\.\[?'[^']+'\]?|\.[\w-]+|\['[^']+'\]|\[(?:\d+|\*)\])+)
      | (?P<logic>&&|\|\|) | (?P<bracket>[()]) | (?P<op>!=|<=|>=|=|<|>)
      | (?P<state>IS\s+NULL|IS\s+TRUE|IS\s+FALSE|NOT\s+EXISTS)\b
      | (?P<quoted>"(?:\\.|[^"\\])*") | (?P<regex>%[^%]+%) | (?P<word>[\w.*+:/-]+)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_STEP = re.compile(r"\.?\[?'([^']+)'\]?|\.([\w-]+)|\[(\d+|\*)\]")
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_STATES: dict[str, Test] = {
    "IS NULL": lambda values: any(value is None for value in values),
    "IS TRUE": lambda values: any(value is True for value in values),
    "IS FALSE": lambda values: any(value is False for value in values),
    "NOT EXISTS": lambda values: not values,
}


@dataclass(frozen=True)
class Condition:
    """`holds` for a document; `selectors` are what it looks at."""

    holds: Callable[[Mapping[str, Any]], bool]
    selectors: tuple[str, ...]

    def values(self, document: Mapping[str, Any]) -> dict[str, str]:
        """What the selectors found, as text."""
        found = {each: selected(document, each) for each in self.selectors}
        return {each: _text(values[0]) for each, values in found.items() if values}


def parsed_condition(text: str) -> Condition:
    """Raises InvalidParameterException."""
    parser = _Parser(_tokens(text))
    condition = parser.either()
    if parser.kind:
        _invalid()
    return condition


def selected(document: Any, selector: str) -> Values:
    """What lies at a selector: several with `[*]`, none when there is nothing."""
    if not selector.startswith("$"):
        return [document[selector]] if selector in document else []
    found = [document]
    for quoted, name, index in _STEP.findall(selector[1:]):
        found = [value for each in found for value in _inside(each, quoted or name, index)]
    return found


def regular(text: str) -> re.Pattern[str]:
    """The expression between two percent signs."""
    try:
        return re.compile(text.removeprefix("%").removesuffix("%"))
    except re.error:
        _invalid()


def _inside(value: Any, name: str, index: str) -> Values:
    if name:
        return [value[name]] if isinstance(value, dict) and name in value else []
    if not isinstance(value, list):
        return []
    return value if index == "*" else value[int(index) : int(index) + 1]


def _invalid() -> NoReturn:
    raise AwsError("InvalidParameterException", "Invalid filter pattern")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at, text = [], 0, text.rstrip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or token.lastgroup is None:
            _invalid()
        found.append((token.lastgroup, token[token.lastgroup]))
        at = token.end()
    return found


class _Parser:
    """`||` binds weaker than `&&`; brackets decide."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("", "")]
        self._at = 0

    @property
    def kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def text(self) -> str:
        return self._tokens[self._at][1]

    def either(self) -> Condition:
        return self._joined("||", self._both, any)

    def _both(self) -> Condition:
        return self._joined("&&", self._one, all)

    def _joined(self, sign: str, part: Callable[[], Condition], join: Any) -> Condition:
        parts = [part()]
        while self.text == sign:
            self._take("logic")
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        selectors = tuple(name for each in parts for name in each.selectors)
        return Condition(lambda document: join(p.holds(document) for p in parts), selectors)

    def _one(self) -> Condition:
        if self.text == "(":
            self._take("bracket")
            inner = self.either()
            if self.text != ")":
                _invalid()
            self._take("bracket")
            return inner
        selector = self._take(self.kind if self.kind in {"selector", "word"} else "selector")
        test = self._test()
        return Condition(lambda document: test(selected(document, selector)), (selector,))

    def _test(self) -> Test:
        if self.kind == "state":
            return _STATES[" ".join(self._take("state").upper().split())]
        sign = self._take("op")
        kind, value = self.kind, self._take(self.kind)
        if sign in _ORDER:
            return _ordered(_ORDER[sign], value)
        equal = _equals(kind, value)
        if sign == "=":
            return lambda values: any(equal(each) for each in values)
        return lambda values: any(not equal(each) for each in values)

    def _take(self, kind: str) -> str:
        if not kind or self.kind != kind:
            _invalid()
        text = self.text
        self._at += 1
        return text


def _ordered(compare: Callable[[Any, Any], bool], text: str) -> Test:
    limit = _number(text)
    if limit is None:
        _invalid()

    def test(values: Values) -> bool:
        numbers = [_number(each) for each in values if not isinstance(each, bool)]
        return any(compare(each, limit) for each in numbers if each is not None)

    return test


def _equals(kind: str, text: str) -> Callable[[Any], bool]:
    match kind:
        case "regex":
            expression = regular(text)
            return lambda value: expression.search(_text(value)) is not None
        case "quoted":
            wanted = _wildcard(re.sub(r"\\(.)", r"\1", text[1:-1]))
            return lambda value: wanted.fullmatch(_text(value)) is not None
        case "word":
            return _equals_word(text)
        case _:
            _invalid()


def _equals_word(text: str) -> Callable[[Any], bool]:
    number, wanted = _number(text), _wildcard(text)

    def equal(value: Any) -> bool:
        if number is not None and not isinstance(value, bool) and _number(value) == number:
            return True
        return wanted.fullmatch(_text(value)) is not None

    return equal


def _wildcard(text: str) -> re.Pattern[str]:
    """`*` stands for anything."""
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case None:
            return "null"
        case _:
            return str(value)
