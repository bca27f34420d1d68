"""Quota shares: the parts of a queue's capacity."""

from local.batch.environments import Environments
from local.batch.things import Operations, Request, Things, page, refused
from local.cloud import Account


class Shares:
    """The quota shares of every queue."""

    def __init__(self, account: Account, environments: Environments) -> None:
        self._account = account
        self._environments = environments
        self.things = Things(
            "quotaShare", "quotaShareName", "quotaShareArn", account.store.shelf("batch shares")
        )
        self.operations: Operations = {
            "CreateQuotaShare": self._create,
            "DescribeQuotaShare": lambda r: self.things.find(r["quotaShareArn"]),
            "ListQuotaShares": self._list,
            "UpdateQuotaShare": self._update,
            "DeleteQuotaShare": self._delete,
        }

    def of(self, queue: Request) -> dict[str, Request]:
        """The shares of a queue by name."""
        arn = queue["jobQueueArn"]
        return {
            each["quotaShareName"]: each for each in self.things.all() if each["jobQueueArn"] == arn
        }

    def _create(self, request: Request) -> Request:
        queue = self._environments.queues.find(request["jobQueue"])
        if "quotaSharePolicy" not in self._environments.policy(queue):
            raise refused(f"jobQueue {queue['jobQueueName']} has no quota share policy")
        name = request["quotaShareName"]
        made = {
            "quotaShareName": name,
            "quotaShareArn": self._account.arn(
                "batch", f"job-queue/{queue['jobQueueName']}/quota-share/{name}"
            ),
        }
        told = {key: value for key, value in request.items() if key != "jobQueue"}
        fixed = {"jobQueueArn": queue["jobQueueArn"], "status": "VALID"}
        self.things.add({"state": "ENABLED", **told, **fixed, **made})
        return made

    def _list(self, request: Request) -> Request:
        queue = self._environments.queues.find(request["jobQueue"])
        return page(request, list(self.of(queue).values()), "quotaShares")

    def _update(self, request: Request) -> Request:
        members = (
            "capacityLimits",
            "resourceSharingConfiguration",
            "preemptionConfiguration",
            "state",
        )
        found = self.things.change(
            request["quotaShareArn"], **{member: request.get(member) for member in members}
        )
        return {key: found[key] for key in ("quotaShareName", "quotaShareArn")}

    def _delete(self, request: Request) -> Request:
        found = self.things.get(request["quotaShareArn"])
        if found is not None:
            if found["state"] == "ENABLED":
                raise refused("Cannot delete, resource must be in DISABLED state")
            self.things.remove(found)
        return {}
