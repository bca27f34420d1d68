"""What a rollout has on the endpoint, by the ledger alone; and what of it is somebody else's."""

from functions.endpoint import GPU_MACHINE_IMAGE, EndpointView, Placement, Standing
from functions.ledger import Champion, RolloutRecord, RolloutState


def placements(
    champion: Champion | None, challenger: Champion, *, count: int = 1
) -> tuple[Placement, ...]:
    """Who stands where: all traffic with the champion, or with whoever stands there alone."""
    if champion is None or champion.variant == challenger.variant:
        return (placed(challenger, 100, count),)
    return (placed(champion, 100, count), placed(challenger, 0, count))


def placed(who: Champion, weight: int, count: int = 1) -> Placement:
    """A version in its variant."""
    return Placement(
        variant=who.variant,
        version=who.version,
        artifact=who.artifact,
        model_digest=who.model_digest,
        weight=weight,
        count=count,
    )


def standing(rollout: RolloutRecord, config: str, placements: tuple[Placement, ...]) -> Standing:
    """A configuration of a rollout, on the machines it was given."""
    serving = rollout.definition.serving
    return Standing(
        config=config,
        placements=placements,
        instance=serving.instances[rollout.instance],
        machine_image=GPU_MACHINE_IMAGE if serving.hardware == "gpu" else None,
    )


def fallback(rollout: RolloutRecord, further: int = 0) -> str:
    """The instance type so much further down the list; empty for the first."""
    instances = rollout.definition.serving.instances
    at = (rollout.instance + further) % len(instances)
    return instances[at] if at else ""


def meddled(rollout: RolloutRecord, view: EndpointView) -> str | None:
    """What somebody else did to the endpoint during a rollout; None if it is ours, or as before.

    SageMaker itself goes back to the configuration before, and nowhere else.
    """
    if not view.in_service or rollout.before is None:
        return None
    if view.config not in {rollout.config, rollout.before, rollout.returns_to, *rollout.tried}:
        return f"the endpoint has {view.config}, which this rollout did not ask for"
    if rollout.made_at is not None and view.made not in {None, rollout.made_at}:
        return "the endpoint was deleted and made again"
    return None


def shifted_by_others(rollout: RolloutRecord, view: EndpointView) -> str | None:
    """A weight that no step of the rollout asked for; None if there is none."""
    share = view.weights.get(rollout.challenger.variant)
    if view.config != rollout.config or not view.in_service or share in _asked_for(rollout):
        return None
    return f"the challenger has {share} % of the traffic, asked was {rollout.weight} %"


def _asked_for(rollout: RolloutRecord) -> set[int | None]:
    """The last weight and, as long as that may not be in effect, the one before it."""
    if rollout.state is RolloutState.WATCHING:
        return {rollout.weight}
    steps = (0, *rollout.definition.rollout.stairs)
    return {rollout.weight, steps[max(rollout.step, 0)]}
