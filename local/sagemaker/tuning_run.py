"""One tuning job: starts training jobs, follows them, and knows the best."""

import time
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

from local.errors import AwsError
from local.sagemaker.job import FINAL, ClosedError, Job
from local.sagemaker.parts import Parts, Request, milliseconds, with_times
from local.sagemaker.training import TrainingJobs
from local.sagemaker.tuning_search import (
    Space,
    Trial,
    next_parameters,
    outside_its_bracket,
    worse_than_most,
)

COUNTERS = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")
OBJECTIVES = ("Succeeded", "Pending", "Failed")
_POLL = 0.05
_TOLD = (
    "HyperParameterTuningJobName",
    "HyperParameterTuningJobArn",
    "HyperParameterTuningJobStatus",
    "CreationTime",
    "LastModifiedTime",
    "TrainingJobStatusCounters",
    "ObjectiveStatusCounters",
)
_INHERITED = (
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)


class TuningRun:
    """Runs in a thread of its own; its trials are kept before their jobs are made."""

    def __init__(self, parts: Parts, training: TrainingJobs, job: Job) -> None:
        self._parts = parts
        self._training = training
        self._job = job
        self._config = job.told["HyperParameterTuningJobConfig"]
        self._space = Space.of(self._config.get("ParameterRanges", {}))
        self._began = time.monotonic()

    def __call__(self) -> None:
        try:
            self._search()
        except ClosedError:
            raise
        except Exception as error:  # noqa: BLE001  # what breaks here is AWS's own fault
            self._ended("Failed", f"InternalServerError: {type(error).__name__}: {error}")

    def _search(self) -> None:
        for trial in self._trials():
            if self._training.told(trial["name"]) is None:
                self._train(trial)  # it was kept, and the process ended before it was made
        while not self._turn():
            time.sleep(_POLL)
            self._job.unless_closed()

    def _turn(self) -> bool:
        """Look at every training job and start what may start; whether all is over."""
        found = summaries(self._training, self._job)
        self._count(found)
        running = [each for each in found if each["TrainingJobStatus"] not in FINAL]
        if self._job.stopping.is_set() or self._enough(found):
            self._stop(running)
        else:
            self._stop_early(running, found)
            running += self._start(found, len(running))
        if running:
            return False
        self._end(found)
        return True

    def _start(self, found: Sequence[Request], running: int) -> list[Request]:
        """New training jobs, as many as may be at once and are still wanted."""
        limits = self._config["ResourceLimits"]
        most = limits.get("MaxNumberOfTrainingJobs") or len(self._space.grid())
        wanted = min(limits["MaxParallelTrainingJobs"] - running, most - len(self._trials()))
        for _ in range(max(0, wanted)):
            self._train(self._next(found))
        return summaries(self._training, self._job)[len(found) :]

    def _next(self, found: Sequence[Request]) -> dict[str, Any]:
        """What is tried next, kept before anything is made of it."""
        job = self._job
        values = {each["TrainingJobName"]: self._value(each) for each in found}
        trials = [Trial(each["parameters"], values.get(each["name"])) for each in self._trials()]
        seed = str(self._config.get("RandomSeed", job.name))
        chosen = next_parameters(self._config["Strategy"], self._space, trials, seed)
        name = f"{job.name}-{len(trials) + 1:03d}-{uuid.uuid4().hex[:8]}"
        trial = {"name": name, "parameters": chosen}
        with job.lock:
            job.kept["trials"] = [*self._trials(), trial]
            job.keep()
        return trial

    def _train(self, trial: dict[str, Any]) -> None:
        definition = self._job.told["TrainingJobDefinition"]
        request = {key: definition[key] for key in _INHERITED if key in definition}
        static = definition.get("StaticHyperParameters", {})
        request |= {
            "TrainingJobName": trial["name"],
            "HyperParameters": {
                **static,
                **trial["parameters"],
                "_tuning_objective_metric": self._metric,
            },
        }
        self._training.create(request, TuningJobArn=self._job.told["HyperParameterTuningJobArn"])

    def _stop_early(self, running: Sequence[Request], found: Sequence[Request]) -> None:
        """Stop what will not be the best, where the job wants that."""
        for each in running:
            if each["TrainingJobStatus"] == "InProgress" and self._hopeless(each, found):
                self._stop([each])

    def _hopeless(self, one: Request, found: Sequence[Request]) -> bool:
        early = self._config.get("TrainingJobEarlyStoppingType") == "Auto"
        hyperband = self._config["Strategy"] == "Hyperband"
        if not early and not hyperband:
            return False
        others = [self._curve(each) for each in found if each is not one]
        if early:
            ended = [each for each in found if each["TrainingJobStatus"] == "Completed"]
            return worse_than_most(self._curve(one), [self._curve(each) for each in ended])
        limits = self._config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
        least, most = limits.get("MinResource", 1), limits.get("MaxResource", 27)
        return outside_its_bracket(self._curve(one), others, least, most)

    def _curve(self, summary: Request) -> list[float]:
        """What a training job has said of the objective, the larger the better."""
        curve = self._training.curve(summary["TrainingJobName"], self._metric)
        return [self._sign * value for value in curve]

    def _stop(self, running: Sequence[Request]) -> None:
        for each in running:
            if each["TrainingJobStatus"] == "InProgress":
                try:
                    self._training.stop_job({"TrainingJobName": each["TrainingJobName"]})
                except AwsError:
                    continue  # it has ended meanwhile

    def _enough(self, found: Sequence[Request]) -> bool:
        """Whether a completion criterion is met."""
        limit = self._config["ResourceLimits"].get("MaxRuntimeInSeconds")
        if limit is not None and time.monotonic() - self._began > limit:
            return True
        criteria = self._config.get("TuningJobCompletionCriteria", {})
        values = [value for each in found if (value := self._value(each)) is not None]
        target = criteria.get("TargetObjectiveMetricValue")
        if target is not None and values and max(values) >= self._sign * target:
            return True
        patience = criteria.get("BestObjectiveNotImproving", {}).get(
            "MaxNumberOfTrainingJobsNotImproving"
        )
        return bool(patience) and len(values) - values.index(max(values)) > patience

    def _value(self, summary: Request) -> float | None:
        """The objective of a completed training job, the larger the better."""
        metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric")
        done = summary["TrainingJobStatus"] == "Completed"
        return self._sign * float(metric["Value"]) if metric and done else None

    def _count(self, found: Sequence[Request]) -> None:
        """The counters as they are now; an event when they have changed."""
        statuses = Counter(_counter(each) for each in found)
        objectives = Counter(each["ObjectiveStatus"] for each in found)
        told = {
            "TrainingJobStatusCounters": {name: statuses[name] for name in COUNTERS},
            "ObjectiveStatusCounters": {name: objectives[name] for name in OBJECTIVES},
        }
        with self._job.lock:
            if told.items() <= self._job.told.items():
                return
            self._job.told |= told | self._best(found) | {"LastModifiedTime": self._parts.now()}
            self._job.keep()
            tell(self._parts, self._job)

    def _best(self, found: Sequence[Request]) -> dict[str, Any]:
        valued = [(value, each) for each in found if (value := self._value(each)) is not None]
        return {"BestTrainingJob": max(valued, key=lambda pair: pair[0])[1]} if valued else {}

    def _end(self, found: Sequence[Request]) -> None:
        """Failed when no training job succeeded, Stopped when it was told to stop."""
        failed = bool(found) and all(each["TrainingJobStatus"] == "Failed" for each in found)
        if self._job.stopping.is_set():
            self._ended("Stopped")
        elif failed:
            self._ended(
                "Failed",
                f"No training job succeeded after {len(found)} attempts. For additional"
                " details, please take a look at the training job failures by listing"
                " training jobs for the hyperparameter tuning job.",
            )
        else:
            self._ended("Completed")

    def _ended(self, status: str, reason: str = "") -> None:
        job, now = self._job, self._parts.now()
        with job.lock:
            job.unless_closed()
            job.told |= {
                "HyperParameterTuningJobStatus": status,
                "HyperParameterTuningEndTime": now,
                "LastModifiedTime": now,
            }
            if reason:
                job.told["FailureReason"] = reason[:1024]
            job.keep()
            tell(self._parts, job)

    @property
    def _metric(self) -> str:
        return str(self._config["HyperParameterTuningJobObjective"]["MetricName"])

    @property
    def _sign(self) -> float:
        objective = self._config["HyperParameterTuningJobObjective"]["Type"]
        return 1.0 if objective == "Maximize" else -1.0

    def _trials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._job.kept["trials"]
        return found


