"""The gate: numbers in, a verdict with numbers out; nothing else counts."""

from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from events.words import Digest, Reason
from functions.definition import Gates
from functions.jobs import JobStatus, JobView
from functions.ledger import Champion, RunRecord
from functions.machines import RunNews


class Judged(BaseModel):
    """A model's numbers on the holdout."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    digest: Digest
    metrics: dict[str, float]


class Comparison(BaseModel):
    """Candidate minus champion on the same rows, with its confidence interval."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    metric: str
    difference: float
    low: float
    high: float
    confidence: float


class Report(BaseModel):
    """`report.json`, as the evaluation job writes it."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    run: str
    rows: int = Field(ge=1)
    candidate: Judged
    champion: Judged | None = None
    comparison: Comparison | None = None

    @model_validator(mode="after")
    def _compared_when_there_is_a_champion(self) -> Self:
        if (self.champion is None) != (self.comparison is None):
            raise ValueError("champion and comparison are there together or not at all")
        return self


@dataclass(frozen=True)
class Approve:
    """Good enough to be rolled out."""

    message: str


@dataclass(frozen=True)
class AskHuman:
    """Good enough, but a person has the word."""

    message: str


@dataclass(frozen=True)
class Reject:
    """Not good enough."""

    reason: Reason
    message: str


Verdict = Approve | AskHuman | Reject


@dataclass(frozen=True)
class Register:
    """Enter the candidate into the registry with this verdict."""

    report: Report
    verdict: Verdict


@dataclass(frozen=True)
class Fail:
    """There is nothing to judge by."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Reevaluate:
    """The champion changed since: judge against the one that serves now."""

    why: str


@dataclass(frozen=True)
class Wait:
    """The job still runs."""


@dataclass(frozen=True)
class Ignore:
    """Not a run of ours, or one that is judged already."""

    why: str


Outcome = Register | Fail | Reevaluate | Wait | Ignore


def decide(
    record: RunRecord | None,
    job: JobView | None,
    raw: object,
    *,
    seen: str,
    champion: Champion | None,
) -> Outcome:
    """What follows from the evaluation job `seen` as it is now (None: deleted).

    `raw` is its report, parsed as JSON.
    """
    if record is None or seen != record.evaluation_job:
        return Ignore("no run of ours waits for this job")
    if (why := record.ignores(RunNews.UNJUDGED)) is not None:
        return Ignore(why)
    if job is None:
        return Fail(Reason.JOB_STOPPED, f"{seen} is gone")
    match job.status:
        case JobStatus.RUNNING | JobStatus.STOPPING:
            return Wait()
        case JobStatus.FAILED:
            return Fail(Reason.JOB_FAILED, f"{job.name}: {job.failure or 'no reason given'}")
        case JobStatus.STOPPED:
            return Fail(Reason.JOB_STOPPED, f"{job.name}: {job.failure or 'was stopped'}")
        case JobStatus.COMPLETED:
            return _judged(record, raw, champion)


def _judged(record: RunRecord, raw: object, champion: Champion | None) -> Outcome:
    try:
        report = Report.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        return Fail(Reason.REPORT_UNREADABLE, f"report.json: {where}: {first['msg']}")
    if report.run != record.run:
        return Fail(Reason.REPORT_UNREADABLE, f"report.json: it is of run {report.run!r}")
    if _outdated(record, report, champion):
        serves = champion.version if champion else None
        return Reevaluate(f"judged against version {record.against}, {serves} serves now")
    return Register(report, gate(report, record.definition.gates))


def _outdated(record: RunRecord, report: Report, champion: Champion | None) -> bool:
    """Whether another than today's champion was compared with: by the report's own digest.

    A candidate that was rolled out before its verdict was written down is its own champion.
    """
    if champion is not None and champion.run == record.run:
        return False
    rival = report.champion.digest if report.champion else None
    return rival != (champion.model_digest if champion else None)


def gate(report: Report, gates: Gates) -> Verdict:
    """The verdict on a candidate: its minimums first, then the champion's."""
    seen = report.candidate.metrics
    for metric, least in gates.min.items():
        if metric not in seen or not seen[metric] >= least:
            value = f"{seen[metric]:.4f}" if metric in seen else "missing"
            return Reject(
                Reason.BELOW_MINIMUM,
                f"{metric} {value} is below the minimum {least:g} on {report.rows} rows",
            )
    compared = report.comparison
    if compared is not None and not compared.low >= -gates.max_drop:
        return Reject(Reason.WORSE_THAN_CHAMPION, f"{_said(compared)}, allowed {-gates.max_drop:g}")
    message = _said(compared) if compared is not None else _numbers(seen, gates)
    return AskHuman(message) if gates.approval == "human" else Approve(message)


def _said(c: Comparison) -> str:
    return (
        f"{c.metric} {c.difference:+.4f} against the champion"
        f" ({c.confidence:.0%} between {c.low:+.4f} and {c.high:+.4f})"
    )


def _numbers(metrics: dict[str, float], gates: Gates) -> str:
    """The metrics that gates name, or all of them when they name none."""
    told = gates.min or metrics
    return ", ".join(f"{name} {metrics[name]:.4f}" for name in sorted(told))
