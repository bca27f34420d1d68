"""What functions, jobs and endpoints wrote, from CloudWatch Logs."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from cli import actions
from cli.errors import NotFoundError
from cli.home import Home
from functions.routes import FUNCTIONS

_POLL = 1.0


def group_of(home: Home, name: str) -> tuple[str, str | None]:
    """(log group, prefix of its streams) of a function, a job or a model."""
    prefix = home.names.prefix
    if name.replace("-", "_") in FUNCTIONS:
        return f"/aws/lambda/{prefix}-{name.replace('_', '-')}", None
    if home.names.run_of(name) is not None:
        kind = "TrainingJobs" if "-t" in name[-4:] else "ProcessingJobs"
        return f"/aws/sagemaker/{kind}", f"{name}/"
    actions.deployed(home, name)
    return f"/aws/sagemaker/Endpoints/{home.names.endpoint(name)}", None


def lines(
    home: Home, group: str, stream: str | None, *, since: int = 0
) -> Iterator[dict[str, Any]]:
    """Every line, in order of time; raises NotFoundError."""
    wanted: dict[str, Any] = {"logGroupName": group, "startTime": since}
    if stream is not None:
        wanted["logStreamNamePrefix"] = stream
    try:
        for page in home.connect("logs").get_paginator("filter_log_events").paginate(**wanted):
            yield from page["events"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise NotFoundError(
            f"no log group {group}; name a function ({', '.join(FUNCTIONS)}), a job or a model"
        ) from error


def follow(
    home: Home,
    group: str,
    stream: str | None,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[dict[str, Any]]:
    """Every line, and then those that come."""
    since, told = 0, set[str]()
    while True:
        for line in lines(home, group, stream, since=since):
            if line["eventId"] not in told:
                told.add(line["eventId"])
                since = max(since, line["timestamp"])
                yield line
        pause(_POLL)
