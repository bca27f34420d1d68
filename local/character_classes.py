r"""Java's character classes (`\p{L}`, `\p{Alnum}`) in the words of Python's patterns."""

import re
import sys
import unicodedata
from functools import cache
from itertools import groupby

_CLASS = re.compile(r"\\p\{(\w+)\}")
_ASCII = {"Alnum": "0-9A-Za-z", "Alpha": "A-Za-z", "Digit": "0-9", "Print": " -~"}


def in_pythons_dialect(pattern: str) -> str:
    """The same pattern; a class may stand inside brackets or by itself."""

    def words(found: re.Match[str]) -> str:
        opened, closed = (pattern.rfind(bracket, 0, found.start()) for bracket in "[]")
        return _ranges(found[1]) if opened > closed else f"[{_ranges(found[1])}]"

    return _CLASS.sub(words, pattern)


@cache
def _ranges(name: str) -> str:
    if name in _ASCII:
        return _ASCII[name]
    return _by_category().get(name[0], "")


@cache
def _by_category() -> dict[str, str]:
    """What stands between brackets, by the first letter of the Unicode category."""
    found: dict[str, list[str]] = {}
    codes = range(sys.maxunicode + 1)
    for category, run in groupby(codes, key=lambda code: unicodedata.category(chr(code))[0]):
        members = list(run)
        ends = f"{_escaped(members[0])}-{_escaped(members[-1])}"
        found.setdefault(category, []).append(ends)
    return {category: "".join(ranges) for category, ranges in found.items()}


def _escaped(code: int) -> str:
    return f"\\U{code:08x}"
