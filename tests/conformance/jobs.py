"""Jobs for the checks: how they are made, waited for and overheard."""

import json
import time
from collections.abc import Callable
from typing import Any

from tests.conformance.target import Target

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/conformance:1"
ROLE = "arn:aws:iam::123456789012:role/conformance"
BUCKET = "conformance-jobs"
FINAL = {"Completed", "Failed", "Stopped"}


class Jobs:
    """The jobs of one AWS, with a bucket of their own and a queue that hears their events."""

    def __init__(self, aws: Target) -> None:
        self.aws = aws
        self.sagemaker = aws.client("sagemaker")
        self.s3 = aws.client("s3")
        self.bucket = aws.name(BUCKET)
        self.s3.create_bucket(Bucket=self.bucket)
        self._rule = aws.name("jobs")
        self._queue = _listening(aws, self._rule)
        self._heard: list[dict[str, Any]] = []

    def close(self) -> None:
        """Nobody listens any more."""
        events = self.aws.client("events")
        events.remove_targets(Rule=self._rule, Ids=["queue"])
        events.delete_rule(Name=self._rule)
        self.aws.client("sqs").delete_queue(QueueUrl=self._queue)

    def training(self, **more: Any) -> dict[str, Any]:
        """A request for a training job; `HyperParameters` and the rest as given."""
        algorithm = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
        request = {
            "TrainingJobName": self.aws.name("train"),
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/out"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **more,
        }
        request["AlgorithmSpecification"] = algorithm | more.get("AlgorithmSpecification", {})
        resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        if not {"InstanceGroups", "InstancePreferences"} & set(more.get("ResourceConfig", {})):
            request["ResourceConfig"] = resources | more.get("ResourceConfig", {})
        return request

    def train(self, **more: Any) -> str:
        request = self.training(**more)
        self.sagemaker.create_training_job(**request)
        return str(request["TrainingJobName"])

    def trained(self, name: str) -> dict[str, Any]:
        return self._ended(
            lambda: self.sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus"
        )

    def processing(self, **more: Any) -> dict[str, Any]:
        cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        cluster |= more.pop("ClusterConfig", {})
        return {
            "ProcessingJobName": self.aws.name("process"),
            "RoleArn": ROLE,
            "AppSpecification": {"ImageUri": IMAGE},
            "ProcessingResources": {"ClusterConfig": cluster},
            **more,
        }

    def process(self, **more: Any) -> str:
        request = self.processing(**more)
        self.sagemaker.create_processing_job(**request)
        return str(request["ProcessingJobName"])

    def processed(self, name: str) -> dict[str, Any]:
        return self._ended(
            lambda: self.sagemaker.describe_processing_job(ProcessingJobName=name),
            "ProcessingJobStatus",
        )

    def tuning(self, **more: Any) -> dict[str, Any]:
        """A request for a tuning job that minimizes the square of `x`; `config` as given."""
        config = {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "objective"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 3},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "x", "MinValue": "-1", "MaxValue": "1"}]
            },
            **more.pop("config", {}),
        }
        metrics = [{"Name": "objective", "Regex": r"objective=(\S+)"}]
        definition = self.training(AlgorithmSpecification={"MetricDefinitions": metrics})
        del definition["TrainingJobName"]
        static = {"OBJECTIVE": "x"}
        definition |= {"StaticHyperParameters": static} | more.pop("definition", {})
        return {
            "HyperParameterTuningJobName": self.aws.name("tune"),
            "HyperParameterTuningJobConfig": config,
            "TrainingJobDefinition": definition,
            **more,
        }

    def tune(self, **more: Any) -> str:
        request = self.tuning(**more)
        self.sagemaker.create_hyper_parameter_tuning_job(**request)
        return str(request["HyperParameterTuningJobName"])

    def tuned(self, name: str) -> dict[str, Any]:
        return self._ended(
            lambda: self.sagemaker.describe_hyper_parameter_tuning_job(
                HyperParameterTuningJobName=name
            ),
            "HyperParameterTuningJobStatus",
        )

    def trials(self, name: str, **more: Any) -> list[dict[str, Any]]:
        """The training jobs of a tuning job."""
        listed = self.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name, **more
        )
        found: list[dict[str, Any]] = listed["TrainingJobSummaries"]
        return found

    def model(self, **environment: str) -> str:
        """A model that answers as the environment says; its name."""
        name = self.aws.name("model")
        container = {"Image": IMAGE, "Environment": environment}
        self.sagemaker.create_model(
            ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE
        )
        return name

    def transforming(self, model: str, uri: str, **more: Any) -> dict[str, Any]:
        """A request for a transform job; `source` and `target` are members of its two ends."""
        data = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
        name = self.aws.name("transform")
        output = {"S3OutputPath": f"s3://{self.bucket}/{name}", **more.pop("target", {})}
        return {
            "TransformJobName": name,
            "ModelName": model,
            "TransformInput": {"DataSource": data, **more.pop("source", {})},
            "TransformOutput": output,
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **more,
        }

    def transform(self, model: str, uri: str, **more: Any) -> str:
        request = self.transforming(model, uri, **more)
        self.sagemaker.create_transform_job(**request)
        return str(request["TransformJobName"])

    def transformed(self, name: str) -> dict[str, Any]:
        return self._ended(
            lambda: self.sagemaker.describe_transform_job(TransformJobName=name),
            "TransformJobStatus",
        )

    def put(self, prefix: str, **objects: str) -> str:
        """Objects below a prefix; its URI."""
        for name, body in objects.items():
            self.s3.put_object(Bucket=self.bucket, Key=f"{prefix}/{name}", Body=body.encode())
        return f"s3://{self.bucket}/{prefix}/"

    def read(self, key: str) -> str:
        return str(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode())

    def keys(self, prefix: str) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for each in listed.get("Contents", [])]

    def appears(self, key: str) -> None:
        """Wait for an object."""
        until(lambda: self.keys(key))

    def said(self, group: str, job: str) -> list[str]:
        """Every line of a job."""
        found = self.aws.client("logs").filter_log_events(
            logGroupName=group, logStreamNamePrefix=f"{job}/"
        )
        return [event["message"] for event in found["events"]]

    def events(
        self, wanted: Callable[[dict[str, Any]], bool], last: Callable[[dict[str, Any]], bool]
    ) -> list[dict[str, Any]]:
        """The events of one kind, up to the last."""
        sqs = self.aws.client("sqs")

        def look() -> list[dict[str, Any]]:
            while received := sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get(
                "Messages", []
            ):
                self._heard += [json.loads(message["Body"]) for message in received]
                entries = [
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(received)
                ]
                sqs.delete_message_batch(QueueUrl=self._queue, Entries=entries)
            found = [event for event in self._heard if wanted(event)]
            return found if any(last(event) for event in found) else []

        heard: list[dict[str, Any]] = until(look)
        return heard

    def _ended(self, describe: Callable[[], dict[str, Any]], status: str) -> dict[str, Any]:
        def look() -> dict[str, Any]:
            told = describe()
            return told if told[status] in FINAL else {}

        ended: dict[str, Any] = until(look)
        return ended


def until(look: Callable[[], Any]) -> Any:
    """What a look finds in the end."""
    deadline = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < deadline, "not within 30 s"
        time.sleep(0.02)
    return found


def _listening(aws: Target, name: str) -> str:
    """A queue for the events of jobs; its URL."""
    sqs, events = aws.client("sqs"), aws.client("events")
    url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    pattern = json.dumps({"source": ["aws.sagemaker", "aws.batch"]})
    events.put_rule(Name=name, EventPattern=pattern)
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])
    return url
