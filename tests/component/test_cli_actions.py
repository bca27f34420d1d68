"""What people ask for, over a whole stage in memory."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cli import actions
from cli.errors import (
    BadInputError,
    EndedBadlyError,
    NotFoundError,
    NothingToDoError,
    UnknownModelError,
)
from cli.status import Parked, status_of
from cli.watch import Watch
from functions.jobs import JobStatus
from functions.ledger import RolloutState, RunState
from functions.registry import Approval
from tests.builders import MODEL, NAMES, a_run, digest
from tests.fakes.home import FakeHome
from tests.fakes.stage import SWEEP_EVERY, Stage


def a_home(stage: Stage | None = None) -> FakeHome:
    return FakeHome(stage or Stage())


def served(**sections: Any) -> tuple[FakeHome, Stage]:
    """Version 1 serves and nothing is open."""
    stage = Stage(**sections)
    stage.drop("monday")
    stage.rest()
    return a_home(stage), stage


def files(folder: Path, text: str = "rows") -> list[Path]:
    folder.mkdir(exist_ok=True)
    (folder / "part-0.parquet").write_text(text)
    return [folder]


def a_watch(home: FakeHome, told: list[str], *, goes_on: bool = True) -> Watch:
    """Follows while the stage moves on at each look."""
    stage = home.played

    def pause(_: float) -> None:
        if goes_on:
            stage.elapse(SWEEP_EVERY)

    return Watch(home.ledger, NAMES, told.append, 10_000, pause=pause, clock=lambda: 0.0)


def test_a_drop_is_uploaded_and_becomes_the_champion(tmp_path: Path) -> None:
    home, told = a_home(), list[str]()

    chosen = actions.drop(
        home, MODEL, files(tmp_path / "d"), id_="monday", progress=lambda *_: None
    )
    run_of = actions.run_of(actions.deployed(home, MODEL))
    watch = a_watch(home, told)
    watch.drop(MODEL, chosen, run_of)

    assert home.played.champion == 1
    assert set(watch.seen) == {"drop", "run", "rollout"}
    assert "watching" in told[-1]


def test_an_id_that_was_used_is_refused_and_nothing_is_uploaded(tmp_path: Path) -> None:
    home, _ = served()

    with pytest.raises(BadInputError, match="drop digits/monday exists"):
        actions.drop(home, MODEL, files(tmp_path / "d"), id_="monday", progress=lambda *_: None)

    assert home.s3.put == {}


def test_a_drop_is_followed_by_its_own_run_and_not_by_the_newest_on_its_data() -> None:
    home, stage = served()
    mine = stage.run_of("monday")
    stage.ledger.write(a_run(run="f" * 12, dataset=mine.dataset, state=RunState.FAILED))

    a_watch(home, []).drop(MODEL, "monday", actions.run_of(actions.deployed(home, MODEL)))


def test_a_run_that_failed_is_asked_for_once_more_and_only_the_new_attempt_is_followed() -> None:
    stage = Stage()
    stage.failing = frozenset({"-t1"})
    stage.drop("monday")
    stage.rest()
    home = a_home(stage)

    asked = actions.train(home, MODEL, dataset="monday", folder=None)
    a_watch(home, []).run(asked.run, attempt=asked.attempt)

    assert (asked.attempt, stage.champion) == (2, 1)


def test_a_run_that_is_judged_is_not_asked_for_again() -> None:
    home, _ = served()

    with pytest.raises(NothingToDoError, match="is approved already: the same data"):
        actions.train(home, MODEL, dataset="latest", folder=None)


@pytest.mark.parametrize("dataset", ["", "nothing", "f" * 64])
def test_a_dataset_nobody_dropped_is_not_found(dataset: str) -> None:
    home, _ = served()

    with pytest.raises(NotFoundError, match="no dataset or drop"):
        actions.train(home, MODEL, dataset=dataset, folder=None)


def test_a_version_that_waits_for_a_person_is_approved() -> None:
    stage = Stage(gates={"approval": "human"})
    stage.drop("monday")
    stage.settle()
    home = a_home(stage)

    found = actions.approve(home, MODEL, 1, force=False)
    a_watch(home, []).version(MODEL, 1)

    assert (found.approval, stage.champion) == (Approval.APPROVED, 1)


def test_what_the_gate_rejected_is_approved_only_by_force() -> None:
    home, stage = served()
    stage.accuracy = {"tuesday": 0.5}
    stage.drop("tuesday")
    stage.settle()

    with pytest.raises(BadInputError, match=r"version 2 was rejected: .* say --force"):
        actions.approve(home, MODEL, 2, force=False)
    actions.approve(home, MODEL, 2, force=True)
    stage.rest()

    assert stage.champion == 2


def test_what_cannot_begin_any_more_is_not_approved() -> None:
    home, _ = served()

    with pytest.raises(NothingToDoError, match=r"version 1 was rolled out already \(completed\)"):
        actions.approve(home, MODEL, 1, force=True)
    with pytest.raises(NotFoundError, match="has no version 7"):
        actions.approve(home, MODEL, 7, force=True)


def test_the_traffic_comes_back_when_a_person_asks() -> None:
    home, stage = served()
    stage.accuracy = {"tuesday": 0.97}
    stage.drop("tuesday")
    stage.settle()

    asked = actions.roll_back(home, MODEL, why="it forgets sevens")
    a_watch(home, []).returned(MODEL, asked.version)

    assert stage.serving == {1: 100}
    assert "it forgets sevens" in stage.registry.versions[(MODEL, 2)].comment


def test_without_a_rollout_there_is_nothing_to_ask_back() -> None:
    home, _ = served()

    with pytest.raises(NothingToDoError, match="no rollout under way or under watch"):
        actions.roll_back(home, MODEL, why="")


def test_a_watch_that_was_over_before_is_no_return() -> None:
    home, stage = served()
    stage.accuracy = {"tuesday": 0.97}
    stage.drop("tuesday")
    stage.rest()

    with pytest.raises(NothingToDoError, match="was over before: it serves"):
        a_watch(home, [], goes_on=False).returned(MODEL, 2)


def test_a_version_that_was_passed_over_is_waited_for_no_longer() -> None:
    home, stage = served(watch={"keep_warm": "2h"})
    stage.accuracy = {"tuesday": 0.97, "wednesday": 0.98, "thursday": 0.99}
    for drop in ("tuesday", "wednesday", "thursday"):
        stage.drop(drop)
        stage.settle()
    told: list[str] = []

    with pytest.raises(EndedBadlyError, match="version 3 was passed over: 4 is newer"):
        a_watch(home, told).version(MODEL, 3)
    with pytest.raises(NothingToDoError, match="version 3 is older than 4"):
        actions.approve(home, MODEL, 3, force=False)


def test_a_version_in_line_says_behind_whom() -> None:
    home, stage = served()
    stage.accuracy = {"tuesday": 0.97, "wednesday": 0.98}
    for drop in ("tuesday", "wednesday"):
        stage.drop(drop)
        stage.settle()
    told: list[str] = []

    a_watch(home, told).version(MODEL, 3)

    assert told[0] == f"version 3 waits behind {NAMES.deployed_model(MODEL, 2)}"
    assert stage.champion == 3


def test_a_holdout_begins_the_runs_that_wait_for_it(tmp_path: Path) -> None:
    stage = Stage()
    stage.objects.empty.add("s3://data/holdouts/digits/v1/")
    stage.drop("monday")
    stage.settle()
    home = a_home(stage)
    waiting = stage.run_of("monday").state
    lacking = actions.holdout_missing(home, MODEL)

    (tmp_path / "rows.parquet").write_text("no parquet")
    with pytest.raises(BadInputError, match=r"FILE_UNREADABLE: rows\.parquet"):
        actions.holdout(home, MODEL, [tmp_path], id_="v1", progress=lambda *_: None)
    stage.objects.empty.clear()
    actions.begin_those_that_wait(home, MODEL, "v1")
    stage.settle()

    assert waiting is RunState.PARKED
    assert lacking is not None
    assert lacking.endswith("`sluice drop digits FOLDER --holdout v1`")
    assert stage.champion == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda home: actions.approve(home, "nope", 1, force=False),
        lambda home: actions.roll_back(home, "nope", why=""),
        lambda home: actions.sample(home, "nope"),
        lambda home: actions.invoke(home, "nope", b"{}"),
        lambda home: actions.train(home, "nope", dataset="latest", folder=None),
    ],
)
def test_a_model_nobody_deployed_is_unknown_to_every_verb(ask: Any) -> None:
    with pytest.raises(UnknownModelError, match="knows no model 'nope'"):
        ask(a_home())


def test_the_status_tells_who_serves_who_challenges_and_who_waits() -> None:
    home, stage = served()
    stage.accuracy = {"tuesday": 0.97, "wednesday": 0.98}
    for drop in ("tuesday", "wednesday"):
        stage.drop(drop)
        stage.settle()

    (seen,) = status_of(home).models

    assert (seen.champion, seen.weight, seen.waiting) == (1, 5, 3)
    assert seen.weights == {"blue": 95, "green": 5}
    assert (seen.rollout_state, seen.last_state) == (RolloutState.SHIFTING, RunState.APPROVED)


def cooling() -> Stage:
    """Monday's training has begun, and tuesday's drop waits."""
    stage = Stage(training={"cooldown": "1d"}, gates={"max_drop": 0.05})
    for drop in ("monday", "tuesday"):
        stage.drop(drop)
        stage.settle()
    return stage


def test_the_status_names_the_runs_that_wait_and_what_for() -> None:
    stage = cooling()

    (seen,) = status_of(a_home(stage)).models

    waiting = stage.run_of("tuesday")
    assert seen.parked == [Parked(waiting.run, "COOLDOWN", waiting.message)]
    assert "began at 12:00" in waiting.message
    assert (seen.training, seen.reserved) == (0, 0.0)


def test_a_run_that_waits_begins_when_a_person_asks_for_it() -> None:
    stage = cooling()
    home = a_home(stage)

    asked = actions.train(home, MODEL, dataset="tuesday", folder=None)
    a_watch(home, []).run(asked.run, attempt=asked.attempt)

    assert (asked.run, asked.attempt) == (stage.run_of("tuesday").run, 1)
    assert stage.run_of("tuesday").version == 2


def test_a_record_is_found_by_run_rollout_and_drop() -> None:
    home, stage = served()
    run = stage.run_of("monday")

    assert actions.find(home, run.run) == run
    assert actions.find(home, "digits/monday") == stage.drop_of("monday")
    assert actions.find(home, NAMES.deployed_model(MODEL, 1)) == stage.rollout_of(1)
    with pytest.raises(NotFoundError):
        actions.find(home, digest("nothing"))


def test_a_failed_job_ends_the_watch_with_its_own_reason() -> None:
    stage = Stage()
    stage.drop("monday")
    stage.settle(until=lambda: bool(stage.jobs.running()))
    stage.jobs.end(stage.jobs.running()[0], JobStatus.STOPPED, "by hand")
    stage.elapse(timedelta(minutes=5))

    with pytest.raises(EndedBadlyError, match=r"^JOB_STOPPED: run .*: by hand$"):
        a_watch(a_home(stage), []).run(stage.run_of("monday").run)
