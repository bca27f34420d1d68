"""What stands at the front of a queue."""

from local.batch.jobs import ServiceJobs
from local.batch.records import STARTED
from local.batch.things import Request

_MOST = 100


def snapshot(jobs: ServiceJobs, queue: Request) -> Request:
    """GetJobQueueSnapshot: the waiting jobs, the first first, and what the running ones use."""
    records = [record.described() for record in jobs.of(queue)]
    waiting = [told for told in records if told["status"] == "RUNNABLE"]
    waiting.sort(key=lambda told: (-told.get("schedulingPriority", 0), told["createdAt"]))
    now = jobs.now()
    front = [{"jobArn": told["jobArn"], "earliestTimeAtPosition": now} for told in waiting[:_MOST]]
    used: dict[str, float] = {}
    for told in records:
        for usage in told.get("capacityUsage", []) if told["status"] in STARTED else []:
            unit = usage["capacityUnit"]
            used[unit] = used.get(unit, 0.0) + usage["quantity"]
    usages = [{"capacityUnit": unit, "quantity": amount} for unit, amount in used.items()]
    return {
        "frontOfQueue": {"jobs": front, "lastUpdatedAt": now},
        "queueUtilization": {"totalCapacityUsage": usages, "lastUpdatedAt": now},
    }
