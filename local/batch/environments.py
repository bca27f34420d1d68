"""What service jobs wait in and run in: environments, queues, policies and quota shares."""

from local.batch.things import Operations, Request, Things, page, refused
from local.cloud import Account
from local.errors import not_there

_TYPE = "SAGEMAKER_TRAINING"
_MOST_ENVIRONMENTS = 3


class Environments:
    """Service environments and the queues in front of them."""

    def __init__(self, account: Account) -> None:
        shelf = account.store.shelf
        self._account = account
        self.environments = Things(
            "serviceEnvironment",
            "serviceEnvironmentName",
            "serviceEnvironmentArn",
            shelf("batch service environments"),
        )
        self.queues = Things("jobQueue", "jobQueueName", "jobQueueArn", shelf("batch queues"))
        self.policies = Things("schedulingPolicy", "name", "arn", shelf("batch policies"))
        self.operations: Operations = {
            "CreateServiceEnvironment": self._create_environment,
            "DescribeServiceEnvironments": self._describe_environments,
            "UpdateServiceEnvironment": self._update_environment,
            "DeleteServiceEnvironment": self._delete_environment,
            "CreateJobQueue": self._create_queue,
            "DescribeJobQueues": self._describe_queues,
            "UpdateJobQueue": self._update_queue,
            "DeleteJobQueue": self._delete_queue,
            "CreateSchedulingPolicy": self._create_policy,
            "DescribeSchedulingPolicies": self._describe_policies,
            "ListSchedulingPolicies": self._list_policies,
            "UpdateSchedulingPolicy": self._update_policy,
            "DeleteSchedulingPolicy": self._delete_policy,
        }

    def policy(self, queue: Request) -> Request:
        """The policy of a queue; nothing for one that takes jobs as they come."""
        arn = queue.get("schedulingPolicyArn")
        return (self.policies.get(arn) or {}) if arn else {}

    def _create_environment(self, request: Request) -> Request:
        name = request["serviceEnvironmentName"]
        _check_limits(request["capacityLimits"])
        arn = self._account.arn("batch", f"service-environment/{name}")
        made = {"serviceEnvironmentName": name, "serviceEnvironmentArn": arn}
        self.environments.add({"state": "ENABLED", "status": "VALID", **request, **made})
        return made

    def _describe_environments(self, request: Request) -> Request:
        found = self.environments.chosen(request.get("serviceEnvironments"))
        return page(request, found, "serviceEnvironments")

    def _update_environment(self, request: Request) -> Request:
        if "capacityLimits" in request:
            _check_limits(request["capacityLimits"])
        found = self.environments.change(
            request["serviceEnvironment"],
            state=request.get("state"),
            capacityLimits=request.get("capacityLimits"),
        )
        return {key: found[key] for key in ("serviceEnvironmentName", "serviceEnvironmentArn")}

    def _delete_environment(self, request: Request) -> Request:
        found = self.environments.get(request["serviceEnvironment"])
        if found is None:
            return {}
        _unless_enabled(found)
        arn = found["serviceEnvironmentArn"]
        if any(arn in self.order(queue) for queue in self.queues.all()):
            raise refused("Cannot delete, found existing JobQueue relationship")
        self.environments.remove(found)
        return {}

    def order(self, queue: Request) -> list[str]:
        """The ARNs of a queue's environments, the first to be tried first."""
        named = sorted(queue["serviceEnvironmentOrder"], key=lambda each: int(each["order"]))
        found = [self.environments.get(each["serviceEnvironment"]) for each in named]
        return [each["serviceEnvironmentArn"] for each in found if each is not None]

    def _create_queue(self, request: Request) -> Request:
        if request.get("jobQueueType", _TYPE) != _TYPE or request.get("computeEnvironmentOrder"):
            raise not_there("batch", f"CreateJobQueue for {request.get('jobQueueType', 'compute')}")
        self._check_queue(request)
        name = request["jobQueueName"]
        made = {
            "jobQueueName": name,
            "jobQueueArn": self._account.arn("batch", f"job-queue/{name}"),
        }
        fixed = {"jobQueueType": _TYPE, "status": "VALID", "computeEnvironmentOrder": []}
        self.queues.add({"state": "ENABLED", **request, **fixed, **made})
        return made

    def _check_queue(self, request: Request) -> None:
        order = request.get("serviceEnvironmentOrder", [])
        if not 1 <= len(order) <= _MOST_ENVIRONMENTS:
            raise refused("A job queue needs between one and three service environments")
        for each in order:
            self.environments.find(each["serviceEnvironment"])
        if "schedulingPolicyArn" in request:
            self.policies.find(request["schedulingPolicyArn"])
        if request.get("jobStateTimeLimitActions"):
            raise refused("jobStateTimeLimitActions: not emulated yet.")

    def _describe_queues(self, request: Request) -> Request:
        return page(request, self.queues.chosen(request.get("jobQueues")), "jobQueues")

    def _update_queue(self, request: Request) -> Request:
        queue = self.queues.find(request["jobQueue"])
        self._check_queue(queue | request)
        if "schedulingPolicyArn" in request and "schedulingPolicyArn" not in queue:
            raise refused("A scheduling policy cannot be added to an existing job queue")
        members = ("state", "schedulingPolicyArn", "priority", "serviceEnvironmentOrder")
        found = self.queues.change(
            request["jobQueue"], **{member: request.get(member) for member in members}
        )
        return {key: found[key] for key in ("jobQueueName", "jobQueueArn")}

    def _delete_queue(self, request: Request) -> Request:
        found = self.queues.get(request["jobQueue"])
        if found is not None:
            _unless_enabled(found)
            self.queues.remove(found)
        return {}

    def _create_policy(self, request: Request) -> Request:
        if bool(request.get("fairsharePolicy")) == bool(request.get("quotaSharePolicy")):
            raise refused("A scheduling policy needs a fairsharePolicy or a quotaSharePolicy")
        made = {
            "name": request["name"],
            "arn": self._account.arn("batch", f"scheduling-policy/{request['name']}"),
        }
        self.policies.add({**request, **made})
        return made

    def _describe_policies(self, request: Request) -> Request:
        found = [self.policies.get(arn) for arn in request["arns"]]
        return {"schedulingPolicies": [each for each in found if each is not None]}

    def _list_policies(self, request: Request) -> Request:
        found = [{"arn": each["arn"]} for each in self.policies.all()]
        return page(request, found, "schedulingPolicies")

    def _update_policy(self, request: Request) -> Request:
        self.policies.change(
            request["arn"],
            fairsharePolicy=request.get("fairsharePolicy"),
            quotaSharePolicy=request.get("quotaSharePolicy"),
        )
        return {}

    def _delete_policy(self, request: Request) -> Request:
        found = self.policies.get(request["arn"])
        if found is None:
            return {}
        if any(queue.get("schedulingPolicyArn") == found["arn"] for queue in self.queues.all()):
            raise refused("Cannot delete, found existing JobQueue relationship")
        self.policies.remove(found)
        return {}


def _check_limits(limits: list[Request]) -> None:
    if not limits:
        raise refused("capacityLimits must not be empty")
    for limit in limits:
        if limit.get("maxCapacity", 0) < 1 or not limit.get("capacityUnit"):
            raise refused("A capacity limit needs a capacityUnit and a maxCapacity of at least 1")


def _unless_enabled(thing: Request) -> None:
    if thing["state"] == "ENABLED":
        raise refused("Cannot delete, resource must be in DISABLED state")
