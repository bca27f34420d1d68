"""Asks SageMaker for the fleet of a rollout, once there is all that it needs."""

from dataclasses import dataclass
from datetime import datetime

from events.words import Reason
from functions.aws.alarms import Alarms
from functions.aws.book import Book
from functions.aws.endpoints import EndpointBusyError, Endpoints
from functions.aws.refusals import NoRoomError, RefusedError
from functions.aws.scaling import ScalableTargets
from functions.endpoint import GPU_MACHINE_IMAGE, EndpointView, Guard, Hardware, Placement
from functions.ledger import RolloutRecord
from functions.names import Names
from functions.start_rollout.decide import Begin, placements
from functions.start_rollout.records import Written, parked, placed, taken_back, without_room

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

    def first_config(self, begin: Begin) -> tuple[str, int]:
        """Name and instances of the configuration that is tried first.

        A champion that was scaled out keeps its instances, and the challenger gets as many.
        """
        model, count = begin.run.model, begin.run.definition.serving.count
        view = self.endpoints.view(model) if begin.champion else None
        if view is not None and begin.champion is not None:
            count = max(count, view.counts.get(begin.champion.variant, 0))
        return self.endpoints.config_name(model, begin.placements(count)), count

    def place(self, rollout: RolloutRecord, now: datetime) -> Written:
        """What is left of asking for it; nothing is asked for that is there."""
        view = self.endpoints.view(rollout.model)
        if rollout.replaces and view is not None and view.config == rollout.config:
            return placed(rollout)
        if rollout.replaces and (halted := self._halted(rollout, now)) is not None:
            return halted
        ready = self._intended(rollout, view)
        try:
            return self._asked(ready, now)
        except _PUT_OFF as error:
            return self._put_off(ready, error, now)

    def _intended(self, rollout: RolloutRecord, view: EndpointView | None) -> RolloutRecord:
        """With all that it takes to undo the update, written down before anything is changed."""
        scaled = self.scaling.of(rollout.model) if rollout.champion is not None else ()
        kept = {each.variant: each for each in (*scaled, *rollout.scaling)}
        intended = rollout.changed(
            scaling=tuple(kept.values()),
            returns_to=view.config if view is not None and _alone(view, rollout) else "",
        )
        if intended != rollout:
            (intended,) = self.book.commit(intended)
        for each in scaled:
            self.scaling.take_off(rollout.model, each.variant)
        return intended

    def _asked(self, rollout: RolloutRecord, now: datetime) -> Written:
        hardware, guard = self._hardware(rollout), self._guard(rollout)
        if rollout.replaces and rollout.champion is not None and not rollout.returns_to:
            alone = placements(None, rollout.champion, count=rollout.count)
            self.endpoints.place(rollout.model, alone, hardware)
            return parked(rollout, ALONE_FIRST, now)
        self.endpoints.place(rollout.model, _placements(rollout), hardware, guard)
        return placed(rollout)

    def _put_off(self, rollout: RolloutRecord, error: Exception, now: datetime) -> Written:
        match error:
            case RefusedError():
                return taken_back(rollout, Reason.NOT_DEPLOYED, str(error), now)
            case NoRoomError():
                config = self.endpoints.config_name(
                    rollout.model, _placements(rollout), fallback=_fallback(rollout, 1)
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
        serving = rollout.definition.serving
        return Hardware(
            image=self.image,
            role_arn=self.role_arn,
            instance=serving.instances[rollout.instance],
            fallback=_fallback(rollout, 0),
            max_batch=serving.max_batch,
            machine_image=GPU_MACHINE_IMAGE if serving.hardware == "gpu" else None,
        )


def _placements(rollout: RolloutRecord) -> tuple[Placement, ...]:
    return placements(rollout.champion, rollout.challenger, count=rollout.count)


def _alone(view: EndpointView, rollout: RolloutRecord) -> bool:
    """Whether the champion is the only one there, and its place is to be taken."""
    return rollout.replaces and set(view.weights) == {rollout.challenger.variant}


def _fallback(rollout: RolloutRecord, further: int) -> str:
    """The instance type so much further down the list; empty for the first."""
    instances = rollout.definition.serving.instances
    at = (rollout.instance + further) % len(instances)
    return instances[at] if at else ""
