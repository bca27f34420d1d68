"""Lambda in the embedded AWS: real processes, retries, destinations, timeouts, crashes."""

import io
import json
import os
import uuid
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from local.clock import Clock
from local.lambdas.accepted import Accepted, QueuedEvent
from local.lambdas.asynchronous import AsyncQueue, Finished, Policy, Run
from local.lambdas.runtime_api import Outcome
from local.store import Store
from tests.fakes.embedded_aws import Core, core, eventually

ROLE = "arn:aws:iam::123456789012:role/any"
HANDLER = """
import os, sys, time

def handle(event, context):
    if event.get("raise"):
        raise ValueError(event["raise"])
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("exit"):
        os._exit(3)
    if event.get("say"):
        print(event["say"])
    return {
        "pid": os.getpid(),
        "answer": event.get("ask"),
        "environment": dict(os.environ),
        "path": sys.path,
        "arn": context.invoked_function_arn,
    }
"""


def package(source: str = HANDLER) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", source)
    return packed.getvalue()


@pytest.fixture(scope="module")
def aws() -> Core:
    return core()


@pytest.fixture
def function(aws: Core) -> Iterator[str]:
    name = f"fn-{uuid.uuid4().hex[:8]}"
    create(aws, name)
    yield name
    aws.client("lambda").delete_function(FunctionName=name)


def create(aws: Core, name: str, **settings: Any) -> None:
    given = {"Timeout": 20, "Environment": {"Variables": {"COLOUR": "green"}}, **settings}
    aws.client("lambda").create_function(
        FunctionName=name,
        Role=ROLE,
        Runtime="python3.13",
        Handler="app.handle",
        Code={"ZipFile": package()},
        **given,
    )


def invoke(aws: Core, name: str, event: dict[str, Any]) -> tuple[Any, str]:
    answer = aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read()), answer.get("FunctionError", "")


def new_queue(aws: Core) -> tuple[str, str]:
    name = f"queue-{uuid.uuid4().hex[:8]}"
    url = aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    return url, aws.account.arn("sqs", name)


def received(aws: Core, url: str) -> dict[str, Any]:
    def look() -> list[dict[str, Any]]:
        answer = aws.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"])
        return list(answer.get("Messages", []))

    return eventually(look)[0]


def log_messages(aws: Core, name: str) -> list[str]:
    answer = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")
    return [each["message"] for each in answer["events"]]


def test_a_handler_answers_from_a_process_with_lambdas_environment(
    aws: Core, function: str
) -> None:
    answer, error = invoke(aws, function, {"ask": "é+%"})

    environment = answer["environment"]
    assert error == ""
    assert answer["answer"] == "é+%"
    assert answer["pid"] != os.getpid()
    assert answer["arn"].endswith(f":function:{function}")
    assert environment["COLOUR"] == "green"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == function
    assert environment["AWS_ENDPOINT_URL"] == aws.account.url
    assert environment["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{function}"
    assert environment["LAMBDA_TASK_ROOT"] in answer["path"]
    assert "HOME" not in environment


def test_an_asset_must_suffice_by_itself(aws: Core, function: str) -> None:
    answer, _ = invoke(aws, function, {})

    assert not [each for each in answer["path"] if "site-packages" in each]


def test_a_warm_sandbox_is_used_again(aws: Core, function: str) -> None:
    first, _ = invoke(aws, function, {})
    second, _ = invoke(aws, function, {})

    assert first["pid"] == second["pid"]


def test_a_raised_error_is_told_and_the_process_lives_on(aws: Core, function: str) -> None:
    before, _ = invoke(aws, function, {})
    failure, error = invoke(aws, function, {"raise": "no such model"})
    after, _ = invoke(aws, function, {})

    assert error == "Unhandled"
    assert failure["errorType"] == "ValueError"
    assert failure["errorMessage"] == "no such model"
    assert after["pid"] == before["pid"]


def test_a_handler_past_its_timeout_is_killed_and_replaced(aws: Core) -> None:
    name = f"slow-{uuid.uuid4().hex[:8]}"
    create(aws, name, Timeout=1)
    before, _ = invoke(aws, name, {})

    failure, error = invoke(aws, name, {"sleep": 60})
    after, _ = invoke(aws, name, {})

    assert error == "Unhandled"
    assert failure["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert after["pid"] != before["pid"]


def test_a_crash_is_an_error_and_the_next_event_meets_a_new_process(
    aws: Core, function: str
) -> None:
    failure, error = invoke(aws, function, {"exit": True})
    _, next_error = invoke(aws, function, {})

    assert error == "Unhandled"
    assert "exit status 3" in failure["errorMessage"]
    assert next_error == ""


def test_a_handler_that_cannot_be_imported_says_why(aws: Core) -> None:
    name = f"broken-{uuid.uuid4().hex[:8]}"
    aws.client("lambda").create_function(
        FunctionName=name,
        Role=ROLE,
        Runtime="python3.13",
        Handler="app.handle",
        Code={"ZipFile": package("import no_such_module")},
    )

    failure, error = invoke(aws, name, {})

    assert error == "Unhandled"
    assert "no_such_module" in failure["errorMessage"]


def test_output_arrives_in_the_log_group_between_start_and_report(aws: Core, function: str) -> None:
    invoke(aws, function, {"say": "a drop arrived"})

    eventually(lambda: "a drop arrived" in log_messages(aws, function))
    lines = log_messages(aws, function)
    assert any(line.startswith("START RequestId:") for line in lines)
    assert any(line.startswith("REPORT RequestId:") for line in lines)


def test_an_embedded_metric_in_the_log_becomes_a_metric(aws: Core, function: str) -> None:
    namespace = f"test-{uuid.uuid4().hex[:8]}"
    line = {
        "_aws": {
            "Timestamp": 1_700_000_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": namespace,
                    "Dimensions": [["model"]],
                    "Metrics": [{"Name": "Rows", "Unit": "Count"}],
                }
            ],
        },
        "model": "digits",
        "Rows": 12,
    }

    invoke(aws, function, {"say": json.dumps(line)})

    expected = (namespace, "Rows", {"model": "digits"}, 12.0)
    eventually(lambda: expected in aws.metrics.seen)


