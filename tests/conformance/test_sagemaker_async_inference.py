"""Asynchronous inference: what is accepted, where answers lie, who is told, and what is counted."""

import base64
import itertools
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.conformance.asynchronous import Asynchronous
from tests.conformance.faults import Faults
from tests.conformance.hosting import Hosting
from tests.conformance.jobs import until
from tests.conformance.target import Target, refusal

UUID = r"[0-9a-f]{8}-[0-9a-f-]{27}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture(scope="module")
def async_(aws: Target) -> Iterator[Asynchronous]:
    made = Asynchronous(Hosting(aws))
    yield made
    made.close()


@pytest.fixture(scope="module")
def endpoint(async_: Asynchronous) -> str:
    return async_.endpoint()


@pytest.fixture(scope="module")
def idle(async_: Asynchronous) -> str:
    """An endpoint without instances."""
    name = async_.endpoint()
    async_.resize(name, 0)
    return name


@pytest.mark.costs
def test_a_request_is_accepted_and_its_answer_lies_where_it_was_said(
    async_: Asynchronous, endpoint: str
) -> None:
    answer = async_.ask(endpoint, InferenceId="mine", Accept="application/json")

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "mine"
    bucket = async_.hosting.bucket
    assert re.fullmatch(rf"s3://{bucket}/out/{UUID}\.out", answer["OutputLocation"])
    assert re.fullmatch(rf"s3://{bucket}/failed/{UUID}-error\.out", answer["FailureLocation"])
    found = async_.object(answer["OutputLocation"])
    assert json.loads(found["Body"]) == {"version": "only", "body": "1,2"}
    assert found["ContentType"] == "application/json"


@pytest.mark.costs
def test_a_request_without_an_id_is_given_one(async_: Asynchronous, endpoint: str) -> None:
    assert re.fullmatch(UUID, async_.ask(endpoint)["InferenceId"])


@pytest.mark.costs
def test_a_request_may_bring_its_body_along(async_: Asynchronous, endpoint: str) -> None:
    answer = async_.ask(endpoint, Body=b"inline")

    assert json.loads(async_.object(answer["OutputLocation"])["Body"])["body"] == "inline"


@pytest.mark.costs
@pytest.mark.parametrize(
    ("request_", "below"),
    [
        ({"S3OutputPathExtension": "of/me"}, rf"out/of/me/{UUID}\.out"),
        ({"Filename": "mine.json"}, r"out/mine\.json"),
        ({"S3OutputPathExtension": "/of/me/", "Filename": "mine"}, "out/of/me/mine"),
    ],
)
def test_a_request_may_say_where_below_the_path_its_answer_is_to_lie(
    async_: Asynchronous, endpoint: str, request_: dict[str, str], below: str
) -> None:
    answer = async_.ask(endpoint, **request_)

    bucket = async_.hosting.bucket
    assert re.fullmatch(f"s3://{bucket}/{below}", answer["OutputLocation"])
    assert async_.object(answer["OutputLocation"])["Body"]


@pytest.mark.costs
def test_an_input_may_be_named_by_https(async_: Asynchronous, endpoint: str) -> None:
    bucket, _, key = async_.put(b"3,4").removeprefix("s3://").partition("/")

    answer = async_.ask(
        endpoint, InputLocation=f"https://{bucket}.s3.us-east-1.amazonaws.com/{key}"
    )

    assert json.loads(async_.object(answer["OutputLocation"])["Body"])["body"] == "3,4"


