"""Service jobs by id: submitted, described, listed, changed and terminated."""

import fnmatch
import uuid
from collections.abc import Callable
from threading import Condition, RLock
from typing import Any

from local.batch.environments import Environments
from local.batch.records import ENDED, SUMMARY, Record, parsed
from local.batch.shares import Shares
from local.batch.things import Operations, Request, page, refused
from local.clock import Clock
from local.cloud import Account

_MOST_ATTEMPTS = 10
_FILTERS = {
    "JOB_NAME": "jobName",
    "SHARE_IDENTIFIER": "shareIdentifier",
    "QUOTA_SHARE_NAME": "quotaShareName",
}


class ServiceJobs:
    """Every service job, each on a shelf."""

    def __init__(
        self, account: Account, clock: Clock, environments: Environments, shares: Shares
    ) -> None:
        self._account = account
        self._clock = clock
        self._environments = environments
        self._shares = shares
        self._shelf = account.store.shelf("batch service jobs")
        self._lock = RLock()
        self._records = {
            key: Record(each["told"], self._shelf, each["kept"])
            for key, each in self._shelf.all().items()
        }
        self.submitted = Condition()
        self.operations: Operations = {
            "SubmitServiceJob": self._submit,
            "DescribeServiceJob": lambda r: self.find(r["jobId"]).described(),
            "ListServiceJobs": self._list,
            "UpdateServiceJob": self._update,
            "TerminateServiceJob": self._terminate,
        }

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return round(self._clock.now().timestamp() * 1000)

    def find(self, job: str) -> Record:
        """By id or ARN; raises ClientException when there is none."""
        with self._lock:
            record = self._records.get(job.rpartition("/")[2])
        if record is None:
            raise refused(f"Service job {job} does not exist")
        return record

    def unfinished(self) -> list[Record]:
        with self._lock:
            return [each for each in self._records.values() if each.status not in ENDED]

    def of(self, queue: Request) -> list[Record]:
        with self._lock:
            records = list(self._records.values())
        return [each for each in records if each.told["jobQueue"] == queue["jobQueueArn"]]

    def _submit(self, request: Request) -> Request:
        queue = self._environments.queues.find(request["jobQueue"])
        self._check(request, queue)
        with self._lock:
            record = self._again(request.get("clientToken")) or self._made(request, queue)
        with self.submitted:
            self.submitted.notify_all()
        return {key: record.told[key] for key in ("jobArn", "jobName", "jobId")}

    def _made(self, request: Request, queue: Request) -> Record:
        job = str(uuid.uuid4())
        strategy = {"attempts": 1, "evaluateOnExit": []} | request.get("retryStrategy", {})
        told = {k: v for k, v in request.items() if k not in {"clientToken", "jobQueue"}} | {
            "jobId": job,
            "jobArn": self._account.arn("batch", f"service-job/{job}"),
            "jobQueue": queue["jobQueueArn"],
            "status": "SUBMITTED",
            "createdAt": self.now(),
            "retryStrategy": strategy,
            "attempts": [],
            "isTerminated": False,
        }
        record = Record(told, self._shelf, {"token": request.get("clientToken")})
        record.keep()
        self._records[job] = record
        return record

    def _again(self, token: str | None) -> Record | None:
        """The job that was submitted with this token."""
        same = (each for each in self._records.values() if each.kept.get("token") == token)
        return next(same, None) if token else None

    def _check(self, request: Request, queue: Request) -> None:
        if queue["state"] != "ENABLED":
            raise refused(f"jobQueue {queue['jobQueueName']} is not ENABLED")
        parsed(request["serviceRequestPayload"])
        if not 1 <= request.get("retryStrategy", {}).get("attempts", 1) <= _MOST_ATTEMPTS:
            raise refused("retryStrategy attempts must be between 1 and 10")
        policy = self._environments.policy(queue)
        _check_preemption(request, wanted="quotaSharePolicy" in policy)
        _check_share("shareIdentifier", request, wanted="fairsharePolicy" in policy)
        _check_share("quotaShareName", request, wanted="quotaSharePolicy" in policy)
        quota = request.get("quotaShareName")
        if quota is not None and quota not in self._shares.of(queue):
            raise refused(f"quotaShare {quota} does not exist")

    def _list(self, request: Request) -> Request:
        """Running jobs unless a status or a filter is given."""
        if "jobQueue" not in request:
            raise refused("jobQueue must be specified")
        found = [
            r.described() for r in self.of(self._environments.queues.find(request["jobQueue"]))
        ]
        filters = request.get("filters", [])
        for each in filters:
            found = [told for told in found if _passes(told, each)]
        if not filters or "jobStatus" in request:
            wanted = request.get("jobStatus", "RUNNING")
            found = [told for told in found if told["status"] == wanted]
        found.sort(key=lambda told: -int(told["createdAt"]))
        summaries = [{key: told[key] for key in SUMMARY if key in told} for told in found]
        return page(request, summaries, "jobSummaryList")

    def _update(self, request: Request) -> Request:
        record = self.find(request["jobId"])
        with record.lock:
            if record.status in ENDED:
                raise refused(f"Service job {record.id} is already {record.status}")
            record.told["schedulingPriority"] = request["schedulingPriority"]
            record.keep()
        return {key: record.told[key] for key in ("jobArn", "jobName", "jobId")}

    def _terminate(self, request: Request) -> Request:
        """Nothing happens to a job that has ended; the others end at the next look."""
        record = self.find(request["jobId"])
        with record.lock:
            if record.status not in ENDED:
                record.told["isTerminated"] = True
                record.kept["terminated"] = request["reason"]
                record.keep()
        return {}


def _check_preemption(request: Request, *, wanted: bool) -> None:
    config = request.get("preemptionConfiguration")
    if config is not None and not wanted:
        raise refused("preemptionConfiguration goes with a quota share only")
    if config is not None and config.get("preemptionRetriesBeforeTermination", 0) < 0:
        raise refused("preemptionRetriesBeforeTermination must not be negative")


def _check_share(member: str, request: Request, *, wanted: bool) -> None:
    if wanted and member not in request:
        raise refused(f"{member} must be specified for this job queue")
    if not wanted and member in request:
        raise refused(f"{member} cannot be specified for this job queue")


def _passes(told: Request, wanted: Request) -> bool:
    name, values = wanted.get("name", ""), wanted.get("values", [])
    if name in _FILTERS:
        given = str(told.get(_FILTERS[name], ""))
        return any(fnmatch.fnmatchcase(given.lower(), value.lower()) for value in values)
    times: dict[str, Callable[[Any, Any], bool]] = {
        "BEFORE_CREATED_AT": lambda at, limit: at < limit,
        "AFTER_CREATED_AT": lambda at, limit: at > limit,
    }
    if name not in times:
        raise refused(f"Filter {name} is not known")
    return any(times[name](told["createdAt"], int(value)) for value in values)