def test_a_failing_event_is_retried_and_then_told_to_its_destination(
    aws: Core, function: str
) -> None:
    url, arn = new_queue(aws)
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName=function,
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )

    aws.lambdas.invoke_async(function, b'{"raise": "always"}')

    record = json.loads(received(aws, url)["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == {"raise": "always"}
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "always"


def test_an_event_bus_can_be_the_destination(aws: Core, function: str) -> None:
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName=function,
        MaximumRetryAttempts=0,
        DestinationConfig={
            "OnFailure": {"Destination": aws.account.arn("events", "event-bus/default")}
        },
    )

    aws.lambdas.invoke_async(function, json.dumps({"raise": function}).encode())

    def told() -> list[dict[str, Any]]:
        details = [each["detail"] for each in aws.bus.emitted if each["source"] == "lambda"]
        return [each for each in details if each["requestPayload"] == {"raise": function}]

    assert eventually(told)[0]["requestContext"]["approximateInvokeCount"] == 1


def test_a_dead_letter_queue_gets_the_event_itself(aws: Core) -> None:
    url, arn = new_queue(aws)
    name = f"dead-{uuid.uuid4().hex[:8]}"
    create(aws, name, DeadLetterConfig={"TargetArn": arn})
    aws.client("lambda").put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)

    answer = aws.client("lambda").invoke(
        FunctionName=name, InvocationType="Event", Payload=b'{"raise": "never again"}'
    )

    message = received(aws, url)
    assert answer["StatusCode"] == 202
    assert json.loads(message["Body"]) == {"raise": "never again"}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "never again"


def test_new_code_and_configuration_meet_the_next_event(aws: Core, function: str) -> None:
    source = "import os\ndef handle(event, context):\n    return os.environ['COLOUR']\n"
    functions = aws.client("lambda")

    functions.update_function_code(FunctionName=function, ZipFile=package(source))
    functions.update_function_configuration(
        FunctionName=function, Environment={"Variables": {"COLOUR": "blue"}}
    )

    assert invoke(aws, function, {}) == ("blue", "")


def test_code_comes_from_s3(aws: Core, function: str) -> None:
    bucket = f"code-{uuid.uuid4().hex[:8]}"
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    source = "def handle(event, context):\n    return 'from s3'\n"
    s3.put_object(Bucket=bucket, Key="a b/code.zip", Body=package(source))

    aws.client("lambda").update_function_code(
        FunctionName=function, S3Bucket=bucket, S3Key="a b/code.zip"
    )

    assert invoke(aws, function, {}) == ("from s3", "")


def test_no_reserved_concurrency_means_throttled(aws: Core, function: str) -> None:
    functions = aws.client("lambda")
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)

    with pytest.raises(functions.exceptions.TooManyRequestsException):
        functions.invoke(FunctionName=function, Payload=b"{}")


