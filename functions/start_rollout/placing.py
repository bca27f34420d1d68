"""Asks SageMaker for the fleet of a rollout, once there is all that it needs."""

from dataclasses import dataclass
from datetime import datetime

from events.words import Reason
from functions.aws.alarms import Alarms
from functions.aws.book import Book
from functions.aws.endpoints import EndpointBusyError, Endpoints
from functions.aws.refusals import MissingError, NoRoomError, RefusedError
from functions.aws.scaling import ScalableTargets
from functions.endpoint import EndpointView, Guard, Hardware, Placement
from functions.ledger import RolloutRecord
from functions.names import Names
from functions.standing import fallback, placements, standing
from functions.start_rollout.decide import Begin
from functions.start_rollout.records import (
    Written,
    before_it,
    parked,
    placed,
    taken_back,
    without_room,
)

_PUT_OFF = (RefusedError, NoRoomError, EndpointBusyError)
ALONE_FIRST = "the champion is given the endpoint alone first: guardrails keep variants' names"


@dataclass(frozen=True)
class Placing:
    """Brings challengers onto endpoints."""

    book: Book
    endpoints: Endpoints
    alarms: Alarms
    scaling: ScalableTargets
    names: Names
    image: str
    role_arn: str

    def first_config(self, begin: Begin) -> tuple[str, int, str | None]:
        """Name and instances of the configuration that is tried first, and the name before it.

        A champion that was scaled out keeps its instances, and the challenger gets as many.
        """
        model, count = begin.run.model, begin.run.definition.serving.count
        view = self.endpoints.view(model)
        if view is not None and begin.champion is not None:
            count = max(count, view.counts.get(begin.champion.variant, 0))
        config = self.endpoints.config_name(model, begin.placements(count))
        return config, count, before_it(view, begin.champion)

    def place(self, rollout: RolloutRecord, now: datetime) -> Written:
        """What is left of asking for it; nothing is asked for that is there."""
        view = self.endpoints.view(rollout.model)
        if rollout.replaces and view is not None and view.config == rollout.config:
            return placed(rollout, now)
        if rollout.replaces and (halted := self._halted(rollout, now)) is not None:
            return halted
        ready = self._intended(rollout, view)
        try:
            return self._asked(ready, view, now)
        except _PUT_OFF as error:
            return self._put_off(ready, error, now)

    def _intended(self, rollout: RolloutRecord, view: EndpointView | None) -> RolloutRecord:
        """With all that it takes to undo the update, written down before anything is changed."""
        scaled = self.scaling.of(rollout.model) if rollout.champion is not None else ()
        kept = {each.variant: each for each in (*scaled, *rollout.scaling)}
        intended = rollout.changed(
            scaling=tuple(kept.values()), returns_to=self._way_back(rollout, view)
        )
        if intended != rollout:
            (intended,) = self.book.commit(intended)
        for each in scaled:
            self.scaling.take_off(rollout.model, each.variant)
        return intended

    def _way_back(self, rollout: RolloutRecord, view: EndpointView | None) -> str:
        """The configuration that has the champion alone, now or before its place is taken."""
        if not rollout.replaces:
            return ""
        if view is not None and _alone(view, rollout):
            return view.config
        on_it = _champion_alone(rollout)
        return self.endpoints.config_name(rollout.model, on_it, fallback=fallback(rollout))

    def _asked(self, rollout: RolloutRecord, view: EndpointView | None, now: datetime) -> Written:
        hardware, guard = self._hardware(rollout), self._guard(rollout)
        if rollout.replaces and (view is None or not _alone(view, rollout)):
            self.endpoints.place(rollout.model, _champion_alone(rollout), hardware)
            return parked(rollout, ALONE_FIRST, now)
        self.endpoints.place(rollout.model, _placements(rollout), hardware, guard)
        return placed(rollout, now)

    def _put_off(self, rollout: RolloutRecord, error: Exception, now: datetime) -> Written:
        match error:
            case MissingError():
                gone = rollout.paging(Reason.ARTIFACT_MISSING, str(error))
                return taken_back(gone, Reason.ARTIFACT_MISSING, str(error), now)
            case RefusedError():
                return taken_back(rollout, Reason.NOT_DEPLOYED, str(error), now)
            case NoRoomError():
                config = self.endpoints.config_name(
                    rollout.model, _placements(rollout), fallback=fallback(rollout, 1)
                )
                return without_room(rollout, config, str(error), now)
            case _:
                return parked(rollout, str(error), now)

    def _guard(self, rollout: RolloutRecord) -> Guard | None:
        if not rollout.replaces:
            return None
        alarms = self.names.alarms(rollout.model, rollout.challenger.variant)
        return Guard(rollout.definition.rollout.guardrail, alarms)

    def _halted(self, rollout: RolloutRecord, now: datetime) -> Written | None:
        """Sizes that do not fit the instances, or alarms that could not take anything back."""
        plan = rollout.definition.rollout.guardrail
        unfit = [f"[rollout.guardrail.{key}]: {said}" for key, said in plan.faults(rollout.count)]
        if unfit:
            return taken_back(rollout, Reason.NOT_DEPLOYED, "; ".join(unfit), now)
        bells = self.alarms.look(self.names.alarms(rollout.model, rollout.challenger.variant))
        if bells.missing:
            why = f"alarms {', '.join(bells.missing)} are not there; deploy the stage again"
            return taken_back(rollout, Reason.NOT_DEPLOYED, why, now)
        if bells.ringing:
            return parked(rollout, f"{', '.join(bells.ringing)} rings already", now)
        return None

    def _hardware(self, rollout: RolloutRecord) -> Hardware:
        machines = standing(rollout, rollout.config, _placements(rollout))
        return Hardware(
            image=self.image,
            role_arn=self.role_arn,
            instance=machines.instance,
            fallback=fallback(rollout),
            max_batch=rollout.definition.serving.max_batch,
            latency=rollout.definition.serving.latency,
            machine_image=machines.machine_image,
        )


def _placements(rollout: RolloutRecord) -> tuple[Placement, ...]:
    return placements(rollout.champion, rollout.challenger, count=rollout.count)


def _champion_alone(rollout: RolloutRecord) -> tuple[Placement, ...]:
    champion = rollout.champion or rollout.challenger
    return placements(None, champion, count=rollout.count)


def _alone(view: EndpointView, rollout: RolloutRecord) -> bool:
    """Whether the champion is the only one there, and its place is to be taken."""
    return rollout.replaces and set(view.weights) == {rollout.challenger.variant}
