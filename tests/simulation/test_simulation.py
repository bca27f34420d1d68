"""Thousands of worlds in which things go wrong: none ends unsafe, none is left unfinished."""

from collections import Counter

import pytest

from tests.simulation.__main__ import Sum, many
from tests.simulation.chaos import Fault
from tests.simulation.schedule import play

SCHEDULES = 2000
SOMETIMES = (
    "CRASH_AFTER | rollout shifting",
    "CRASH_AFTER | rollout rolling_back",
    "CRASH_BEFORE | rollout provisioning",
    "CRASH_BEFORE | run evaluating",
    "DENIED | rollout shifting",
    "THROTTLED | run training",
    "INTERLEAVED | rollout watching",
    "INTERLEAVED | rollout rolling_back",
    "DEPLOY_SILENT | rollout provisioning",
    "DEPLOY_SILENT | rollout shifting",
    "DEPLOY_SLOW | rollout shifting",
    "EVENT_LOST | SageMaker Endpoint State Change",
    "EVENT_LOST | SageMaker Model Package State Change",
    "EVENT_LOST | SageMaker Processing Job State Change",
    "EVENT_LOST | SageMaker Training Job State Change",
    "EVENT_TWICE | RolloutStepDue",
    "EVENT_TWICE | RollbackRequested",
    "EVENT_LATE | rollout shifting",
    "SCHEDULE_LOST | RolloutStepDue",
    "JOB_FAILED | training",
    "JOB_FAILED | evaluation",
    "JOB_STOPPED | training",
    "JOB_DEAR | run training",
    "JOB_SHORT | run training",
    "SPOT_WAITED | run training",
    "LIMIT | run starting",
)
"""Rare meetings of a fault with a state that must really have been reached."""
REACHED = (
    "began after a refusal",
    "failed NO_CAPACITY",
    "failed OVER_BUDGET",
    "failed SUPERSEDED",
    "parked COOLDOWN",
    "parked NOT_HELPING",
    "parked NO_CAPACITY",
    "parked OVER_BUDGET",
    "parked TOO_MANY_RUNNING",
)
"""What runs must have waited for, or ended of, in some of the schedules."""


@pytest.fixture(scope="module")
def played() -> Sum:
    total = Sum()
    for done in many(0, SCHEDULES, 2):
        total.join(done)
    return total


def test_no_schedule_breaks_an_invariant(played: Sum) -> None:
    assert played.seeds == SCHEDULES
    assert played.violations == []


def test_every_kind_of_fault_struck(played: Sum) -> None:
    assert {fault for fault, times in played.by_fault().items() if times} == set(Fault)


@pytest.mark.parametrize("meeting", SOMETIMES)
def test_the_rare_meeting_was_reached(played: Sum, meeting: str) -> None:
    assert played.struck[meeting] > 0


@pytest.mark.parametrize("reason", REACHED)
def test_runs_were_really_held_up_for(played: Sum, reason: str) -> None:
    assert played.reached[reason] > 0


def test_the_same_seed_is_the_same_story_to_the_last_line() -> None:
    stories: list[list[str]] = [[], []]

    first, second = (play(948, tell=story.append) for story in stories)

    assert stories[0] == stories[1]
    assert first == second


def test_different_seeds_are_different_stories(played: Sum) -> None:
    digests = Counter(digest for _, digest in played.digests)

    assert max(digests.values()) == 1