def summaries(training: TrainingJobs, job: Job) -> list[Request]:
    """The training jobs of a tuning job that have not been deleted, in order of their numbers."""
    objective = job.told["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    return [
        _summary(told, trial["parameters"], objective)
        for trial in job.kept["trials"]
        if (told := training.told(trial["name"])) is not None
    ]


def _summary(told: Request, tuned: Request, objective: Request) -> Request:
    members = (
        "TrainingJobName",
        "TrainingJobArn",
        "CreationTime",
        "TrainingStartTime",
        "TrainingEndTime",
        "TrainingJobStatus",
        "FailureReason",
    )
    found = {key: told[key] for key in members if key in told}
    metrics = {m["MetricName"]: m["Value"] for m in told.get("FinalMetricDataList", [])}
    value = metrics.get(objective["MetricName"])
    status = "Pending" if told["TrainingJobStatus"] not in FINAL else "Failed"
    found |= {"TunedHyperParameters": tuned, "ObjectiveStatus": status}
    if value is not None and status != "Pending":
        found["ObjectiveStatus"] = "Succeeded"
    if value is not None:
        found["FinalHyperParameterTuningJobObjectiveMetric"] = {**objective, "Value": value}
    return found


def _counter(summary: Request) -> str:
    status = summary["TrainingJobStatus"]
    if status == "Failed":
        internal = summary.get("FailureReason", "").startswith(("InternalServerError", "Capacity"))
        return "RetryableError" if internal else "NonRetryableError"
    return status if status in {"Completed", "Stopped"} else "InProgress"


def tell(parts: Parts, job: Job) -> None:
    """The job as it is now, as an event."""
    told = {key: value for key, value in job.described().items() if key in _TOLD}
    arn = told["HyperParameterTuningJobArn"]
    detail = with_times(told, lambda moment: str(milliseconds(moment)))
    parts.tell(
        "SageMaker HyperParameter Tuning Job State Change",
        arn,
        detail | {"Tags": parts.tags.of(arn)},
    )
