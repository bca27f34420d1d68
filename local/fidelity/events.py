"""EventBridge: `local/eventbridge/`."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_TARGETS = (
    "targets are Lambda, SQS, SNS, event buses and log groups, any other is refused; permissions"
    " and roles are not checked"
)
_PATTERN = (
    "reasons of refused patterns end without AWS's place in the text; a wildcard with more than"
    " five stars counts as too complex (AWS's measure is not documented)"
)
_KEYS = "KMS keys, log settings and the bus's own dead-letter queue are kept and have no effect"

OPERATIONS: Mapping[str, Fidelity] = {
    "CancelReplay": EXACT,
    "CreateArchive": partial(
        "enabled at once; retention shrinks with the time scale; no managed rule is listed for it;"
        " KMS keys are kept and have no effect"
    ),
    "CreateEventBus": partial(f"no partner buses; {_KEYS}"),
    "DeleteArchive": EXACT,
    "DeleteEventBus": EXACT,
    "DeleteRule": partial("no managed rules, so `Force` has no effect"),
    "DescribeArchive": partial("size and count are those of this moment, not of a day ago"),
    "DescribeEventBus": EXACT,
    "DescribeReplay": EXACT,
    "DescribeRule": partial("`CreatedBy` is not told"),
    "DisableRule": partial("takes effect at once"),
    "EnableRule": partial("takes effect at once"),
    "ListArchives": EXACT,
    "ListEventBuses": EXACT,
    "ListReplays": EXACT,
    "ListRuleNamesByTarget": EXACT,
    "ListRules": EXACT,
    "ListTagsForResource": partial("an unknown ARN is refused with a text of ours"),
    "ListTargetsByRule": EXACT,
    "PutEvents": partial(
        "no permissions are checked, no throttling; global endpoints and trace headers have no"
        " effect"
    ),
    "PutPermission": partial("the policy is kept and told, and decides nothing"),
    "PutRule": partial(
        f"{_PATTERN}; at most as many rules as fit into memory; cron is not scaled, rates are"
    ),
    "PutTargets": partial(
        f"{_TARGETS}; the pauses between retries follow AWS's limits (185 tries in a day), their"
        " steps are not documented; a whole request is refused where AWS fails single targets"
    ),
    "RemovePermission": EXACT,
    "RemoveTargets": EXACT,
    "StartReplay": partial(
        "events come in the order of the archive as fast as they are taken, not minute by minute;"
        " after a restart up to 100 of them may come twice"
    ),
    "TagResource": partial("buses and rules; an unknown ARN is refused with a text of ours"),
    "TestEventPattern": partial(_PATTERN),
    "UntagResource": partial("buses and rules; an unknown ARN is refused with a text of ours"),
    "UpdateArchive": partial("takes effect at once"),
    "UpdateEventBus": partial(_KEYS),
}
