"""A snapshot of moto holds all that the journal had led to, and the journal is cut only then."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.bodies import Bodies
from local.compactor import LONG, Compactor
from local.http_server import HttpServer
from local.journal import Journal
from local.lasting_moto import LastingMoto
from local.moto_app import MotoApp
from local.object_graph import Decoder, Encoder, UnkeepableError
from local.snapshots import Snapshots
from local.store import StateError, Store
from tests.component.test_local_restart import Life, made, told


class Kept:
    """moto behind a port, and what it keeps in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.store = Store()
        bodies = Bodies(folder / "bodies")
        self.journal = Journal(self.store, bodies)
        self.http = HttpServer(0, lambda request: self.moto(request))
        self.moto = LastingMoto(MotoApp("123456789012", self.http.port), self.journal)
        self.snapshots = Snapshots(self.store, self.journal, bodies)
        self.life = Life(folder, url=f"http://127.0.0.1:{self.http.port}")
        self.http.start()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    empty_moto()
    yield (made := Kept(tmp_path))
    made.http.stop()
    empty_moto()


def empty_moto() -> None:
    """As after a new start."""
    from moto.core.base_backend import BackendDict

    for service in BackendDict._instances:  # type: ignore[misc]  # moto's own list
        for _, _, backend in service.iter_backends():
            backend.reset()


def test_a_snapshot_brings_back_everything_that_is_told(kept: Kept) -> None:
    before = told(kept.life, made(kept.life))
    kept.snapshots.keep(*kept.snapshots.taken())
    kept.snapshots.sweep()

    empty_moto()
    kept.snapshots.restore()

    assert len(kept.journal) == 0
    assert told(kept.life, before["made"]) == before


def test_what_came_after_the_snapshot_stays_in_the_journal(kept: Kept) -> None:
    s3 = kept.life.client("s3")
    s3.create_bucket(Bucket="kept")
    taken = kept.snapshots.taken()
    s3.put_object(Bucket="kept", Key="later", Body=b"1")
    kept.snapshots.keep(*taken)

    empty_moto()
    kept.snapshots.restore()
    kept.moto.replay()

    assert s3.get_object(Bucket="kept", Key="later")["Body"].read() == b"1"


def test_the_journal_is_kept_when_an_object_has_no_form(kept: Kept) -> None:
    from moto.ssm.models import ssm_backends

    kept.life.client("ssm").put_parameter(Name="/kept", Value="0", Type="String")
    vars(ssm_backends["123456789012"]["us-east-1"])["strange"] = (each for each in "ab")
    for number in range(LONG):
        kept.life.client("ssm").put_parameter(Name=f"/kept/{number}", Value="0", Type="String")
    kept.moto.changed_at = float("-inf")

    assert not Compactor(kept.moto, kept.snapshots).look()
    assert len(kept.journal) == LONG + 1


def test_a_quiet_moment_cuts_a_journal_that_has_grown(kept: Kept) -> None:
    ssm = kept.life.client("ssm")
    for number in range(LONG):
        ssm.put_parameter(Name=f"/kept/{number}", Value="0", Type="String")
    compactor = Compactor(kept.moto, kept.snapshots)
    assert not compactor.look()

    kept.moto.changed_at = float("-inf")

    assert compactor.look()
    assert len(kept.journal) == 0


def test_a_class_that_is_no_more_is_one_clear_line(kept: Kept) -> None:
    gone = [["d", ["s3|123456789012|aws", [1]]], ["o", "moto.s3.models:Gone", [], None]]
    kept.store.execute(
        "INSERT INTO moto_snapshot VALUES (?, ?)",
        repr(gone).replace("'", '"').replace("None", "null"),
        "[]",
    )

    with pytest.raises(StateError, match=r"moto\.s3\.models:Gone is not in this version of moto"):
        kept.snapshots.restore()


@pytest.mark.parametrize(
    "name", ["os:system", "builtins:eval", "subprocess:Popen", "moto:<lambda>"]
)
def test_nothing_outside_moto_can_be_named(name: str) -> None:
    with pytest.raises(UnkeepableError):
        Decoder([["named", name]], Bodies(None), lambda _: None).decode()


def test_what_is_shared_stays_shared() -> None:
    shared: list[object] = [b"x", ("a", 1.5), {1, 2}]
    nodes = Encoder(Bodies(None), lambda _: None).encode({"one": shared, "other": shared})

    again = Decoder(nodes, Bodies(None), lambda _: None).decode()

    assert again == {"one": shared, "other": shared}
    assert again["one"] is again["other"]
