"""What training containers find under /opt/ml and are started with, and what they leave there."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from local.sagemaker.cluster import Host, Launch
from local.sagemaker.files import WHOLE, FilesError, Mirror, S3Files, Shard
from local.sagemaker.job import Job
from local.sagemaker.parts import Parts, Request

_PAUSE = 1.0
_SHORTEST_PAUSE = 0.25
_CONFIG = "/opt/ml/input/config"


class TrainingFiles:
    """Between S3 and the folders of training jobs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._files = S3Files(parts.account.client("s3"))

    def fetch(self, job: Job, hosts: Sequence[Host]) -> None:
        """Channels, configuration and checkpoints to where the containers expect them."""
        for index, host in enumerate(hosts):
            for inside in ("model", "output/data", "input/config", "checkpoints"):
                host.container.folder(f"/opt/ml/{inside}")
            self._fetch_channels(job, host, Shard(index, len(hosts)))
            _write_config(job.told, host, hosts)
        self._fetch_checkpoints(job, hosts)

    def checkpoints(self, job: Job, hosts: Sequence[Host]) -> list[Mirror]:
        """What keeps the job's checkpoints in S3, when it wants them kept."""
        kept = job.told.get("CheckpointConfig", {})
        if "S3Uri" not in kept:
            return []
        inside = kept.get("LocalPath", "/opt/ml/checkpoints")
        folders = [host.container.folder(inside) for host in hosts]
        return [self.mirror(folder, kept["S3Uri"]) for folder in folders]

    def mirror(self, folder: Path, uri: str) -> Mirror:
        """What keeps a folder's files below a URI while they are written."""
        pause = max(_SHORTEST_PAUSE, self._parts.clock.scaled(_PAUSE))
        return Mirror(self._files, folder, uri, pause)

    def send(self, job: Job, hosts: Sequence[Host]) -> None:
        """The model and the other output as archives, or the model as it lies there."""
        target = job.told["OutputDataConfig"]
        output = f"{target['S3OutputPath'].rstrip('/')}/{job.name}/output"
        models = _filled(hosts, "/opt/ml/model")
        if models and target.get("CompressionType") == "NONE":
            for folder in models:
                self._files.send(folder, f"{output}/model")
            job.update(ModelArtifacts={"S3ModelArtifacts": f"{output}/model/"})
        elif models:
            self._files.send_archive(models, f"{output}/model.tar.gz")
            job.update(ModelArtifacts={"S3ModelArtifacts": f"{output}/model.tar.gz"})
        extra = _filled(hosts, "/opt/ml/output/data")
        if extra:
            self._files.send_archive(extra, f"{output}/output.tar.gz")

    def launch(self, job: Job, host: Host) -> Launch:
        """Raises ImageError."""
        return Launch(host, self._command(job, host), self._environment(job, host))

    def _command(self, job: Job, host: Host) -> list[str]:
        spec = job.told["AlgorithmSpecification"]
        words = self._parts.images.command(
            spec["TrainingImage"],
            entrypoint=spec.get("ContainerEntrypoint", []),
            arguments=spec.get("ContainerArguments", []),
        )
        return host.container.words(words)

    def _environment(self, job: Job, host: Host) -> dict[str, str]:
        told: dict[str, Any] = job.told
        own = {
            "TRAINING_JOB_NAME": job.name,
            "TRAINING_JOB_ARN": told["TrainingJobArn"],
            "SM_MODEL_DIR": "/opt/ml/model",
            "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
            "SM_CURRENT_HOST": host.name,
            "SM_NUM_GPUS": "0",
            **told.get("Environment", {}),
        }
        isolated = bool(told.get("EnableNetworkIsolation"))
        return self._parts.environment(isolated=isolated) | host.container.environment(own)

    def _fetch_channels(self, job: Job, host: Host, own: Shard) -> None:
        for channel in job.told.get("InputDataConfig", []):
            source = channel["DataSource"]["S3DataSource"]
            sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
            self._files.fetch(
                source["S3Uri"],
                host.container.folder(f"/opt/ml/input/data/{channel['ChannelName']}"),
                manifest=source["S3DataType"] == "ManifestFile",
                shard=own if sharded else WHOLE,
            )

    def _fetch_checkpoints(self, job: Job, hosts: Sequence[Host]) -> None:
        for mirror in self.checkpoints(job, hosts):
            try:
                self._files.fetch(f"{mirror.uri.rstrip('/')}/", mirror.folder)
            except FilesError:
                return  # a first attempt has none


def _filled(hosts: Sequence[Host], inside: str) -> list[Path]:
    """The folders of this name in which something lies."""
    folders = [host.container.folder(inside) for host in hosts]
    return [folder for folder in folders if any(folder.iterdir())]


def _write_config(told: Mapping[str, Any], host: Host, hosts: Sequence[Host]) -> None:
    write = host.container.write
    write(f"{_CONFIG}/hyperparameters.json", told.get("HyperParameters", {}))
    write(f"{_CONFIG}/inputdataconfig.json", _channels(told))
    write(f"{_CONFIG}/resourceconfig.json", _resources(told, host, hosts))


def _channels(told: Mapping[str, Any]) -> Request:
    return {
        channel["ChannelName"]: {
            "TrainingInputMode": channel.get("InputMode", "File"),
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": "None",
        }
        for channel in told.get("InputDataConfig", [])
    }


def _resources(told: Mapping[str, Any], host: Host, hosts: Sequence[Host]) -> Request:
    """resourceconfig.json, with the groups when there are several."""
    found: Request = {
        "current_host": host.name,
        "hosts": [each.name for each in hosts],
        "network_interface_name": "eth0",
    }
    groups = list(_groups(told.get("ResourceConfig", {}), [each.name for each in hosts]))
    own = next((each for each in groups if host.name in each["hosts"]), None)
    if own is None:
        return found
    return found | {
        "current_instance_type": own["instance_type"],
        "current_group_name": own["instance_group_name"],
        "instance_groups": groups,
    }


def _groups(resources: Mapping[str, Any], names: list[str]) -> Iterator[Request]:
    groups = resources.get("InstanceGroups") or [_one_group(resources, len(names))]
    start = 0
    for group in groups:
        end = start + group["InstanceCount"]
        yield {
            "instance_group_name": group["InstanceGroupName"],
            "instance_type": group["InstanceType"],
            "hosts": names[start:end],
        }
        start = end


def _one_group(resources: Mapping[str, Any], count: int) -> Request:
    return {
        "InstanceGroupName": "homogeneousCluster",
        "InstanceType": resources.get("SelectedInstanceType") or resources.get("InstanceType", ""),
        "InstanceCount": count,
    }
