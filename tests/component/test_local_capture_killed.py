"""Captures and shadows of an endpoint whose server is killed: nothing answered is lost."""

from pathlib import Path
from typing import Any

from tests.component.test_local_job_killed import killed
from tests.conformance.hosting import Hosting
from tests.conformance.target import Target
from tests.fakes.embedded_aws import eventually

BUCKET = "captured"


def config(hosting: Hosting) -> str:
    """Everything is captured, of a production variant and its shadow."""
    hosting.s3.create_bucket(Bucket=BUCKET)
    return hosting.config(
        hosting.variant("seen"),
        ShadowProductionVariants=[hosting.variant("shadow", weight=0.5)],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
    )


def lines(aws: Target, endpoint: str) -> list[bytes]:
    s3 = aws.client("s3")
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{endpoint}/seen/").get("Contents", [])
    bodies = [s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in listed]
    return [line for body in bodies for line in body.splitlines()]


def told(hosting: Hosting, endpoint: str) -> dict[str, Any]:
    members = ("ProductionVariants", "ShadowProductionVariants", "DataCaptureConfig")
    answer = hosting.told(endpoint)
    return {member: answer[member] for member in members}


def test_what_was_captured_before_a_kill_is_in_s3_after_it(tmp_path: Path) -> None:
    with killed(tmp_path / "state", tmp_path / "first") as aws:
        hosting = Hosting(aws)
        endpoint = hosting.endpoint(config(hosting))
        for number in range(20):
            hosting.ask(endpoint, str(number).encode())
        before = told(hosting, endpoint)

    with killed(tmp_path / "state", tmp_path / "second") as aws:
        eventually(lambda: len(lines(aws, endpoint)) == 20)
        after = Hosting(aws)
        assert told(after, endpoint) == before
        after.ask(endpoint)
        eventually(lambda: len(lines(aws, endpoint)) == 21)
    assert not list((tmp_path / "state" / "sagemaker" / "captured").glob("*.jsonl"))
