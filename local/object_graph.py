"""moto's objects as JSON and back: classes by name, state by attribute, nothing that is run.

Every object is a node with a number, so that what is shared stays shared. Only moto's own classes
and plain containers are known; anything else raises UnkeepableError.
"""

import base64
import os
import re
import threading
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from importlib import import_module
from io import BytesIO
from tempfile import SpooledTemporaryFile
from types import BuiltinFunctionType, FunctionType
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from local.bodies import INLINE, Bodies

_FOREIGN = frozenset(
    {
        "builtins:dict",
        "builtins:list",
        "builtins:set",
        "builtins:int",
        "builtins:str",
        "collections:OrderedDict",
        "collections:defaultdict",
        "collections:deque",
        "requests.structures:CaseInsensitiveDict",
    }
)
"""Classes outside moto that may be named."""
_PLAIN = (str, int, float, bool, type(None))
_LOCKS: dict[type, str] = {
    type(threading.Lock()): "Lock",
    type(threading.RLock()): "RLock",
    threading.Condition: "Condition",
    threading.Event: "Event",
}


class UnkeepableError(Exception):
    """An object that has no form here."""


class Encoder:
    """Turns one graph into nodes; `backend` names what is reached by name rather than by value."""

    def __init__(self, bodies: Bodies, backend: Callable[[Any], str | None]) -> None:
        self._bodies = bodies
        self._backend = backend
        self._numbers: dict[int, int] = {}
        self._alive: list[Any] = []
        self.digests: set[str] = set()

    def encode(self, root: Any) -> list[Any]:
        nodes: list[Any] = []
        self._reference(root)
        while len(nodes) < len(self._alive):
            nodes.append(self._node(self._alive[len(nodes)]))
        return nodes

    def _reference(self, value: Any) -> Any:
        """What stands for a value inside another: itself when it is plain, else [number]."""
        if type(value) in _PLAIN:
            return value
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._alive)
            self._alive.append(value)
        return [number]

    def _references(self, values: Iterable[Any]) -> list[Any]:
        return [self._reference(value) for value in values]

    def _node(self, value: Any) -> list[Any]:
        kind = type(value)
        if kind is dict:
            return ["d", self._pairs(value)]
        if kind in (list, tuple, set, frozenset):
            return [kind.__name__, self._references(value)]
        named = self._backend(value)
        if named is not None:
            return ["backend", named]
        return self._scalar(value) or self._object(value)

    def _scalar(self, value: Any) -> list[Any] | None:  # noqa: C901, PLR0911  # one line per type
        match value:
            case bytes() | bytearray():
                return self._bytes("bytes", bytes(value))
            case BytesIO():
                return self._bytes("BytesIO", value.getvalue())
            case SpooledTemporaryFile() if value.closed:
                return ["closed"]
            case SpooledTemporaryFile():
                return self._bytes("file", _content(value))
            case datetime() | date():
                return [type(value).__name__, value.isoformat()]
            case timedelta():
                return ["timedelta", value.total_seconds()]
            case Decimal():
                return ["Decimal", str(value)]
            case Enum():
                return ["enum", _class_name(value), value.name]
            case re.Pattern():
                return ["pattern", [value.pattern, value.flags]]
            case FunctionType() if _nests(value):
                return ["nested"]
            case type() | FunctionType() | BuiltinFunctionType():
                return ["named", _name(value)]
            case _:
                return _opaque(value)

    def _bytes(self, kind: str, value: bytes) -> list[Any]:
        if len(value) <= INLINE:
            return [kind, base64.b64encode(value).decode()]
        digest = self._bodies.put(value)
        self.digests.add(digest)
        return [kind, None, digest]

    def _object(self, value: Any) -> list[Any]:
        return ["o", _class_name(value), self._pairs(_attributes(value)), self._content(value)]

    def _content(self, value: Any) -> list[Any] | None:
        """What a container holds beside its attributes."""
        if isinstance(value, str | int | float | tuple):
            raise UnkeepableError(f"{_class_name(value)} extends a plain value")
        match value:
            case defaultdict():
                return [self._reference(value.default_factory), *self._pairs(value)]
            case dict():
                return self._pairs(value)
            case list() | set():
                return self._references(value)
            case deque():
                return [value.maxlen, *self._references(value)]
            case _:
                return None

    def _pairs(self, values: dict[Any, Any]) -> list[Any]:
        return [self._reference(each) for pair in list(dict.items(values)) for each in pair]


