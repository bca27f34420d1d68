"""The grammar of metric math: an expression becomes a tree."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from local.errors import AwsError

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^<>(),\[\]]))"
)
_LEVELS: Sequence[frozenset[str]] = (
    frozenset({"||", "OR"}),
    frozenset({"&&", "AND"}),
    frozenset({"==", "!=", "<", "<=", ">", ">="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/"}),
)


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Text:
    value: str


@dataclass(frozen=True)
class Name:
    id: str


@dataclass(frozen=True)
class Several:
    members: "tuple[Node, ...]"


@dataclass(frozen=True)
class Operation:
    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Call:
    function: str
    arguments: "tuple[Node, ...]"


Node = Number | Text | Name | Several | Operation | Call


@cache
def parsed(expression: str) -> Node:
    """Raises ValidationError."""
    reader = _Reader(expression)
    node = reader.level(0)
    if reader.left:
        raise invalid(expression, f"unexpected {reader.left!r}")
    return node


def names_in(node: Node) -> Iterator[str]:
    """The ids that an expression is made of."""
    match node:
        case Name(id_):
            yield id_
        case Several(members) | Call(_, members):
            for member in members:
                yield from names_in(member)
        case Operation(_, left, right):
            yield from names_in(left)
            yield from names_in(right)
        case Number() | Text():
            return


def invalid(expression: str, why: str) -> AwsError:
    return AwsError("ValidationError", f"Error in expression '{expression}': {why}")


class _Reader:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = list(self._read())
        self._place = 0

    @property
    def left(self) -> str:
        return self._tokens[self._place][1] if self._place < len(self._tokens) else ""

    def level(self, depth: int) -> Node:
        """One level of precedence, the loosest first."""
        if depth == len(_LEVELS):
            return self._power()
        node = self.level(depth + 1)
        while self.left in _LEVELS[depth]:
            sign = self._next()[1]
            node = Operation(sign, node, self.level(depth + 1))
        return node

    def _power(self) -> Node:
        if self._takes("-"):
            return Operation("-", Number(0.0), self._power())
        base = self._one()
        return Operation("^", base, self._power()) if self._takes("^") else base

    def _one(self) -> Node:
        kind, text = self._next()
        match kind, text:
            case "number", _:
                return Number(float(text))
            case "text", _:
                return Text(text[1:-1])
            case "name", _:
                return self._named(text)
            case "sign", "(":
                node = self.level(0)
                self._expect(")")
                return node
            case "sign", "[":
                return Several(self._list("]"))
            case _:
                raise self._invalid(f"unexpected {text!r}" if text else "it ends too early")

    def _named(self, text: str) -> Node:
        return Call(text, self._list(")")) if self._takes("(") else Name(text)

    def _list(self, end: str) -> tuple[Node, ...]:
        members: list[Node] = []
        while not self._takes(end):
            if members:
                self._expect(",")
            members.append(self.level(0))
        return tuple(members)

    def _read(self) -> Iterator[tuple[str, str]]:
        place, end = 0, len(self._expression.rstrip())
        while place < end:
            found = _TOKEN.match(self._expression, place)
            if found is None:
                raise self._invalid(f"unexpected {self._expression[place:].strip()[:20]!r}")
            place = found.end()
            yield str(found.lastgroup), found[str(found.lastgroup)]

    def _next(self) -> tuple[str, str]:
        self._place += 1
        return self._tokens[self._place - 1] if self._place <= len(self._tokens) else ("", "")

    def _takes(self, text: str) -> bool:
        if self.left == text:
            self._place += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._takes(text):
            raise self._invalid(f"{text!r} is missing")

    def _invalid(self, why: str) -> AwsError:
        return invalid(self._expression, why)