@pytest.mark.costs
def test_success_is_told_in_the_documented_shape(async_: Asynchronous, endpoint: str) -> None:
    location = async_.put()
    answer = async_.ask(
        endpoint,
        InputLocation=location,
        InferenceId="told",
        ContentType="text/csv",
        Accept="application/json",
        CustomAttributes="a=1",
    )

    told = async_.notice("told")

    assert re.fullmatch(TIME, told.pop("eventTime"))
    assert re.fullmatch(TIME, told.pop("receivedTime"))
    assert told == {
        "awsRegion": async_.hosting.aws.region,
        "invocationStatus": "Completed",
        "requestParameters": {
            "accept": "application/json",
            "contentType": "text/csv",
            "customAttributes": "a=1",
            "endpointName": endpoint,
            "inputLocation": location,
        },
        "responseParameters": {
            "contentType": "application/json",
            "outputLocation": answer["OutputLocation"],
        },
        "inferenceId": "told",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


@pytest.mark.costs
@pytest.mark.parametrize(("status", "whose"), [("400", "client"), ("500", "server")])
def test_a_refusal_of_the_container_is_a_failure_with_its_answer(
    async_: Asynchronous, status: str, whose: str
) -> None:
    name = async_.endpoint(STATUS=status)
    answer = async_.ask(name, InferenceId=f"refused-{status}")

    told = async_.notice(f"refused-{status}")

    assert told["invocationStatus"] == "Failed"
    assert told["failureReason"].startswith(
        f"ClientError: Received {whose} error ({status}) from model."
    )
    failure = async_.object(answer["FailureLocation"])
    assert json.loads(failure["Body"]) == {"version": "only", "body": "1,2"}
    output = answer["OutputLocation"].partition(f"{async_.hosting.bucket}/")[2]
    assert async_.hosting.keys(output) == []
    dimensions = {"EndpointName": name, "VariantName": "only"}
    until(lambda: async_.hosting.total("InvocationFailures", **dimensions) == 1.0)
    assert async_.hosting.total(f"Invocation{status[0]}XXErrors", **dimensions) == 1.0


@pytest.mark.costs
def test_an_input_that_is_not_there_is_a_failure(async_: Asynchronous, endpoint: str) -> None:
    missing = f"s3://{async_.hosting.bucket}/in/none"

    answer = async_.ask(endpoint, InputLocation=missing, InferenceId="missing")

    told = async_.notice("missing")
    assert told["invocationStatus"] == "Failed"
    assert missing in told["failureReason"]
    assert missing in async_.object(answer["FailureLocation"])["Body"].decode()
    until(
        lambda: async_.hosting.total(
            "RequestDownloadFailures", EndpointName=endpoint, VariantName="only"
        )
    )


@pytest.mark.costs
def test_an_output_that_cannot_be_written_is_a_failure(async_: Asynchronous) -> None:
    output = {**async_.output(), "S3OutputPath": f"s3://{async_.hosting.aws.name('none')}/out"}
    name = async_.endpoint(output)

    async_.ask(name, InferenceId="unwritten")

    assert async_.notice("unwritten")["invocationStatus"] == "Failed"
    dimensions = {"EndpointName": name, "VariantName": "only"}
    assert async_.hosting.total("ResponseUploadFailures", **dimensions) == 1.0


@pytest.mark.costs
def test_an_answer_that_takes_too_long_is_a_failure(async_: Asynchronous) -> None:
    name = async_.endpoint(DELAY="20")

    async_.ask(name, InferenceId="late", InvocationTimeoutSeconds=1)

    told = async_.notice("late")
    assert told["invocationStatus"] == "Failed"
    assert "timeout" in told["failureReason"]


@pytest.mark.costs
def test_a_request_expires_where_nobody_answers(async_: Asynchronous, idle: str) -> None:
    answer = async_.ask(idle, InferenceId="expired", RequestTTLSeconds=60)

    told = async_.notice("expired")

    assert told["invocationStatus"] == "Failed"
    assert "expired" in told["failureReason"]
    assert async_.object(answer["FailureLocation"])["Body"]
    dimensions = {"EndpointName": idle, "VariantName": "only"}
    assert async_.hosting.total("ExpiredRequests", **dimensions) == 1.0


@pytest.mark.costs
@pytest.mark.parametrize("included", [True, False])
def test_an_answer_is_told_along_where_that_is_asked_for(
    async_: Asynchronous, *, included: bool
) -> None:
    kinds = ["SUCCESS_NOTIFICATION_TOPIC"] if included else ["ERROR_NOTIFICATION_TOPIC"]
    name = async_.endpoint(async_.output(IncludeInferenceResponseIn=kinds), ECHO="yes")
    inference = f"included-{included}"
    async_.ask(name, InferenceId=inference, Body=b"echo")

    told = async_.notice(inference)

    body = {"content": base64.b64encode(b"echo").decode(), "encoding": "BASE64"}
    assert told.get("responseBody") == (body if included else None)


@pytest.mark.costs
def test_without_paths_an_answer_is_only_told(async_: Asynchronous) -> None:
    kinds = ["SUCCESS_NOTIFICATION_TOPIC"]
    notices = {**async_.topics, "IncludeInferenceResponseIn": kinds}
    name = async_.endpoint({"NotificationConfig": notices}, ECHO="yes")

    answer = async_.ask(name, InferenceId="only-told", Body=b"echo")

    assert {"OutputLocation", "FailureLocation"} & set(answer) == set()
    content = async_.notice("only-told")["responseBody"]["content"]
    assert base64.b64decode(content) == b"echo"


@pytest.mark.costs
def test_no_more_requests_than_allowed_are_answered_at_once(async_: Asynchronous) -> None:
    name = async_.endpoint(most=1, DELAY="0.4")
    ids = [async_.ask(name, InferenceId=f"turn-{n}", Body=b"x")["InferenceId"] for n in range(3)]

    told = sorted(async_.notices(*ids), key=lambda each: each["eventTime"])

    assert [each["inferenceId"] for each in told] == ids
    times = [datetime.fromisoformat(each["eventTime"]) for each in told]
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
    assert min(gaps) > 0.3


@pytest.mark.costs
def test_a_queue_waits_for_instances_and_says_so(async_: Asynchronous) -> None:
    name, hosting = async_.endpoint(), async_.hosting
    async_.resize(name, 0)
    answers = [async_.ask(name) for _ in range(3)]

    until(lambda: (hosting.total("HasBacklogWithoutCapacity", EndpointName=name) or 0) >= 1)
    until(lambda: (hosting.total("ApproximateBacklogSize", EndpointName=name) or 0) >= 3)
    (variant,) = hosting.told(name)["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (0, 0)

    async_.resize(name, 1)
    for answer in answers:
        assert async_.object(answer["OutputLocation"])["Body"]


BACKLOG = (
    "ApproximateBacklogSize",
    "ApproximateBacklogSizePerInstance",
    "ApproximateAgeOfOldestRequest",
    "HasBacklogWithoutCapacity",
)
OF_VARIANT = (
    "Invocation4XXErrors",
    "Invocation5XXErrors",
    "ModelLatency",
    "InvocationsProcessed",
    "InvocationFailures",
    "RequestDownloadLatency",
    "ResponseUploadLatency",
    "TimeInBacklog",
    "TotalProcessingTime",
)


@pytest.fixture(scope="module")
def asked(async_: Asynchronous, endpoint: str) -> str:
    """An endpoint that has answered."""
    async_.notice(async_.ask(endpoint)["InferenceId"])
    return endpoint


@pytest.mark.costs
@pytest.mark.parametrize("metric", BACKLOG)
def test_a_queue_has_metrics(async_: Asynchronous, asked: str, metric: str) -> None:
    until(lambda: async_.hosting.total(metric, EndpointName=asked) is not None)


@pytest.mark.costs
@pytest.mark.parametrize("metric", OF_VARIANT)
def test_an_inference_has_metrics(async_: Asynchronous, asked: str, metric: str) -> None:
    until(lambda: async_.hosting.total(metric, EndpointName=asked, VariantName="only") is not None)


@pytest.mark.costs
@pytest.mark.parametrize("metric", ["Invocations", "OverheadLatency"])
def test_metrics_of_other_endpoints_are_not_published(
    async_: Asynchronous, asked: str, metric: str
) -> None:
    assert async_.hosting.total(metric, EndpointName=asked, VariantName="only") is None


@pytest.mark.costs
def test_the_platform_logs_a_line_with_the_id(async_: Asynchronous, endpoint: str) -> None:
    async_.ask(endpoint, InferenceId="logged")

    def look() -> list[str]:
        found = async_.hosting.aws.client("logs").filter_log_events(
            logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}", filterPattern='"logged"'
        )
        return [event["logStreamName"] for event in found["events"]]

    assert re.fullmatch(r"only/[\w-]+/data-log", until(look)[0])


@pytest.mark.costs
def test_an_endpoint_tells_that_it_is_asynchronous(async_: Asynchronous, endpoint: str) -> None:
    assert async_.hosting.told(endpoint)["AsyncInferenceConfig"] == {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4},
        "OutputConfig": async_.output(),
    }


