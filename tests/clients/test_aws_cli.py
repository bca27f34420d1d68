"""The AWS CLI as PyPI has it."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import surroundings
from tests.clients.environments import environment
from tests.conformance.target import Target


class AwsCli:
    def __init__(self, url: str) -> None:
        self._program = environment("awscli") / "aws"
        self._url = url

    def __call__(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self, *words: str) -> Any:
        return json.loads(self(*words))

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command, env = [str(self._program), *words], surroundings(self._url)
        return subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture(scope="module")
def cli(aws: Target) -> AwsCli:
    return AwsCli(str(aws.url))


def test_files_go_to_a_bucket_and_back(cli: AwsCli, aws: Target, tmp_path: Path) -> None:
    bucket = f"s3://{aws.name()}"
    source, back = tmp_path / "source", tmp_path / "back"
    source.mkdir()
    (source / "a.txt").write_text("a")
    (source / "b.txt").write_text("b")

    cli("s3", "mb", bucket)
    cli("s3", "cp", str(source / "a.txt"), f"{bucket}/one/a.txt")
    cli("s3", "sync", str(source), f"{bucket}/all")
    listed = cli("s3", "ls", bucket, "--recursive")
    cli("s3", "sync", f"{bucket}/all", str(back))
    cli("s3", "rm", bucket, "--recursive")

    assert [line.split()[-1] for line in listed.splitlines()] == [
        *("all/a.txt", "all/b.txt", "one/a.txt")
    ]
    assert (back / "b.txt").read_text() == "b"
    cli("s3", "rb", bucket)


def test_an_event_is_put(cli: AwsCli) -> None:
    entry = {"Source": "test", "DetailType": "Happened", "Detail": "{}"}

    told = cli.told("events", "put-events", "--entries", json.dumps([entry]))

    assert told["FailedEntryCount"] == 0
    assert told["Entries"][0]["EventId"]


def test_a_model_package_group_is_created_described_and_listed(cli: AwsCli, aws: Target) -> None:
    named = ("--model-package-group-name", aws.name())

    made = cli.told("sagemaker", "create-model-package-group", *named)
    told = cli.told("sagemaker", "describe-model-package-group", *named)
    listed = cli.told("sagemaker", "list-model-package-groups")["ModelPackageGroupSummaryList"]

    assert told["ModelPackageGroupArn"] == made["ModelPackageGroupArn"]
    assert told["ModelPackageGroupName"] in [each["ModelPackageGroupName"] for each in listed]


def test_a_message_is_sent_and_received(cli: AwsCli, aws: Target) -> None:
    """Version 1 sends SQS to an address of its own in us-east-1, unless the option is given."""
    sqs = ("sqs", "--endpoint-url", str(aws.url))
    url = cli.told(*sqs, "create-queue", "--queue-name", aws.name())["QueueUrl"]

    cli(*sqs, "send-message", "--queue-url", url, "--message-body", "hello")

    told = cli.told(*sqs, "receive-message", "--queue-url", url)
    assert [each["Body"] for each in told["Messages"]] == ["hello"]


def test_a_stack_that_does_not_exist_is_told_as_aws_tells_it(cli: AwsCli) -> None:
    done = cli.run("cloudformation", "describe-stacks", "--stack-name", "absent")

    assert done.returncode in {254, 255}
    assert "Stack with id absent does not exist" in done.stderr
    assert "(ValidationError)" in done.stderr


def test_a_stack_is_told_with_its_outputs(cli: AwsCli, aws: Target) -> None:
    name = aws.name()
    outputs = {"Told": {"Value": "told"}}
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}, "Outputs": outputs}
    made = ("--stack-name", name, "--template-body", json.dumps(template))

    cli("cloudformation", "create-stack", *made)
    cli("cloudformation", "wait", "stack-create-complete", "--stack-name", name)
    told = cli.told("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"][0]

    assert told["StackStatus"] == "CREATE_COMPLETE"
    assert told["Outputs"] == [{"OutputKey": "Told", "OutputValue": "told"}]


def test_a_log_is_told_from_a_time_on(cli: AwsCli, aws: Target) -> None:
    """What `logs tail` of version 2 asks: version 1 has no such command."""
    logs, group = aws.client("logs"), aws.name()
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="stream")
    now = int(time.time() * 1000)
    events = [
        {"timestamp": now - 7_200_000, "message": "two hours ago"},
        {"timestamp": now, "message": "just now"},
    ]
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)

    since = str(now - 3_600_000)
    told = cli.told("logs", "filter-log-events", "--log-group-name", group, "--start-time", since)

    assert [each["message"] for each in told["events"]] == ["just now"]
