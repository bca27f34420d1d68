"""The machines: in which state a drop, a run, a rollout or a park is, and what moves it on.

Each is one value: an answer for every pair of a state and a piece of news, either the state after
or why it stays. Deciders ask it, records move by it, and `docs/machines.md` is drawn from it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import chain, product
from typing import Any, Generic, TypeVar

S = TypeVar("S", bound=StrEnum)
N = TypeVar("N", bound=StrEnum)


class MachineError(ValueError):
    """A machine with a pair that has no answer, or two."""


@dataclass(frozen=True)
class Stays:
    """The news moves nothing in this state."""

    why: str


@dataclass(frozen=True)
class Machine(Generic[S, N]):
    """A total function of state and news."""

    name: str
    begins: S
    news: type[N]
    answers: Mapping[N, Mapping[S, S | Stays]]

    def __post_init__(self) -> None:
        pairs = product(self.news, self.states)
        without = [f"{n} in {s}" for n, s in pairs if s not in self.answers.get(n, {})]
        if without:
            raise MachineError(f"{self.name}: no answer to {', '.join(without)}")

    @property
    def states(self) -> type[S]:
        """All of them."""
        return type(self.begins)

    def hears(self, state: S, news: N) -> S | Stays:
        """The state after the news, or why it stays as it is."""
        return self.answers[news][state]

    def ignores(self, state: S, news: N) -> str | None:
        """Why the news moves nothing in this state; None when it does."""
        answer = self.hears(state, news)
        return answer.why if isinstance(answer, Stays) else None

    def moves(self) -> Iterator[tuple[S, N, S]]:
        """Every move there is: from, by, to."""
        for news, state in product(self.news, self.states):
            answer = self.hears(state, news)
            if not isinstance(answer, Stays):
                yield state, news, answer

    def leads(self, before: S, after: S) -> bool:
        """Whether some news makes `after` of `before`; what stays is led to as well."""
        return before == after or (before, after) in self._steps

    @cached_property
    def ends(self) -> frozenset[S]:
        """States that nothing leaves."""
        return frozenset(self.states) - {before for before, _ in self._steps}

    @cached_property
    def _steps(self) -> frozenset[tuple[S, S]]:
        return frozenset((before, after) for before, _, after in self.moves() if before != after)


def _to(after: S, *before: S) -> dict[S, S | Stays]:
    return dict.fromkeys(before, after)


def _stays(why: str, *states: S) -> dict[S, S | Stays]:
    return dict.fromkeys(states, Stays(why))


def _row(*groups: Mapping[S, S | Stays]) -> Mapping[S, S | Stays]:
    """One piece of news in every state, each state once."""
    states = list(chain.from_iterable(groups))
    if twice := sorted({str(state) for state in states if states.count(state) > 1}):
        raise MachineError(f"two answers in {', '.join(twice)}")
    return {state: answer for group in groups for state, answer in group.items()}


class DropState(StrEnum):
    """Where a drop stands."""

    RECEIVING = "receiving"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"


class DropNews(StrEnum):
    """What a drop hears."""

    PIECE = "piece"
    """Something of it arrived, and it is not whole."""
    WHOLE = "whole"
    """It is whole, and every file can be used."""
    FAULTY = "faulty"
    """Name, manifest or data can never be used."""
    OVERDUE = "overdue"
    """It is not whole, and its time is over."""


_RECEIVING = DropState.RECEIVING
_SETTLED = (
    _stays("a drop is accepted once; what comes later is another drop", DropState.ACCEPTED),
    _stays("what was refused is not looked at again; drop it under a new id", DropState.REJECTED),
    _stays("its time was over; drop it again, whole, under a new id", DropState.EXPIRED),
)
DROP: Machine[DropState, DropNews] = Machine(
    name="drop",
    begins=_RECEIVING,
    news=DropNews,
    answers={
        DropNews.PIECE: _row(_to(_RECEIVING, _RECEIVING), *_SETTLED),
        DropNews.WHOLE: _row(_to(DropState.ACCEPTED, _RECEIVING), *_SETTLED),
        DropNews.FAULTY: _row(_to(DropState.REJECTED, _RECEIVING), *_SETTLED),
        DropNews.OVERDUE: _row(_to(DropState.EXPIRED, _RECEIVING), *_SETTLED),
    },
)


class RunState(StrEnum):
    """Where a run stands."""

    STARTING = "starting"
    PARKED = "parked"
    TRAINING = "training"
    EVALUATING = "evaluating"
    APPROVED = "approved"
    HELD = "held"
    REJECTED = "rejected"
    FAILED = "failed"


class RunNews(StrEnum):
    """What a run hears."""

    PARKED = "parked"
    """It cannot begin yet."""
    SHORT = "short"
    """Its training job got no machines; it is to ask for others."""
    STARTED = "started"
    """SageMaker took its training job."""
    TRAINED = "trained"
    """Its training job left a candidate, and SageMaker took the evaluation job."""
    UNTRAINED = "untrained"
    """There will be no candidate that can be judged."""
    PASSED = "passed"
    """The gate lets its candidate through."""
    ASKED = "asked"
    """The gate asks a person."""
    FELL_SHORT = "fell short"
    """The gate refuses its candidate."""
    UNJUDGED = "unjudged"
    """Its evaluation left nothing that can be judged by or registered."""
    OUTDATED = "outdated"
    """Another champion serves than the one it was judged beside."""
    PERSON_APPROVED = "a person approved"
    """A person approved its version."""
    PERSON_REJECTED = "a person rejected"
    """A person rejected its version."""
    AGAIN = "again"
    """It is to be begun once more: as the attempt after its last, or, if it gave way, as it was."""


_UNSTARTED = (RunState.STARTING, RunState.PARKED)
_UNJUDGED = (*_UNSTARTED, RunState.TRAINING)
_EVALUATING, _FAILED = RunState.EVALUATING, RunState.FAILED
_JUDGED = _stays("its candidate is judged", RunState.APPROVED, RunState.HELD, RunState.REJECTED)
_IS_JUDGED_NOW = _stays("its candidate is being judged", _EVALUATING)
_HAS_FAILED = _stays("only its next attempt counts", _FAILED)
_TRAINS = _stays("its training job has begun", RunState.TRAINING)
_NO_CANDIDATE = _stays("no candidate of it is being judged", *_UNJUDGED)


def _verdict(after: RunState) -> Mapping[RunState, RunState | Stays]:
    return _row(_to(after, _EVALUATING), _NO_CANDIDATE, _JUDGED, _HAS_FAILED)


RUN: Machine[RunState, RunNews] = Machine(
    name="run",
    begins=RunState.STARTING,
    news=RunNews,
    answers={
        RunNews.PARKED: _row(
            _to(RunState.PARKED, *_UNSTARTED), _TRAINS, _IS_JUDGED_NOW, _JUDGED, _HAS_FAILED
        ),
        RunNews.SHORT: _row(_to(RunState.PARKED, *_UNJUDGED), _IS_JUDGED_NOW, _JUDGED, _HAS_FAILED),
        RunNews.STARTED: _row(
            _to(RunState.TRAINING, *_UNSTARTED), _TRAINS, _IS_JUDGED_NOW, _JUDGED, _HAS_FAILED
        ),
        RunNews.TRAINED: _row(_to(_EVALUATING, *_UNJUDGED), _IS_JUDGED_NOW, _JUDGED, _HAS_FAILED),
        RunNews.UNTRAINED: _row(_to(_FAILED, *_UNJUDGED), _IS_JUDGED_NOW, _JUDGED, _HAS_FAILED),
        RunNews.PASSED: _verdict(RunState.APPROVED),
        RunNews.ASKED: _verdict(RunState.HELD),
        RunNews.FELL_SHORT: _verdict(RunState.REJECTED),
        RunNews.UNJUDGED: _verdict(_FAILED),
        RunNews.OUTDATED: _row(
            _to(RunState.TRAINING, _EVALUATING, RunState.APPROVED),
            _NO_CANDIDATE,
            _stays("a person has the word", RunState.HELD),
            _stays("it was refused, whoever serves", RunState.REJECTED),
            _HAS_FAILED,
        ),
        RunNews.PERSON_APPROVED: _row(
            _to(RunState.APPROVED, RunState.APPROVED, RunState.HELD, RunState.REJECTED),
            _stays("the gate has not judged it yet", *_UNJUDGED, _EVALUATING),
            _stays("it left no candidate", _FAILED),
        ),
        RunNews.PERSON_REJECTED: _row(
            _to(RunState.REJECTED, RunState.HELD),
            _stays("the gate has not judged it yet", *_UNJUDGED, _EVALUATING),
            _stays("its verdict stands; its rollout is what is taken back", RunState.APPROVED),
            _stays("it is rejected already", RunState.REJECTED),
            _stays("it left no candidate", _FAILED),
        ),
        RunNews.AGAIN: _row(
            _to(RunState.STARTING, _FAILED),
            _stays("it has not failed", *_UNJUDGED, _EVALUATING),
            _JUDGED,
        ),
    },
)


class RolloutState(StrEnum):
    """Where a rollout stands."""

    PROVISIONING = "provisioning"
    SHIFTING = "shifting"
    WATCHING = "watching"
    ROLLING_BACK = "rolling_back"
    COMPLETED = "completed"
    ABORTED = "aborted"
    STOPPED = "stopped"


class RolloutNews(StrEnum):
    """What a rollout hears."""

    SHIFTED = "shifted"
    """The challenger is given a share of the traffic."""
    PROMOTED = "promoted"
    """The challenger is the champion now."""
    WANTED_BACK = "wanted back"
    """Evidence, a person or the endpoint's state asks for the traffic back."""
    RETURNING = "returning"
    """The traffic is being moved back."""
    RETURNED = "returned"
    """The traffic is seen to be back."""
    WATCHED = "watched"
    """The watch is over."""
    LEFT = "left"
    """The endpoint is left to a person as it is."""


