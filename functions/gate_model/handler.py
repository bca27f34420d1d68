"""Woken by an evaluation job that ended, or by the sweep for one whose event was lost."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from math import isfinite

from events.base import Event
from events.catalog import (
    CandidateApproved,
    CandidateHeld,
    CandidateRejected,
    EvaluationJobSettled,
    EvaluationOutdated,
    RunFailed,
)
from events.foreign import ProcessingJobChanged
from events.words import Reason
from functions.allowance import AllowanceRecord
from functions.aws.book import Book
from functions.aws.jobs import Jobs
from functions.aws.objects import Objects
from functions.aws.refusals import RefusedError
from functions.aws.registry import Registry
from functions.aws.world import World
from functions.evidence import Evidence
from functions.gate_model.decide import (
    Approve,
    AskHuman,
    Fail,
    Ignore,
    Outcome,
    Reevaluate,
    Register,
    Reject,
    Verdict,
    Wait,
    decide,
)
from functions.gate_model.rules import Report
from functions.gate_model.settings import GateModelSettings
from functions.jobs import JobStatus, JobView
from functions.ledger import (
    RETRY_AFTER,
    EndpointRecord,
    Record,
    RunRecord,
)
from functions.machines import RunNews
from functions.names import Names
from functions.places import Places
from functions.registry import Approval, Candidate
from functions.turn import Told, lambda_handler


@dataclass(frozen=True)
class GateModel:
    """The function with its adapters."""

    book: Book
    jobs: Jobs
    objects: Objects
    registry: Registry
    names: Names
    places: Places
    image: str

    def __call__(self, seen: ProcessingJobChanged | EvaluationJobSettled, now: datetime) -> Told:
        ours = self.names.run_of(seen.job)
        record = self.book.get(RunRecord, ours[1]) if ours else None
        if record is None:
            return Told(Ignore(f"{seen.job} is no job of ours"))
        endpoint = self.book.get(EndpointRecord, record.model)
        champion = endpoint.champion if endpoint else None
        job = self.jobs.evaluation(seen.job)
        report = self._report(record, job)
        outcome = decide(record, job, report, seen=seen.job, champion=champion)
        return Told(outcome, self.apply(outcome, record, now))

    def _report(self, record: RunRecord, job: JobView | None) -> object:
        """What the job found; before it has completed there is nothing to read."""
        if job is None or job.status is not JobStatus.COMPLETED:
            return None
        return self.objects.read_json(f"{self._folder(record)}/report.json")

    def apply(self, outcome: Outcome, record: RunRecord, now: datetime) -> RunRecord:
        """Register what was judged, then write it down and say it."""
        match outcome:
            case Register(report=report, verdict=verdict):
                return self._judge(record, report, verdict, now)
            case Reevaluate():
                return self._again(record, now)
            case Fail(reason=reason, message=message):
                return self._fail(record, reason, message, now)
            case Wait():
                return self.book.commit(record.changed(due_at=now + RETRY_AFTER))[0]
            case Ignore():
                return record

    def _judge(
        self, record: RunRecord, report: Report, verdict: Verdict, now: datetime
    ) -> RunRecord:
        try:
            version = self._registered(record, self._candidate(record, report, verdict))
        except RefusedError as error:
            return self._fail(record, Reason.JOB_REFUSED, str(error), now)
        return self._judged(record, report, verdict, version, now)

    def _registered(self, record: RunRecord, candidate: Candidate) -> int:
        """The version of the run; one judged before gets the new verdict."""
        version = self.registry.register(candidate)
        if record.version is not None or record.evaluations > 1:
            self.registry.decide(
                record.model, version, approval=candidate.approval, reason=candidate.reason
            )
        return version

    def _judged(
        self, record: RunRecord, report: Report, verdict: Verdict, version: int, now: datetime
    ) -> RunRecord:
        numbers = _numbers(report, verdict)
        judged = record.heard(
            _news(verdict),
            version=version,
            numbers=numbers,
            message=verdict.message,
            reason=verdict.reason if isinstance(verdict, Reject) else None,
            ended_at=now,
            due_at=_due(verdict, now),
        )
        note = Evidence(
            kind=RunRecord.kind,
            key=record.run,
            at=now,
            by="gate_model",
            text=f"{type(verdict).__name__}: {verdict.message}",
            numbers=numbers,
        )
        records: tuple[Record, ...] = (
            judged.saying(_said(record, verdict, version)),
            *self._counted(record, verdict),
        )
        after = self.book.commit(*records, notes=(note,))[0]
        assert isinstance(after, RunRecord)
        return after

    def _counted(self, record: RunRecord, verdict: Verdict) -> tuple[AllowanceRecord, ...]:
        """The model's allowance, in which candidates that were refused in a row are counted."""
        before = self.book.get(AllowanceRecord, record.model) or AllowanceRecord(scope=record.model)
        after = before.judged(record, refused=isinstance(verdict, Reject))
        return () if after == before else (after,)

    def _again(self, record: RunRecord, now: datetime) -> RunRecord:
        back = record.heard(RunNews.OUTDATED, due_at=now + RETRY_AFTER)
        outdated = EvaluationOutdated(run=record.run, job=record.training_job or "")
        return self.book.commit(back.saying(outdated))[0]

    def _fail(self, record: RunRecord, reason: Reason, message: str, now: datetime) -> RunRecord:
        if record.version is not None:
            self.registry.decide(
                record.model,
                record.version,
                approval=Approval.REJECTED,
                reason=f"{reason}: {message}",
            )
        failed = record.heard(
            RunNews.UNJUDGED, reason=reason, message=message, ended_at=now, due_at=None
        )
        said = RunFailed(run=record.run, model=record.model, reason=reason, message=message)
        return self.book.commit(failed.saying(said))[0]

    def _candidate(self, record: RunRecord, report: Report, verdict: Verdict) -> Candidate:
        return Candidate(
            model=record.model,
            run=record.run,
            dataset=record.dataset,
            code=record.code,
            model_digest=report.candidate.digest,
            artifact=record.artifact or "",
            image=self.image,
            evaluation_uri=f"{self._folder(record)}/evaluation.json",
            approval=_approval(verdict),
            reason=verdict.message,
            numbers=_numbers(report, verdict),
        )

    def _folder(self, record: RunRecord) -> str:
        return self.places.evaluation(record.model, record.run, record.evaluations)


