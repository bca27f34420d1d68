"""The embedded AWS as a process: how it starts, answers and ends."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.fakes.embedded_aws import eventually
from tests.fakes.processes import children, is_alive

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    url: str
    state: Path

    def client(self, service: str) -> Any:
        session = boto3.Session("local", "local", region_name="us-east-1")
        return session.client(service, endpoint_url=self.url)  # type: ignore[call-overload]  # a name


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "local", "--state", str(folder / "state"), *arguments]
    return subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Running]:
    ready = tmp_path / "ready"
    process = start(tmp_path, "--port", "0", "--ready-file", str(ready), "--time-scale", "60")
    try:
        eventually(lambda: ready.exists() or process.poll() is not None)
        yield Running(process, ready.read_text().strip(), tmp_path / "state")
    finally:
        process.kill()
        process.communicate()


def with_a_warm_function(aws: Running) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handle(event, context):\n    return 1\n")
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName="any",
        Role="arn:aws:iam::123456789012:role/any",
        Runtime="python3.13",
        Handler="app.handle",
        Code={"ZipFile": packed.getvalue()},
    )
    functions.invoke(FunctionName="any")


def test_it_answers_on_both_names_of_this_machine(aws: Running) -> None:
    port = aws.url.rpartition(":")[2]

    for host in ("127.0.0.1", "localhost"):
        with urllib.request.urlopen(f"http://{host}:{port}/_local/health", timeout=10) as answer:
            assert json.loads(answer.read())["status"] == "ok"


def test_moto_and_our_services_share_one_account(aws: Running) -> None:
    identity = aws.client("sts").get_caller_identity()
    group = aws.client("sagemaker").create_model_package_group(ModelPackageGroupName="digits")
    rule = aws.client("events").put_rule(Name="any", EventPattern='{"source": ["any"]}')

    assert identity["Account"] == "123456789012"
    for arn in (group["ModelPackageGroupArn"], rule["RuleArn"]):
        assert ":us-east-1:123456789012:" in arn


def test_a_rule_carries_an_s3_object_to_a_queue(aws: Running) -> None:
    sqs, s3, events = aws.client("sqs"), aws.client("s3"), aws.client("events")
    url = sqs.create_queue(QueueName="seen")["QueueUrl"]
    s3.create_bucket(Bucket="drops")
    s3.put_bucket_notification_configuration(
        Bucket="drops", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    events.put_rule(
        Name="drops",
        EventPattern='{"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": "a b+"}]}}}',
    )
    queue = "arn:aws:sqs:us-east-1:123456789012:seen"
    events.put_targets(Rule="drops", Targets=[{"Id": "q", "Arn": queue}])

    s3.put_object(Bucket="drops", Key="other", Body=b"1")
    s3.put_object(Bucket="drops", Key="a b+c%2Bd", Body=b"1")

    def received() -> list[dict[str, Any]]:
        return list(sqs.receive_message(QueueUrl=url).get("Messages", []))

    event = json.loads(eventually(received)[0]["Body"])
    assert event["detail"]["object"]["key"] == "a b+c%2Bd"


def test_a_role_that_does_not_exist_cannot_be_simulated(aws: Running) -> None:
    iam = aws.client("iam")

    with pytest.raises(iam.exceptions.ClientError, match="NoSuchEntity"):
        iam.simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::123456789012:role/any", ActionNames=["s3:GetObject"]
        )


def test_sigterm_ends_it_and_every_child(aws: Running) -> None:
    with_a_warm_function(aws)
    started = children(aws.process.pid)

    aws.process.send_signal(signal.SIGTERM)

    assert aws.process.wait(timeout=20) == 0
    assert started
    eventually(lambda: not any(is_alive(each) for each in started))


def test_kill_9_leaves_no_child_either(aws: Running) -> None:
    with_a_warm_function(aws)
    started = children(aws.process.pid)

    os.kill(aws.process.pid, signal.SIGKILL)

    assert started
    eventually(lambda: not any(is_alive(each) for each in started))


def test_a_busy_port_is_one_line_and_status_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(tmp_path, "--port", str(port))
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert errors.decode().splitlines() == [
        f"port {port} on 127.0.0.1 cannot be used: Address already in use"
    ]
