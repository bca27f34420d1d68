"""What is asked to go wrong goes wrong, once or as often as asked, and nothing else does."""

import io
import json
import textwrap
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.conformance.faults import FaultRefusedError, Faults
from tests.conformance.jobs import Jobs
from tests.conformance.target import Target, refusal
from tests.fakes.embedded_aws import eventually

pytestmark = pytest.mark.embedded


@pytest.fixture
def faults(aws: Target) -> Iterator[Faults]:
    assert aws.url is not None
    book = Faults(aws.url)
    yield book
    book.clear()


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("sagemaker", "list_models", "ThrottlingException"),
        ("events", "list_rules", "ThrottlingException"),
        ("lambda", "list_functions", "TooManyRequestsException"),
        ("s3", "list_buckets", "SlowDown"),
        ("dynamodb", "list_tables", "ProvisionedThroughputExceededException"),
        ("sqs", "list_queues", "RequestThrottled"),
        ("sns", "list_topics", "Throttled"),
        ("cloudformation", "list_stacks", "Throttling"),
    ],
)
def test_a_throttled_call_gets_its_service_s_own_code(
    aws: Target, faults: Faults, service: str, call: str, code: str
) -> None:
    faults.add("throttle", service=service, action="List*")
    ask = getattr(aws.client(service), call)

    assert refusal(ask)[0] == code
    ask()


def test_the_second_call_goes_through(aws: Target, faults: Faults) -> None:
    id_ = faults.add("throttle", service="sagemaker", action="ListModels", count=2)
    client = aws.client("sagemaker")

    answers = [_code(client.list_models) for _ in range(4)]

    assert answers == ["ThrottlingException", "ThrottlingException", "", ""]
    assert faults.struck(id_) == 2


def test_half_of_the_calls_fail_the_same_way_with_the_same_seed(
    aws: Target, faults: Faults
) -> None:
    client = aws.client("sagemaker")
    runs = []
    for _ in range(2):
        with faults.armed("throttle", service="sagemaker", probability=0.5, seed=7):
            runs.append([_code(client.list_models) for _ in range(20)])

    assert runs[0] == runs[1]
    assert set(runs[0]) == {"", "ThrottlingException"}


@pytest.mark.parametrize(
    ("service", "call", "status"),
    [("sagemaker", "list_models", 500), ("s3", "list_buckets", 503), ("sqs", "list_queues", 500)],
)
def test_an_internal_error_is_a_5xx(
    aws: Target, faults: Faults, service: str, call: str, status: int
) -> None:
    faults.add("internal-error", service=service, status=status)

    with pytest.raises(ClientError) as told:
        getattr(aws.client(service), call)()
    assert told.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_denied_call_says_which_permission_is_lacking(aws: Target, faults: Faults) -> None:
    faults.add("access-denied", service="sagemaker", action="ListModels")

    code, text = refusal(aws.client("sagemaker").list_models)

    assert code == "AccessDeniedException"
    assert "is not authorized to perform: sagemaker:ListModels" in text


def test_a_quota_is_reached(aws: Target, faults: Faults) -> None:
    faults.add("limit-exceeded", service="sagemaker", action="ListModels")

    assert refusal(aws.client("sagemaker").list_models)[0] == "ResourceLimitExceeded"


def test_a_call_without_an_answer_took_effect(aws: Target, faults: Faults) -> None:
    sqs, name = aws.client("sqs"), aws.name()
    faults.add("time-out-after-apply", service="sqs", action="CreateQueue", name=name)

    with pytest.raises(ConnectionClosedError):
        sqs.create_queue(QueueName=name)
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"].endswith(name)


