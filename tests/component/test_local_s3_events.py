"""S3's events on the default bus, compared with AWS's documented sample."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.embedded_aws import Core, core

ODD_KEY = "drops/digits/2026-11-23/part 1+a%2Bb é.parquet"


@pytest.fixture(scope="module")
def aws() -> Core:
    return core()


@pytest.fixture
def bucket(aws: Core) -> str:
    name = f"drops-{uuid.uuid4().hex[:8]}"
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return name


def events_of(aws: Core, bucket: str) -> list[dict[str, Any]]:
    return [e for e in aws.bus.emitted if e["detail"].get("bucket") == {"name": bucket}]


def test_a_put_is_told_with_the_raw_key_and_every_documented_field(aws: Core, bucket: str) -> None:
    put = aws.client("s3").put_object(Bucket=bucket, Key=ODD_KEY, Body=b"hello")

    (event,) = events_of(aws, bucket)
    seen = event["detail"]["object"]
    sequencer = seen.pop("sequencer")
    assert event["source"] == "aws.s3"
    assert event["detail-type"] == "Object Created"
    assert event["resources"] == [f"arn:aws:s3:::{bucket}"]
    assert seen == {
        "key": ODD_KEY,
        "size": 5,
        "etag": put["ETag"].strip('"'),
        "version-id": put["VersionId"],
    }
    assert int(sequencer, 16) > 0
    assert event["detail"]["reason"] == "PutObject"
    assert event["detail"]["requester"] == aws.account.id
    assert event["detail"]["source-ip-address"] == "127.0.0.1"


def test_the_members_are_those_of_awss_sample(aws: Core, bucket: str) -> None:
    folder = Path(__file__).parents[1] / "golden" / "foreign"
    sample = json.loads((folder / "s3_object_created_multipart.json").read_text())

    aws.client("s3").put_object(Bucket=bucket, Key="a", Body=b"hello")

    (event,) = events_of(aws, bucket)
    assert set(event["detail"]) == set(sample["detail"])
    assert set(event["detail"]["object"]) == set(sample["detail"]["object"])


def test_sequencers_of_a_key_only_rise(aws: Core, bucket: str) -> None:
    for body in (b"1", b"2", b"3"):
        aws.client("s3").put_object(Bucket=bucket, Key="same", Body=body)

    sequencers = [e["detail"]["object"]["sequencer"] for e in events_of(aws, bucket)]
    assert sequencers == sorted(sequencers)
    assert len(set(sequencers)) == 3


def test_a_multipart_upload_is_one_event(aws: Core, bucket: str) -> None:
    s3 = aws.client("s3")
    upload = s3.create_multipart_upload(Bucket=bucket, Key=ODD_KEY)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key=ODD_KEY, UploadId=upload, PartNumber=1, Body=b"hello")
    done = s3.complete_multipart_upload(
        Bucket=bucket,
        Key=ODD_KEY,
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )

    (event,) = events_of(aws, bucket)
    assert event["detail"]["reason"] == "CompleteMultipartUpload"
    assert event["detail"]["object"]["etag"] == done["ETag"].strip('"')


def test_a_copy_says_that_it_is_one(aws: Core, bucket: str) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket=bucket, Key="from", Body=b"hello")
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"})

    reasons = [
        (e["detail"]["object"]["key"], e["detail"]["reason"]) for e in events_of(aws, bucket)
    ]
    assert reasons == [("from", "PutObject"), ("to", "CopyObject")]


def test_a_versioned_delete_leaves_a_marker_and_says_so(aws: Core, bucket: str) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket=bucket, Key="gone", Body=b"hello")
    deleted = s3.delete_object(Bucket=bucket, Key="gone")

    event = events_of(aws, bucket)[-1]
    assert event["detail-type"] == "Object Deleted"
    assert event["detail"]["deletion-type"] == "Delete Marker Created"
    assert event["detail"]["object"]["version-id"] == deleted["VersionId"]


def test_without_versioning_there_is_no_version_id(aws: Core) -> None:
    name = f"plain-{uuid.uuid4().hex[:8]}"
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    s3.put_object(Bucket=name, Key="a", Body=b"hello")
    s3.delete_object(Bucket=name, Key="a")

    created, removed = events_of(aws, name)
    assert "version-id" not in created["detail"]["object"]
    assert removed["detail"]["deletion-type"] == "Permanently Deleted"


def test_a_bucket_without_eventbridge_is_silent(aws: Core) -> None:
    name = f"silent-{uuid.uuid4().hex[:8]}"
    aws.client("s3").create_bucket(Bucket=name)

    aws.client("s3").put_object(Bucket=name, Key="a", Body=b"hello")

    assert events_of(aws, name) == []


def test_tags_and_acls_are_no_creation(aws: Core, bucket: str) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket=bucket, Key="a", Body=b"hello", Tagging="a=b")
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "a", "Value": "c"}]})

    assert [e["detail-type"] for e in events_of(aws, bucket)] == ["Object Created"]
