"""Every boto3 call of the adapters is declared, and each of its faults is survived."""

from pathlib import Path

import botocore.session
import pytest

from tests.simulation.callsites import SITES, Declared, Mode, Site, written
from tests.simulation.crashpoints import (
    Task,
    done,
    never_made,
    never_struck,
    paths,
    searched,
    tasks,
)
from tests.simulation.search import Found

WORKERS = 2
LIMITS = {"ResourceLimitExceeded", "ServiceQuotaExceededException"}


def test_every_call_in_the_source_is_declared_and_no_other() -> None:
    assert written() == set(SITES)


def test_a_new_call_without_an_entry_is_noticed(tmp_path: Path) -> None:
    source = "class Jobs:\n    def stop(self, name):\n        self._client.stop_training_job()\n"
    (tmp_path / "jobs.py").write_text(source)

    assert written(tmp_path) - set(SITES) == {Site("jobs.Jobs.stop", "StopTrainingJob")}


def test_a_call_by_a_paginator_is_one_of_its_operation(tmp_path: Path) -> None:
    source = "class A:\n    def all(self):\n        self._client.get_paginator('scan').paginate()\n"
    (tmp_path / "a.py").write_text(source)

    assert written(tmp_path) == {Site("a.A.all", "Scan")}


@pytest.mark.parametrize(("site", "known"), SITES.items(), ids=map(str, SITES))
def test_limits_are_declared_as_the_services_model_has_them(site: Site, known: Declared) -> None:
    model = botocore.session.get_session().get_service_model(known.service)
    errors = {shape.name for shape in model.operation_model(site.operation).error_shapes}

    assert (Mode.LIMIT in known.modes) is bool(errors & LIMITS)


@pytest.fixture(scope="module")
def singles() -> Found:
    """A fault of each kind at each call of each path, at its first place."""
    places = list(paths().first.values())
    return searched(list(tasks(places, pairs=False, at_a_time=12)), WORKERS)


def test_no_single_fault_at_any_call_breaks_an_invariant(singles: Found) -> None:
    assert singles.wrong == []
    assert singles.missed == []


def test_every_fault_strikes_at_every_declared_call(singles: Found) -> None:
    assert never_struck(singles) == []


def test_every_call_that_a_function_can_make_is_made(singles: Found) -> None:
    assert never_made(singles) == []


def test_two_faults_on_one_path_break_no_invariant() -> None:
    story, number = next(
        place for path, place in paths().first.items() if path[0].endswith(": Evaluate")
    )

    found = done(Task(story, (number,), pairs=True))

    assert found.points + found.alike > 400
    assert (found.wrong, found.missed) == ([], [])
