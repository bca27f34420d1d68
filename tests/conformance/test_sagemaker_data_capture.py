"""Data capture: which requests, where in S3, in what form, and what an endpoint tells of it."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.faults import Faults
from tests.conformance.hosting import Hosting
from tests.conformance.jobs import until
from tests.conformance.target import Target, refusal

BOTH = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
TEXTS = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}


@pytest.fixture(scope="module")
def hosting(aws: Target) -> Iterator[Hosting]:
    made = Hosting(aws)
    yield made
    made.close()


def capture(hosting: Hosting, prefix: str, **more: Any) -> dict[str, Any]:
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{hosting.bucket}/{prefix}",
        "CaptureOptions": BOTH,
        "CaptureContentTypeHeader": TEXTS,
        **more,
    }


def captured_endpoint(hosting: Hosting, prefix: str, **more: Any) -> str:
    config = hosting.config(
        hosting.variant("only", ECHO="yes"), DataCaptureConfig=capture(hosting, prefix, **more)
    )
    return hosting.endpoint(config)


@pytest.fixture(scope="module")
def endpoint(hosting: Hosting) -> str:
    """Everything is captured; it answers with what it was asked."""
    return captured_endpoint(hosting, "all")


@pytest.mark.costs
def test_a_request_is_captured_under_endpoint_variant_and_hour(
    hosting: Hosting, endpoint: str
) -> None:
    hosting.ask(endpoint, b"1,2", ContentType="text/csv", InferenceId="known")
    hosting.captured(f"all/{endpoint}/only/")

    keys = hosting.keys(f"all/{endpoint}/")
    pattern = rf"all/{endpoint}/only/\d{{4}}/\d\d/\d\d/\d\d/[\w-]+\.jsonl"
    assert [key for key in keys if not re.fullmatch(pattern, key)] == []


@pytest.mark.costs
@pytest.mark.parametrize(
    ("content_type", "body", "data", "encoding"),
    [
        ("text/csv", b"1,2", "1,2", "CSV"),
        ("text/csv; charset=utf-8", b"3,4", "3,4", "CSV"),
        ("application/json", b'{"a": 1}', '{"a": 1}', "JSON"),
        ("application/x-npy", b"\x93", base64.b64encode(b"\x93").decode(), "BASE64"),
        ("text/csv", b"\xff\xfe", base64.b64encode(b"\xff\xfe").decode(), "BASE64"),
    ],
)
def test_a_line_holds_both_sides_in_the_encoding_of_their_content_type(
    hosting: Hosting, endpoint: str, content_type: str, body: bytes, data: str, encoding: str
) -> None:
    name = hosting.aws.name("inference")
    hosting.ask(endpoint, body, ContentType=content_type, InferenceId=name, CustomAttributes="a=1")

    def look() -> dict[str, Any]:
        found = hosting.captured(f"all/{endpoint}/")
        return next((e for e in found if e["eventMetadata"].get("inferenceId") == name), {})

    line = until(look)
    side = {"observedContentType": content_type, "mode": "INPUT"}
    assert line["captureData"]["endpointInput"] == {**side, "data": data, "encoding": encoding}
    output = line["captureData"]["endpointOutput"]
    assert (output["mode"], output["observedContentType"]) == ("OUTPUT", "application/json")
    if encoding != "BASE64":
        assert (output["data"], output["encoding"]) == (data, "JSON")
    metadata = line["eventMetadata"]
    assert re.fullmatch(r"[0-9a-f-]{36}", metadata["eventId"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["inferenceTime"])
    assert metadata["customAttributes"] == ["a=1"]
    assert line["eventVersion"] == "0"


@pytest.mark.costs
@pytest.mark.parametrize(
    ("modes", "sides"),
    [
        (["Input"], {"endpointInput"}),
        (["Output"], {"endpointOutput"}),
        (["InputAndOutput"], {"endpointInput", "endpointOutput"}),
    ],
)
def test_only_the_sides_that_are_asked_for_are_captured(
    hosting: Hosting, modes: list[str], sides: set[str]
) -> None:
    options = [{"CaptureMode": mode} for mode in modes]
    endpoint = captured_endpoint(hosting, "sides", CaptureOptions=options)
    hosting.ask(endpoint)

    (line,) = hosting.captured(f"sides/{endpoint}/")

    assert set(line["captureData"]) == sides


@pytest.mark.costs
def test_without_content_types_everything_is_base64(hosting: Hosting) -> None:
    config = capture(hosting, "plain")
    del config["CaptureContentTypeHeader"]
    name = hosting.config(hosting.variant("only", ECHO="yes"), DataCaptureConfig=config)
    endpoint = hosting.endpoint(name)
    hosting.ask(endpoint, b"1,2", ContentType="text/csv")

    (line,) = hosting.captured(f"plain/{endpoint}/")

    encodings = [side["encoding"] for side in line["captureData"].values()]
    assert encodings == ["BASE64", "BASE64"]


@pytest.mark.costs
def test_a_sample_of_none_and_a_capture_that_is_off_capture_nothing(hosting: Hosting) -> None:
    quiet = [
        captured_endpoint(hosting, "quiet", InitialSamplingPercentage=0),
        captured_endpoint(hosting, "quiet", EnableCapture=False),
    ]
    loud = captured_endpoint(hosting, "loud")
    for name in (*quiet, loud):
        hosting.ask(name)

    hosting.captured(f"loud/{loud}/")

    assert hosting.keys("quiet/") == []
    statuses = [hosting.told(name)["DataCaptureConfig"]["CaptureStatus"] for name in quiet]
    assert statuses == ["Started", "Stopped"]


@pytest.mark.costs
def test_an_endpoint_tells_what_it_captures(hosting: Hosting, endpoint: str) -> None:
    assert hosting.told(endpoint)["DataCaptureConfig"] == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{hosting.bucket}/all",
        "KmsKeyId": "",
    }


@pytest.mark.costs
@pytest.mark.parametrize("excluded", [False, True])
def test_an_update_that_retains_properties_retains_the_capture_unless_asked_not_to(
    hosting: Hosting, *, excluded: bool
) -> None:
    endpoint = captured_endpoint(hosting, "before")
    after = hosting.config(hosting.variant("only"), DataCaptureConfig=capture(hosting, "after"))
    exclude = [{"VariantPropertyType": "DataCaptureConfig"}] if excluded else []
    hosting.sagemaker.update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=after,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=exclude,
    )

    told = hosting.settled(endpoint)["DataCaptureConfig"]["DestinationS3Uri"]

    assert told.rpartition("/")[2] == ("after" if excluded else "before")


@pytest.mark.embedded
def test_what_s3_does_not_take_at_once_is_sent_again(hosting: Hosting, endpoint: str) -> None:
    faults = Faults(str(hosting.aws.url))
    with faults.armed("internal-error", service="s3", action="PutObject", count=4) as fault:
        hosting.ask(endpoint, InferenceId="stubborn")
        until(lambda: faults.struck(fault) == 4)

    def look() -> bool:
        found = hosting.captured(f"all/{endpoint}/")
        return any(e["eventMetadata"].get("inferenceId") == "stubborn" for e in found)

    assert until(look)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"InitialSamplingPercentage": 101}, "initialSamplingPercentage"),
        ({"InitialSamplingPercentage": -1}, "initialSamplingPercentage"),
        ({"CaptureOptions": []}, "captureOptions"),
        ({"CaptureOptions": [{"CaptureMode": "All"}]}, "captureMode"),
        ({"CaptureContentTypeHeader": {"CsvContentTypes": ["csv"]}}, "csvContentTypes"),
    ],
)
def test_a_capture_beyond_the_limits_is_refused(
    hosting: Hosting, aws: Target, change: dict[str, Any], names: str
) -> None:
    sagemaker = aws.client("sagemaker", parameter_validation=False)
    code, text = refusal(
        sagemaker.create_endpoint_config,
        EndpointConfigName=aws.name("config"),
        ProductionVariants=[hosting.variant("only")],
        DataCaptureConfig=capture(hosting, "any", **change),
    )

    assert code == "ValidationException"
    assert names in text


def test_a_configuration_tells_its_capture_as_it_was_given(hosting: Hosting) -> None:
    asked = capture(hosting, "any")
    name = hosting.config(hosting.variant("only"), DataCaptureConfig=asked)

    told = hosting.sagemaker.describe_endpoint_config(EndpointConfigName=name)

    assert json.dumps(told["DataCaptureConfig"], sort_keys=True) == json.dumps(
        asked, sort_keys=True
    )
