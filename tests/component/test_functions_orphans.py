"""What runs or lies on SageMaker without an owner is told once, and goes where that is safe."""

from datetime import timedelta

from events.catalog import PersonPaged
from events.words import Reason
from functions.jobs import JobStatus, JobView
from functions.orphans import Found, Kind, OrphanRecord
from tests.builders import MODEL, NAMES
from tests.component.test_functions_together import (
    a_stage_with_a_challenger,
    a_stage_with_a_champion,
)
from tests.fakes.stage import Stage

A_DAY = timedelta(days=1)
LOST = f"sluice-dev-digits-{7:012x}-t1"


def told(stage: Stage) -> list[str]:
    """About what a person was paged, each time."""
    pages = [event for event in stage.bus.said if isinstance(event, PersonPaged)]
    assert all(page.reason is Reason.ORPHANED for page in pages)
    return [page.about for page in pages]


def inspected(stage: Stage) -> None:
    """The hour's pass, five times; meanwhile nothing else happens."""
    for _ in range(5):
        stage.now = stage.now.replace(minute=0, second=0) + timedelta(hours=1)
        stage.sweep()


def runs(stage: Stage, name: str) -> None:
    stage.jobs.views[name] = JobView(name=name, status=JobStatus.RUNNING)


def lies_there(stage: Stage, kind: Kind, name: str, *versions: int) -> None:
    stage.inventory.kept.append(Found(kind, name, stage.now, versions))


def test_a_job_of_no_run_is_stopped_and_told_once() -> None:
    stage = a_stage_with_a_champion()
    runs(stage, LOST)

    inspected(stage)

    assert stage.jobs.running() == []
    assert told(stage) == [f"processing job {LOST}"]
    assert [record.removed for record in stage.ledger.all(OrphanRecord)] == [True]
    assert stage.dead == []


def test_a_job_whose_run_has_moved_on_is_stopped() -> None:
    stage = a_stage_with_a_champion()
    name = NAMES.evaluation_job(MODEL, stage.run_of("monday").run, 9)
    runs(stage, name)

    inspected(stage)

    assert (stage.jobs.running(), told(stage)) == ([], [f"processing job {name}"])


def test_a_job_that_a_run_waits_for_is_let_alone_however_long_it_runs() -> None:
    stage = Stage()
    stage.drop("monday")
    stage.settle(until=lambda: bool(stage.jobs.running()))
    (name,) = stage.jobs.running()

    inspected(stage)

    assert stage.jobs.running() == [name]
    assert (stage.inventory.removed, told(stage)) == ([], [])


def test_a_job_that_is_not_named_as_ours_are_is_only_told() -> None:
    stage = a_stage_with_a_champion()
    runs(stage, "sluice-dev-experiment-by-hand")

    inspected(stage)

    assert stage.jobs.running() == ["sluice-dev-experiment-by-hand"]
    assert told(stage) == ["processing job sluice-dev-experiment-by-hand"]


def test_what_is_new_may_have_its_record_on_the_way() -> None:
    stage = a_stage_with_a_champion()
    stage.now = stage.now.replace(minute=0, second=0) + timedelta(hours=1)
    lies_there(stage, Kind.CONFIG, "sluice-dev-digits-0badcafe", 1)

    stage.sweep()

    assert (stage.inventory.removed, told(stage)) == ([], [])


def test_a_configuration_that_no_rollout_names_is_deleted_and_others_are_kept() -> None:
    stage = a_stage_with_a_challenger()
    serving, forgotten = stage.rollout_of(2).config, "sluice-dev-digits-0badcafe"
    lies_there(stage, Kind.CONFIG, serving, 1, 2)
    lies_there(stage, Kind.CONFIG, stage.rollout_of(1).config, 1)
    lies_there(stage, Kind.CONFIG, forgotten, 2)

    stage.rest()
    stage.elapse(timedelta(hours=2))

    assert stage.inventory.removed == [forgotten]
    assert told(stage) == [f"endpoint configuration {forgotten}"]


def test_what_an_endpoint_uses_is_kept_whoever_brought_it_there() -> None:
    stage = a_stage_with_a_champion()
    theirs = "sluice-dev-digits-0badcafe"
    stage.endpoints.configure_by_hand(MODEL, theirs, {"blue": 1})
    lies_there(stage, Kind.CONFIG, theirs, 1)

    stage.elapse(A_DAY)

    assert stage.inventory.removed == []


def test_endpoints_and_models_of_nobody_are_told_once_and_stay() -> None:
    stage = a_stage_with_a_champion()
    stage.endpoints.endpoints["letters"] = stage.endpoints.endpoints[MODEL]
    lies_there(stage, Kind.MODEL, "sluice-dev-digits-v1")
    lies_there(stage, Kind.MODEL, "sluice-dev-digits-v99")

    stage.elapse(A_DAY)

    assert stage.inventory.removed == []
    assert told(stage) == ["endpoint sluice-dev-letters", "model sluice-dev-digits-v99"]


def test_a_world_in_which_everything_has_its_owner_is_inspected_without_a_write() -> None:
    stage = a_stage_with_a_champion()
    lies_there(stage, Kind.CONFIG, stage.rollout_of(1).config, 1)
    lies_there(stage, Kind.MODEL, "sluice-dev-digits-v1")
    stage.elapse(timedelta(hours=1))
    before, calls = stage.ledger.writes, len(stage.calls.made)

    stage.elapse(7 * A_DAY)

    inspections = stage.calls.made[calls:].count("inventory.running")
    assert (stage.ledger.writes, inspections) == (before, 7 * 24)


def test_the_configuration_that_a_guarded_rollout_may_go_back_to_is_kept() -> None:
    stage = Stage(rollout={"strategy": "guardrail"}, serving={"count": 2})
    stage.drop("monday")
    stage.rest()
    lies_there(stage, Kind.CONFIG, "sluice-dev-digits-0badcafe", 1)

    inspected(stage)

    assert told(stage) == []
