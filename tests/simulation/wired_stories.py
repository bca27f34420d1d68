"""The stories of the wired world: together they reach every call that a function can make."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import sha256

from events.catalog import TrainingRequested
from functions.jobs import JobStatus, JobView
from functions.ledger import RolloutRecord, RolloutState
from tests.builders import MODEL, NAMES, NOON
from tests.fakes.account.dynamodb import Item, Key
from tests.fakes.endpoints import FakeEndpoints, _Endpoint
from tests.fakes.jobs import FakeJobs
from tests.fakes.stage import asks_back
from tests.simulation import stories
from tests.simulation.wired import WiredWorld

Plan = Callable[[WiredWorld], None]


@dataclass(frozen=True)
class Story:
    """What happens, and how the world is set up for it."""

    plan: Plan
    approval: str = "auto"
    thrift: str = "none"
    prompt: bool = True
    """Whether an endpoint comes to rest while a function waits for it."""

    def world(self, *, tell: Callable[[str], None] | None = None) -> WiredWorld:
        world = WiredWorld(approval=self.approval, thrift=self.thrift, tell=tell)
        world.prompt = self.prompt
        self.plan(world)
        return world


def _at(world: WiredWorld, minute: float, label: str, action: Callable[[], None]) -> None:
    world.at(timedelta(minutes=minute), label, action)


def _drop(world: WiredWorld, name: str, score: float, minute: float) -> None:
    stories.drops(world, (name, score, minute))


def one_drop(world: WiredWorld) -> None:
    """One drop becomes the champion."""
    _drop(world, "monday", 0.95, 0)


def half_written(world: WiredWorld) -> None:
    """A manifest comes before its file, another drop never becomes whole, a third is told twice."""
    body = b"monday"
    promise = {"name": "part-0.parquet", "sha256": sha256(body).hexdigest(), "size": len(body)}
    manifest = json.dumps({"files": [promise]}).encode()
    world.accuracy["monday"] = world.accuracy["half"] = 0.5
    world.whole["monday"] = 1
    _at(world, 0, "the manifest", partial(world.upload, "monday", {"manifest.json": manifest}))
    _at(world, 3, "the file", partial(world.upload, "monday", {"part-0.parquet": body}))
    _at(world, 4, "half", partial(world.upload, "half", {"part-0.parquet": b"half"}))
    wrong = {"part-0.parquet": b"other", "manifest.json": manifest}
    _at(world, 5, "wrong", partial(world.upload, "wrong", wrong))


def by_a_person(world: WiredWorld) -> None:
    """A person approves the first version, and wants the traffic back from the second."""
    _drop(world, "monday", 0.95, 0)
    _drop(world, "tuesday", 0.97, 90)
    for minute in range(130, 170, 5):
        _at(world, minute, "", partial(_returns, world, 2))


def _returns(world: WiredWorld, version: int) -> None:
    if any(r.version == version for r in world.ledger.all(RolloutRecord)):
        world.bus.publish_by_hand(asks_back(world, version))


def no_champion(world: WiredWorld) -> None:
    """The first version answers no probe, and there is nobody to return to."""
    _drop(world, "monday", 0.95, 0)
    world.endpoints.broken.add(1)


def failed_creation(world: WiredWorld) -> None:
    """The endpoint cannot be made at first; it is taken away and made anew."""
    _drop(world, "monday", 0.95, 0)
    for minute in range(20, 30):
        _at(world, minute, "", partial(_gives_up, world, creating=True))


def left_behind(world: WiredWorld) -> None:
    """An endpoint that could not be made once stands in the way of the first rollout."""
    _drop(world, "monday", 0.95, 0)
    world.endpoints.endpoints[MODEL] = _Endpoint(asked="once")


def overtaken(world: WiredWorld) -> None:
    """A champion comes while the next candidate is evaluated: it is evaluated once more."""
    _drop(world, "monday", 0.95, 0)
    _drop(world, "tuesday", 0.97, 15)


def undeployed(world: WiredWorld) -> None:
    """SageMaker goes back to the fleet before without a word."""
    _drop(world, "monday", 0.95, 0)
    _drop(world, "tuesday", 0.97, 90)
    for minute in range(100, 122):
        _at(world, minute, "", partial(_gives_up, world, creating=False))


def _gives_up(world: WiredWorld, *, creating: bool) -> None:
    """Once, while it is on its way."""
    endpoint = world.endpoints.endpoints.get(MODEL)
    if "given up" in world.touched_by_story or endpoint is None or endpoint.then is None:
        return
    if (endpoint.now is None) is creating:
        world.touched_by_story.add("given up")
        world.note("SageMaker gives up")
        world.endpoints.give_up(MODEL, "no capacity" if creating else "")


def no_room(world: WiredWorld) -> None:
    """There is no capacity, neither for jobs nor for the endpoint, and then there is."""
    _drop(world, "monday", 0.95, 0)
    world.jobs.full = world.endpoints.full = True
    _at(world, 8, "room for jobs", partial(_room, world.jobs))
    _at(world, 45, "room for endpoints", partial(_room, world.endpoints))


def _room(limited: FakeJobs | FakeEndpoints) -> None:
    limited.full = False


def once_more(world: WiredWorld) -> None:
    """A training fails, and a person has it done once more; an evaluation is stopped."""
    _drop(world, "monday", 0.95, 0)
    _at(world, 5, "it fails", partial(_ends, world, JobStatus.FAILED))
    _at(world, 30, "a person trains again", world.asks_for_runs)
    _at(world, 46, "it is stopped", partial(_ends, world, JobStatus.STOPPED))


def _ends(world: WiredWorld, status: JobStatus) -> None:
    for name in world.jobs.running():
        begun = world.spending.begun.get(name)
        if begun is not None:
            world.jobs.billable = round((world.now - begun.at).total_seconds())
        world.jobs.end(name, status, "no disk" if status is JobStatus.FAILED else "")
        if begun is not None:
            world.spending.job_ended(name, world.now)


def code_by_hand(world: WiredWorld) -> None:
    """A person asks for a run of code that is not deployed, on data that was dropped."""
    _drop(world, "monday", 0.95, 0)
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w") as archive:
        stamp = (2026, 11, 24, 12, 0, 0)
        archive.writestr(zipfile.ZipInfo(f"models/{MODEL}/model.toml", stamp), _TOML)
    zipped = text.getvalue()
    world.s3.put("artifacts", "code/digits/by-hand.zip", zipped)
    _at(world, 60, "by hand", partial(_asks, world, sha256(zipped).hexdigest()))


_TOML = '[data]\nfeatures = ["pixel"]\nclasses = 10\n[rollout]\nsteps = [100]\nbake = "5m"\n'


def _asks(world: WiredWorld, code: str) -> None:
    run = world.run_of("monday")
    world.bus.publish_by_hand(
        TrainingRequested(
            model=MODEL,
            dataset=run.dataset,
            code_uri="s3://artifacts/code/digits/by-hand.zip",
            code=code,
            cause="a person",
        )
    )


def unreadable(world: WiredWorld) -> None:
    """Somebody writes into the table what no function can read, and takes it away again."""
    at = NOON.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    key = ("OTHER#thing", "RECORD")
    item: Item = {
        "pk": {"S": key[0]},
        "sk": {"S": key[1]},
        "kind": {"S": "OTHER"},
        "body": {"S": "{}"},
    }
    open_ = {"open": {"S": "open"}, "due_at": {"S": at}}
    _drop(world, "monday", 0.5, 0)
    _at(world, 0, "an item", partial(world.dynamodb.items.update, {key: {**item, **open_}}))
    _at(world, 18, "it is gone", partial(_mended, world, key))


def _mended(world: WiredWorld, key: Key) -> None:
    del world.dynamodb.items[key]


def forgotten(world: WiredWorld) -> None:
    """Jobs run and a configuration lies there that no record knows; the hour's pass finds them."""
    _drop(world, "monday", 0.95, 0)
    _at(world, 55, "", lambda: _forget(world))
    for hour in (1, 2):
        _at(world, 60 * hour, "", world.sweep)