def test_only_the_named_object_is_refused(aws: Target, faults: Faults) -> None:
    s3, bucket = aws.client("s3"), aws.name()
    s3.create_bucket(Bucket=bucket)
    faults.add("access-denied", service="s3", action="GetObject", name=f"{bucket}/secret/*")
    for key in ("secret/a", "open/a"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")

    assert s3.get_object(Bucket=bucket, Key="open/a")["Body"].read() == b"x"
    assert refusal(s3.get_object, Bucket=bucket, Key="secret/a")[0] == "AccessDenied"


def test_a_full_disk_takes_what_fits_and_no_more(aws: Target, faults: Faults) -> None:
    s3, bucket = aws.client("s3"), aws.name()
    s3.create_bucket(Bucket=bucket)
    faults.add("disk-full", name=bucket, bytes=10)

    s3.put_object(Bucket=bucket, Key="fits", Body=b"12345678")
    with pytest.raises(ClientError) as told:
        s3.put_object(Bucket=bucket, Key="does not", Body=b"12345678")

    assert told.value.response["Error"]["Code"] == "InsufficientStorage"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["fits"]


@pytest.fixture
def heard(aws: Target) -> Iterator["Heard"]:
    ear = Heard(aws)
    yield ear
    ear.end()


def test_a_duplicated_event_comes_twice_with_one_id(faults: Faults, heard: "Heard") -> None:
    faults.add("duplicate", source=heard.source)

    heard.put("a")

    ids = [event["id"] for event in heard.wait(2)]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_lost_event_is_accepted_and_never_comes(faults: Faults, heard: "Heard") -> None:
    faults.add("lose", source=heard.source)

    heard.put("lost")
    heard.put("kept")

    assert [event["detail"]["name"] for event in heard.wait(1)] == ["kept"]


def test_a_delayed_event_comes_after_later_ones(faults: Faults, heard: "Heard") -> None:
    faults.add("delay", source=heard.source, detail_type="said", seconds=0.5)

    heard.put("first")
    heard.put("second")

    assert [event["detail"]["name"] for event in heard.wait(2)] == ["second", "first"]


def test_reordered_events_all_come(faults: Faults, heard: "Heard") -> None:
    faults.add("reorder", source=heard.source, seconds=0.5, probability=0.5, seed=3)
    names = [str(number) for number in range(12)]

    for name in names:
        heard.put(name)

    came = [event["detail"]["name"] for event in heard.wait(12)]
    assert sorted(came, key=int) == names
    assert came != names


def test_the_clock_jumps_and_comes_back(aws: Target, faults: Faults) -> None:
    scheduler, name = aws.client("scheduler"), aws.name()
    with faults.armed("clock-jump", seconds=86_400):
        scheduler.create_schedule_group(Name=name)
    made = scheduler.get_schedule_group(Name=name)["CreationDate"]
    scheduler.delete_schedule_group(Name=name)
    scheduler.create_schedule_group(Name=f"{name}-now")
    now = scheduler.get_schedule_group(Name=f"{name}-now")["CreationDate"]

    assert timedelta(hours=23) < made - now < timedelta(hours=25)
    assert abs(now - datetime.now(UTC)) < timedelta(hours=1)


CODE = """
    import json, os, urllib.request

    def handle(event, context):
        for body in ("one", "two", "three"):
            send({"QueueUrl": os.environ["QUEUE"], "MessageBody": body})
        return "done"

    def send(message):
        scope = os.environ["AWS_ACCESS_KEY_ID"] + "/20260101/us-east-1/sqs/aws4_request"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "AmazonSQS.SendMessage",
        }
        url, body = os.environ["AWS_ENDPOINT_URL"], json.dumps(message).encode()
        urllib.request.urlopen(urllib.request.Request(url, body, headers)).read()
"""


@pytest.mark.parametrize(("when", "sent"), [("before", 1), ("after", 2)])
def test_a_function_dies_at_its_second_call(
    aws: Target, faults: Faults, when: str, sent: int
) -> None:
    sqs, client, name = aws.client("sqs"), aws.client("lambda"), aws.name()
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    client.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="index.handle",
        Role=f"arn:aws:iam::{aws.account}:role/any",
        Code={"ZipFile": _zipped(CODE)},
        Timeout=30,
        Environment={"Variables": {"QUEUE": queue}},
    )
    faults.add("kill-function", name=name, action="SendMessage", call=2, when=when)

    died = client.invoke(FunctionName=name)
    again = client.invoke(FunctionName=name)

    assert json.load(died["Payload"])["errorType"] == "Runtime.ExitError"
    assert json.load(again["Payload"]) == "done"
    told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert int(told["ApproximateNumberOfMessages"]) == sent + 3


@pytest.fixture
def jobs(aws: Target) -> Iterator[Jobs]:
    made = Jobs(aws)
    yield made
    made.close()


