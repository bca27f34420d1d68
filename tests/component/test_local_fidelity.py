"""The table of differences from AWS names what is answered, no more and no less."""

import json
import subprocess
import sys
from collections.abc import Mapping, Set

import pytest

from docs.embedded_page import missing, tables
from local.fidelity import Fidelity
from tests.conformance.target import ROOT

TABLES = tables()


ASKED = """
import json, pathlib, sys
from local.server import Options, Server
server = Server(Options(port=0, state=pathlib.Path(sys.argv[1])))
print(json.dumps({name: sorted(operations) for name, operations in server.operations.items()}))
"""
"""In a process of its own: moto's hooks are the process's, and a second server would take them."""


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Set[str]]:
    """The operations that each service of ours answers."""
    state = str(tmp_path_factory.mktemp("state"))
    told = subprocess.run(
        [sys.executable, "-c", ASKED, state], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return {name: set(operations) for name, operations in json.loads(told).items()}


@pytest.mark.parametrize("service", sorted(TABLES))
def test_what_the_table_names_is_answered(service: str, answered: Mapping[str, Set[str]]) -> None:
    assert sorted(set(TABLES[service]) - answered[service]) == []


@pytest.mark.parametrize("service", sorted(set(TABLES)))
def test_what_is_answered_is_in_the_table(service: str, answered: Mapping[str, Set[str]]) -> None:
    assert sorted(answered[service] - set(TABLES[service])) == []


@pytest.mark.parametrize("service", sorted(TABLES))
def test_every_operation_of_the_table_is_one_of_awss(service: str) -> None:
    known = len(missing(service, {}))
    assert known - len(missing(service, TABLES[service])) == len(TABLES[service])


@pytest.mark.parametrize(
    ("service", "operation", "told"),
    [(s, o, told) for s, table in TABLES.items() for o, told in table.items()],
)
def test_a_partial_operation_says_what_differs(
    service: str, operation: str, told: Fidelity
) -> None:
    assert bool(told.difference) == (told.level == "partial"), f"{service}:{operation}"
