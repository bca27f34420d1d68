"""SageMaker of the embedded AWS: real processes for jobs and endpoints, through boto3."""

import io
import json
import os
import shlex
import subprocess
import sys
import tarfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError

from tests.fakes.embedded_aws import eventually

REPOSITORY = Path(__file__).parents[2]
ROLE = "arn:aws:iam::123456789012:role/any"
BUCKET = "jobs"
SHAP = {"ShapBaselineConfig": {"ShapBaseline": "1,2"}}
SAMPLES = Path(__file__).parents[1] / "golden" / "foreign"

TRAIN = """
import json, os, pathlib, sys
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
told = json.loads((base / "input/config/hyperparameters.json").read_text())
if told.get("fail"):
    (base / "output/failure").write_text("BROKEN: as asked")
    sys.exit(3)
data = sorted(p.name for p in (base / "input/data/train").iterdir())
(base / "model/model.txt").write_text(json.dumps([data, sys.argv[1:]]))
(base / "checkpoints/one").write_text("1")
print("loss=0.5")
"""

PROCESS = """
import os, pathlib
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"]) / "processing"
read = (base / "input/in/rows.txt").read_text()
(base / "output/out.txt").write_text(read.upper())
"""

SERVE = """
import http.server, os, time
name = os.environ["NAME"]
while os.path.exists(os.environ["WAIT"]):
    time.sleep(0.01)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", f"name={name}")
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(500 if name == "sick" else 200, b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"slow":
            time.sleep(0.1)
        while body == b"wait" and os.path.exists(os.environ["WAIT"]):
            open(os.path.join(os.path.dirname(os.environ["WAIT"]), "waiting"), "w").close()
            time.sleep(0.01)
        self.answer(500 if body == b"break" else 200, name.encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(
    ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler
).serve_forever()
"""


@dataclass(frozen=True)
class Aws:
    """The embedded AWS, and a queue that hears every event of SageMaker's."""

    url: str
    queue: str
    wait: Path
    """While this is there, containers neither begin to serve nor answer `wait`."""

    def client(self, service: str) -> Any:
        session = boto3.Session("local", "local", region_name="us-east-1")
        return session.client(service, endpoint_url=self.url)  # type: ignore[call-overload]  # a name

    @property
    def sagemaker(self) -> Any:
        return self.client("sagemaker")

    def events(self) -> list[dict[str, Any]]:
        """What was heard since the last look."""
        heard: list[dict[str, Any]] = []
        while True:
            page = self.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
            if "Messages" not in page:
                return heard
            for message in page["Messages"]:
                heard.append(json.loads(message["Body"]))
                self.client("sqs").delete_message(
                    QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"]
                )


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    folder = tmp_path_factory.mktemp("aws")
    (folder / "serve.py").write_text(SERVE)
    python = shlex.quote(sys.executable)
    command = [sys.executable, "-m", "local", "--port", "0", "--state", str(folder / "state")]
    command += ["--ready-file", str(folder / "ready"), "--time-scale", "200"]
    command += ["--image", f"/train:={python} {{entrypoint}} {{arguments}}"]
    command += ["--image", f"/serve:={python} {folder}/serve.py"]
    process = subprocess.Popen(command, cwd=REPOSITORY, env={**os.environ}, stderr=subprocess.PIPE)
    try:
        eventually(lambda: (folder / "ready").exists() or process.poll() is not None)
        yield _prepared((folder / "ready").read_text().strip(), folder / "wait")
    finally:
        process.terminate()
        process.communicate()


