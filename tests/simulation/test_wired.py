"""The account in memory behaves as AWS does where it matters, and the search can find something."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from functions.aws.ledger import StaleRecordError
from functions.aws.refusals import RefusedError
from functions.ledger import DropRecord
from functions.registry import Approval, Candidate
from tests.builders import MODEL, a_drop, digest
from tests.fakes.bus import Envelope
from tests.simulation.callsites import Mode
from tests.simulation.rewind import essence, put_back, snapshot
from tests.simulation.search import Search
from tests.simulation.wired import SandboxDiedError, WiredWorld
from tests.simulation.wired_stories import STORIES, one_drop


@pytest.fixture
def world() -> WiredWorld:
    return WiredWorld()


def fault(world: WiredWorld, mode: Mode, *, at: int = 1) -> None:
    world.chaos.made.clear()
    world.chaos.script = {at: mode}


def a_candidate(**fields: str) -> Candidate:
    told = {"image": "serving", "reason": "good", "run": "0123456789ab"} | fields
    return Candidate(
        model=MODEL,
        run=told["run"],
        dataset=digest("dataset"),
        code=digest("code"),
        model_digest=digest("model"),
        artifact="s3://artifacts/model.tar.gz",
        image=told["image"],
        evaluation_uri="s3://artifacts/evaluation.json",
        approval=Approval.APPROVED,
        reason=told["reason"],
    )


def test_a_write_whose_answer_is_lost_is_asked_again_and_done_once(world: WiredWorld) -> None:
    fault(world, Mode.LOST_ANSWER)

    (written,) = world.real.ledger.write(a_drop())

    assert written.revision == 1
    assert [entry.number for entry in world.real.ledger.history(written.kind, written.key)] == [1]


def test_a_version_whose_answer_is_lost_is_registered_once(world: WiredWorld) -> None:
    fault(world, Mode.LOST_ANSWER, at=2)

    assert world.real.registry.register(a_candidate()) == 1
    assert len(world.registry.versions) == 1


def test_a_call_that_takes_effect_and_never_answers_times_out(world: WiredWorld) -> None:
    fault(world, Mode.TIMED_OUT)

    with pytest.raises(ReadTimeoutError):
        world.real.ledger.write(a_drop())

    assert world.real.ledger.get(DropRecord, a_drop().key) is not None


def test_a_sandbox_that_dies_before_a_call_leaves_nothing(world: WiredWorld) -> None:
    fault(world, Mode.CRASH_BEFORE)

    with pytest.raises(SandboxDiedError):
        world.real.ledger.write(a_drop())

    assert not world.dynamodb.items


@pytest.mark.parametrize("mode", [Mode.THROTTLED, Mode.INTERNAL, Mode.DENIED])
def test_a_call_is_refused_in_its_services_words(world: WiredWorld, mode: Mode) -> None:
    fault(world, mode)

    with pytest.raises(ClientError):
        world.real.objects.read("s3://data/holdouts/digits/v1/part-0.parquet")


def test_a_record_somebody_else_wrote_is_stale(world: WiredWorld) -> None:
    world.real.ledger.write(a_drop())

    with pytest.raises(StaleRecordError):
        world.real.ledger.write(a_drop())


def test_a_request_that_the_services_model_does_not_allow_is_refused(world: WiredWorld) -> None:
    with pytest.raises(RefusedError, match="regular expression"):
        world.real.registry.register(a_candidate(image="two words"))


def test_a_world_put_back_goes_the_same_way_again() -> None:
    world = STORIES["one drop"].world()
    world.begin()
    world.step()
    taken, mark = snapshot(world), essence(world)
    first = [essence(world) for _ in range(8) if world.step()]

    put_back(world, taken)

    assert essence(world) == mark
    assert [essence(world) for _ in range(8) if world.step()] == first


class Forgetful(WiredWorld):
    """Lambda does not come again, and no sweep runs."""

    longest = timedelta(hours=3)

    def _invoke(self, unit: str, raw: Envelope, *, attempt: int) -> None:
        super()._invoke(unit, raw, attempt=attempt + 2)

    def sweep(self) -> None:
        self.now += timedelta(seconds=1)


def test_the_search_finds_what_nobody_takes_up_again() -> None:
    world = Forgetful()
    one_drop(world)
    search = Search("one drop", world)

    search.singles(next(m for m in search.moments if m.path[0].startswith("start_training")))

    assert search.found.wrong