_PROVISIONING, _SHIFTING = RolloutState.PROVISIONING, RolloutState.SHIFTING
_WATCHING, _ROLLING_BACK = RolloutState.WATCHING, RolloutState.ROLLING_BACK
_GOES_BACK = _stays("its traffic goes back", _ROLLING_BACK)
_OVER = (
    _stays("it is over, and its challenger serves", RolloutState.COMPLETED),
    _stays("it is over, and its challenger serves no more", RolloutState.ABORTED),
    _stays("it is over, and the endpoint was left to a person", RolloutState.STOPPED),
)
_HAS_ALL = _stays("its challenger has all traffic", _WATCHING)
_ACTIVE = (_PROVISIONING, _SHIFTING, _WATCHING)
ROLLOUT: Machine[RolloutState, RolloutNews] = Machine(
    name="rollout",
    begins=_PROVISIONING,
    news=RolloutNews,
    answers={
        RolloutNews.SHIFTED: _row(
            _to(_SHIFTING, _PROVISIONING, _SHIFTING), _HAS_ALL, _GOES_BACK, *_OVER
        ),
        RolloutNews.PROMOTED: _row(
            _to(_WATCHING, _PROVISIONING, _SHIFTING), _HAS_ALL, _GOES_BACK, *_OVER
        ),
        RolloutNews.WANTED_BACK: _row(
            *(_to(state, state) for state in _ACTIVE), _GOES_BACK, *_OVER
        ),
        RolloutNews.RETURNING: _row(_to(_ROLLING_BACK, *_ACTIVE, _ROLLING_BACK), *_OVER),
        RolloutNews.RETURNED: _row(
            _to(RolloutState.ABORTED, _ROLLING_BACK),
            _stays("nobody is moving its traffic back", *_ACTIVE),
            *_OVER,
        ),
        RolloutNews.WATCHED: _row(
            _to(RolloutState.COMPLETED, _WATCHING),
            _stays("its challenger is not promoted", _PROVISIONING, _SHIFTING),
            _GOES_BACK,
            *_OVER,
        ),
        RolloutNews.LEFT: _row(_to(RolloutState.STOPPED, *_ACTIVE, _ROLLING_BACK), *_OVER),
    },
)


