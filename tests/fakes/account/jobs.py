"""SageMaker's training and processing jobs, as far as they are created and described."""

from collections.abc import Callable
from typing import Any

from functions.jobs import EvaluationSpec, JobStatus, JobView, TrainingSpec
from tests.fakes.account.messages import Answer, Asked, Body, RefusedError, invalid, said
from tests.fakes.account.recent import Recent
from tests.fakes.jobs import FakeJobs

MADE = 1_764_000_000.0
"""When everything was made, for all that is told of it: long ago."""


class Jobs:
    """Calls on the jobs of `kept`, which end when the world says so."""

    def __init__(self, kept: FakeJobs, recent: Recent) -> None:
        self._kept = kept
        self._recent = recent
        self.operations: dict[str, Callable[[Asked], Answer]] = {
            "CreateProcessingJob": self._create_processing_job,
            "CreateTrainingJob": self._create_training_job,
            "DescribeProcessingJob": self._describe_processing_job,
            "DescribeTrainingJob": self._describe_training_job,
            "ListProcessingJobs": self._list_processing_jobs,
            "ListTrainingJobs": self._list_training_jobs,
            "StopProcessingJob": self._stop,
            "StopTrainingJob": self._stop,
        }

    def ends(self, name: str, before: JobView) -> None:
        """A job is another now than before."""
        self._recent.changes(("job", name), before)

    def _create_training_job(self, asked: Asked) -> Answer:
        body = asked.body
        resources = body["ResourceConfig"]
        self._start(name := body["TrainingJobName"], resources["InstanceType"])
        stop = body["StoppingCondition"]
        channels = {c["ChannelName"]: c["DataSource"] for c in body["InputDataConfig"]}
        uris = {name: source["S3DataSource"]["S3Uri"] for name, source in channels.items()}
        self._kept.trainings[name] = TrainingSpec(
            name=name,
            image=body["AlgorithmSpecification"]["TrainingImage"],
            role_arn=body["RoleArn"],
            instance=resources["InstanceType"],
            max_runtime=stop["MaxRuntimeInSeconds"],
            spot=body["EnableManagedSpotTraining"],
            code_uri=uris["code"],
            dataset_uri=uris["dataset"].removesuffix("/dataset.json"),
            output_uri=body["OutputDataConfig"]["S3OutputPath"],
            checkpoint_uri=body.get("CheckpointConfig", {}).get("S3Uri"),
            hyperparameters=body["HyperParameters"],
            environment=body["Environment"],
            tags={tag["Key"]: tag["Value"] for tag in body["Tags"]},
        )
        return said({"TrainingJobArn": _arn("training-job", name)})

    def _create_processing_job(self, asked: Asked) -> Answer:
        body = asked.body
        self._start(name := body["ProcessingJobName"], "")
        inputs = {i["InputName"]: i["S3Input"]["S3Uri"] for i in body["ProcessingInputs"]}
        (output,) = body["ProcessingOutputConfig"]["Outputs"]
        self._kept.evaluations[name] = EvaluationSpec(
            name=name,
            image=body["AppSpecification"]["ImageUri"],
            role_arn=body["RoleArn"],
            instance=body["ProcessingResources"]["ClusterConfig"]["InstanceType"],
            max_runtime=body["StoppingCondition"]["MaxRuntimeInSeconds"],
            code_uri=inputs["code"],
            candidate_uri=inputs["candidate"],
            champion_uri=inputs.get("champion"),
            holdout_uri=inputs["holdout"],
            output_uri=output["S3Output"]["S3Uri"],
            environment=body["Environment"],
            tags={tag["Key"]: tag["Value"] for tag in body["Tags"]},
        )
        return said({"ProcessingJobArn": _arn("processing-job", name)})

    def _start(self, name: str, instance: str) -> None:
        if name in self._kept.views:
            text = f"Job names must be unique within an AWS account and region: {name}"
            raise RefusedError("ResourceInUse", text)
        if self._kept.full or instance in self._kept.missing:
            raise no_room()
        self._recent.changes(("job", name), None)
        self._kept._start(name)

    def _describe_training_job(self, asked: Asked) -> Answer:
        return said(self._described("Training", asked.body, self._kept.trainings))

    def _describe_processing_job(self, asked: Asked) -> Answer:
        return said(self._described("Processing", asked.body, self._kept.evaluations))

    def _list_training_jobs(self, _: Asked) -> Answer:
        return said({"TrainingJobSummaries": self._running("Training", self._kept.trainings)})

    def _list_processing_jobs(self, _: Asked) -> Answer:
        return said({"ProcessingJobSummaries": self._running("Processing", self._kept.evaluations)})

    def _running(self, kind: str, known: dict[str, Any]) -> list[Body]:
        names = [name for name in self._kept.running() if name in known]
        status = {f"{kind}JobStatus": JobStatus.RUNNING.value, "CreationTime": MADE}
        return [{f"{kind}JobName": name, **status} for name in names]

    def _stop(self, asked: Asked) -> Answer:
        name = asked.body.get("TrainingJobName") or asked.body["ProcessingJobName"]
        if name not in self._kept.running():
            raise invalid(f"The request was rejected because {name} is in status Stopped.")
        self._kept.end(name, JobStatus.STOPPED)
        return said({})

    def _described(self, kind: str, body: Body, known: dict[str, Any]) -> Body:
        name = body[f"{kind}JobName"]
        view = self._kept.views.get(name) if name in known else None
        view = self._recent.seen(("job", name), view)
        if view is None:
            raise invalid("Requested resource not found.")
        made = {"ModelArtifacts": {"S3ModelArtifacts": view.artifact}} if view.artifact else {}
        failed = {"FailureReason": view.failure} if view.failure else {}
        stopped = view.short and view.status is JobStatus.STOPPED
        waited = {"SecondaryStatus": "MaxWaitTimeExceeded"} if stopped else {}
        paid = {} if view.billable is None else {"BillableTimeInSeconds": view.billable}
        on = {"ResourceConfig": {"InstanceType": view.instance}} if view.instance else {}
        status = {f"{kind}JobName": name, f"{kind}JobStatus": view.status.value}
        return {**status, **made, **failed, **waited, **paid, **on}


def no_room() -> RefusedError:
    """SageMaker's answer when an account's quota is used up."""
    text = "The account-level service limit is 0 Instances, with current utilization of 0 Instances"
    return RefusedError("ResourceLimitExceeded", text)


def _arn(kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:us-east-1:123456789012:{kind}/{name}"
