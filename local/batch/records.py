"""One service job: what is told of it, and what it asks of its environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from local.batch.schedule import INSTANCES, Waiting
from local.batch.things import Request, refused
from local.store import Shelf

ENDED = frozenset({"SUCCEEDED", "FAILED"})
_MOST_RECENT = 10
"""Preempted attempts that are told; how many AWS tells is not documented."""
STARTED = frozenset({"SCHEDULED", "STARTING", "RUNNING"})
SUMMARY = (
    "latestAttempt",
    "capacityUsage",
    "createdAt",
    "jobArn",
    "jobId",
    "jobName",
    "scheduledAt",
    "serviceJobType",
    "shareIdentifier",
    "quotaShareName",
    "status",
    "statusReason",
    "startedAt",
    "stoppedAt",
    "isTerminated",
)


@dataclass
class Record:
    """A job under its lock; `kept` is what nobody is told."""

    told: Request
    shelf: Shelf
    kept: Request = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    @property
    def id(self) -> str:
        return str(self.told["jobId"])

    @property
    def status(self) -> str:
        return str(self.told["status"])

    def keep(self) -> None:
        self.shelf.put(self.id, {"told": self.told, "kept": self.kept})

    def described(self) -> Request:
        with self.lock:
            return dict(self.told)

    def payload(self) -> Request:
        found: Request = json.loads(self.told["serviceRequestPayload"])
        return found

    def waiting(self) -> Waiting:
        told, resources = self.told, self.payload().get("ResourceConfig", {})
        return Waiting(
            self.id,
            told["createdAt"],
            instances(resources),
            str(_groups(resources)[0].get("InstanceType", "")),
            told.get("schedulingPriority", 0),
            told.get("shareIdentifier", ""),
            told.get("quotaShareName", ""),
            started=told.get("scheduledAt", 0),
            stopping=bool(self.kept.get("preempted")),
        )

    def preempt(self) -> bool:
        """Count the attempt that another job ended; whether there may be one more.

        Without a limit of its own a job is queued again as often as it takes.
        """
        before = self.told.get("preemptionSummary", {})
        count = before.get("preemptedAttemptCount", 0) + 1
        attempt = self.told["attempts"][-1]
        self.told["attempts"] = self.told["attempts"][:-1]
        recent = [*before.get("recentPreemptedAttempts", []), attempt][-_MOST_RECENT:]
        self.told["preemptionSummary"] = {
            "preemptedAttemptCount": count,
            "recentPreemptedAttempts": recent,
        }
        self.kept["preempted"] = False
        most = self.told.get("preemptionConfiguration", {})
        return bool(count <= most.get("preemptionRetriesBeforeTermination", count))

    def usage(self, limits: list[Request]) -> list[Request]:
        """What the job takes of its environment, in the unit of its limits."""
        job = self.waiting()
        whole = INSTANCES in {limit["capacityUnit"] for limit in limits}
        unit = INSTANCES if whole else job.instance_type
        return [{"capacityUnit": unit, "quantity": float(job.instances)}]


def instances(resources: Mapping[str, Any]) -> int:
    """How many machines a training job asks for."""
    return sum(int(group.get("InstanceCount", 1)) for group in _groups(resources))


def _groups(resources: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    preferred = resources.get("InstancePreferences", [])[:1]
    return list(resources.get("InstanceGroups") or preferred or [resources])


def parsed(payload: str) -> Request:
    """A request for a training job; raises ClientException for what is none."""
    try:
        found = json.loads(payload)
    except ValueError as error:
        raise refused(f"serviceRequestPayload is not valid JSON: {error}") from error
    if not isinstance(found, dict):
        raise refused("serviceRequestPayload must be a JSON object")
    return found