@pytest.mark.costs
def test_an_asynchronous_endpoint_cannot_be_asked_at_once(
    async_: Asynchronous, endpoint: str
) -> None:
    code, text = refusal(async_.hosting.ask, name=endpoint)

    assert code == "ValidationError"
    assert text.endswith("does not support this inference type.")


@pytest.mark.costs
def test_another_endpoint_cannot_be_asked_asynchronously(async_: Asynchronous) -> None:
    plain = async_.hosting.endpoint(async_.hosting.config(async_.hosting.variant("only")))

    code, text = refusal(async_.ask, endpoint=plain)

    assert code == "ValidationError"
    assert text.endswith("does not support this inference type.")


def test_an_endpoint_that_is_not_there_is_named(async_: Asynchronous) -> None:
    name = async_.hosting.aws.name("none")

    code, text = refusal(async_.ask, endpoint=name)

    account = async_.hosting.aws.account
    assert (code, text) == ("ValidationError", f"Endpoint {name} of account {account} not found.")


@pytest.mark.costs
@pytest.mark.parametrize(
    ("request_", "names"),
    [
        ({"RequestTTLSeconds": 59}, "requestTTLSeconds"),
        ({"RequestTTLSeconds": 21601}, "requestTTLSeconds"),
        ({"InvocationTimeoutSeconds": 0}, "invocationTimeoutSeconds"),
        ({"InvocationTimeoutSeconds": 3601}, "invocationTimeoutSeconds"),
        ({"InferenceId": "n" * 65}, "inferenceId"),
        ({"InputLocation": "ftp://any/where"}, "inputLocation"),
        ({"Filename": "a.b.c"}, "filename"),
        ({"S3OutputPathExtension": "s3://any"}, "s3OutputPathExtension"),
        ({"Body": b"x", "InputLocation": "s3://any/where"}, "Body and InputLocation"),
        ({"Body": b""}, "Body and InputLocation"),
        ({"Body": b"x" * 128_001}, "128000"),
    ],
)
def test_a_request_beyond_the_limits_is_refused(
    async_: Asynchronous, endpoint: str, request_: dict[str, Any], names: str
) -> None:
    runtime = async_.hosting.aws.client("sagemaker-runtime", parameter_validation=False)
    rest = {} if "Body" in request_ else {"InputLocation": "s3://any/where"}

    code, text = refusal(
        runtime.invoke_endpoint_async, EndpointName=endpoint, **{**rest, **request_}
    )

    assert code == "ValidationError"
    assert names in text


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({}, "outputConfig"),
        ({"ClientConfig": {"MaxConcurrentInvocationsPerInstance": 0}}, "maxConcurrent"),
        ({"ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1001}}, "maxConcurrent"),
        ({"OutputConfig": {"S3OutputPath": "ftp://any"}}, "s3OutputPath"),
        ({"OutputConfig": {"NotificationConfig": {"ErrorTopic": "any"}}}, "errorTopic"),
    ],
)
def test_a_configuration_beyond_the_limits_is_refused(
    async_: Asynchronous, config: dict[str, Any], names: str
) -> None:
    aws = async_.hosting.aws
    output = {"OutputConfig": {"S3OutputPath": "s3://any/where"}} if config else {}
    code, text = refusal(
        aws.client("sagemaker", parameter_validation=False).create_endpoint_config,
        EndpointConfigName=aws.name("config"),
        ProductionVariants=[async_.hosting.variant("only")],
        AsyncInferenceConfig={**output, **config},
    )

    assert code == "ValidationException"
    assert names in text


