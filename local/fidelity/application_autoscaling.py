"""Application Auto Scaling: the instances of SageMaker's endpoint variants."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_TEXTS = "the texts of refusals are not documented"

OPERATIONS: Mapping[str, Fidelity] = {
    "RegisterScalableTarget": partial(
        "variants' instance counts only, other resources are not there; a MinCapacity of 0 for"
        f" asynchronous endpoints only; visible at once; roles are not checked; {_TEXTS}"
    ),
    "DeregisterScalableTarget": partial(_TEXTS),
    "DescribeScalableTargets": EXACT,
    "PutScalingPolicy": partial(
        "no predictive scaling, no high-resolution metrics; how far target tracking goes is not"
        " documented: to where the metric would meet its target, up and down; of several policies"
        " each acts for itself, but for tracking ones, which scale in when all would; an update"
        f" keeps the alarms' names; a metric counts in scaled time; {_TEXTS}"
    ),
    "DeleteScalingPolicy": partial("a step policy stays among the actions of its alarms"),
    "DescribeScalingPolicies": EXACT,
    "PutScheduledAction": partial(
        f"what is due while no process runs is done at the start, once; {_TEXTS}"
    ),
    "DeleteScheduledAction": partial(_TEXTS),
    "DescribeScheduledActions": EXACT,
    "DescribeScalingActivities": partial(
        "the newest 200 of a target, however old; not told: what a cooldown or a suspension held"
        " back; `Details` is not told"
    ),
    "TagResource": EXACT,
    "UntagResource": EXACT,
    "ListTagsForResource": EXACT,
}
