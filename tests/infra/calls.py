"""Every call to AWS that a function can make, read from its source and that of the adapters."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from tests.infra.conftest import ROOT

ADAPTERS = ROOT / "functions" / "aws"
_STANDS_FOR = {"KeepsRecords": "Ledger", "Publishes": "Bus"}
"""What a protocol of `book` is in a Lambda."""
_SERVICES = {
    "ApplicationAutoScalingClient": "application-autoscaling",
    "CloudWatchClient": "cloudwatch",
    "DynamoDBClient": "dynamodb",
    "EventBridgeClient": "events",
    "EventBridgeSchedulerClient": "scheduler",
    "S3Client": "s3",
    "SSMClient": "ssm",
    "SageMakerClient": "sagemaker",
    "SageMakerRuntimeClient": "sagemaker",
}
"""Clients and the prefix that IAM gives to their calls."""


@dataclass(frozen=True)
class Call:
    """A boto3 call as it is written: its service, operation, and every keyword in it."""

    service: str
    operation: str
    keywords: frozenset[str]


@dataclass
class Adapter:
    """A class of `functions/aws`: its methods, its clients, and the adapters it is given."""

    name: str
    methods: dict[str, ast.FunctionDef]
    clients: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)


def calls_of(unit: str) -> frozenset[Call]:
    """All calls of a function."""
    return frozenset(
        call for adapter, method in used_by(unit) for call in _calls(adapter, method, frozenset())
    )


def used_by(unit: str) -> set[tuple[str, str]]:
    """(adapter, method) for everything a function's package touches of its adapters."""
    trees = [
        ast.parse(path.read_text("utf-8")) for path in (ROOT / "functions" / unit).glob("*.py")
    ]
    held = {
        name: kind
        for tree in trees
        for name, annotation in _annotated(tree)
        if (kind := _plain(annotation)) in adapters()
    }
    return {
        (held[holder], node.attr)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (holder := _last(node.value)) in held
        and node.attr in adapters()[held[holder]].methods
    }


@cache
def adapters() -> dict[str, Adapter]:
    """Every adapter by its class's name."""
    found: dict[str, Adapter] = {}
    for path in sorted(ADAPTERS.glob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = _adapter(node)
    return {n: a for n, a in found.items() if a.clients or a.others}


def _adapter(node: ast.ClassDef) -> Adapter:
    methods = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
    made = Adapter(node.name, methods)
    if "__init__" not in methods:
        return made
    told = {name: _plain(annotation) for name, annotation in _annotated(methods["__init__"])}
    for step in ast.walk(methods["__init__"]):
        match step:
            case ast.Assign(targets=[ast.Attribute(attr=kept)], value=ast.Name(id=given)):
                kind = told.get(given, "")
                if kind in _SERVICES:
                    made.clients[kept] = _SERVICES[kind]
                elif _STANDS_FOR.get(kind, kind)[:1].isupper():
                    made.others[kept] = _STANDS_FOR.get(kind, kind)
            case _:
                pass
    return made


def _calls(adapter: str, method: str, seen: frozenset[tuple[str, str]]) -> Iterator[Call]:
    """The calls of a method and of everything it reaches."""
    here = adapters().get(adapter)
    if here is None or method not in here.methods or (adapter, method) in seen:
        return
    body = here.methods[method]
    seen |= {(adapter, method)}
    yield from _written(here, body)
    for node in ast.walk(body):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=own):
                yield from _calls(adapter, own, seen)
            case ast.Attribute(value=ast.Attribute(attr=held), attr=theirs) if held in here.others:
                yield from _calls(here.others[held], theirs, seen)
            case _:
                pass


def _written(adapter: Adapter, body: ast.FunctionDef) -> Iterator[Call]:
    for node in ast.walk(body):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr=held), attr=operation), args=arguments
            ) if held in adapter.clients:
                if operation == "get_paginator" and isinstance(arguments[0], ast.Constant):
                    operation = str(arguments[0].value)
                yield Call(adapter.clients[held], operation, _keywords(node))
            case _:
                pass


def _keywords(call: ast.Call) -> frozenset[str]:
    """Names of arguments, and keys of whatever is written out in them."""
    names = {k.arg for node in ast.walk(call) if isinstance(node, ast.Call) for k in node.keywords}
    keys = {
        key.value
        for node in ast.walk(call)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    return frozenset(str(name) for name in names | keys)


def _annotated(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                yield name, annotation
            case ast.arg(arg=name, annotation=ast.expr() as annotation):
                yield name, annotation
            case _:
                pass


def _plain(annotation: ast.expr) -> str:
    """A class's name, written as such or as a text."""
    return ast.unparse(annotation).strip("'\"")


def _last(node: ast.expr) -> str:
    """`book` of `self.book` and of `book`."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""
