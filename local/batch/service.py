"""Batch's API in front of its parts."""

from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from local.batch.environments import Environments
from local.batch.jobs import ServiceJobs
from local.batch.runner import EmitsEvents, Runner, Trains
from local.batch.shares import Shares
from local.batch.snapshot import snapshot
from local.batch.things import Operations, Request, Things, refused
from local.clock import Clock
from local.cloud import Account
from local.errors import not_there


class Batch:
    """Service jobs for SageMaker training; container jobs are not part of it."""

    def __init__(self, account: Account, clock: Clock, sagemaker: Trains, bus: EmitsEvents) -> None:
        environments = Environments(account)
        shares = Shares(account, environments)
        jobs = ServiceJobs(account, clock, environments, shares)
        self._tagged = (
            environments.environments,
            environments.queues,
            environments.policies,
            shares.things,
        )
        self._runner = Runner(jobs, environments, shares, sagemaker, bus)
        self.operations: Operations = {
            **environments.operations,
            **shares.operations,
            **jobs.operations,
            "GetJobQueueSnapshot": lambda r: snapshot(
                jobs, environments.queues.find(r["jobQueue"])
            ),
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def handle(self, action: str, request: Request) -> Request:
        """Answer one API call; raises AwsError."""
        if action not in self.operations:
            raise not_there("batch", action)
        _validate(action, request)
        return self.operations[action](request)

    def start(self) -> None:
        self._runner.start()

    def stop(self) -> None:
        self._runner.stop()

    def turn(self) -> None:
        """One look at every job, which the thread takes again and again by itself."""
        self._runner.turn()

    def _tag(self, request: Request) -> Request:
        things, thing = self._thing(request["resourceArn"])
        things.put(thing | {"tags": thing.get("tags", {}) | request["tags"]})
        return {}

    def _untag(self, request: Request) -> Request:
        things, thing = self._thing(request["resourceArn"])
        kept = {k: v for k, v in thing.get("tags", {}).items() if k not in request["tagKeys"]}
        things.put(thing | {"tags": kept})
        return {}

    def _list_tags(self, request: Request) -> Request:
        return {"tags": self._thing(request["resourceArn"])[1].get("tags", {})}

    def _thing(self, arn: str) -> tuple[Things, Request]:
        for things in self._tagged:
            found = things.get(arn)
            if found is not None:
                return things, found
        raise refused(f"Resource {arn} does not exist")


@cache
def _shape(action: str) -> Any:
    return (
        botocore.session.get_session()
        .get_service_model("batch")
        .operation_model(action)
        .input_shape
    )


def _validate(action: str, request: Request) -> None:
    report = ParamValidator().validate(request, _shape(action))
    if report.has_errors():
        raise refused(f"Error executing request, Exception : {report.generate_report()}")
    for name, value in request.items():
        allowed = _shape(action).members[name].metadata.get("enum")
        if allowed and value not in allowed:
            raise refused(f"{name} must be one of {', '.join(allowed)}")