def _forget(world: WiredWorld) -> None:
    """What a person, or a stage that is gone, has left."""
    kept, aws = world.jobs, world.aws_endpoints
    one = next(iter(kept.trainings.values()))
    for run, specs in (("a" * 12, kept.trainings), ("b" * 12, kept.evaluations)):
        kind = "t1" if specs is kept.trainings else "e1"
        name = f"{NAMES.prefix}-{MODEL}-{run}-{kind}"
        specs[name] = one if specs is kept.trainings else next(iter(kept.evaluations.values()))  # type: ignore[index, assignment]  # either
        kept.views[name] = JobView(name=name, status=JobStatus.RUNNING)
        world.hands.orphans.append(name)
    aws.configs[f"{NAMES.prefix}-{MODEL}-0badcafe"] = next(iter(aws.configs.values()))


def without_configuration(world: WiredWorld) -> None:
    """The configuration of the endpoint is deleted before a step, and before a return."""
    stories.drops(world, ("monday", 0.95, 0), ("tuesday", 0.97, 90))
    for minute in range(95, 135, 2):
        _at(world, minute, "", partial(_lacks, world))


def _lacks(world: WiredWorld) -> None:
    """Once the challenger has its first share it is deleted, and an alarm rings after the next."""
    rollout = next((r for r in world.ledger.all(RolloutRecord) if r.version == 2), None)
    if rollout is None or rollout.config not in world.aws_endpoints.configs:
        return
    if rollout.state is RolloutState.SHIFTING:
        del world.aws_endpoints.configs[rollout.config]
        if rollout.step:
            world.alarm(rollout.challenger.variant)