def _prepared(url: str, wait: Path) -> Aws:
    aws = Aws(url, "", wait)
    s3, sqs, events = aws.client("s3"), aws.client("sqs"), aws.client("events")
    s3.create_bucket(Bucket=BUCKET)
    for key, text in {
        "code/train.py": TRAIN,
        "code/process.py": PROCESS,
        "data/a.txt": "a",
        "data/deep/b.txt": "b",
        "rows/rows.txt": "rows",
        "data.manifest": json.dumps([{"prefix": f"s3://{BUCKET}/data/"}, "a.txt"]),
    }.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=packed.getvalue())
    queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
    events.put_rule(Name="heard", EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
    arn = "arn:aws:sqs:us-east-1:123456789012:heard"
    events.put_targets(Rule="heard", Targets=[{"Id": "1", "Arn": arn}])
    return Aws(url, queue, wait)


def a_training(
    aws: Aws, name: str, *, more: dict[str, Any] | None = None, **hyperparameters: str
) -> None:
    aws.sagemaker.create_training_job(
        **(more or {}),
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={
            "TrainingImage": "1.dkr.ecr.us-east-1.amazonaws.com/train:1",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/train.py"],
            "ContainerArguments": ["go"],
        },
        HyperParameters=hyperparameters,
        InputDataConfig=[
            _channel("code", f"s3://{BUCKET}/code/train.py", "S3Prefix"),
            _channel("train", f"s3://{BUCKET}/data.manifest", "ManifestFile"),
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/{name}"},
        ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )


def _channel(name: str, uri: str, kind: str) -> dict[str, Any]:
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def ended(aws: Aws, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        told: dict[str, Any] = aws.sagemaker.describe_training_job(TrainingJobName=name)
        return told if told["TrainingJobStatus"] != "InProgress" else None

    found = eventually(look)
    assert found is not None
    return dict(found)


def test_a_training_job_runs_its_entrypoint_and_leaves_model_and_checkpoints(aws: Aws) -> None:
    a_training(aws, "good")

    told = ended(aws, "good")

    assert told["TrainingJobStatus"] == "Completed"
    uri = told["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{BUCKET}/out/good/output/model.tar.gz"
    packed = aws.client("s3").get_object(Bucket=BUCKET, Key="out/good/output/model.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(packed["Body"].read())) as tar:
        member = tar.extractfile("model.txt")
        assert member is not None
        assert json.loads(member.read()) == [["a.txt"], ["go"]]
    assert aws.client("s3").get_object(Bucket=BUCKET, Key="checkpoints/good/one")


def test_a_failing_job_tells_its_failure_file_and_exit_code(aws: Aws) -> None:
    a_training(aws, "bad", fail="yes")

    told = ended(aws, "bad")

    assert told["TrainingJobStatus"] == "Failed"
    assert told["FailureReason"] == "AlgorithmError: BROKEN: as asked, exit code: 3"


def test_a_name_is_taken_for_good(aws: Aws) -> None:
    a_training(aws, "once")

    with pytest.raises(ClientError, match="ResourceInUse"):
        a_training(aws, "once")


def test_every_status_of_a_job_is_told_as_an_event(aws: Aws) -> None:
    aws.events()
    a_training(aws, "told")
    ended(aws, "told")
    heard: list[str] = []

    def complete() -> bool:
        heard.extend(
            e["detail"]["SecondaryStatus"]
            for e in aws.events()
            if e["detail"].get("TrainingJobName") == "told"
        )
        return "Completed" in heard

    eventually(complete)
    assert set(heard) == {"Starting", "Downloading", "Training", "Uploading", "Completed"}


def test_a_name_sagemaker_would_refuse_is_refused(aws: Aws) -> None:
    with pytest.raises(ClientError, match="validation error"):
        a_training(aws, "-not-a-name-")


def test_a_processing_job_reads_and_writes_s3(aws: Aws) -> None:
    inputs = {"in": f"s3://{BUCKET}/rows/", "code": f"s3://{BUCKET}/code/process.py"}
    aws.sagemaker.create_processing_job(
        ProcessingJobName="upper",
        RoleArn=ROLE,
        AppSpecification={
            "ImageUri": "1.dkr.ecr.us-east-1.amazonaws.com/train:1",
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/process.py"],
        },
        ProcessingInputs=[
            {
                "InputName": name,
                "S3Input": {
                    "S3Uri": uri,
                    "LocalPath": f"/opt/ml/processing/input/{name}",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for name, uri in inputs.items()
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/processed",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        ProcessingResources={
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.xlarge",
                "VolumeSizeInGB": 1,
            }
        },
    )

    def status() -> str:
        told = aws.sagemaker.describe_processing_job(ProcessingJobName="upper")
        return str(told["ProcessingJobStatus"])

    eventually(lambda: status() != "InProgress")
    assert status() == "Completed"
    body = aws.client("s3").get_object(Bucket=BUCKET, Key="processed/out.txt")["Body"].read()
    assert body == b"ROWS"


def test_versions_count_up_and_a_token_makes_one_version(aws: Aws) -> None:
    aws.sagemaker.create_model_package_group(ModelPackageGroupName="group")
    made = [
        aws.sagemaker.create_model_package(ModelPackageGroupName="group", ClientToken=token)
        for token in ("one", "two", "one")
    ]

    numbers = [each["ModelPackageArn"].rsplit("/", 1)[1] for each in made]

    assert numbers == ["1", "2", "1"]


def test_an_approval_is_told_with_the_field_that_changed(aws: Aws) -> None:
    aws.sagemaker.create_model_package_group(ModelPackageGroupName="asked")
    made = aws.sagemaker.create_model_package(ModelPackageGroupName="asked")
    aws.events()

    aws.sagemaker.update_model_package(
        ModelPackageArn=made["ModelPackageArn"], ModelApprovalStatus="Approved"
    )

    heard = eventually(
        lambda: [e for e in aws.events() if e["detail"].get("ModelPackageGroupName") == "asked"]
    )
    assert heard is not None
    assert heard[0]["detail"]["UpdatedModelPackageFields"] == ["ModelApprovalStatus"]


def a_config(aws: Aws, name: str, **weights: float) -> None:
    variants = []
    for variant, weight in weights.items():
        model = f"{name}-{variant}"
        aws.sagemaker.create_model(
            ModelName=model,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={
                "Image": "1.dkr.ecr.us-east-1.amazonaws.com/serve:1",
                "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz",
                "Environment": {"NAME": f"{name}-{variant}", "WAIT": str(aws.wait)},
            },
        )
        variants.append(
            {
                "VariantName": variant,
                "ModelName": model,
                "InstanceType": "ml.m5.xlarge",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": weight,
            }
        )
    aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)


def settled(aws: Aws, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        told: dict[str, Any] = aws.sagemaker.describe_endpoint(EndpointName=name)
        return told if told["EndpointStatus"] not in {"Creating", "Updating"} else None

    found = eventually(look)
    assert found is not None
    return dict(found)


@pytest.fixture(scope="module")
def endpoint(aws: Aws) -> str:
    """An endpoint with all traffic on blue and green beside it."""
    a_config(aws, "first", blue=1.0, green=0.0)
    aws.sagemaker.create_endpoint(EndpointName="asked", EndpointConfigName="first")
    assert settled(aws, "asked")["EndpointStatus"] == "InService"
    return "asked"


def ask(aws: Aws, endpoint: str, body: bytes = b"{}", **how: str) -> tuple[str, str]:
    answer = aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body=body, **how
    )
    return answer["InvokedProductionVariant"], answer["Body"].read().decode()


def test_weights_decide_who_answers_and_a_target_overrides_them(aws: Aws, endpoint: str) -> None:
    assert {ask(aws, endpoint) for _ in range(20)} == {("blue", "first-blue")}
    assert ask(aws, endpoint, TargetVariant="green") == ("green", "first-green")


def shift(aws: Aws, endpoint: str, **weights: float) -> None:
    aws.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[
            {"VariantName": variant, "DesiredWeight": weight} for variant, weight in weights.items()
        ],
    )


def test_weights_move_in_place(aws: Aws, endpoint: str) -> None:
    shift(aws, endpoint, blue=0.0, green=1.0)
    settled(aws, endpoint)

    assert ask(aws, endpoint) == ("green", "first-green")


def test_weights_that_would_leave_nobody_are_refused(aws: Aws, endpoint: str) -> None:
    with pytest.raises(ClientError, match="sum of the variant weights"):
        shift(aws, endpoint, blue=0.0, green=0.0)


def test_a_failing_container_is_a_model_error_that_names_its_variant(
    aws: Aws, endpoint: str
) -> None:
    with pytest.raises(ClientError) as raised:
        ask(aws, endpoint, b"break", TargetVariant="green")

    told: dict[str, Any] = {**raised.value.response}
    assert told["Error"]["Code"] == "ModelError"
    assert told["OriginalStatusCode"] == 500
    assert ":log-stream:green/" in told["LogStreamArn"]


def test_every_request_is_measured_per_variant(aws: Aws, endpoint: str) -> None:
    metrics = aws.client("cloudwatch").list_metrics(Namespace="AWS/SageMaker")["Metrics"]

    names = {m["MetricName"] for m in metrics}
    assert names >= {"Invocations", "Invocation5XXErrors", "ModelLatency", "OverheadLatency"}


def test_a_fleet_that_never_gets_well_leaves_the_old_one_serving(aws: Aws, endpoint: str) -> None:
    aws.sagemaker.create_model(
        ModelName="dies",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": "1.dkr.ecr.us-east-1.amazonaws.com/unknown:1"},
    )
    aws.sagemaker.create_endpoint_config(
        EndpointConfigName="dies",
        ProductionVariants=[
            {
                "VariantName": "blue",
                "ModelName": "dies",
                "InstanceType": "ml.m5.xlarge",
                "InitialInstanceCount": 1,
            }
        ],
    )

    aws.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="dies")

    told = settled(aws, endpoint)
    assert (told["EndpointStatus"], told["EndpointConfigName"]) == ("InService", "first")
    assert "unknown:1" in told["FailureReason"]
    assert ask(aws, endpoint, TargetVariant="blue") == ("blue", "first-blue")


def test_an_update_brings_a_new_fleet_without_losing_a_request(aws: Aws, endpoint: str) -> None:
    """Four clients ask slow questions, so that some are being answered at the switch."""
    a_config(aws, "second", blue=1.0)
    client = aws.client("sagemaker-runtime")
    answers: list[str] = []
    moved = threading.Event()

    def keep_asking() -> int:
        asked = 0
        while not moved.is_set():
            answer = client.invoke_endpoint(EndpointName=endpoint, Body=b"slow")
            answers.append(answer["Body"].read().decode())
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(keep_asking) for _ in range(4)]
        eventually(lambda: answers)
        aws.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="second")
        eventually(lambda: answers.count("second-blue") >= 8 or any(a.done() for a in asking))
        moved.set()
        asked = sum(each.result() for each in asking)

    settled(aws, endpoint)
    assert set(answers) <= {"first-blue", "first-green", "second-blue"}
    assert len(answers) == asked


def test_an_endpoint_nobody_made_is_refused_in_sagemakers_words(aws: Aws) -> None:
    with pytest.raises(ClientError, match="Could not find endpoint"):
        aws.sagemaker.describe_endpoint(EndpointName="nobody")


def test_a_question_to_an_endpoint_nobody_made_is_refused_in_the_runtimes_words(aws: Aws) -> None:
    with pytest.raises(ClientError) as raised:
        ask(aws, "nobody")

    assert raised.value.response["Error"]["Code"] == "ValidationError"
    assert raised.value.response["Error"]["Message"] == (
        "Endpoint nobody of account 123456789012 not found."
    )


@pytest.fixture
def steered(aws: Aws) -> Iterator[str]:
    """An endpoint of one test alone, with green beside blue."""
    name = f"steered-{uuid.uuid4().hex[:8]}"
    a_config(aws, name, blue=1.0, green=1.0)
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert settled(aws, name)["EndpointStatus"] == "InService"
    yield name
    with suppress(ClientError):
        aws.sagemaker.delete_endpoint(EndpointName=name)


def test_while_weights_move_the_old_ones_are_current_and_the_new_desired(
    aws: Aws, steered: str
) -> None:
    aws.wait.touch()
    aws.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=steered,
        DesiredWeightsAndCapacities=[
            {"VariantName": "blue", "DesiredWeight": 0.25, "DesiredInstanceCount": 2}
        ],
    )

    during = aws.sagemaker.describe_endpoint(EndpointName=steered)
    aws.wait.unlink()
    after = settled(aws, steered)
    assert (during["EndpointStatus"], _blue(during)) == ("Updating", (1.0, 0.25, 1, 2))
    assert (after["EndpointStatus"], _blue(after)) == ("InService", (0.25, 0.25, 2, 2))


