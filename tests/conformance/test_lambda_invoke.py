"""Lambda: what an invocation answers, how it ends and what it leaves in the log."""

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conformance.functions import created, invoke
from tests.conformance.target import Target, refusal


@pytest.fixture(scope="module")
def function(aws: Target) -> Iterator[str]:
    with created(aws, MemorySize=256, Environment={"Variables": {"COLOUR": "green"}}) as name:
        yield name


def eventually(look: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"nothing within {seconds} seconds"
        time.sleep(0.02)
    return seen


def tail(answer: dict[str, Any]) -> str:
    return base64.b64decode(answer["LogResult"]).decode()


def queue(aws: Target) -> tuple[str, str]:
    name = aws.name("queue")
    url = aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    return url, f"arn:aws:sqs:{aws.region}:{aws.account}:{name}"


def record(aws: Target, url: str) -> Any:
    def look() -> Any:
        return (
            aws.client("sqs")
            .receive_message(QueueUrl=url, MessageAttributeNames=["All"])
            .get("Messages")
        )

    return eventually(look)[0]


def test_an_answer_carries_status_version_and_payload(aws: Target, function: str) -> None:
    said, answer = invoke(aws, function, {"a": [1, "é"]})

    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert said["event"] == {"a": [1, "é"]}
    assert "FunctionError" not in answer


def test_the_environment_tells_of_the_function(aws: Target, function: str) -> None:
    environment = invoke(aws, function, {})[0]["environment"]

    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == function
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert environment["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{function}"
    assert environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == aws.region
    assert environment["_HANDLER"] == "app.handle"
    assert environment["COLOUR"] == "green"


def test_the_context_knows_the_time_that_is_left(aws: Target, function: str) -> None:
    assert 0 < invoke(aws, function, {})[0]["left"] <= 20_000


def test_a_dry_run_runs_nothing(aws: Target, function: str) -> None:
    said, answer = invoke(aws, function, {"raise": "never"}, InvocationType="DryRun")

    assert (said, answer["StatusCode"]) == (None, 204)


def test_an_event_is_accepted_with_202_and_no_payload(aws: Target, function: str) -> None:
    said, answer = invoke(aws, function, {}, InvocationType="Event")

    assert (said, answer["StatusCode"]) == (None, 202)


def test_a_raised_error_is_answered_with_type_text_and_trace(aws: Target, function: str) -> None:
    said, answer = invoke(aws, function, {"raise": "no such model"})

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert (said["errorType"], said["errorMessage"]) == ("ValueError", "no such model")
    assert "raise ValueError" in "".join(said["stackTrace"])
    assert re.fullmatch(r"[0-9a-f-]{36}", said["requestId"])


def test_a_payload_that_is_no_json_is_refused(aws: Target, function: str) -> None:
    code, text = refusal(aws.client("lambda").invoke, FunctionName=function, Payload=b"{no json")

    assert code == "InvalidRequestContentException"
    assert text.startswith("Could not parse request body into json")


@pytest.mark.parametrize(("kind", "most"), [("Event", 1_048_576), ("RequestResponse", 6_291_556)])
def test_a_payload_has_a_size(aws: Target, function: str, kind: str, most: int) -> None:
    payload = json.dumps("x" * most)

    code, text = refusal(
        aws.client("lambda").invoke, FunctionName=function, Payload=payload, InvocationType=kind
    )

    assert code == "RequestTooLargeException"
    assert text.startswith(f"{len(payload)} byte payload is too large for the {kind}")


def test_a_qualifier_that_is_not_there_is_refused(aws: Target, function: str) -> None:
    code, text = refusal(aws.client("lambda").invoke, FunctionName=function, Qualifier="none")

    assert code == "ResourceNotFoundException"
    assert text.endswith(f":function:{function}:none")


def test_the_tail_of_the_log_is_complete_and_in_order(aws: Target, function: str) -> None:
    _, answer = invoke(aws, function, {"say": "a\nb\nlast words"}, LogType="Tail")

    lines = tail(answer).splitlines()
    assert lines[0].startswith("START RequestId: ")
    assert lines[1:4] == ["a", "b", "last words"]
    assert lines[4].startswith("END RequestId: ")
    assert lines[5].startswith("REPORT RequestId: ")


def test_the_report_tells_duration_and_memory(aws: Target, function: str) -> None:
    _, answer = invoke(aws, function, {}, LogType="Tail")

    report = tail(answer).strip().splitlines()[-1]
    assert re.fullmatch(
        r"REPORT RequestId: [0-9a-f-]{36}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 256 MB\tMax Memory Used: \d+ MB(\tInit Duration: [\d.]+ ms)?\t?",
        report,
    )


def test_a_function_past_its_timeout_is_told_so(aws: Target) -> None:
    with created(aws, Timeout=1) as name:
        said, answer = invoke(aws, name, {"sleep": 30}, LogType="Tail")

    assert answer["FunctionError"] == "Unhandled"
    assert said["errorType"] == "Sandbox.Timedout"
    assert said["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert re.search(r"Z [0-9a-f-]{36} Task timed out after 1.00 seconds\n", tail(answer))


def test_a_process_that_exits_is_told_with_its_status(aws: Target, function: str) -> None:
    said, answer = invoke(aws, function, {"exit": 3}, LogType="Tail")

    assert answer["FunctionError"] == "Unhandled"
    assert said["errorType"] == "Runtime.ExitError"
    assert said["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    assert "Runtime.ExitError" in tail(answer)


def test_a_function_over_its_memory_is_killed(aws: Target) -> None:
    with created(aws, MemorySize=128) as name:
        said, answer = invoke(aws, name, {"megabytes": 300, "sleep": 5}, LogType="Tail")
        after, _ = invoke(aws, name, {"megabytes": 10})

    assert answer["FunctionError"] == "Unhandled"
    assert said["errorType"] == "Runtime.ExitError"
    assert said["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert "Memory Size: 128 MB\tMax Memory Used: 128 MB" in tail(answer)
    assert after["event"] == {"megabytes": 10}


@pytest.mark.embedded
def test_a_short_excess_of_memory_is_noticed_too(aws: Target) -> None:
    with created(aws, MemorySize=128) as name:
        said, _ = invoke(aws, name, {"megabytes": 150})

    assert said["errorType"] == "Runtime.ExitError"


def test_a_handler_that_is_not_there_is_told(aws: Target) -> None:
    with created(aws, Handler="app.none") as name:
        said, answer = invoke(aws, name, {})

    assert answer["FunctionError"] == "Unhandled"
    assert said["errorType"] == "Runtime.HandlerNotFound"


def test_a_module_that_is_not_there_is_told(aws: Target) -> None:
    with created(aws, Handler="nowhere.handle") as name:
        said, _ = invoke(aws, name, {})

    assert said["errorType"] == "Runtime.ImportModuleError"
    assert "nowhere" in said["errorMessage"]


def test_fifty_at_the_same_time_are_all_answered(aws: Target, function: str) -> None:
    client = aws.client("lambda", max_pool_connections=50)

    def one(number: int) -> Any:
        payload = json.dumps({"number": number, "sleep": 0.5})
        return json.loads(client.invoke(FunctionName=function, Payload=payload)["Payload"].read())

    with ThreadPoolExecutor(50) as callers:
        answers = list(callers.map(one, range(50)))

    assert [each["event"]["number"] for each in answers] == list(range(50))
    assert len({each["pid"] for each in answers}) > 1


def test_more_than_the_reserved_concurrency_is_throttled_with_its_reason(aws: Target) -> None:
    functions = aws.client("lambda")
    with created(aws) as name:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        try:
            functions.invoke(FunctionName=name)
        except functions.exceptions.TooManyRequestsException as error:
            answer = error.response

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert answer["Error"]["Message"] == "Rate Exceeded."


def test_one_at_a_time_means_the_second_is_throttled(aws: Target) -> None:
    functions = aws.client("lambda", max_pool_connections=5)
    with created(aws) as name:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
        with ThreadPoolExecutor(4) as callers:
            calls = [callers.submit(invoke_status, functions, name, {"sleep": 1}) for _ in range(4)]
        found = sorted(call.result() for call in calls)

    assert found[0] == 200
    assert found[-1] == 429


def test_reserved_concurrency_is_of_all_versions_together(aws: Target) -> None:
    functions = aws.client("lambda", max_pool_connections=5)
    with created(aws) as name:
        version = functions.publish_version(FunctionName=name)["Version"]
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
        with ThreadPoolExecutor(1) as caller:
            event = {"sleep": 1}
            served = caller.submit(
                eventually, lambda: invoke_status(functions, f"{name}:{version}", event) == 200
            )
            refused = eventually(lambda: invoke_status(functions, name, {}) == 429)

    assert (served.result(), refused) == (True, True)


def invoke_status(functions: Any, name: str, event: Any) -> int:
    try:
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(event))
    except functions.exceptions.TooManyRequestsException as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return int(answer["StatusCode"])


@pytest.mark.embedded
def test_a_failed_event_is_tried_three_times_and_told_to_its_destination(aws: Target) -> None:
    url, arn = queue(aws)
    with created(aws) as name:
        aws.client("lambda").put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn}}
        )
        invoke(aws, name, {"raise": "always"}, InvocationType="Event")
        told = json.loads(record(aws, url)["Body"])

    assert told["version"] == "1.0"
    assert told["requestContext"]["condition"] == "RetriesExhausted"
    assert told["requestContext"]["approximateInvokeCount"] == 3
    assert told["requestContext"]["functionArn"].endswith(f":function:{name}:$LATEST")
    assert told["requestPayload"] == {"raise": "always"}
    assert told["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert told["responsePayload"]["errorMessage"] == "always"


@pytest.mark.embedded
def test_a_succeeded_event_is_told_to_its_destination(aws: Target) -> None:
    url, arn = queue(aws)
    with created(aws) as name:
        aws.client("lambda").put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn}}
        )
        invoke(aws, name, {"a": 1}, InvocationType="Event")
        told = json.loads(record(aws, url)["Body"])

    assert told["requestContext"]["condition"] == "Success"
    assert told["requestContext"]["approximateInvokeCount"] == 1
    assert told["responsePayload"]["event"] == {"a": 1}


