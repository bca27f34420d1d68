"""What each outcome leaves in the ledger, as values."""

from dataclasses import dataclass
from datetime import datetime

from events.catalog import (
    EvaluationOutdated,
    RollbackRequested,
    RolloutStarted,
    VersionApproved,
)
from events.words import Reason
from functions.endpoint import EndpointView
from functions.evidence import Evidence
from functions.ledger import (
    RETRY_AFTER,
    Champion,
    EndpointRecord,
    Record,
    RolloutRecord,
    RunRecord,
    RunState,
)
from functions.machines import RolloutNews, RunNews, parked_anew
from functions.registry import Approval
from functions.start_rollout.decide import (
    AskLater,
    Begin,
    Case,
    Dismiss,
    Ignore,
    Queue,
    Rejudge,
    Stay,
    TakeBack,
)


@dataclass(frozen=True)
class Written:
    """What is written together, and the lines for the histories."""

    changes: tuple[Record, ...]
    notes: tuple[Evidence, ...] = ()


def left_by(
    outcome: TakeBack | Queue | Rejudge | Dismiss | AskLater | Stay | Ignore,
    case: Case,
    now: datetime,
) -> Written:
    """What is left of an outcome that places nothing on the endpoint."""
    match outcome:
        case TakeBack(rollout=rollout, message=message, reason=reason):
            return taken_back(rollout, reason, message, now)
        case Queue():
            return _queued(outcome, case, now)
        case Rejudge():
            return _judged_again(outcome, case, now)
        case Dismiss():
            return _dismissed(outcome, case, now)
        case AskLater():
            return Written(_asked_later(outcome, now))
        case Stay():
            return Written(())
        case Ignore():
            return Written((*_no_longer_waiting(case, now), *_no_longer_due(case)))


def _asked_later(later: AskLater, now: datetime) -> tuple[RunRecord, ...]:
    """One that waits for a person stays overdue: the sweep asks once an hour without a write."""
    run = later.run
    waits = run.state is RunState.HELD and run.due_at is not None
    return () if waits else (run.changed(due_at=now + later.after),)


def opened(begin: Begin, *, id_: str, config: str, count: int, now: datetime) -> RolloutRecord:
    """The rollout at its beginning."""
    run = begin.run
    return RolloutRecord(
        rollout=id_,
        model=run.model,
        version=begin.challenger.version,
        run=run.run,
        definition=run.definition,
        challenger=begin.challenger,
        champion=begin.champion,
        config=config,
        count=count,
        started_at=now,
        step_since=now,
        due_at=now + RETRY_AFTER,
        traceparent=run.traceparent,
    )


def claimed(begin: Begin, endpoint: EndpointRecord, rollout: RolloutRecord) -> Written:
    """Endpoint, rollout, run and a watch that ends change together or not at all."""
    started = RolloutStarted(
        rollout=rollout.rollout, model=rollout.model, version=rollout.version, run=rollout.run
    )
    held = endpoint.let_go(rollout.version).changed(
        rollout=rollout.rollout, previous=None, due_at=None
    )
    text = f"version {rollout.version} challenges {_named(rollout.champion)}"
    return Written(
        (rollout.saying(started), held, _approved(begin.run), *_ended(begin, rollout.started_at)),
        (_note(rollout, rollout.started_at, text),),
    )


def before_it(view: EndpointView | None, champion: Champion | None) -> str | None:
    """The configuration before a rollout; one that should be there and is not seen is not known."""
    if view is not None:
        return view.config
    return "" if champion is None else None


def placed(rollout: RolloutRecord, now: datetime) -> Written:
    """SageMaker took the update, and is at work from now on."""
    return Written((rollout.changed(placed=True, message="", step_since=now),))


def parked(rollout: RolloutRecord, why: str, now: datetime) -> Written:
    """It waits for room or for another update to end; each new reason is told once."""
    waits = rollout.changed(due_at=now + RETRY_AFTER, message=why)
    told = (_note(rollout, now, f"waits: {why}"),) if parked_anew(rollout.message, why) else ()
    return Written((waits,), told)


