"""One transform job from its first machine to its last status."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local.images import ImageError
from local.sagemaker.cluster import Host, hosts
from local.sagemaker.files import FilesError, S3Files
from local.sagemaker.instance import Instance, UnreachableError
from local.sagemaker.job import ClosedError, Ending, Job, StoppedError
from local.sagemaker.parts import Parts, milliseconds, with_times
from local.sagemaker.transform_records import Payload, RecordError, Records

LOG_GROUP = "/aws/sagemaker/TransformJobs"
_PROVISIONING = 30.0
_STARTUP = 240.0
_POLL = 0.02
_MOST_AT_ONCE = 8
_NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity."
    " Please retry using a different ML instance type."
)


class RefusedError(RuntimeError):
    """The model could not answer; the message is a FailureReason."""


@dataclass(frozen=True)
class _Serving:
    """The model's process, as a job ends it."""

    instance: Instance

    def kill(self) -> None:
        self.instance.kill()

    def wait(self, seconds: float | None = None) -> int | None:
        return None


class TransformRun:
    """Runs in a thread of its own."""

    def __init__(self, parts: Parts, job: Job) -> None:
        self._parts = parts
        self._job = job
        self._files = S3Files(parts.account.client("s3"))
        self._records = Records(job.told)

    def __call__(self) -> None:
        try:
            ending = self._transformed()
        except StoppedError:
            ending = Ending("Stopped")
        except ClosedError:
            raise
        except (FilesError, ImageError, RefusedError) as error:
            ending = Ending("Failed", str(error))
        except Exception as error:  # noqa: BLE001  # what breaks here is AWS's own fault
            ending = Ending("Failed", f"InternalServerError: {type(error).__name__}: {error}")
        self._end(ending)

    def _transformed(self) -> Ending:
        job = self._job
        job.provision(self._parts.clock.scaled(_PROVISIONING))
        wanted = job.told["TransformResources"]["InstanceType"]
        if not self._parts.disturbances.capacity(job.name, wanted):
            return Ending("Failed", _NO_CAPACITY)
        job.tidy()
        with job.lock:
            job.told["TransformStartTime"] = self._parts.now()
            job.keep()
        source = job.told["TransformInput"]["DataSource"]["S3DataSource"]
        found = self._files.found(source["S3Uri"], manifest=source["S3DataType"] == "ManifestFile")
        target = job.told["TransformOutput"]["S3OutputPath"].rstrip("/")
        with self._served(hosts(job, 1)[0]) as instance:
            for each in found:
                answers = self._answers(instance, self._files.read(each))
                self._files.write(f"{target}/{each.relative}.out", self._records.assembled(answers))
        return Ending("Completed")

    @contextmanager
    def _served(self, host: Host) -> Iterator[Instance]:
        """The model's container while it answers; raises RefusedError when it never does."""
        model: Mapping[str, Any] = self._job.kept["model"]
        folder = host.container.folder("/opt/ml/model")
        if model.get("ModelDataUrl"):
            self._files.fetch_archive(model["ModelDataUrl"], folder)
        command = host.container.words(self._parts.images.command(model["Image"]))
        with self._job.lock:
            self._job.unless_stopped()
            instance = Instance(
                host.name,
                command,
                environment=self._environment(host, model),
                folder=host.container.base.parents[1],
                line=self._said(),
            )
            self._job.children = [_Serving(instance)]
        try:
            self._wait_until_healthy(instance)
            yield instance
        finally:
            instance.kill()
            self._job.children = []

    def _environment(self, host: Host, model: Mapping[str, Any]) -> dict[str, str]:
        told = self._job.told
        own = {
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_BATCH_STRATEGY": told.get("BatchStrategy", "MultiRecord"),
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(told.get("MaxPayloadInMB", 6)),
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(told.get("MaxConcurrentTransforms", 1)),
            **model.get("Environment", {}),
            **told.get("Environment", {}),
        }
        around = self._parts.environment(isolated=bool(model.get("isolated")))
        return around | host.container.environment(own)

    def _said(self) -> Callable[[str], None]:
        stream = f"{self._job.name}/algo-1-{int(self._parts.now().timestamp())}"
        return lambda line: self._parts.logs.write(LOG_GROUP, stream, [line])

    def _wait_until_healthy(self, instance: Instance) -> None:
        deadline = time.monotonic() + _STARTUP
        while not instance.healthy():
            self._job.provision(_POLL)
            if not instance.alive or time.monotonic() > deadline:
                raise RefusedError(
                    "AlgorithmError: the container did not pass the ping health check."
                    " See job logs for more information"
                )

    def _answers(self, instance: Instance, content: bytes) -> list[bytes]:
        at_once = min(max(1, self._job.told.get("MaxConcurrentTransforms", 1)), _MOST_AT_ONCE)
        try:
            with ThreadPoolExecutor(at_once, thread_name_prefix="transform") as pool:
                ask = lambda payload: self._answer(instance, payload)  # noqa: E731  # one word for it
                return list(pool.map(ask, self._records.payloads(content)))
        except RecordError as error:
            self._said()(str(error))
            raise RefusedError("ClientError: See job logs for more information") from error

    def _answer(self, instance: Instance, payload: Payload) -> bytes:
        """One invocation, tried again as often as the job wants; raises RefusedError."""
        tries = 1 + self._job.told.get("ModelClientConfig", {}).get("InvocationsMaxRetries", 0)
        said = ""
        for _ in range(tries):
            self._job.unless_stopped()
            try:
                answer = instance.invoke(payload.body, self._headers())
            except (UnreachableError, TimeoutError) as error:
                said = f"the container did not answer: {error}"
                continue
            if answer.status < 400:
                return self._records.answered(payload, answer.body)
            said = f"the container answered {answer.status}: {answer.body[:500]!r}"
            if answer.status < 500:
                break
        self._said()(said)
        raise RefusedError("AlgorithmError: See job logs for more information")

    def _headers(self) -> dict[str, str]:
        source, target = self._job.told["TransformInput"], self._job.told["TransformOutput"]
        given = {"Content-Type": source.get("ContentType"), "Accept": target.get("Accept")}
        return {name: value for name, value in given.items() if value}

    def _end(self, ending: Ending) -> None:
        """A job that was told to stop in time is never Completed."""
        job, now = self._job, self._parts.now()
        job.unless_closed()
        job.tidy()
        with job.lock:
            stopped = ending.status == "Completed" and job.stopping.is_set()
            job.told |= {
                "TransformJobStatus": "Stopped" if stopped else ending.status,
                "TransformEndTime": now,
                "LastModifiedTime": now,
            }
            if ending.reason:
                job.told["FailureReason"] = ending.reason[:1024]
            job.keep()
            tell(self._parts, job)


def tell(parts: Parts, job: Job) -> None:
    """The job as it is now, as an event."""
    told = job.described()
    detail = with_times(told, lambda moment: str(milliseconds(moment)))
    arn = told["TransformJobArn"]
    parts.tell("SageMaker Transform Job State Change", arn, detail | {"Tags": parts.tags.of(arn)})