def _blue(told: Mapping[str, Any]) -> tuple[float, float, int, int]:
    (variant,) = [v for v in told["ProductionVariants"] if v["VariantName"] == "blue"]
    return (
        variant["CurrentWeight"],
        variant["DesiredWeight"],
        variant["CurrentInstanceCount"],
        variant["DesiredInstanceCount"],
    )


def test_an_endpoint_is_deleting_until_the_last_answer_is_given(aws: Aws, steered: str) -> None:
    aws.wait.touch()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask, aws, steered, b"wait", TargetVariant="blue")
        eventually((aws.wait.parent / "waiting").exists)
        aws.sagemaker.delete_endpoint(EndpointName=steered)

        told = aws.sagemaker.describe_endpoint(EndpointName=steered)
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            aws.sagemaker.delete_endpoint(EndpointName=steered)
        aws.wait.unlink()

        assert asking.result() == ("blue", f"{steered}-blue")
    assert told["EndpointStatus"] == "Deleting"
    eventually(lambda: steered not in _endpoints(aws))


def _endpoints(aws: Aws) -> list[str]:
    return [e["EndpointName"] for e in aws.sagemaker.list_endpoints()["Endpoints"]]


def test_the_newest_endpoint_is_listed_first(aws: Aws, endpoint: str, steered: str) -> None:
    assert [e for e in _endpoints(aws) if e in {endpoint, steered}] == [steered, endpoint]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("ExplainerConfig", {"ClarifyExplainerConfig": {"ShapConfig": SHAP}}),
    ],
)
def test_what_would_have_no_effect_in_a_configuration_is_refused_by_name(
    aws: Aws, endpoint: str, member: str, value: Any
) -> None:
    variant = {
        "VariantName": "blue",
        "ModelName": "first-blue",
        "InstanceType": "ml.m5.xlarge",
        "InitialInstanceCount": 1,
    }

    with pytest.raises(ClientError, match=f"{member}: not emulated yet"):
        aws.sagemaker.create_endpoint_config(
            EndpointConfigName="refused", ProductionVariants=[variant], **{member: value}
        )