def test_an_asynchronous_endpoint_has_one_variant(async_: Asynchronous) -> None:
    variants = [async_.hosting.variant(name) for name in ("one", "two")]
    asynchronous = {"OutputConfig": {"S3OutputPath": "s3://any/where"}}

    code, text = refusal(async_.hosting.config, *variants, AsyncInferenceConfig=asynchronous)

    assert code == "ValidationException"
    assert "one production variant" in text


@pytest.mark.embedded
def test_what_an_asynchronous_endpoint_would_capture_is_refused(async_: Asynchronous) -> None:
    asynchronous = {"OutputConfig": {"S3OutputPath": "s3://any/where"}}
    capture = {
        "InitialSamplingPercentage": 1,
        "DestinationS3Uri": "s3://any/where",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }

    code, text = refusal(
        async_.hosting.config,
        async_.hosting.variant("only"),
        AsyncInferenceConfig=asynchronous,
        DataCaptureConfig=capture,
    )

    assert code == "ValidationException"
    assert text == "DataCaptureConfig with AsyncInferenceConfig: not emulated yet."


@pytest.mark.costs
def test_a_topic_that_is_gone_does_not_keep_an_answer_back(async_: Asynchronous) -> None:
    gone = f"{async_.topics['SuccessTopic']}-gone"
    output = async_.output()
    output["NotificationConfig"] = {"SuccessTopic": gone}
    name = async_.endpoint(output)

    answer = async_.ask(name)

    assert async_.object(answer["OutputLocation"])["Body"]
    dimensions = {"EndpointName": name, "VariantName": "only"}
    until(lambda: async_.hosting.total("NotificationFailures", **dimensions) == 1.0)
    until(lambda: async_.hosting.total("InvocationsProcessed", **dimensions) == 1.0)


