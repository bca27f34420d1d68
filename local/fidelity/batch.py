"""AWS Batch: service jobs for SageMaker training."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_TEXTS = "the texts of refusals are not documented"

OPERATIONS: Mapping[str, Fidelity] = {
    "CreateServiceEnvironment": partial(f"VALID at once; {_TEXTS}"),
    "DescribeServiceEnvironments": EXACT,
    "UpdateServiceEnvironment": partial("takes effect at once"),
    "DeleteServiceEnvironment": partial(f"gone at once; {_TEXTS}"),
    "CreateJobQueue": partial(
        "for service environments only; `jobStateTimeLimitActions` is refused; VALID at once"
    ),
    "DescribeJobQueues": EXACT,
    "UpdateJobQueue": partial("takes effect at once"),
    "DeleteJobQueue": partial(f"gone at once; {_TEXTS}"),
    "CreateSchedulingPolicy": EXACT,
    "DescribeSchedulingPolicies": EXACT,
    "ListSchedulingPolicies": EXACT,
    "UpdateSchedulingPolicy": EXACT,
    "DeleteSchedulingPolicy": EXACT,
    "CreateQuotaShare": partial("VALID at once"),
    "DescribeQuotaShare": EXACT,
    "ListQuotaShares": EXACT,
    "UpdateQuotaShare": partial("takes effect at once"),
    "DeleteQuotaShare": partial(f"gone at once; {_TEXTS}"),
    "SubmitServiceJob": partial(
        "shares are weighed by what runs now (`shareDecaySeconds` and `computeReservation` have no"
        " effect); a job without room keeps back those behind it; whom preemption chooses (what is"
        " borrowed, low priorities, late starts) and what it says are not documented; the payload"
        " is judged when the job is scheduled"
    ),
    "DescribeServiceJob": EXACT,
    "ListServiceJobs": EXACT,
    "UpdateServiceJob": EXACT,
    "TerminateServiceJob": EXACT,
    "GetJobQueueSnapshot": partial(
        "by priority and age; quota and fair shares are not told apart; `earliestTimeAtPosition`"
        " is now"
    ),
    "TagResource": partial("not for service jobs"),
    "UntagResource": partial("not for service jobs"),
    "ListTagsForResource": partial("not for service jobs"),
}
