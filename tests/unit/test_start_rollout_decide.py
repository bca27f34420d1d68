"""One rollout at a time per endpoint; of what is approved meanwhile the newest waits."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.words import Reason
from functions.endpoint import Placement
from functions.ledger import RETRY_AFTER, RolloutRecord, RolloutState, RunState
from functions.machines import RunNews
from functions.registry import Approval, Version
from functions.standing import placements
from functions.start_rollout.decide import (
    SHOWN_WITHIN,
    AskLater,
    Begin,
    Case,
    Dismiss,
    Ignore,
    Outcome,
    Queue,
    Rejudge,
    Resume,
    Stay,
    TakeBack,
    decide,
)
from functions.start_rollout.records import Written, left_by
from tests.builders import (
    NOON,
    RUN,
    a_champion,
    a_definition,
    a_rollout,
    a_run,
    a_version,
    an_endpoint,
    digest,
)

APPROVED = a_run(state=RunState.APPROVED, version=2, against=1)
FREE = an_endpoint(champion=a_champion(1))
CASE = Case(number=2, version=a_version(2), run=APPROVED, endpoint=FREE, holder=None, own=None)
UNDER_WAY = [
    RolloutState.PROVISIONING,
    RolloutState.SHIFTING,
    RolloutState.WATCHING,
    RolloutState.ROLLING_BACK,
]
HELD = a_run(state=RunState.HELD, version=2, against=1)
REJECTED = a_version(2, approval=Approval.REJECTED, comment="it forgets sevens")
PENDING = a_version(2, approval=Approval.PENDING)
CHALLENGER = a_champion(
    2,
    variant="green",
    run=RUN,
    dataset=digest("dataset"),
    artifact="s3://artifacts/v2/model.tar.gz",
)


def test_an_approved_version_challenges_the_champion_from_the_other_variant() -> None:
    step = decide(CASE, now=NOON)

    assert step == Begin(CHALLENGER, a_champion(1), closes=None, run=APPROVED)


def test_the_challenger_begins_without_traffic() -> None:
    def placed(variant: str, version: int, weight: int) -> Placement:
        return Placement(
            variant=variant,
            version=version,
            artifact=f"s3://artifacts/v{version}/model.tar.gz",
            model_digest=digest(f"model {version}"),
            weight=weight,
        )

    begin = Begin(CHALLENGER, a_champion(1), closes=None, run=APPROVED)

    assert begin.placements(1) == (placed("blue", 1, 100), placed("green", 2, 0))
    assert placements(None, a_champion(2)) == (placed("blue", 2, 100),)


def test_the_first_version_stands_in_the_first_variant() -> None:
    case = replace(CASE, endpoint=an_endpoint(), run=a_run(state=RunState.APPROVED))

    step = decide(case, now=NOON)

    assert isinstance(step, Begin)
    assert (step.challenger.variant, step.champion) == ("blue", None)


@pytest.mark.parametrize(
    ("version", "why"),
    [
        (REJECTED, "version 2 is rejected and not under way"),
        (PENDING, "version 2 is not approved"),
        (None, "version 2 is not in the registry"),
    ],
)
def test_only_an_approved_version_is_rolled_out(version: Version | None, why: str) -> None:
    assert decide(replace(CASE, version=version), now=NOON) == Ignore(why)


def test_a_rejection_takes_back_what_is_under_way() -> None:
    for state in (RolloutState.PROVISIONING, RolloutState.SHIFTING, RolloutState.WATCHING):
        own = a_rollout(state=state)

        outcome = decide(replace(CASE, version=REJECTED, own=own, holder=own), now=NOON)

        assert outcome == TakeBack(own, "it forgets sevens")


def test_a_rejection_without_a_word_says_who_was_rejected() -> None:
    own = a_rollout()
    silent = replace(REJECTED, comment="", description="accuracy 0.95")

    outcome = decide(replace(CASE, version=silent, own=own), now=NOON)

    assert outcome == TakeBack(own, "version 2 was rejected")


@pytest.mark.parametrize("state", [RunState.APPROVED, RunState.HELD])
def test_a_version_that_the_registry_does_not_show_yet_is_asked_for_again(state: RunState) -> None:
    run = a_run(state=state, version=2, against=1, ended_at=NOON)
    case = replace(CASE, version=None, run=run)

    assert decide(case, now=NOON + SHOWN_WITHIN / 2) == AskLater(run, RETRY_AFTER)
    assert not isinstance(decide(case, now=NOON + SHOWN_WITHIN), AskLater)


def test_a_version_in_line_that_the_registry_does_not_show_keeps_its_place() -> None:
    holder = a_rollout(version=1)
    line = an_endpoint(rollout=holder.rollout, waiting=2)
    case = replace(CASE, version=None, run=None, endpoint=line, holder=holder)

    assert decide(case, now=NOON) == Stay("version 2 is not in the registry")
    assert left_by(Stay("why"), case, NOON) == Written(())


@pytest.mark.parametrize(
    "own",
    [
        a_rollout(state=RolloutState.ROLLING_BACK),
        a_rollout(state=RolloutState.ABORTED),
        a_rollout(state=RolloutState.COMPLETED),
        a_rollout(state=RolloutState.WATCHING, champion=None),
    ],
)
def test_our_own_rejection_and_one_that_comes_too_late_take_nothing_back(
    own: RolloutRecord,
) -> None:
    case = replace(CASE, version=REJECTED, own=own)

    assert decide(case, now=NOON) == Ignore("version 2 is rejected and not under way")


@pytest.mark.parametrize(
    ("version", "why"),
    [
        (PENDING, "version 2 is not approved any more"),
        (None, "version 2 is not in the registry"),
    ],
)
def test_a_version_that_lost_its_approval_before_it_had_traffic_holds_the_endpoint_no_longer(
    version: Version | None, why: str
) -> None:
    own = a_rollout(state=RolloutState.PROVISIONING)
    shifting = a_rollout()

    assert decide(replace(CASE, version=version, own=own), now=NOON) == TakeBack(own, why)
    assert isinstance(decide(replace(CASE, version=version, own=shifting), now=NOON), Ignore)


@pytest.mark.parametrize(
    ("version", "outcome"),
    [
        (REJECTED, Dismiss(HELD, "it forgets sevens")),
        (PENDING, AskLater(HELD)),
        (None, Dismiss(HELD, "version 2 is not in the registry")),
    ],
)
def test_a_run_that_waits_for_a_person_takes_the_word_it_gets(
    version: Version | None, outcome: Outcome
) -> None:
    assert decide(replace(CASE, version=version, run=HELD), now=NOON) == outcome


@pytest.mark.parametrize("state", [s for s in RunState if s is not RunState.HELD])
def test_the_gates_own_rejection_dismisses_no_run(state: RunState) -> None:
    case = replace(CASE, version=REJECTED, run=a_run(state=state))

    assert isinstance(decide(case, now=NOON), Ignore)


def test_a_version_of_an_unknown_run_is_not_rolled_out() -> None:
    step = decide(replace(CASE, run=None), now=NOON)

    assert step == Ignore(f"version 2 names run {RUN}, which is not known")


@pytest.mark.parametrize("champion", [2, 3])
def test_a_version_that_is_not_newer_than_the_champion_is_not_rolled_out(champion: int) -> None:
    case = replace(CASE, endpoint=an_endpoint(champion=a_champion(champion)))

    assert decide(case, now=NOON) == Ignore(f"version 2 is not newer than {champion}")


def test_a_rollout_that_was_not_finished_placing_is_placed_again() -> None:
    own = a_rollout(state=RolloutState.PROVISIONING, placed=False)

    step = decide(replace(CASE, own=own, holder=own), now=NOON)

    assert step == Resume(own)
    assert isinstance(step, Resume)
    assert [p.version for p in placements(step.rollout.champion, step.rollout.challenger)] == [1, 2]


def test_a_rollout_whose_traffic_is_wanted_back_is_not_placed_again() -> None:
    own = a_rollout(state=RolloutState.PROVISIONING, placed=False, reason=Reason.NOT_DEPLOYED)

    step = decide(replace(CASE, own=own, holder=own), now=NOON)

    assert step == Ignore("sluice-dev-digits-v2: provisioning")


@pytest.mark.parametrize("state", [s for s in RolloutState if s is not RolloutState.PROVISIONING])
def test_a_version_is_rolled_out_at_most_once(state: RolloutState) -> None:
    step = decide(replace(CASE, own=a_rollout(state=state)), now=NOON)

    assert step == Ignore(f"sluice-dev-digits-v2: {state}")


@pytest.mark.parametrize("state", UNDER_WAY)
def test_an_approval_during_another_rollout_queues(state: RolloutState) -> None:
    case = replace(CASE, holder=a_rollout(state=state, version=9))

    step = decide(case, now=NOON)

    assert step == Queue(2, behind="sluice-dev-digits-v9", run=APPROVED)


def test_a_watch_over_a_first_version_makes_way() -> None:
    watched = a_rollout(state=RolloutState.WATCHING, version=1, champion=None)

    assert decide(replace(CASE, holder=watched), now=NOON) == Begin(
        CHALLENGER, a_champion(1), closes=watched, run=APPROVED
    )


def test_an_older_version_lets_a_newer_one_that_waits_go_first() -> None:
    case = replace(CASE, endpoint=an_endpoint(champion=a_champion(1), waiting=3))

    assert case.run is not None
    assert decide(case, now=NOON) == Queue(2, behind="version 3, which is newer", run=case.run)


def test_a_version_judged_beside_a_former_champion_is_judged_again() -> None:
    run = a_run(state=RunState.APPROVED, version=2, against=None)

    assert decide(replace(CASE, run=run), now=NOON) == Rejudge(
        "judged against version None, another serves now", run
    )


def test_a_version_that_waits_is_judged_again_only_when_its_turn_comes() -> None:
    run = a_run(state=RunState.APPROVED, version=2, against=7)
    case = replace(CASE, run=run, holder=a_rollout(version=9))

    assert decide(case, now=NOON) == Queue(2, behind="sluice-dev-digits-v9", run=run)


@pytest.mark.parametrize(
    "run",
    [
        a_run(state=RunState.HELD, against=7),
        a_run(state=RunState.REJECTED, against=7),
        a_run(
            state=RunState.APPROVED,
            against=7,
            definition=a_definition(gates={"approval": "human"}),
        ),
    ],
)
def test_what_a_person_approved_is_not_judged_again(run: object) -> None:
    assert isinstance(run, type(APPROVED))

    assert isinstance(decide(replace(CASE, run=run), now=NOON), Begin)


@pytest.mark.parametrize("version", [None, 2])
@pytest.mark.parametrize(
    "state",
    [
        RunState.STARTING,
        RunState.PARKED,
        RunState.TRAINING,
        RunState.EVALUATING,
        RunState.FAILED,
    ],
)
def test_whatever_the_registry_says_a_run_without_a_verdict_is_not_rolled_out(
    state: RunState, version: int | None
) -> None:
    run = a_run(state=state, version=version, against=1)

    outcome = decide(replace(CASE, run=run), now=NOON)

    assert outcome == Ignore(f"version 2: {run.ignores(RunNews.PERSON_APPROVED)}")


def test_a_version_of_an_earlier_attempt_is_not_rolled_out() -> None:
    run = a_run(state=RunState.APPROVED, version=3, against=1)

    assert decide(replace(CASE, run=run), now=NOON) == Ignore(f"run {run.run} made version 3 since")


def test_what_a_person_approved_against_the_gate_begins_and_is_not_judged_again() -> None:
    rejected = a_run(state=RunState.REJECTED, version=2, against=1)
    overruled = a_run(state=RunState.APPROVED, version=2, against=None, overruled=True)

    assert isinstance(decide(replace(CASE, run=rejected), now=NOON), Begin)
    assert isinstance(decide(replace(CASE, run=overruled), now=NOON), Begin)


@given(approvals=st.lists(st.integers(2, 30), min_size=1, max_size=20))
def test_of_any_approvals_during_a_rollout_the_newest_waits(approvals: list[int]) -> None:
    endpoint = an_endpoint(champion=a_champion(1), rollout="other")

    for number in approvals:
        case = Case(
            number=number,
            version=a_version(number),
            run=a_run(state=RunState.APPROVED, version=number, against=1),
            endpoint=endpoint,
            holder=a_rollout(version=99),
            own=None,
        )
        match decide(case, now=NOON):
            case Queue(version=version):
                endpoint = endpoint.changed(waiting=max(version, endpoint.waiting or 0))
            case Ignore():
                assert endpoint.waiting is not None
                assert endpoint.waiting > number
            case other:
                raise AssertionError(other)

    assert endpoint.waiting == max(approvals)