def test_a_group_keeps_its_policy(aws: Aws) -> None:
    sagemaker = aws.sagemaker
    sagemaker.create_model_package_group(ModelPackageGroupName="shared")

    sagemaker.put_model_package_group_policy(
        ModelPackageGroupName="shared", ResourcePolicy='{"Version": "2012-10-17"}'
    )

    told = sagemaker.get_model_package_group_policy(ModelPackageGroupName="shared")
    assert told["ResourcePolicy"] == '{"Version": "2012-10-17"}'


def test_versions_are_listed_oldest_first_unless_asked_otherwise(aws: Aws) -> None:
    aws.sagemaker.create_model_package_group(ModelPackageGroupName="listed")
    for _ in range(3):
        aws.sagemaker.create_model_package(ModelPackageGroupName="listed")

    def listed(**order: str) -> list[int]:
        told = aws.sagemaker.list_model_packages(ModelPackageGroupName="listed", **order)
        return [each["ModelPackageVersion"] for each in told["ModelPackageSummaryList"]]

    assert listed() == [1, 2, 3]
    assert listed(SortBy="CreationTime", SortOrder="Descending") == [3, 2, 1]


# -- events, held to the samples of AWS's documentation --------------------------------------


def heard(aws: Aws, key: str, value: str, last: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The event about a thing for which `last` is true."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        details = (e["detail"] for e in aws.events())
        found.extend(d for d in details if d.get(key) == value and last(d))
        return bool(found)

    eventually(look)
    return found[0]


def kind(value: Any) -> str:
    """The JSON type of a value; a whole number is not a floating one."""
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "floating"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "object"


def missing(sample: Any, told: Any, where: str = "detail") -> list[str]:
    """What the sample has and the event has not, or has in another JSON type."""
    if kind(sample) != kind(told):
        return [f"{where} is {kind(told)}, documented as {kind(sample)}"]
    if isinstance(sample, dict):
        absent = [f"{where}.{key} is missing" for key in sample if key not in told]
        return absent + [
            fault
            for key in sample
            if key in told
            for fault in missing(sample[key], told[key], f"{where}.{key}")
        ]
    if isinstance(sample, list) and sample and told:
        return missing(sample[0], told[0], f"{where}[0]")
    return []


def sample_of(name: str) -> dict[str, Any]:
    detail: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())["detail"]
    return detail


