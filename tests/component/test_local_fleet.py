"""The fleets behind the endpoints of the embedded SageMaker: started, mended, resized, retired."""

import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.clock import Clock
from local.images import Images
from local.processes import Child
from local.sagemaker.fleet import Fleet, FleetError
from local.sagemaker.instance import Instance
from local.sagemaker.parts import Parts
from local.sagemaker.variant import Variant
from tests.fakes.embedded_aws import RecordedMetrics, core, eventually
from tests.fakes.processes import children, is_alive

SERVE = """
import http.server, os, pathlib, time
gate = pathlib.Path(os.environ["GATE"])
print(os.environ["SAGEMAKER_BIND_TO_PORT"], flush=True)
while not gate.exists():
    time.sleep(0.01)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        self.send_response(200)
        body = str(os.getpid()).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = answer
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        while body == b"wait" and not pathlib.Path(os.environ["GO"]).exists():
            time.sleep(0.01)
        self.answer()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer.allow_reuse_address = False
http.server.ThreadingHTTPServer(
    ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler
).serve_forever()
"""


@dataclass
class Bus:
    def emit(self, **_: Any) -> str:
        return "id"


@dataclass
class Logs:
    lines: list[str] = field(default_factory=list)

    def write(self, group: str, stream: str, lines: Sequence[str]) -> None:
        self.lines.extend(lines)


@dataclass
class World:
    """Containers start to serve when `gate` exists, and answer `wait` when `go` does."""

    parts: Parts
    gate: Path
    go: Path
    said: list[str]
    fleets: list[Fleet] = field(default_factory=list)

    def fleet(self, *images: str, count: int = 1) -> Fleet:
        environment = {"GATE": str(self.gate), "GO": str(self.go)}
        variants = [
            Variant(
                name=image,
                settings={},
                container={"Image": image, "Environment": environment},
                weight=1.0,
                count=count,
            )
            for image in images
        ]
        fleet = Fleet(self.parts, "any", "config", variants)
        self.fleets.append(fleet)
        return fleet

    def folders(self) -> list[Path]:
        return list((self.parts.state / "endpoints").glob("*/*"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "serve.py").write_text(SERVE)
    (tmp_path / "gate").touch()
    python = shlex.quote(sys.executable)
    images = Images([("good", f"{python} {tmp_path}/serve.py")])
    logs = Logs()
    parts = Parts(
        core().account, Clock(1000.0), Bus(), RecordedMetrics(), logs, images, tmp_path / "state"
    )
    made = World(parts, tmp_path / "gate", tmp_path / "go", logs.lines)
    yield made
    made.go.touch()
    for fleet in made.fleets:
        fleet.kill()


def pid_of(instance: Instance, body: bytes = b"{}") -> int:
    return int(instance.invoke(body, {}).body)


def in_a_thread(action: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def test_a_fleet_that_does_not_start_leaves_no_process_and_no_folder(
    world: World, tmp_path: Path
) -> None:
    first = Child(["true"], environment={"PATH": os.defpath}, cwd=tmp_path, line=print)
    first.wait(10)  # with the first child comes the reaper, which stays
    before = children(os.getpid())

    with pytest.raises(FleetError, match="no command stands for image 'unknown'"):
        world.fleet("good", "unknown").start()

    assert {pid for pid in children(os.getpid()) - before if is_alive(pid)} == set()
    assert world.folders() == []


def test_a_retired_fleet_leaves_no_folder(world: World) -> None:
    fleet = world.fleet("good")
    fleet.start()
    assert len(world.folders()) == 1

    fleet.retire()

    assert world.folders() == []


def killed(fleet: Fleet) -> int:
    """Kill the process of the first variant; its pid."""
    variant = fleet.variants["good"]
    pid = pid_of(variant.instances[0])
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not variant.instances[0].alive)
    return pid


def test_a_mended_process_gets_traffic_when_it_is_healthy(world: World) -> None:
    fleet = world.fleet("good")
    fleet.start()
    variant = fleet.variants["good"]
    before = killed(fleet)
    world.gate.unlink()

    mending = in_a_thread(fleet.mend)
    eventually(lambda: len(world.folders()) == 2)
    assert variant.pick() is None

    world.gate.touch()
    mending.join(20)
    found = variant.pick()
    assert found is not None
    assert pid_of(found) != before
    assert len(world.folders()) == 1


def test_two_mendings_at_once_start_one_process(world: World) -> None:
    fleet = world.fleet("good")
    fleet.start()
    killed(fleet)
    world.gate.unlink()

    mendings = [in_a_thread(fleet.mend) for _ in range(4)]
    eventually(lambda: sum(thread.is_alive() for thread in mendings) == 1)
    eventually(lambda: len(world.folders()) == 2)
    world.gate.touch()
    for thread in mendings:
        thread.join(20)

    assert len(world.folders()) == 1


@pytest.mark.parametrize("end", ["retire", "kill"])
def test_a_fleet_that_ended_while_it_was_mended_stays_ended(world: World, end: str) -> None:
    fleet = world.fleet("good")
    fleet.start()
    killed(fleet)
    world.gate.unlink()
    mending = in_a_thread(fleet.mend)
    eventually(lambda: len(world.folders()) == 2)

    getattr(fleet, end)()
    world.gate.touch()
    mending.join(20)
    fleet.mend()

    assert world.folders() == []


def test_more_instances_are_more_processes_up_to_two(world: World) -> None:
    fleet = world.fleet("good")
    fleet.start()
    variant = fleet.variants["good"]

    variant.desired = (1.0, 5)
    fleet.resize()
    variant.arrive()

    assert len({pid_of(instance) for instance in variant.instances}) == 2
    assert variant.described()["CurrentInstanceCount"] == 5


def test_fewer_instances_wait_for_the_answer_they_owe(world: World) -> None:
    fleet = world.fleet("good", count=2)
    fleet.start()
    variant = fleet.variants["good"]
    entered: list[Instance] = []
    answered: list[int] = []

    def ask() -> None:
        with fleet.answering(variant) as instance:
            assert instance is not None
            entered.append(instance)
            answered.append(pid_of(instance, b"wait"))

    askers = [in_a_thread(ask) for _ in range(2)]
    eventually(lambda: len(set(entered)) == 2)
    variant.desired = (1.0, 1)
    resizing = in_a_thread(fleet.resize)
    eventually(lambda: len(variant.instances) == 1)
    world.go.touch()
    for thread in (*askers, resizing):
        thread.join(20)

    assert len(set(answered)) == 2
    assert len(world.folders()) == 1


def test_a_container_whose_port_was_taken_meanwhile_gets_another(world: World) -> None:
    fleet = world.fleet("good")
    world.gate.unlink()
    starting = in_a_thread(fleet.start)
    eventually(lambda: world.said)
    taken = int(world.said[0])

    with socket.create_server(("127.0.0.1", taken)):
        world.gate.touch()
        starting.join(30)

    (instance,) = fleet.variants["good"].instances
    assert instance.port != taken
    assert instance.healthy()
    assert len(world.folders()) == 1