def _approval(verdict: Verdict) -> Approval:
    match verdict:
        case Approve():
            return Approval.APPROVED
        case AskHuman():
            return Approval.PENDING
        case Reject():
            return Approval.REJECTED


def _news(verdict: Verdict) -> RunNews:
    match verdict:
        case Approve():
            return RunNews.PASSED
        case AskHuman():
            return RunNews.ASKED
        case Reject():
            return RunNews.FELL_SHORT


def _due(verdict: Verdict, now: datetime) -> datetime | None:
    """When an approval that nobody acted on is asked about."""
    match verdict:
        case Approve() | AskHuman():
            return now + RETRY_AFTER
        case Reject():
            return None


def _said(record: RunRecord, verdict: Verdict, version: int) -> Event:
    run, model, message = record.run, record.model, verdict.message
    match verdict:
        case Approve():
            return CandidateApproved(run=run, model=model, version=version, message=message)
        case AskHuman():
            return CandidateHeld(run=run, model=model, version=version, message=message)
        case Reject(reason=reason):
            return CandidateRejected(
                run=run, model=model, version=version, reason=reason, message=message
            )


def _numbers(report: Report, verdict: Verdict) -> dict[str, float]:
    """All that is a number; a margin is how far the rule that decided was kept."""
    compared = report.comparison
    against = {} if compared is None else {"difference": compared.difference, "low": compared.low}
    margin = {} if verdict.margin is None else {"margin": verdict.margin}
    told = {**report.candidate.metrics, **against, **margin}
    return {name: value for name, value in told.items() if isfinite(value)}


@cache
def made() -> GateModel:
    """The function as its environment sets it up."""
    settings = GateModelSettings.from_environment()
    world = World(settings)
    return GateModel(
        book=world.book,
        jobs=world.jobs,
        objects=world.objects,
        registry=world.registry,
        names=world.names,
        places=Places(settings.artifact_bucket),
        image=settings.serving_image,
    )


handle = lambda_handler("gate_model", made)