def test_a_training_event_has_the_documented_fields_and_types(aws: Aws) -> None:
    sample = sample_of("sagemaker_training_job_completed")
    a_training(aws, "documented", more={"Tags": [{"Key": "drop", "Value": "1"}]}, Hyper="3")

    told = heard(aws, "TrainingJobName", "documented", lambda d: "TrainingEndTime" in d)

    ours = {  # members of the request that this job has no use for
        "detail.InputDataConfig[0].ContentType is missing",
        "detail.InputDataConfig[0].CompressionType is missing",
        "detail.InputDataConfig[0].RecordWrapperType is missing",
        "detail.OutputDataConfig.KmsKeyId is missing",
        "detail.ResourceConfig.VolumeKmsKeyId is missing",
    }
    assert set(missing(sample, told)) == ours
    assert told["Tags"] == {"drop": "1"}
    assert set(told) - set(sample) <= set(_members("DescribeTrainingJob"))


def test_an_endpoint_event_has_the_documented_fields_and_types(aws: Aws) -> None:
    sample = sample_of("sagemaker_endpoint_in_service")
    name = f"documented-{uuid.uuid4().hex[:8]}"
    a_config(aws, name, blue=1.0)
    aws.sagemaker.create_endpoint(
        EndpointName=name, EndpointConfigName=name, Tags=[{"Key": "k", "Value": "v"}]
    )

    told = heard(aws, "EndpointName", name, lambda d: d["EndpointStatus"] == "IN_SERVICE")

    assert missing(sample, told) == []
    assert told["Tags"] == {"k": "v"}
    assert set(told) == set(sample)
    aws.sagemaker.delete_endpoint(EndpointName=name)


