"""What a training container finds under /opt/ml and is started with, and what it leaves there."""

from typing import Any

from local.sagemaker.files import FilesError, Mirror, S3Files
from local.sagemaker.job import Job
from local.sagemaker.parts import Parts, Request

_PAUSE = 1.0
_SHORTEST_PAUSE = 0.25


class TrainingFiles:
    """Between S3 and the folders of training jobs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._files = S3Files(parts.account.client("s3"))

    def fetch(self, job: Job) -> None:
        """Channels, configuration and checkpoints to where the container expects them."""
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
        self._fetch_checkpoints(job)

    def checkpoints(self, job: Job) -> Mirror | None:
        """What keeps the job's checkpoints in S3, when it wants them kept."""
        kept = job.told.get("CheckpointConfig", {})
        if "S3Uri" not in kept:
            return None
        folder = job.container.folder(kept.get("LocalPath", "/opt/ml/checkpoints"))
        pause = max(_SHORTEST_PAUSE, self._parts.clock.scaled(_PAUSE))
        return Mirror(self._files, folder, kept["S3Uri"], pause)

    def send(self, job: Job) -> None:
        """The model and the other output as archives."""
        output = f"{job.told['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
        model = job.container.folder("/opt/ml/model")
        if any(model.iterdir()):
            self._files.send_archive(model, f"{output}/model.tar.gz")
            job.update(ModelArtifacts={"S3ModelArtifacts": f"{output}/model.tar.gz"})
        extra = job.container.folder("/opt/ml/output/data")
        if any(extra.iterdir()):
            self._files.send_archive(extra, f"{output}/output.tar.gz")

    def command(self, job: Job) -> list[str]:
        """Raises ImageError."""
        spec = job.told["AlgorithmSpecification"]
        words = self._parts.images.command(
            spec["TrainingImage"],
            entrypoint=spec.get("ContainerEntrypoint", []),
            arguments=spec.get("ContainerArguments", []),
        )
        return job.container.words(words)

    def environment(self, job: Job) -> dict[str, str]:
        told: dict[str, Any] = job.told
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

    def _fetch_checkpoints(self, job: Job) -> None:
        mirror = self.checkpoints(job)
        if mirror is None:
            return
        try:
            self._files.fetch(f"{mirror.uri.rstrip('/')}/", mirror.folder)
        except FilesError:
            return  # a first attempt has none


def _channels(told: Request) -> Request:
    return {
        channel["ChannelName"]: {
            "TrainingInputMode": channel.get("InputMode", "File"),
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
        for channel in told.get("InputDataConfig", [])
    }
