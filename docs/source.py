"""What the sources say of themselves: the text under a field, and which file names what."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

_CODE = re.compile(
    r"(?!(?:SLUICE|SAGEMAKER|CUBLAS|SM|TRAINING|CUDA|PYTORCH)_)[A-Z]+(_[A-Z]+)+(?=$|: )"
)
"""Capital words that are no variable of the environment."""
ROOT = Path(__file__).parents[1]

Finds = Callable[[ast.AST], str | None]
"""The name a node stands for, if it is one of those that are looked for."""


def summary(documented: object) -> str:
    """The docstring as one paragraph; empty when there is none."""
    return " ".join((inspect.getdoc(documented) or "").split())


@cache
def notes(module: ModuleType) -> dict[tuple[str, str], str]:
    """The text under each field of each class of a module, by class and field."""
    return {
        (body.name, field): text
        for body in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(body, ast.ClassDef)
        for field, text in _noted(body)
    }


def _noted(body: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(body.body, body.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, " ".join(text.split())
            case _:
                pass


def makers_of(classes: frozenset[str]) -> dict[str, list[str]]:
    """Which files under `functions/` make an instance of each class, by its name."""

    def made(node: ast.AST) -> str | None:
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in classes:
                return name
        return None

    return _files(made)


def users_of(enum: str) -> dict[str, list[str]]:
    """Which files of ours in a Lambda name each member of an enum, by the member's name."""

    def named(node: ast.AST) -> str | None:
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=member) if owner == enum:
                return member
        return None

    return _files(named, "events", "functions")


def codes_in(*folders: str) -> dict[str, list[str]]:
    """Which files of some folders name each code, in order of codes."""

    def coded(node: ast.AST) -> str | None:
        match node:
            case ast.Constant(value=str(text)) if (code := _CODE.match(text)) is not None:
                return code[0]
        return None

    return dict(sorted(_files(coded, *folders).items()))


def _files(finds: Finds, *folders: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for folder in folders or ("functions",):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for name in {finds(node) for node in ast.walk(ast.parse(path.read_text("utf-8")))}:
                if name is not None:
                    found.setdefault(name, []).append(path.relative_to(ROOT).as_posix())
    return found
