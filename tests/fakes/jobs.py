"""SageMaker's jobs in memory: started once per name, ended when the test says so."""

from dataclasses import replace

from events.foreign import Foreign, ProcessingJobChanged, TrainingJobChanged
from functions.aws.jobs import Jobs
from functions.aws.refusals import NoRoomError, RefusedError
from functions.jobs import EvaluationSpec, JobStatus, JobView, TrainingSpec
from tests.fakes.bus import FakeBus
from tests.fakes.calls import Calls


class FakeJobs(Jobs):
    """Training and evaluation jobs by name."""

    def __init__(self, bus: FakeBus, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.bus = bus
        self.trainings: dict[str, TrainingSpec] = {}
        self.evaluations: dict[str, EvaluationSpec] = {}
        self.views: dict[str, JobView] = {}
        self.full = False
        """Whether there is no capacity now."""
        self.missing: frozenset[str] = frozenset()
        """Instance types of which none can be asked for now."""
        self.billable = 600
        """Seconds that a training job is paid for."""
        self.refuses = ""
        """Why no job is ever accepted; empty when they are."""

    def train(self, spec: TrainingSpec) -> None:
        with self.calls.one("jobs.train"):
            if spec.instance in self.missing and spec.name not in self.views:
                raise NoRoomError(f"{spec.name}: no quota for {spec.instance}")
            self._start(spec.name)
            self.trainings.setdefault(spec.name, spec)

    def evaluate(self, spec: EvaluationSpec) -> None:
        with self.calls.one("jobs.evaluate"):
            self._start(spec.name)
            self.evaluations.setdefault(spec.name, spec)

    def training(self, name: str) -> JobView | None:
        with self.calls.one("jobs.training"):
            return self.views.get(name)

    def evaluation(self, name: str) -> JobView | None:
        with self.calls.one("jobs.evaluation"):
            return self.views.get(name)

    def running(self) -> list[str]:
        """The names of the jobs that have not ended."""
        return [name for name, view in self.views.items() if view.status is JobStatus.RUNNING]

    def end(
        self,
        name: str,
        status: JobStatus = JobStatus.COMPLETED,
        failure: str = "",
        *,
        short: bool = False,
    ) -> None:
        """The job ends; SageMaker says so, more than once as it does."""
        made = None
        if name in self.trainings and status is JobStatus.COMPLETED:
            made = f"{self.trainings[name].output_uri}/{name}/output/model.tar.gz"
        view = replace(self.views[name], status=status, failure=failure, artifact=made, short=short)
        if name in self.trainings:
            paid = None if short else self.billable
            view = replace(view, instance=self.trainings[name].instance, billable=paid)
        self.views[name] = view
        for _ in range(2):
            self.tell(name)

    def tell(self, name: str) -> None:
        """SageMaker's event about a job as it is now."""
        training = name in self.trainings
        word = "Training" if training else "Processing"
        kind: type[Foreign] = TrainingJobChanged if training else ProcessingJobChanged
        view = self.views[name]
        self.bus.happens(kind, {f"{word}JobName": name, f"{word}JobStatus": view.status.value})

    def _start(self, name: str) -> None:
        if self.refuses:
            raise RefusedError(f"{name}: {self.refuses}")
        if self.full and name not in self.views:
            raise NoRoomError(f"{name}: the account-level service limit is 0 instances")
        self.views.setdefault(name, JobView(name=name, status=JobStatus.RUNNING))