def without_room(rollout: RolloutRecord, config: str, why: str, now: datetime) -> Written:
    """It waits for the next instance type, whose configuration is another one."""
    types = len(rollout.definition.serving.instances)
    tried = (*(c for c in rollout.tried if c != rollout.config), rollout.config)
    moved = rollout.changed(
        instance=(rollout.instance + 1) % types, config=config, tried=tried[-types:]
    )
    return parked(moved, why, now)


def taken_back(rollout: RolloutRecord, reason: Reason, message: str, now: datetime) -> Written:
    """The traffic is wanted back, whatever is seen from now on."""
    asked = RollbackRequested(
        rollout=rollout.rollout, model=rollout.model, reason=reason, message=message
    )
    wanted = rollout.changed(reason=reason, message=message, due_at=now + RETRY_AFTER)
    return Written((wanted.saying(asked),))


def _queued(queue: Queue, case: Case, now: datetime) -> Written:
    """The holder's end will say who may begin: while there is one, nobody else need look."""
    waits = case.endpoint.lined_up(queue.version)
    waits = waits.changed(due_at=None if case.holder else case.endpoint.due_at or now)
    return Written((waits, _approved(queue.run)))


def _judged_again(rejudge: Rejudge, case: Case, now: datetime) -> Written:
    """Back to the gate; the version comes again when it is approved again."""
    back = rejudge.run.heard(RunNews.OUTDATED, due_at=now + RETRY_AFTER)
    outdated = EvaluationOutdated(run=back.run, job=back.training_job or "")
    return Written((back.saying(outdated), *_no_longer_waiting(case, now)))


def _dismissed(dismiss: Dismiss, case: Case, now: datetime) -> Written:
    """The run ends as a person wanted it."""
    run = dismiss.run.heard(
        RunNews.PERSON_REJECTED,
        reason=Reason.ASKED_BY_PERSON,
        message=dismiss.message,
        ended_at=now,
        due_at=None,
    )
    text = f"{Reason.ASKED_BY_PERSON}: {dismiss.message}"
    note = Evidence(kind=RunRecord.kind, key=run.run, at=now, by="start_rollout", text=text)
    return Written((run, *_no_longer_waiting(case, now)), (note,))


def _ended(begin: Begin, now: datetime) -> tuple[RolloutRecord, ...]:
    if begin.closes is None:
        return ()
    return (begin.closes.heard(RolloutNews.WATCHED, ended_at=now, due_at=None),)


def _no_longer_due(case: Case) -> tuple[RunRecord, ...]:
    """The run as its version's approval has it, with nothing open."""
    run, version = case.run, case.version
    if run is None or run.due_at is None:
        return ()
    if version is not None and version.approval is Approval.APPROVED:
        after = _approved(run)
        return () if after == run else (after,)
    return (run.changed(due_at=None),) if run.state is RunState.APPROVED else ()


def _approved(run: RunRecord) -> RunRecord:
    """The run as approved (perhaps by a person, also against the gate), with nothing open."""
    if run.ignores(RunNews.PERSON_APPROVED):
        return run
    approved = run.heard(RunNews.PERSON_APPROVED, due_at=None)
    if run.state is not RunState.REJECTED:
        return approved
    said = f"approved by a person; it was {run.reason}: {run.message}"
    return approved.changed(overruled=True, reason=None, message=said)


def _no_longer_waiting(case: Case, now: datetime) -> tuple[EndpointRecord, ...]:
    """The endpoint without the version in its line; nothing when it is not there.

    The next in line may begin, if nobody holds the endpoint.
    """
    if case.number not in case.endpoint.line:
        return ()
    after = case.endpoint.let_go(case.number).changed(due_at=None)
    if after.waiting is None or case.holder is not None:
        return (after,)
    approved = VersionApproved(model=after.model, version=after.waiting)
    return (after.changed(due_at=now + RETRY_AFTER).saying(approved),)


def _named(champion: Champion | None) -> str:
    return f"version {champion.version}" if champion else "nobody: it is the first"


def _note(rollout: RolloutRecord, now: datetime, text: str) -> Evidence:
    return Evidence(
        kind=RolloutRecord.kind, key=rollout.rollout, at=now, by="start_rollout", text=text
    )