def test_a_package_event_has_the_documented_fields_and_types(aws: Aws) -> None:
    sample = sample_of("sagemaker_model_package_rejected")
    aws.sagemaker.create_model_package_group(ModelPackageGroupName="documented")
    arn = aws.sagemaker.create_model_package(
        ModelPackageGroupName="documented",
        **{key: sample[key] for key in ("InferenceSpecification", "ModelMetrics")},
        MetadataProperties=sample["MetadataProperties"],
        ModelLifeCycle={"Stage": "Development", "StageStatus": "Pending"},
    )["ModelPackageArn"]
    made = heard(aws, "ModelPackageArn", arn, lambda _: True)

    aws.sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelLifeCycle=sample["ModelLifeCycle"],
        SourceUri="s3://any/where",
    )

    told = heard(aws, "ModelPackageArn", arn, lambda d: "UpdatedModelPackageFields" in d)
    assert "UpdatedModelPackageFields" not in made
    assert missing(sample, told) == []
    assert told["UpdatedModelPackageFields"] == ["ModelLifeCycle", "sourceUri"]
    assert set(told) - set(sample) <= set(_members("DescribeModelPackage"))


def test_a_processing_event_has_the_documented_fields_and_types(aws: Aws) -> None:
    sample = sample_of("sagemaker_processing_job_failed")
    request = {
        "ProcessingJobName": "documented",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "1.dkr.ecr.us-east-1.amazonaws.com/unknown:1"},
        "ProcessingResources": sample["ProcessingResources"],
        "StoppingCondition": sample["StoppingCondition"],
        "NetworkConfig": sample["NetworkConfig"],
        "ProcessingInputs": [
            {
                "InputName": "in",
                "S3Input": {
                    "S3Uri": f"s3://{BUCKET}/rows/",
                    "LocalPath": "/opt/ml/processing/input/in",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "S3DataDistributionType": "FullyReplicated",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "KmsKeyId": "key",
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/processed",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ],
        },
    }
    aws.sagemaker.create_processing_job(**request)

    told = heard(aws, "ProcessingJobName", "documented", lambda d: "ProcessingEndTime" in d)

    assert told["ProcessingJobStatus"] == "Failed"
    assert missing(sample, told) == []
    assert set(told) - set(sample) <= set(_members("DescribeProcessingJob"))


def _members(operation: str) -> list[str]:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model(operation).output_shape
    return list(getattr(shape, "members", {}))