def test_a_job_without_a_machine_fails_for_want_of_capacity(faults: Faults, jobs: Jobs) -> None:
    request = jobs.training()
    faults.add("no-capacity", name=request["TrainingJobName"], instance_type="ml.m5.*")
    jobs.sagemaker.create_training_job(**request)

    ended = jobs.trained(request["TrainingJobName"])

    assert ended["TrainingJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("CapacityError: ")


def test_a_spot_job_is_interrupted_and_goes_on(faults: Faults, jobs: Jobs) -> None:
    limits = {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 3600}
    request = jobs.training(
        EnableManagedSpotTraining=True,
        StoppingCondition=limits,
        HyperParameters={"SECONDS": "0.5"},
    )
    faults.add("interrupt", name=request["TrainingJobName"])
    jobs.sagemaker.create_training_job(**request)

    ended = jobs.trained(request["TrainingJobName"])

    assert ended["TrainingJobStatus"] == "Completed"
    assert "Interrupted" in [each["Status"] for each in ended["SecondaryStatusTransitions"]]


def test_a_job_whose_machine_fails_says_so(faults: Faults, jobs: Jobs) -> None:
    request = jobs.training(HyperParameters={"SECONDS": "20"})
    id_ = faults.add("kill-job", name=request["TrainingJobName"])
    jobs.sagemaker.create_training_job(**request)

    ended = jobs.trained(request["TrainingJobName"])

    assert ended["FailureReason"].startswith("InternalServerError: ")
    assert faults.struck(id_) == 1


def test_a_serving_process_dies_and_is_replaced(aws: Target, faults: Faults, jobs: Jobs) -> None:
    name = aws.name("endpoint")
    variant = {
        "VariantName": "one",
        "ModelName": jobs.model(),
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    jobs.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    jobs.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    invoke = aws.client("sagemaker-runtime").invoke_endpoint
    ask = {"EndpointName": name, "Body": b"x"}
    eventually(lambda: _code(lambda: invoke(**ask)) == "")
    id_ = faults.add("kill-server", name=name)

    assert _code(lambda: invoke(**ask)) != ""
    eventually(lambda: _code(lambda: invoke(**ask)) == "")
    assert faults.struck(id_) == 1
    jobs.sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        ({"kind": "earthquake"}, "kind 'earthquake' is not there; choose one of duplicate, "),
        ({"kind": "lose", "services": "x"}, "lose knows no 'services'; it knows source, "),
        ({"kind": "lose", "count": 0}, "count is a whole number from 1 to 1000000, not 0"),
        ({"kind": "lose", "probability": 2}, "probability is a number from 0 to 1, not 2"),
        ({"kind": "lose", "source": 5}, "source is a glob, not 5"),
        ({"kind": "delay", "seconds": -1}, "only a clock jumps back: seconds is 0 or more"),
        ({"kind": "internal-error", "status": 404}, "status is a whole number from 500 to 599"),
        ({"kind": "kill-function", "when": "later"}, "when is one of before, after, not 'later'"),
    ],
)
def test_a_wish_that_is_not_understood_is_one_line(
    faults: Faults, wish: dict[str, Any], text: str
) -> None:
    with pytest.raises(FaultRefusedError) as told:
        faults.add(**wish)

    assert str(told.value).startswith(text)
    assert "\n" not in str(told.value)


def test_a_fault_that_is_not_there_cannot_be_taken_back(faults: Faults) -> None:
    with pytest.raises(FaultRefusedError, match="there is no fault 'f99999'"):
        faults.remove("f99999")


class Heard:
    """A queue that gets every event of a source of its own."""

    def __init__(self, aws: Target) -> None:
        self.source = aws.name("test")
        self._events, self._sqs = aws.client("events"), aws.client("sqs")
        self._queue = self._sqs.create_queue(QueueName=self.source)["QueueUrl"]
        arn = f"arn:aws:sqs:{aws.region}:{aws.account}:{self.source}"
        pattern = json.dumps({"source": [self.source]})
        self._events.put_rule(Name=self.source, EventPattern=pattern)
        self._events.put_targets(Rule=self.source, Targets=[{"Id": "q", "Arn": arn}])
        self._came: list[dict[str, Any]] = []

    def put(self, name: str) -> None:
        entry = {"Source": self.source, "DetailType": "said", "Detail": json.dumps({"name": name})}
        self._events.put_events(Entries=[entry])

    def wait(self, count: int) -> list[dict[str, Any]]:
        """As many events as that, and those that came with them."""
        eventually(lambda: self._more() >= count)
        return self._came

    def _more(self) -> int:
        answer = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self._came.append(json.loads(message["Body"]))
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return len(self._came)

    def end(self) -> None:
        self._events.remove_targets(Rule=self.source, Ids=["q"])
        self._events.delete_rule(Name=self.source)
        self._sqs.delete_queue(QueueUrl=self._queue)


def _code(call: Any) -> str:
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def _zipped(code: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", textwrap.dedent(code))
    return packed.getvalue()
