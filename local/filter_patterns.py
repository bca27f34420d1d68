"""CloudWatch Logs filter patterns: terms, JSON conditions and space-delimited fields."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.errors import AwsError
from local.filter_conditions import Condition, parsed_condition, regular, selected

Found = dict[str, str]
_TERM = re.compile(r'(?P<sign>[-?]?)(?:"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<word>[^\s"]+))')
_FIELD = re.compile(r'"(?:\\.|[^"\\])*"|\[[^\]]*\]|\S+')
_PIECE = re.compile(r'(?:"(?:\\.|[^"\\])*"|%[^%]*%|[^,"%])*')
_NAME = re.compile(r"\s*([A-Za-z_]\w*)?\s*")


@dataclass(frozen=True)
class Pattern:
    """`match` answers with the values that the pattern names, or None when it does not match."""

    match: Callable[[str], Found | None]

    def matches(self, message: str) -> bool:
        return self.match(message) is not None


def compiled(pattern: str) -> Pattern:
    """Raises InvalidParameterException for what is no filter pattern."""
    text = pattern.strip()
    match text[:1]:
        case "{":
            return _json(text)
        case "[":
            return _spaced(text)
        case "%":
            return Pattern(_told(regular(text).search))
        case _:
            return Pattern(_told(_terms(text)))


def _told(test: Callable[[str], Any]) -> Callable[[str], Found | None]:
    return lambda message: {} if test(message) else None


def _terms(text: str) -> Callable[[str], bool]:
    """Every term must occur, no `-term` may; of `?terms` alone, one is enough."""
    signed: dict[str, list[str]] = {"": [], "-": [], "?": []}
    at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        if term is None:
            raise AwsError("InvalidParameterException", "Invalid filter pattern")
        signed[term["sign"]].append(_term(term))
        at = term.end() + len(text[term.end() :]) - len(text[term.end() :].lstrip())
    wanted, unwanted, either = signed[""], signed["-"], signed["?"]
    if either and not wanted and not unwanted:
        return lambda message: any(each in message for each in either)
    return lambda message: (
        all(each in message for each in wanted) and not any(each in message for each in unwanted)
    )


def _term(term: re.Match[str]) -> str:
    if term["quoted"] is not None:
        return re.sub(r"\\(.)", r"\1", term["quoted"])
    if re.fullmatch(r"\w+", term["word"]) is None:
        message = f"Invalid character(s) in term '{term['word']}'"
        raise AwsError("InvalidParameterException", message)
    return term["word"]


def _json(text: str) -> Pattern:
    if not text.endswith("}"):
        raise AwsError("InvalidParameterException", "Invalid filter pattern")
    condition = parsed_condition(text[1:-1])

    def match(message: str) -> Found | None:
        try:
            document = json.loads(message)
        except ValueError:
            return None
        if not isinstance(document, dict) or not condition.holds(document):
            return None
        return condition.values(document)

    return Pattern(match)


@dataclass(frozen=True)
class _Field:
    name: str
    condition: Condition | None

    def accepts(self, value: str) -> bool:
        return self.condition is None or self.condition.holds({self.name: value})


def _spaced(text: str) -> Pattern:
    if not text.endswith("]"):
        raise AwsError("InvalidParameterException", "Invalid filter pattern")
    pieces = [each.strip() for each in _pieces(text[1:-1])]
    rest = pieces.index("...") if "..." in pieces else None
    fields = [_field(each, i) for i, each in enumerate(pieces, 1) if each != "..."]

    def match(message: str) -> Found | None:
        values = _aligned(_values(message), len(fields), rest)
        if values is None or not all(f.accepts(v) for f, v in zip(fields, values, strict=True)):
            return None
        return {f"${f.name}": v for f, v in zip(fields, values, strict=True)}

    return Pattern(match)


def _pieces(text: str) -> list[str]:
    pieces, at = [], 0
    while True:
        piece = _PIECE.match(text, at)
        assert piece is not None  # it matches nothing, too
        pieces.append(piece[0])
        at = piece.end() + 1
        if at > len(text):
            return pieces


def _field(piece: str, number: int) -> _Field:
    named = _NAME.match(piece)
    assert named is not None  # it matches nothing, too
    name = named[1] or str(number)
    rest = piece[named.end() :]
    if not rest:
        return _Field(name, None)
    return _Field(name, parsed_condition(piece if named[1] else f"{name}{rest}"))


def _values(message: str) -> list[str]:
    """Fields are parted by spaces; brackets and double quotes hold one together."""
    return [_bare(each) for each in _FIELD.findall(message)]


def _bare(field: str) -> str:
    enclosed = len(field) > 1 and (field[0] + field[-1]) in ('""', "[]")
    return field[1:-1] if enclosed else field


def _aligned(values: list[str], fields: int, rest: int | None) -> list[str] | None:
    """One value per field; `...` stands for any number of them, at `rest`."""
    if rest is None:
        return values if len(values) == fields else None
    if len(values) < fields:
        return None
    after = fields - rest
    return values[:rest] + (values[-after:] if after else [])


def named_value(message: str, found: Mapping[str, str], name: str) -> str | None:
    """What `$name` or `$.selector` stands for in an event that matched."""
    if not name.startswith("$.") and not name.startswith("$["):
        return found.get(name)
    try:
        values = selected(json.loads(message), name)
    except ValueError:
        return None
    return str(values[0]) if values else None
