"""EventBridge Scheduler: `local/scheduler/`."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_SCHEDULE = (
    "targets are Lambda, SQS, SNS, event buses and `aws-sdk` calls of what is here, any other is"
    " refused; roles and KMS keys have no effect; waits shrink with the time scale; an `at` of the"
    " past fires at once; some texts of validation are ours"
)

OPERATIONS: Mapping[str, Fidelity] = {
    "CreateSchedule": partial(_SCHEDULE),
    "CreateScheduleGroup": partial("a client token has no effect"),
    "DeleteSchedule": partial("takes effect at once"),
    "DeleteScheduleGroup": partial("the group is gone at once, without the state DELETING"),
    "GetSchedule": EXACT,
    "GetScheduleGroup": EXACT,
    "ListScheduleGroups": EXACT,
    "ListSchedules": EXACT,
    "ListTagsForResource": partial("an unknown ARN is refused with a text of ours"),
    "TagResource": partial("an unknown ARN is refused with a text of ours"),
    "UntagResource": partial("an unknown ARN is refused with a text of ours"),
    "UpdateSchedule": partial(_SCHEDULE),
}