@pytest.mark.embedded
def test_events_of_a_function_that_is_switched_off_go_to_its_destination(aws: Target) -> None:
    url, arn = queue(aws)
    functions = aws.client("lambda")
    with created(aws) as name:
        functions.put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn}}
        )
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        invoke(aws, name, {"a": 1}, InvocationType="Event")
        told = json.loads(record(aws, url)["Body"])

    assert told["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert told["requestPayload"] == {"a": 1}


@pytest.mark.embedded
def test_a_dead_letter_is_the_event_itself_with_what_went_wrong(aws: Target) -> None:
    url, arn = queue(aws)
    with created(aws, DeadLetterConfig={"TargetArn": arn}) as name:
        aws.client("lambda").put_function_event_invoke_config(
            FunctionName=name, MaximumRetryAttempts=0
        )
        invoke(aws, name, {"raise": "never"}, InvocationType="Event")
        told = record(aws, url)

    attributes = {name: each["StringValue"] for name, each in told["MessageAttributes"].items()}
    assert json.loads(told["Body"]) == {"raise": "never"}
    assert attributes["ErrorMessage"] == "never"
    assert attributes["ErrorCode"] == "200"
    assert re.fullmatch(r"[0-9a-f-]{36}", attributes["RequestID"])


@pytest.mark.embedded
def test_throttled_events_wait_and_come_in_the_end(aws: Target) -> None:
    url, arn = queue(aws)
    functions = aws.client("lambda")
    with created(aws) as name:
        functions.put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn}}
        )
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
        for number in range(4):
            invoke(aws, name, {"number": number, "sleep": 0.05}, InvocationType="Event")
        numbers = set()

        def look() -> bool:
            numbers.add(json.loads(record(aws, url)["Body"])["requestPayload"]["number"])
            return numbers == {0, 1, 2, 3}

        eventually(look)


def test_a_log_stream_is_named_after_day_version_and_sandbox(aws: Target, function: str) -> None:
    said, _ = invoke(aws, function, {})

    stream = said["environment"]["AWS_LAMBDA_LOG_STREAM_NAME"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
