"""The gate: numbers in, a verdict with numbers out; nothing else counts."""

import re
from dataclasses import dataclass

from pydantic import ValidationError

from events.words import Reason
from functions.gate_model.rules import Comparison, Finding, Report, Weight, against, findings
from functions.jobs import JobStatus, JobView
from functions.judgement import Gates
from functions.ledger import Champion, RunRecord
from functions.machines import RunNews

_CODE = re.compile(r"\bHOLDOUT_[A-Z_]+")


@dataclass(frozen=True)
class Approve:
    """Good enough to be rolled out."""

    message: str
    margin: float | None = None
    """How far it lies on the good side of the rule that decided, where there is a number."""


@dataclass(frozen=True)
class AskHuman:
    """Good enough, or not to be decided by the numbers: a person has the word."""

    message: str
    margin: float | None = None


@dataclass(frozen=True)
class Reject:
    """Not good enough."""

    reason: Reason
    message: str
    margin: float | None = None


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
            return Fail(_blamed(job.failure), f"{job.name}: {job.failure or 'no reason given'}")
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


def _blamed(failure: str) -> Reason:
    """A fault of the holdout is told from one of the job by the code in its last word."""
    code = _CODE.search(failure)
    known = code is not None and code[0] in Reason.__members__
    return Reason(code[0]) if code is not None and known else Reason.JOB_FAILED


def gate(report: Report, gates: Gates) -> Verdict:
    """What is bad rejects; what is unsure is for a person, and refused where nobody is asked."""
    found = tuple(findings(report, gates))
    decisive = _first(found, Weight.BAD) or _first(found, Weight.UNSURE)
    if decisive is not None:
        unsure = decisive.weight is Weight.UNSURE and gates.approval != "auto"
        return _asks(decisive) if unsure else _refuses(decisive)
    if report.champion_failure is not None:
        return AskHuman(f"the champion gave no answers to compare with: {report.champion_failure}")
    return _passed(report, gates, _first(found, Weight.GOOD))


def _first(found: tuple[Finding, ...], weight: Weight) -> Finding | None:
    return next((each for each in found if each.weight is weight), None)


def _asks(finding: Finding) -> AskHuman:
    return AskHuman(f"{finding.reason}: {finding.message}", finding.margin)


def _refuses(finding: Finding) -> Reject:
    return Reject(finding.reason or Reason.UNDECIDED, finding.message, finding.margin)


def _passed(report: Report, gates: Gates, shown: Finding | None) -> Verdict:
    """Good by every rule; who has the last word is `approval`'s, and `first`'s."""
    compared, margin = report.comparison, shown.margin if shown else None
    message = against(compared) if compared is not None else _numbers(report, gates)
    asked = gates.approval == "human" or not _may_pass_alone(compared, gates)
    return AskHuman(message, margin) if asked else Approve(message, margin)


def _may_pass_alone(compared: Comparison | None, gates: Gates) -> bool:
    if compared is None:
        return gates.first == "auto"
    return gates.approval == "auto" or compared.low > 0


def _numbers(report: Report, gates: Gates) -> str:
    """The metrics that gates name, or all of them when they name none."""
    metrics = report.candidate.metrics
    return ", ".join(f"{name} {metrics[name]:.4f}" for name in sorted(gates.min or metrics))