class Decoder:
    """Nodes as objects again; `backend` finds what was named."""

    def __init__(self, nodes: list[Any], bodies: Bodies, backend: Callable[[str], Any]) -> None:
        self._nodes = nodes
        self._bodies = bodies
        self._backend = backend
        self._made: dict[int, Any] = {}

    def decode(self) -> Any:
        """Shells first, then attributes, then keyed content: a key's hash may need attributes."""
        for number in range(len(self._nodes)):
            self._at(number)
        objects = [n for n, node in enumerate(self._nodes) if node[0] == "o"]
        for number in objects:
            _set_attributes(self._made[number], self._dict(self._nodes[number][2]))
        for number, node in enumerate(self._nodes):
            if node[0] == "list":
                self._made[number].extend(map(self._value, node[1]))
        for number, node in enumerate(self._nodes):
            self._fill(self._made[number], node)
        return self._made[0]

    def _value(self, told: Any) -> Any:
        return self._at(told[0]) if type(told) is list else told

    def _dict(self, pairs: list[Any]) -> dict[Any, Any]:
        values = list(map(self._value, pairs))
        return dict(zip(values[::2], values[1::2], strict=True))

    def _at(self, number: int) -> Any:
        if number not in self._made:
            self._made[number] = self._shell(self._nodes[number])
        return self._made[number]

    def _shell(self, node: list[Any]) -> Any:
        kind = node[0]
        if kind == "o":
            cls = _named(node[1])
            return cls.__new__(cls)
        if kind in ("d", "list", "set"):
            return {"d": dict, "list": list, "set": set}[kind]()
        if kind in ("tuple", "frozenset"):
            return {"tuple": tuple, "frozenset": frozenset}[kind](map(self._value, node[1]))
        if kind == "backend":
            return self._backend(node[1])
        return self._scalar(kind, node)

    def _scalar(self, kind: str, node: list[Any]) -> Any:
        if kind in ("bytes", "BytesIO", "file"):
            body = base64.b64decode(node[1]) if node[1] is not None else self._bodies.get(node[2])
            return _HELD[kind](body)
        if kind in ("named", "enum"):
            found = _named(node[1])
            return found if kind == "named" else found[node[2]]
        if kind == "closed":
            file = _file(b"")
            file.close()
            return file
        if kind == "nested":
            return _nested
        if kind == "lock":
            return getattr(threading, node[1])()
        return _PARSED[kind](node[1])

    def _fill(self, shell: Any, node: list[Any]) -> None:
        if node[0] == "d":
            shell.update(self._dict(node[1]))
        elif node[0] == "set":
            shell.update(map(self._value, node[1]))
        elif node[0] == "o" and node[3] is not None:
            self._fill_object(shell, node[3])

    def _fill_object(self, shell: Any, content: list[Any]) -> None:
        match shell:
            case defaultdict():
                shell.default_factory = self._value(content[0])
                dict.update(shell, self._dict(content[1:]))
            case OrderedDict():
                for key, value in self._dict(content).items():
                    OrderedDict.__setitem__(shell, key, value)
            case dict():
                dict.update(shell, self._dict(content))
            case deque():
                shell.__init__(map(self._value, content[1:]), content[0])  # type: ignore[misc]  # sets maxlen
            case list():
                list.extend(shell, map(self._value, content))
            case set():
                set.update(shell, map(self._value, content))
            case _:
                raise UnkeepableError(f"{type(shell).__name__} has no content")


_HELD: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "BytesIO": BytesIO,
    "file": lambda body: _file(body),
}
_PARSED: dict[str, Callable[[Any], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "timedelta": lambda seconds: timedelta(seconds=seconds),
    "Decimal": Decimal,
    "key": lambda pem: serialization.load_pem_private_key(pem.encode(), None),
    "pattern": lambda told: re.compile(*told),
}


def _nested() -> Any:
    return defaultdict(dict)


def _nests(factory: Any) -> bool:
    """Whether it is the one nameless factory that moto has: of dictionaries of dictionaries."""
    if factory is _nested:
        return True
    return bool(factory.__name__ == "<lambda>") and factory.__code__.co_names == (
        "defaultdict",
        "dict",
    )


def _class_name(value: Any) -> str:
    cls: Any = type(value)
    return _name(cls)


@cache
def _name(named: Any) -> str:
    name = f"{named.__module__}:{named.__qualname__}"
    if not _allowed(name):
        raise UnkeepableError(f"{name} is not known here")
    return name


def _allowed(name: str) -> bool:
    return name in _FOREIGN or (name.startswith("moto.") and "<" not in name)


@cache
def _named(name: str) -> Any:
    if not _allowed(name):
        raise UnkeepableError(f"{name} is not known here")
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    try:
        for part in path.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise UnkeepableError(f"{name} is not in this version of moto") from error
    return found


def _attributes(value: Any) -> dict[str, Any]:
    own: dict[str, Any] = getattr(value, "__dict__", {})
    cls: Any = type(value)
    slots = _all_slots(cls)
    if not slots:
        return own
    return {name: getattr(value, name) for name in sorted(slots) if hasattr(value, name)} | own


@cache
def _all_slots(cls: Any) -> frozenset[str]:
    return frozenset(name for each in cls.__mro__ for name in _slots(each))


def _slots(cls: type) -> tuple[str, ...]:
    told = cls.__dict__.get("__slots__", ())
    names = (told,) if isinstance(told, str) else tuple(told)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def _set_attributes(shell: Any, attributes: dict[str, Any]) -> None:
    cls: Any = type(shell)
    slots = _all_slots(cls)
    for name in slots & attributes.keys():
        object.__setattr__(shell, name, attributes.pop(name))
    if attributes:
        shell.__dict__.update(attributes)


def _is_private_key(value: Any) -> bool:
    return isinstance(value, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey)


def _opaque(value: Any) -> list[Any] | None:
    """Locks, which are made anew, and keys."""
    if type(value) in _LOCKS:
        return ["lock", _LOCKS[type(value)]]
    return ["key", _pem(value)] if _is_private_key(value) else None


def _pem(key: Any) -> str:
    form, coding = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    told: bytes = key.private_bytes(coding, form, serialization.NoEncryption())
    return told.decode()


def _content(file: Any) -> bytes:
    """The whole file, wherever its reader is."""
    inner = file._file
    if isinstance(inner, BytesIO):
        return inner.getvalue()
    inner.flush()
    return os.pread(inner.fileno(), os.fstat(inner.fileno()).st_size, 0)


def _file(body: bytes) -> Any:
    from moto.settings import get_s3_default_key_buffer_size

    file = SpooledTemporaryFile(get_s3_default_key_buffer_size())  # noqa: SIM115  # moto closes it
    file.write(body)
    return file
