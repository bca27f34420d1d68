"""What goes wrong: a seed chooses a few kinds of fault, how often each strikes, and when."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from botocore.exceptions import ClientError, ReadTimeoutError

from functions.aws.refusals import NoRoomError
from tests.fakes.calls import CrashError


class Fault(StrEnum):
    """Every kind of trouble the simulated world knows."""

    CRASH_BEFORE = "a sandbox dies before a call"
    CRASH_AFTER = "a sandbox dies after a call took effect"
    TIMED_OUT = "a call takes effect, and its answer does not come in time"
    THROTTLED = "a call is throttled"
    INTERNAL = "a call is answered by 500"
    DENIED = "a call is denied"
    LIMIT = "a call is refused for a limit of the account"
    STALE = "what was just made is not seen yet"
    INTERLEAVED = "another function runs between two calls"
    EVENT_LOST = "an event of SageMaker's is lost"
    EVENT_TWICE = "an event comes more than once"
    EVENT_LATE = "an event comes minutes to a day late"
    SCHEDULE_LOST = "a one-shot schedule never fires"
    JOB_FAILED = "a job fails"
    JOB_STOPPED = "a job is stopped"
    NO_CAPACITY = "there is no capacity for a while"
    TYPE_MISSING = "an instance type is not to be had for a while"
    JOB_SHORT = "a job gets no machines"
    SPOT_WAITED = "a job waits too long for spot capacity"
    JOB_DEAR = "a job takes, and costs, as much as it may"
    PRICE_RISES = "a price is raised"
    DEPLOY_SILENT = "SageMaker goes back to the old fleet without a word"
    DEPLOY_FAILED = "SageMaker goes back to the old fleet and says why"
    DEPLOY_SLOW = "an endpoint updates for hours"
    ROLLBACK_FAILED = "SageMaker can neither finish an update nor take it back"
    PERSON_CHANGES = "a person changes the endpoint during a rollout"
    CONFIG_DELETED = "a person deletes the configuration of the endpoint"
    ARTIFACT_DELETED = "what a model is made of is missing for a while"
    ORPHAN = "a job runs that no record knows"
    PROBE_BROKEN = "a version answers no probe"
    BAD_IN_SERVICE = "a version fails once it has traffic"
    SILENCE = "there is no traffic for a while"
    PERSON_REJECTS = "a person rejects a version"
    PERSON_APPROVES = "a person approves a version"
    PERSON_RETURNS = "a person asks for the traffic back"
    PERSON_TRAINS = "a person asks for a run once more"
    DROP_AGAIN = "the same data is dropped again"
    DROP_BROKEN = "a drop cannot be read"
    DROP_HALF = "a drop comes in pieces"


_AT_CALLS = {
    Fault.CRASH_BEFORE: 0.03,
    Fault.CRASH_AFTER: 0.03,
    Fault.TIMED_OUT: 0.03,
    Fault.THROTTLED: 0.03,
    Fault.INTERNAL: 0.03,
    Fault.DENIED: 0.01,
    Fault.LIMIT: 0.02,
    Fault.STALE: 0.02,
    Fault.INTERLEAVED: 0.05,
}
_AT_EVENTS = {
    Fault.EVENT_LOST: 0.3,
    Fault.EVENT_TWICE: 0.2,
    Fault.EVENT_LATE: 0.1,
    Fault.SCHEDULE_LOST: 0.3,
}
_NOW_AND_THEN = 0.25
_MOST_KINDS = 7


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "simulated"}}, "Simulated")


@dataclass
class Chaos:
    """The dice of one schedule: chosen kinds only, so that rare combinations get room."""

    seed: int
    struck: Counter[str] = field(default_factory=Counter)
    """How often each fault struck, and in which state of the world."""
    over: bool = False
    """From a certain time on nothing goes wrong any more."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        kinds = list(Fault)
        self.kinds = frozenset(self.random.sample(kinds, self.random.randint(1, _MOST_KINDS)))
        rates = {k: r for k, r in _AT_CALLS.items() if k in self.kinds}
        self._at_calls = tuple(rates.items())
        self._any_at_calls = sum(rates.values())

    def happens(self, fault: Fault, *, state: str = "") -> bool:
        """Whether this fault strikes at this occasion."""
        if self.over or fault not in self.kinds:
            return False
        if self.random.random() >= _AT_EVENTS.get(fault, _NOW_AND_THEN):
            return False
        self.strikes(fault, state=state)
        return True

    def strikes(self, fault: Fault, *, state: str = "") -> None:
        """It did."""
        self.struck[f"{fault.name} | {state}"] += 1

    def at_call(self, _: str) -> Fault | None:
        """What happens at the next call to the outside; almost always nothing."""
        if self.over or not self._at_calls:
            return None
        dice = self.random.random()
        if dice >= self._any_at_calls:
            return None
        for kind, rate in self._at_calls:
            dice -= rate
            if dice < 0:
                return kind
        return None


def raised(fault: Fault, call: str) -> Exception:
    """What a function sees of a fault at a call."""
    match fault:
        case Fault.THROTTLED:
            return _refusal("ThrottlingException")
        case Fault.INTERNAL:
            return _refusal("InternalFailure")
        case Fault.DENIED:
            return _refusal("AccessDeniedException")
        case Fault.LIMIT:
            return NoRoomError(f"{call}: simulated")
        case Fault.TIMED_OUT:
            return ReadTimeoutError(endpoint_url=call)
        case _:
            return CrashError(fault.value)


AFTER = frozenset({Fault.CRASH_AFTER, Fault.TIMED_OUT})
"""Faults that come when the call has taken effect."""
LIMITED = frozenset({"jobs.train", "jobs.evaluate", "endpoints.place"})
"""Calls that an account's limits can refuse."""
READS_LATE = frozenset({"endpoints.view", "jobs.training", "jobs.evaluation", "registry.find"})
"""Calls that may not see yet what was just made."""


def applies(fault: Fault, call: str) -> bool:
    """Whether a kind of fault can strike at a call."""
    match fault:
        case Fault.LIMIT:
            return call in LIMITED
        case Fault.STALE:
            return call in READS_LATE
        case _:
            return True


@dataclass
class Scripted(Chaos):
    """No dice: a fault at given calls, counted from 1, and nothing else goes wrong."""

    script: Mapping[int, Fault] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.kinds = frozenset()

    def at_call(self, call: str) -> Fault | None:
        if self.over:
            return None
        self.made.append(call)
        return self.script.get(len(self.made))
