"""Training jobs: channels down, one real process on /opt/ml, artifacts and checkpoints up."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.images import ImageError
from local.sagemaker.container import Container
from local.sagemaker.files import FilesError, S3Files
from local.sagemaker.job import Job, JobBook, StoppedError, run, seconds_between
from local.sagemaker.parts import Operations, Parts, Request, invalid, milliseconds

_PROVISIONING = 30.0
_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_FINAL = frozenset({"Completed", "Failed", "Stopped"})
_UNTOLD = frozenset({"FinalMetricDataList", "ModelArtifacts", "BillableTimeInSeconds"})


class TrainingJobs:
    """Jobs that make a model."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._files = S3Files(parts.account.client("s3"))
        self._book = JobBook("Training", "TrainingJobStatus", "TrainingJobName")
        self.operations: Operations = {
            "CreateTrainingJob": self._create,
            "DescribeTrainingJob": lambda r: self._book.find(r["TrainingJobName"]).described(),
            "ListTrainingJobs": self._list,
            "StopTrainingJob": self._stop,
        }

    def stop(self) -> None:
        for job in self._book.all():
            job.stopping.set()

    def _create(self, request: Request) -> Request:
        parts, name = self._parts, request["TrainingJobName"]
        if "TrainingImage" not in request["AlgorithmSpecification"]:
            raise invalid("AlgorithmSpecification needs a TrainingImage here.")
        arn = parts.account.arn("sagemaker", f"training-job/{name}")
        now = parts.now()
        told = {k: v for k, v in request.items() if k != "Tags"} | {
            "TrainingJobArn": arn,
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "CreationTime": now,
            "LastModifiedTime": now,
            "SecondaryStatusTransitions": [],
        }
        base = parts.state / "jobs" / name / "opt" / "ml"
        job = Job(name, told, Container(base))
        self._book.add(job, arn)
        self._move(job, "Starting", "Starting the training job")
        parts.pool.submit(self._run, job)
        return {"TrainingJobArn": arn}

    def _list(self, request: Request) -> Request:
        told, token = self._book.listed(request)
        keys = (
            "TrainingJobName",
            "TrainingJobArn",
            "CreationTime",
            "TrainingEndTime",
            "LastModifiedTime",
            "TrainingJobStatus",
            "SecondaryStatus",
        )
        return {"TrainingJobSummaries": [{k: t[k] for k in keys if k in t} for t in told], **token}

    def _stop(self, request: Request) -> Request:
        job = self._book.find(request["TrainingJobName"])
        with job.lock:
            if job.told["TrainingJobStatus"] in _FINAL:
                raise invalid(
                    "The request was rejected because the training job is in status"
                    f" {job.told['TrainingJobStatus']}."
                )
            job.told["TrainingJobStatus"] = "Stopping"
        self._move(job, "Stopping", "Stopping the training job")
        job.stopping.set()
        return {}

    def _run(self, job: Job) -> None:
        try:
            self._train(job)
        except StoppedError:
            self._upload(job)
            self._end(job, "Stopped", "Stopped")
        except TimeoutError:
            self._upload(job)
            self._end(job, "Stopped", "MaxRuntimeExceeded")
        except (FilesError, ImageError) as error:
            self._fail(job, str(error))
        except Exception as error:  # noqa: BLE001  # what breaks here is AWS's own fault
            self._fail(job, f"InternalServerError: {type(error).__name__}: {error}")

    def _train(self, job: Job) -> None:
        parts = self._parts
        self._unless_stopped(job)
        parts.provision(_PROVISIONING)
        self._move(job, "Downloading", "Downloading input data")
        self._download(job)
        self._unless_stopped(job)
        job.update(TrainingStartTime=parts.now())
        self._move(job, "Training", "Training image download completed. Training in progress.")
        status = run(
            parts,
            job,
            self._command(job),
            environment=self._environment(job),
            group=_LOG_GROUP,
            limit=job.told["StoppingCondition"].get("MaxRuntimeInSeconds", 86400),
        )
        if status == 0:
            self._move(job, "Uploading", "Uploading generated training model")
            self._upload(job)
            self._end(job, "Completed", "Completed")
            return
        self._upload_checkpoints(job)
        said = job.container.read("/opt/ml/output/failure")
        self._fail(job, f"AlgorithmError: {said or 'no failure file'}, exit code: {status}")

    def _download(self, job: Job) -> None:
        container, told = job.container, job.told
        for inside in ("model", "output/data", "input/config", "checkpoints"):
            container.folder(f"/opt/ml/{inside}")
        for channel in told.get("InputDataConfig", []):
            source = channel["DataSource"]["S3DataSource"]
            folder = container.folder(f"/opt/ml/input/data/{channel['ChannelName']}")
            manifest = source["S3DataType"] == "ManifestFile"
            self._files.fetch(source["S3Uri"], folder, manifest=manifest)
        config = "/opt/ml/input/config"
        container.write(f"{config}/hyperparameters.json", told.get("HyperParameters", {}))
        container.write(f"{config}/inputdataconfig.json", _channels(told))
        container.write(
            f"{config}/resourceconfig.json",
            {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"},
        )
        kept = told.get("CheckpointConfig", {}).get("S3Uri")
        if kept is not None:
            self._fetch_checkpoints(job, kept)

    def _fetch_checkpoints(self, job: Job, uri: str) -> None:
        try:
            self._files.fetch(f"{uri.rstrip('/')}/", self._checkpoints(job))
        except FilesError:
            return  # a first attempt has none

    def _checkpoints(self, job: Job) -> Path:
        inside = job.told.get("CheckpointConfig", {}).get("LocalPath", "/opt/ml/checkpoints")
        return job.container.folder(inside)

    def _command(self, job: Job) -> list[str]:
        spec = job.told["AlgorithmSpecification"]
        words = self._parts.images.command(
            spec["TrainingImage"],
            entrypoint=spec.get("ContainerEntrypoint", []),
            arguments=spec.get("ContainerArguments", []),
        )
        return job.container.words(words)

    def _environment(self, job: Job) -> dict[str, str]:
        told = job.told
        own = {
            "TRAINING_JOB_NAME": job.name,
            "TRAINING_JOB_ARN": told["TrainingJobArn"],
            "SM_MODEL_DIR": "/opt/ml/model",
            "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
            "SM_CURRENT_HOST": "algo-1",
            "SM_NUM_GPUS": "0",
            **told.get("Environment", {}),
        }
        isolated = bool(told.get("EnableNetworkIsolation"))
        return self._parts.environment(isolated=isolated) | job.container.environment(own)

    def _upload(self, job: Job) -> None:
        self._upload_checkpoints(job)
        model = job.container.folder("/opt/ml/model")
        output = f"{job.told['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
        if any(model.iterdir()):
            self._files.send_archive(model, f"{output}/model.tar.gz")
            job.update(ModelArtifacts={"S3ModelArtifacts": f"{output}/model.tar.gz"})
        extra = job.container.folder("/opt/ml/output/data")
        if any(extra.iterdir()):
            self._files.send_archive(extra, f"{output}/output.tar.gz")

    def _upload_checkpoints(self, job: Job) -> None:
        kept = job.told.get("CheckpointConfig", {}).get("S3Uri")
        if kept is not None:
            self._files.send(self._checkpoints(job), kept)

    def _unless_stopped(self, job: Job) -> None:
        if job.stopping.is_set():
            raise StoppedError

    def _fail(self, job: Job, reason: str) -> None:
        job.update(FailureReason=reason[:1024])
        self._end(job, "Failed", "Failed")

    def _end(self, job: Job, status: str, secondary: str) -> None:
        now = self._parts.now()
        billed = seconds_between(job.told.get("TrainingStartTime"), now)
        job.update(
            TrainingJobStatus=status,
            TrainingEndTime=now,
            TrainingTimeInSeconds=billed,
            BillableTimeInSeconds=billed,
        )
        self._move(job, secondary, job.told.get("FailureReason", ""))

    def _move(self, job: Job, secondary: str, message: str) -> None:
        """Enter a secondary status and tell the world."""
        now = self._parts.now()
        with job.lock:
            transitions: list[dict[str, Any]] = job.told["SecondaryStatusTransitions"]
            if transitions:
                transitions[-1].setdefault("EndTime", now)
            entry = {"Status": secondary, "StartTime": now, "StatusMessage": message}
            job.told |= {
                "SecondaryStatus": secondary,
                "LastModifiedTime": now,
                "SecondaryStatusTransitions": [*transitions, entry],
            }
            detail = {k: v for k, v in job.told.items() if k not in _UNTOLD}
        self._parts.tell(
            "SageMaker Training Job State Change",
            job.told["TrainingJobArn"],
            milliseconds(detail) | {"Tags": {}},
        )


def _channels(told: Request) -> Request:
    return {
        channel["ChannelName"]: {
            "TrainingInputMode": channel.get("InputMode", "File"),
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
        for channel in told.get("InputDataConfig", [])
    }


def final_metrics(definitions: Sequence[Request], lines: Sequence[str]) -> dict[str, float]:
    """The last value each metric's expression finds in a job's output."""
    found: dict[str, float] = {}
    for definition in definitions:
        pattern = re.compile(definition["Regex"])
        values = [match[1] for line in lines if (match := pattern.search(line))]
        if values:
            found[definition["Name"]] = float(values[-1])
    return found
