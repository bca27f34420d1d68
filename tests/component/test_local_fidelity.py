"""The table of differences from AWS names what is answered, no more and no less."""

from collections.abc import Iterator, Mapping, Set

import pytest

from docs.embedded_page import missing, tables
from local.fidelity import Fidelity
from local.server import Options, Server

TABLES = tables()


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Set[str]]]:
    """The operations that each service of ours answers."""
    server = Server(Options(port=0, state=tmp_path_factory.mktemp("state")))
    yield server.operations
    server.stop()


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
