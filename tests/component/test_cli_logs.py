"""Logs as people ask for them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.errors import NotFoundError, UnknownModelError
from cli.home import Home
from cli.logs import group_of, lines
from tests.builders import MODEL, NAMES, RUN
from tests.fakes.client import refused
from tests.fakes.home import FakeHome
from tests.fakes.stage import Stage


class Logs:
    """Answers with pages, or not at all."""

    def __init__(self, *pages: list[dict[str, Any]], error: ClientError | None = None) -> None:
        self.pages, self.error = pages, error
        self.asked: dict[str, Any] = {}

    def get_paginator(self, _operation: str) -> "Logs":
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.asked = request
        if self.error is not None:
            raise self.error
        return [{"events": page} for page in self.pages]


def a_home(logs: Logs) -> Home:
    return Home("dev", lambda _: logs, where="here")


def test_a_function_a_job_and_a_model_have_their_groups() -> None:
    home = FakeHome(Stage())
    training, evaluation = NAMES.training_job(MODEL, RUN, 12), NAMES.evaluation_job(MODEL, RUN)

    assert group_of(home, "step_rollout") == ("/aws/lambda/sluice-dev-step-rollout", None)
    assert group_of(home, training) == ("/aws/sagemaker/TrainingJobs", f"{training}/")
    assert group_of(home, evaluation) == ("/aws/sagemaker/ProcessingJobs", f"{evaluation}/")
    assert group_of(home, MODEL) == ("/aws/sagemaker/Endpoints/sluice-dev-digits", None)
    with pytest.raises(UnknownModelError):
        group_of(home, "nope")


def test_the_lines_of_every_page_are_told() -> None:
    logs = Logs([{"message": "one"}], [{"message": "two"}])

    told = [line["message"] for line in lines(a_home(logs), "group", "job/")]

    assert told == ["one", "two"]
    assert logs.asked["logStreamNamePrefix"] == "job/"


def test_only_a_group_that_is_not_there_is_not_found() -> None:
    gone = Logs(error=refused("ResourceNotFoundException"))
    expired = Logs(error=refused("ExpiredTokenException"))

    with pytest.raises(NotFoundError, match="no log group group"):
        list(lines(a_home(gone), "group", None))
    with pytest.raises(ClientError):
        list(lines(a_home(expired), "group", None))