class ParkState(StrEnum):
    """Whether something waits for room, in a run or a rollout that goes on."""

    FREE = "free"
    WAITING = "waiting"


class ParkNews(StrEnum):
    """What something that may have to wait hears."""

    NO_ROOM = "no room"
    """It has to wait, for a reason that was not told yet."""
    STILL_NO_ROOM = "still no room"
    """It has to wait, for the reason that was told last."""
    ROOM = "room"
    """AWS took it."""


PARK: Machine[ParkState, ParkNews] = Machine(
    name="park",
    begins=ParkState.FREE,
    news=ParkNews,
    answers={
        ParkNews.NO_ROOM: _row(_to(ParkState.WAITING, *ParkState)),
        ParkNews.STILL_NO_ROOM: _row(
            _stays("nothing waits", ParkState.FREE),
            _stays("each reason is told once", ParkState.WAITING),
        ),
        ParkNews.ROOM: _row(
            _to(ParkState.FREE, ParkState.WAITING), _stays("nothing waits", ParkState.FREE)
        ),
    },
)


def parked_anew(before: str, why: str) -> bool:
    """Whether what waited for the reason `before` (empty: did not wait) has to tell of `why`."""
    state = ParkState.WAITING if before else ParkState.FREE
    return (
        PARK.ignores(state, ParkNews.STILL_NO_ROOM if why == before else ParkNews.NO_ROOM) is None
    )


MACHINES: tuple[Machine[Any, Any], ...] = (DROP, RUN, ROLLOUT, PARK)
"""All of them."""
