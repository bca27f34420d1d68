"""One processing job from its first machine to its last status."""

from collections.abc import Sequence
from typing import Any

from local.images import ImageError
from local.sagemaker.cluster import Exit, Host, Launch, hosts, run
from local.sagemaker.files import WHOLE, FilesError, Mirror, S3Files, Shard
from local.sagemaker.job import ClosedError, Ending, Job, StoppedError
from local.sagemaker.parts import Parts, Request, milliseconds, with_times

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_PROVISIONING = 30.0
_PAUSE = 1.0
_SHORTEST_PAUSE = 0.25
_NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity."
    " Please retry using a different ML instance type."
)


class ProcessingRun:
    """Runs in a thread of its own."""

    def __init__(self, parts: Parts, job: Job) -> None:
        self._parts = parts
        self._job = job
        self._files = S3Files(parts.account.client("s3"))

    def __call__(self) -> None:
        try:
            ending = self._processed()
        except StoppedError:
            ending = Ending("Stopped")
        except TimeoutError:
            self._job.update(ExitMessage="The job exceeded its MaxRuntimeInSeconds")
            ending = Ending("Stopped")
        except ClosedError:
            raise
        except (FilesError, ImageError) as error:
            ending = Ending("Failed", str(error))
        except Exception as error:  # noqa: BLE001  # what breaks here is AWS's own fault
            ending = Ending("Failed", f"InternalServerError: {type(error).__name__}: {error}")
        self._end(ending)

    def _processed(self) -> Ending:
        job = self._job
        job.provision(self._parts.clock.scaled(_PROVISIONING))
        selected = self._selected()
        if selected is None:
            return Ending("Failed", _NO_CAPACITY)
        job.tidy()
        cluster = hosts(job, selected)
        for index, host in enumerate(cluster):
            self._furnish(host, cluster, Shard(index, len(cluster)))
        with job.lock:
            job.told["ProcessingStartTime"] = self._parts.now()
            job.keep()
        return self._ended(self._run(cluster))

    def _selected(self) -> int | None:
        """How many machines there are of the first type that is there; None without any."""
        cluster = self._job.told.get("ProcessingResources", {}).get("ClusterConfig", {})
        own = {"InstanceType": cluster.get("InstanceType", "")}
        for wish in cluster.get("InstancePreferences") or [own]:
            if self._parts.disturbances.capacity(self._job.name, wish["InstanceType"]):
                return int(wish.get("InstanceCount") or cluster.get("InstanceCount", 1))
        return None

    def _furnish(self, host: Host, cluster: Sequence[Host], own: Shard) -> None:
        """Inputs, outputs' folders and configuration."""
        for each in self._job.told.get("ProcessingInputs", []):
            source = each["S3Input"]
            sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
            self._files.fetch(
                source["S3Uri"],
                host.container.folder(source["LocalPath"]),
                manifest=source.get("S3DataType") == "ManifestFile",
                shard=own if sharded else WHOLE,
            )
        for target in self._outputs():
            host.container.folder(target["LocalPath"])
        host.container.folder("/opt/ml/output")
        names = [each.name for each in cluster]
        host.container.write(
            "/opt/ml/config/resourceconfig.json", {"current_host": host.name, "hosts": names}
        )
        told = with_times(self._job.described(), milliseconds)
        host.container.write("/opt/ml/config/processingjobconfig.json", told)

    def _outputs(self) -> list[Request]:
        outputs = self._job.told.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return [each["S3Output"] for each in outputs]

    def _run(self, cluster: Sequence[Host]) -> Exit:
        mirrors = [(t, self._mirror(host, t)) for t in self._outputs() for host in cluster]
        continuous = [m for target, m in mirrors if target["S3UploadMode"] == "Continuous"]

        def meanwhile() -> None:
            for mirror in continuous:
                mirror.keep_up()

        longest = self._job.told.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)
        ended = run(
            self._parts,
            self._job,
            [self._launch(host) for host in cluster],
            group=LOG_GROUP,
            limit=longest,
            meanwhile=meanwhile,
        )
        for _, mirror in mirrors:
            mirror.send()
        return ended

    def _mirror(self, host: Host, target: Request) -> Mirror:
        pause = max(_SHORTEST_PAUSE, self._parts.clock.scaled(_PAUSE))
        return Mirror(self._files, host.container.path(target["LocalPath"]), target["S3Uri"], pause)

    def _launch(self, host: Host) -> Launch:
        """Raises ImageError."""
        told = self._job.told
        spec = told["AppSpecification"]
        words = self._parts.images.command(
            spec["ImageUri"],
            entrypoint=spec.get("ContainerEntrypoint", []),
            arguments=spec.get("ContainerArguments", []),
        )
        isolated = bool(told.get("NetworkConfig", {}).get("EnableNetworkIsolation"))
        own = {
            "PROCESSING_JOB_NAME": self._job.name,
            "ProcessingJobArn": told["ProcessingJobArn"],
            **told.get("Environment", {}),
        }
        around = self._parts.environment(isolated=isolated)
        return Launch(host, host.container.words(words), around | host.container.environment(own))

    def _ended(self, ended: Exit) -> Ending:
        said = ended.host.container.read("/opt/ml/output/message")
        if said:
            self._job.update(ExitMessage=said)
        if ended.status == 0:
            return Ending("Completed")
        reason = f"AlgorithmError: {said or 'no message'}, exit code: {ended.status}"
        return Ending("Failed", reason)

    def _end(self, ending: Ending) -> None:
        """A job that was told to stop in time is never Completed."""
        job, now = self._job, self._parts.now()
        job.unless_closed()
        job.tidy()
        with job.lock:
            stopped = ending.status == "Completed" and job.stopping.is_set()
            job.told |= {
                "ProcessingJobStatus": "Stopped" if stopped else ending.status,
                "ProcessingEndTime": now,
                "LastModifiedTime": now,
            }
            if ending.reason:
                job.told["FailureReason"] = ending.reason[:1024]
            job.keep()
            tell(self._parts, job)


def tell(parts: Parts, job: Job) -> None:
    """The job as it is now, as an event."""
    told: dict[str, Any] = {"ExperimentConfig": {}, **job.described()}
    parts.tell(
        "SageMaker Processing Job State Change",
        told["ProcessingJobArn"],
        with_times(told, milliseconds),
    )
