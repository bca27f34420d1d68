"""What is not part of the embedded AWS says so, in the protocol of the call."""

from typing import Any

import pytest

from tests.conformance.target import Target, refusal

pytestmark = pytest.mark.embedded

CALLS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("sqs", "start_message_move_task", "StartMessageMoveTask", {"SourceArn": "arn:aws:sqs:a:b:c"}),
    ("sns", "get_sms_sandbox_account_status", "GetSMSSandboxAccountStatus", {}),
    (
        "iam",
        "get_service_last_accessed_details",
        "GetServiceLastAccessedDetails",
        {"JobId": "x" * 36},
    ),
    ("ecr", "describe_pull_through_cache_rules", "DescribePullThroughCacheRules", {}),
    ("devicefarm", "list_projects", "ListProjects", {}),
    ("workmail", "list_organizations", "ListOrganizations", {}),
    ("frauddetector", "get_models", "GetModels", {}),
    ("appflow", "list_flows", "POST /list-flows", {}),
    ("chime", "list_accounts", "GET /accounts", {}),
]


@pytest.mark.parametrize(("service", "method", "told", "request_"), CALLS)
def test_a_call_that_nobody_answers_is_refused_with_a_pointer(
    aws: Target, service: str, method: str, told: str, request_: dict[str, Any]
) -> None:
    code, text = refusal(getattr(aws.client(service), method), **request_)

    assert code == "NotImplemented"
    assert text == (
        f"{service}:{told} is not part of the embedded AWS; docs/embedded-aws.md says what is"
    )
