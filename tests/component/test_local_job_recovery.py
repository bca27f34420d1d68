"""Tuning and transform jobs that were in progress when the server was killed."""

import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.clock import Clock
from local.images import Images
from local.sagemaker.service import SageMaker
from local.store import Store
from tests.conformance.target import CONTAINER
from tests.fakes.embedded_aws import RecordedMetrics, core, eventually
from tests.fakes.job_world import Bus, Logs

BUCKET = "recovery"
ROLE = "arn:aws:iam::123456789012:role/any"


@pytest.fixture
def store() -> Store:
    core().account.client("s3").create_bucket(Bucket=BUCKET)
    return Store()


def service(store: Store, folder: Path, scale: float) -> SageMaker:
    return SageMaker(
        replace(core().account, store=store),
        Clock(scale),
        Bus(),
        RecordedMetrics(),
        Logs(),
        Images([("image", f"{sys.executable} {CONTAINER}")]),
        folder,
    )


def tuning(name: str) -> dict[str, Any]:
    objective = {"Type": "Minimize", "MetricName": "objective"}
    one = {"Name": "x", "MinValue": "0", "MaxValue": "1"}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": objective,
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"ContinuousParameterRanges": [one]},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": "image",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "objective", "Regex": r"objective=(\S+)"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "StaticHyperParameters": {"OBJECTIVE": "x"},
        },
    }


def test_a_tuning_job_goes_on_with_the_trials_it_had(store: Store, tmp_path: Path) -> None:
    name = f"tune-{uuid.uuid4().hex[:8]}"
    crashed = service(store, tmp_path, 1.0)
    crashed.handle("CreateHyperParameterTuningJob", tuning(name))
    request = {"HyperParameterTuningJobName": name}
    listed = "ListTrainingJobsForHyperParameterTuningJob"
    (begun,) = eventually(lambda: crashed.handle(listed, request)["TrainingJobSummaries"])
    crashed.stop()

    again = service(store, tmp_path, 10_000.0)
    again.start()

    def ended() -> bool:
        told = again.handle("DescribeHyperParameterTuningJob", request)
        return bool(told["HyperParameterTuningJobStatus"] == "Completed")

    eventually(ended)
    trials = again.handle(listed, request)["TrainingJobSummaries"]
    assert len(trials) == 3
    assert trials[0]["TunedHyperParameters"] == begun["TunedHyperParameters"]
    again.stop()


def test_a_transform_job_begins_anew(store: Store, tmp_path: Path) -> None:
    name = f"transform-{uuid.uuid4().hex[:8]}"
    s3 = core().client("s3")
    s3.put_object(Bucket=BUCKET, Key=f"{name}/in/rows", Body=b"1")
    crashed = service(store, tmp_path, 1.0)
    container = {"Image": "image", "Environment": {"ECHO": "yes"}}
    crashed.handle("CreateModel", {"ModelName": name, "PrimaryContainer": container})
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/in/"}
    crashed.handle(
        "CreateTransformJob",
        {
            "TransformJobName": name,
            "ModelName": name,
            "TransformInput": {"DataSource": {"S3DataSource": source}},
            "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/{name}/out"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
    )
    crashed.stop()

    again = service(store, tmp_path, 10_000.0)
    again.start()

    def ended() -> bool:
        told = again.handle("DescribeTransformJob", {"TransformJobName": name})
        return bool(told["TransformJobStatus"] == "Completed")

    eventually(ended)
    body = s3.get_object(Bucket=BUCKET, Key=f"{name}/out/rows.out")["Body"].read()
    assert body == b"1"
    again.stop()
