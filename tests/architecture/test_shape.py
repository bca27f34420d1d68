"""What no linter asks for: the size of things, names that say nothing, and what never enters."""

import ast
import configparser
import json
import re
import subprocess
from functools import cache
from pathlib import Path
from statistics import median, quantiles

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_MODULE = 400
LONGEST_MEDIAN = 10
LONGEST_P90 = 40
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "constants", "misc"}
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}

SILENCED = re.compile(r"# *(?:noqa|type: *ignore)\b.*")
REASONED = re.compile(r"# (?:noqa: [A-Z0-9, ]+|type: ignore\[[a-z0-9, -]+\])  # \w.*")
PICTURES = {".png"}
HOME = re.compile(r"(?<![\w.:/*])/(?:home|root|Users|work)/\w")
ADDRESS = re.compile(r"https?:|\bfile:|@\s*git\+|--(?:extra-)?index-url|--find-links")


@cache
def packages() -> tuple[str, ...]:
    """The packages of `.importlinter`, and those that stand beside them."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", "utf-8")
    return (*config["importlinter"]["root_packages"].split(), "bench", "docs")


@cache
def written() -> tuple[Path, ...]:
    """Every file that git has or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def sources(*tops: str) -> list[Path]:
    """Our Python files below the given folders, or all of them."""
    return [
        path
        for path in written()
        if path.suffix == ".py" and (not tops or path.relative_to(ROOT).parts[0] in tops)
    ]


@cache
def text(path: Path) -> str:
    return path.read_text("utf-8")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(text(path))


def named(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def function_lengths() -> list[int]:
    """Lines of every function of our packages, from `def` to its last line."""
    return [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in sources(*packages())
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def imports(source: ast.Module) -> set[str]:
    """Everything a source imports, by full name."""
    found: set[str] = set()
    for node in ast.walk(source):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(module), level=0, names=names):
                found |= {module, *(f"{module}.{alias.name}" for alias in names)}
            case _:
                pass
    return found


def calls(source: ast.AST) -> list[str]:
    """Everything a source calls, as it is written there."""
    return [ast.unparse(node.func) for node in ast.walk(source) if isinstance(node, ast.Call)]


def unpickles(source: ast.Module) -> bool:
    roots = {name.split(".")[0] for name in imports(source)}
    return bool(UNSAFE & roots) or "torch.load" in {*imports(source), *calls(source)}


def replaces(source: ast.Module) -> bool:
    return bool({"mock", "unittest.mock", "pytest_mock"} & imports(source))


def sleeps(source: ast.Module) -> bool:
    """Whether it ever waits for a time, and not between two looks at a condition."""
    polls = [node for node in ast.walk(source) if isinstance(node, ast.While)]
    between = [call for poll in polls for call in calls(poll) if call == "time.sleep"]
    return calls(source).count("time.sleep") > len(between) or "time.sleep" in imports(source)


def unreasoned(source: str) -> list[str]:
    """Suppressions that do not say what they silence and why."""
    return [said for said in SILENCED.findall(source) if REASONED.fullmatch(said) is None]


def test_no_module_is_long() -> None:
    long = [p for p in sources(*packages()) if len(text(p).splitlines()) > LONGEST_MODULE]

    assert named(long) == []


def test_functions_are_short() -> None:
    lengths = function_lengths()

    assert median(lengths) <= LONGEST_MEDIAN
    assert quantiles(lengths, n=10)[-1] <= LONGEST_P90


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert named([p for p in sources() if SAYS_NOTHING & {p.stem, p.parent.name}]) == []


def test_every_module_opens_with_its_purpose() -> None:
    silent = [p for p in sources(*packages(), "tests") if ast.get_docstring(tree(p)) is None]

    assert named(silent) == []


def test_tests_replace_nothing_behind_the_back_of_the_code() -> None:
    assert named([p for p in sources("tests") if replaces(tree(p))]) == []


def test_tests_wait_for_conditions_and_not_for_the_clock() -> None:
    assert named([p for p in sources("tests") if sleeps(tree(p))]) == []


def test_nothing_unpickles() -> None:
    assert named([p for p in sources() if unpickles(tree(p))]) == []


def test_whoever_silences_a_tool_says_what_and_why() -> None:
    said = {path: unreasoned(text(path)) for path in sources()}

    assert {path.name: found for path, found in said.items() if found} == {}


def test_no_file_knows_somebodys_home() -> None:
    known = [p for p in written() if p.suffix not in PICTURES and HOME.search(text(p))]

    assert named(known) == []


@pytest.mark.parametrize("name", ["constraints.txt", "package-lock.json", ".npmrc"])
def test_locks_name_versions_and_no_addresses(name: str) -> None:
    assert ADDRESS.search(text(ROOT / name)) is None


def test_every_python_package_is_pinned_exactly() -> None:
    lines = text(ROOT / "constraints.txt").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]

    assert [pin for pin in pins if re.fullmatch(r"[\w.-]+==[\w.!+]+", pin) is None] == []


def test_every_node_package_is_pinned_by_its_digest() -> None:
    locked = json.loads(text(ROOT / "package-lock.json"))["packages"]

    assert [name for name, one in locked.items() if name and "integrity" not in one] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\n",
        "from joblib import load\n",
        "import torch\ntorch.load('model.pt')\n",
        "from torch import load\n",
    ],
)
def test_an_unpickling_is_noticed(source: str) -> None:
    assert unpickles(ast.parse(source))


@pytest.mark.parametrize(
    "source", ["from unittest import mock\n", "import unittest.mock\n", "import pytest_mock\n"]
)
def test_a_replacement_is_noticed(source: str) -> None:
    assert replaces(ast.parse(source))


def test_a_sleep_is_noticed_and_a_poll_is_not() -> None:
    assert sleeps(ast.parse("import time\ntime.sleep(1)\n"))
    assert sleeps(ast.parse("from time import sleep\nsleep(1)\n"))
    assert not sleeps(ast.parse("import time\nwhile not done():\n    time.sleep(0.01)\n"))


def test_a_suppression_without_code_or_reason_is_noticed() -> None:
    bare = [f"x = y  # {said}" for said in ("noqa", "noqa: E501", "type: ignore[arg-type]")]
    reasoned = "x = y  # type: ignore[arg-type]  # the library is untyped"

    assert [len(unreasoned(line)) for line in (*bare, reasoned)] == [1, 1, 1, 0]
