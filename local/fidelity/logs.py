"""CloudWatch Logs."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_KEPT = "at most 100,000 events of a group are kept, the oldest go first"

OPERATIONS: Mapping[str, Fidelity] = {
    "CreateLogGroup": partial("`logGroupClass` is always STANDARD; `kmsKeyId` encrypts nothing"),
    "CreateLogStream": EXACT,
    "DeleteLogGroup": EXACT,
    "DeleteLogStream": EXACT,
    "DeleteMetricFilter": EXACT,
    "DeleteRetentionPolicy": EXACT,
    "DescribeLogGroups": partial("`storedBytes` is counted when asked for, not daily"),
    "DescribeLogStreams": partial("times of the last event are exact, not up to an hour late"),
    "DescribeMetricFilters": partial("needs `logGroupName`"),
    "FilterLogEvents": partial(f"a page never ends early; {_KEPT}"),
    "GetLogEvents": partial(_KEPT),
    "ListTagsForResource": EXACT,
    "ListTagsLogGroup": EXACT,
    "PutLogEvents": EXACT,
    "PutMetricFilter": partial("no default values, and unlimited many per group"),
    "PutRetentionPolicy": partial("expired events are not shown at once, and deleted later"),
    "TagLogGroup": EXACT,
    "TagResource": EXACT,
    "TestMetricFilter": partial("extracted values only of what the pattern names"),
    "UntagLogGroup": EXACT,
    "UntagResource": EXACT,
}
