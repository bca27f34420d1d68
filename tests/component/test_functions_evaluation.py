"""What an evaluation job is told: whose model is the champion, and how long it may take."""

import math

import pytest

from events.words import Reason
from functions.jobs import EvaluationSpec
from functions.ledger import RunRecord, RunState
from tests.fakes.stage import Stage


def evaluations(stage: Stage) -> list[EvaluationSpec]:
    return list(stage.jobs.evaluations.values())


def test_the_first_candidate_is_evaluated_without_a_champion() -> None:
    stage = Stage()

    stage.drop("monday")
    stage.rest()

    (first,) = evaluations(stage)
    assert first.champion_uri is None
    assert "SLUICE_CHAMPION_DIGEST" not in first.environment


def test_a_champion_is_told_by_its_digest() -> None:
    stage = Stage()
    stage.drop("monday")
    stage.rest()
    champion = stage.endpoint.champion

    stage.drop("tuesday")
    stage.rest()

    assert champion is not None
    assert evaluations(stage)[-1].champion_uri == champion.artifact
    assert evaluations(stage)[-1].environment["SLUICE_CHAMPION_DIGEST"] == champion.model_digest


def test_an_evaluation_has_a_limit_of_its_own() -> None:
    stage = Stage(training={"max_runtime": "5d"}, evaluation={"max_runtime": "20m"})

    stage.drop("monday")
    stage.rest()

    (spec,) = evaluations(stage)
    (training,) = stage.jobs.trainings.values()
    assert (training.max_runtime, spec.max_runtime) == (432_000, 1200)


def test_an_evaluation_gets_the_dataset_to_look_for_leaks_in() -> None:
    stage = Stage()

    stage.drop("monday")
    stage.rest()

    (spec,) = evaluations(stage)
    (training,) = stage.jobs.trainings.values()
    assert spec.dataset_uri == training.dataset_uri


def test_where_every_leak_is_allowed_the_dataset_stays_where_it_is() -> None:
    stage = Stage(evaluation={"max_leak": 1})

    stage.drop("monday")
    stage.rest()

    (spec,) = evaluations(stage)
    assert spec.dataset_uri is None


def test_a_score_that_is_no_number_refuses_and_is_kept_nowhere() -> None:
    stage = Stage(gates={"min": {"accuracy": 0.5}})
    stage.accuracy["monday"] = math.nan

    stage.drop("monday")
    stage.rest()

    (run,) = stage.ledger.all(RunRecord)
    assert (run.state, run.reason) == (RunState.REJECTED, Reason.NOT_MEASURED)
    assert run.numbers == {}


def test_a_verdict_says_by_how_much() -> None:
    stage = Stage(gates={"max_drop": 0.02})
    stage.accuracy |= {"monday": 0.90, "tuesday": 0.91}
    stage.drop("monday")
    stage.rest()

    stage.drop("tuesday")
    stage.rest()

    run = next(r for r in stage.ledger.all(RunRecord) if r.drop == "tuesday")
    assert run.state is RunState.APPROVED
    assert run.numbers["margin"] == pytest.approx(0.02)