def test_a_published_version_keeps_its_code(aws: Core, function: str) -> None:
    functions = aws.client("lambda")
    version = functions.publish_version(FunctionName=function)["Version"]
    functions.create_alias(FunctionName=function, Name="live", FunctionVersion=version)
    source = "def handle(event, context):\n    return 'newer'\n"

    functions.update_function_code(FunctionName=function, ZipFile=package(source))

    newest, _ = invoke(aws, function, {})
    live, _ = invoke(aws, f"{function}:live", {"ask": 7})
    assert (version, newest, live["answer"]) == ("1", "newer", 7)


def test_an_unknown_function_is_refused_by_name(aws: Core) -> None:
    functions = aws.client("lambda")

    with pytest.raises(functions.exceptions.ResourceNotFoundException, match="function:nobody"):
        functions.invoke(FunctionName="nobody")


def test_a_runtime_that_cannot_run_here_is_refused_at_once(aws: Core) -> None:
    functions = aws.client("lambda")

    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="nodejs"):
        functions.create_function(
            FunctionName="node",
            Role=ROLE,
            Runtime="nodejs22.x",
            Handler="index.handler",
            Code={"ZipFile": package()},
        )


def test_permissions_are_kept_and_told(aws: Core, function: str) -> None:
    functions = aws.client("lambda")
    rule = aws.account.arn("events", "rule/any")
    functions.add_permission(
        FunctionName=function,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )

    policy = json.loads(functions.get_policy(FunctionName=function)["Policy"])

    assert policy["Statement"] == [
        {
            "Sid": "rule",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": aws.account.arn("lambda", f"function:{function}"),
            "Condition": {"ArnLike": {"AWS:SourceArn": rule}},
        }
    ]


def on_failure(aws: Core, name: str) -> str:
    """Where the function's failed events arrive, without a second try."""
    url, arn = new_queue(aws)
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    return url


def test_a_function_made_again_under_its_name_hears_its_events(aws: Core, function: str) -> None:
    url = on_failure(aws, function)
    aws.lambdas.invoke_async(function, b'{"raise": "first life"}')
    received(aws, url)

    aws.client("lambda").delete_function(FunctionName=function)
    create(aws, function)
    url = on_failure(aws, function)
    aws.lambdas.invoke_async(function, b'{"raise": "second life"}')

    assert json.loads(received(aws, url)["Body"])["requestPayload"] == {"raise": "second life"}


def test_the_end_of_one_version_is_not_the_end_of_the_newest(aws: Core, function: str) -> None:
    url = on_failure(aws, function)
    aws.lambdas.invoke_async(function, b'{"raise": "before"}')
    received(aws, url)
    version = aws.client("lambda").publish_version(FunctionName=function)["Version"]
    aws.lambdas.invoke_async(f"{function}:{version}", b"{}")

    aws.client("lambda").delete_function(FunctionName=function, Qualifier=version)
    aws.lambdas.invoke_async(function, b'{"raise": "after"}')

    def told() -> bool:
        return bool(json.loads(received(aws, url)["Body"])["requestPayload"] == {"raise": "after"})

    eventually(told)


def a_queue(run: Run, finished: list[Finished]) -> AsyncQueue:
    return AsyncQueue(
        Clock(10_000.0),
        run,
        Accepted(Store().shelf("events"), "any"),
        policy=Policy,
        workers=lambda: 1,
        finished=finished.append,
    )


def test_an_attempt_that_breaks_is_one_more_failure_and_is_tried_again() -> None:
    attempts: list[int] = []
    finished: list[Finished] = []

    def run(event: QueuedEvent) -> Outcome:
        attempts.append(event.attempts)
        if len(attempts) < 3:
            raise OSError("no more processes")
        return Outcome(b"{}")

    queue = a_queue(run, finished)
    queue.put(b"{}")

    eventually(lambda: finished)
    queue.stop()
    assert attempts == [0, 1, 2]
    assert finished[0].condition == "Success"


def test_a_broken_end_of_one_event_does_not_keep_the_next_one_waiting() -> None:
    ran: list[bytes] = []

    def run(event: QueuedEvent) -> Outcome:
        ran.append(event.payload)
        return Outcome(b"{}")

    def finished(_: Finished) -> None:
        raise RuntimeError("nowhere to write to")

    accepted = Accepted(Store().shelf("events"), "any")
    queue = AsyncQueue(
        Clock(10_000.0), run, accepted, policy=Policy, workers=lambda: 1, finished=finished
    )
    for payload in (b"1", b"2"):
        queue.put(payload)

    eventually(lambda: ran == [b"1", b"2"])
    queue.stop()
