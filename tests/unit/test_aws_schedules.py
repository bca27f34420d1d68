"""A one-shot schedule is asked for once, and what it could not say is kept."""

from datetime import timedelta
from typing import Any, cast

import pytest

from events.catalog import DropOverdue
from functions.aws.schedules import Schedules
from tests.builders import MODEL, NOON
from tests.fakes.client import FakeClient, refused

EVENT = DropOverdue(model=MODEL, drop="monday")


def schedules(client: FakeClient) -> Schedules:
    return Schedules(
        cast("Any", client),
        group="sluice-dev",
        role_arn="role",
        bus_arn="bus",
        undelivered_arn="undelivered",
    )


def test_what_the_bus_does_not_take_within_a_day_is_kept() -> None:
    client = FakeClient()

    schedules(client).say(EVENT, at=NOON + timedelta(hours=1), name="drop-1")

    request = client.request("create_schedule")
    assert request["ScheduleExpression"] == "at(2026-11-24T13:00:00)"
    assert request["Target"]["DeadLetterConfig"] == {"Arn": "undelivered"}
    assert request["Target"]["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 86400,
        "MaximumRetryAttempts": 185,
    }


def test_a_schedule_that_is_there_is_made() -> None:
    there = refused("ConflictException", "Schedule drop-1 already exists.")

    schedules(FakeClient(create_schedule=there)).say(EVENT, at=NOON, name="drop-1")


def test_a_schedule_that_could_not_be_made_is_an_error() -> None:
    denied = refused("AccessDeniedException", "not authorized")

    with pytest.raises(type(denied), match="not authorized"):
        schedules(FakeClient(create_schedule=denied)).say(EVENT, at=NOON, name="drop-1")