def stranded(world: WiredWorld) -> None:
    """An update can neither end nor be taken back; the next one collapses altogether."""
    stories.drops(world, ("monday", 0.95, 0), ("tuesday", 0.97, 90), ("wednesday", 0.98, 200))
    for minute in range(91, 300):
        _at(world, minute, "", lambda: _strands(world))


def _strands(world: WiredWorld) -> None:
    for rollout in world.ledger.all(RolloutRecord):
        endpoint = world.endpoints.endpoints.get(MODEL)
        waits = (
            rollout.state is RolloutState.PROVISIONING
            and rollout.rollout not in world.touched_by_story
        )
        if rollout.version == 1 or not waits or endpoint is None or endpoint.then is None:
            continue
        world.touched_by_story.add(rollout.rollout)
        if rollout.version == 2:
            world.endpoints.strand(MODEL)
        else:
            endpoint.now, endpoint.then, endpoint.failure = None, None, "no machines"
            world.endpoints.tell(MODEL)


STORIES: dict[str, Story] = {
    "one drop": Story(one_drop),
    "half-written": Story(half_written),
    "no champion": Story(no_champion),
    "failed creation": Story(failed_creation),
    "left behind": Story(left_behind),
    "no room": Story(no_room),
    "once more": Story(once_more),
    "code by hand": Story(code_by_hand),
    "unreadable": Story(unreadable),
    "forgotten": Story(forgotten),
    "without a configuration": Story(without_configuration),
    "stranded": Story(stranded),
    "overtaken": Story(overtaken),
    "refusals": Story(stories.refusals),
    "rejection": Story(stories.rejection),
    "promotion": Story(stories.promotion),
    "by a person": Story(by_a_person, approval="human"),
    "undeployed": Story(undeployed),
    "storm": Story(stories.storm, thrift="all"),
    "shortage": Story(stories.shortage, thrift="all"),
    "rollback": Story(stories.rollback),
    "slow rollback": Story(stories.rollback, prompt=False),
}
"""The short ones first: a path that several of them take is searched in the first."""