def _names(hosting: Hosting) -> list[str]:
    pages = hosting.sagemaker.get_paginator("list_endpoints").paginate()
    return [each["EndpointName"] for page in pages for each in page["Endpoints"]]


@pytest.mark.costs
def test_a_queue_goes_with_its_endpoint(async_: Asynchronous) -> None:
    name, hosting = async_.endpoint(), async_.hosting
    async_.resize(name, 0)
    async_.ask(name, InferenceId="deleted")
    hosting.endpoints.remove(name)
    config = hosting.told(name)["EndpointConfigName"]
    hosting.sagemaker.delete_endpoint(EndpointName=name)
    until(lambda: name not in _names(hosting))

    hosting.endpoint(config, name)
    async_.notice(async_.ask(name)["InferenceId"])

    assert [each for each in async_.heard if each["inferenceId"] == "deleted"] == []


@pytest.mark.embedded
def test_a_request_whose_container_dies_is_answered_by_the_next(async_: Asynchronous) -> None:
    name = async_.endpoint(DELAY="0.5")
    first = async_.ask(name, InferenceId="outlived")
    backlog = {"EndpointName": name, "VariantName": "only"}
    until(lambda: async_.hosting.total("TimeInBacklog", **backlog) is not None)
    faults = Faults(str(async_.hosting.aws.url))
    with faults.armed("kill-server", name=name) as fault:
        second = async_.ask(name)
        until(lambda: faults.struck(fault) == 1)

    for answer in (first, second):
        assert async_.object(answer["OutputLocation"])["Body"]
    assert async_.notice("outlived")["invocationStatus"] == "Completed"
