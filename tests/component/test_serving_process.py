"""The server as a process: it starts only with the right model, and leaves no request behind."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fakes.artifact import write_artifact
from tests.fakes.container import MODEL_PY
from tests.fakes.serving import DEADLINE, Process, environment, eventually, running

GATED = MODEL_PY.replace(
    "return model(x).argmax(dim=1)\n",
    "import pathlib, time\n"
    "        if x[0, 0] < 0:\n"
    "            pathlib.Path({gate!r} + '.reached').touch()\n"
    "        while x[0, 0] < 0 and not pathlib.Path({gate!r}).exists():\n"
    "            time.sleep(0.01)\n"
    "        return (x[:, 1] * 5).round().long()\n",
    1,
)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def server(tmp_path: Path, gate: Path) -> Iterator[Process]:
    with running(tmp_path, source=GATED.format(gate=str(gate))) as process:
        yield process


def answer(value: int) -> tuple[int, bytes]:
    return 200, b'{"predictions":[%d]}' % value


def test_many_clients_at_once_each_get_their_own_answer(server: Process) -> None:
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(server.predict, range(400)))

    assert answers == [answer(value) for value in range(400)]


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/ping", "GET", None, 200),
        ("/metrics", "GET", None, 200),
        ("/nothing", "GET", None, 404),
        ("/ping", "PUT", None, 405),
        ("/invocations", "POST", {"instances": [[1, 2, 3, 4]]}, 200),
        ("/invocations", "POST", {"instances": []}, 422),
    ],
)
def test_every_answer_names_version_and_digest(
    server: Process, path: str, method: str, body: object, status: int
) -> None:
    told, headers, _ = server.ask(path, body, method=method)

    assert told == status
    assert headers["X-Model-Version"] == "2"
    assert headers["X-Model-Digest"] == server.digest
    expected = f"version=2;digest={server.digest[:12]}"
    assert headers["X-Amzn-SageMaker-Custom-Attributes"] == expected


def test_a_busy_model_does_not_keep_the_health_check_waiting(server: Process, gate: Path) -> None:
    with ThreadPoolExecutor(1) as client:
        pending = client.submit(server.predict, 7, gated=True)
        eventually(lambda: server.metric("sluice_queue_rows") == 1)

        assert server.ask("/ping", method="GET")[0] == 200

        gate.touch()
        assert pending.result() == answer(7)


def test_a_drain_loses_nothing_and_ends_well(server: Process, gate: Path) -> None:
    with ThreadPoolExecutor(8) as clients:
        pending = [clients.submit(server.predict, value, gated=True) for value in range(8)]
        eventually(lambda: server.metric("sluice_queue_rows") == 8)

        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: not accepts(server.port))
        assert server.process.poll() is None

        gate.touch()
        assert [one.result() for one in pending] == [answer(value) for value in range(8)]
    assert server.process.wait(DEADLINE) == 0


def test_a_client_that_hung_up_is_not_worked_for(server: Process, gate: Path) -> None:
    with ThreadPoolExecutor(1) as client:
        pending = client.submit(server.predict, 7, gated=True)
        eventually(Path(f"{gate}.reached").exists)  # else both may be computed together
        with server.connected() as leaving:
            leaving.sendall(invocation(8))
            eventually(lambda: server.metric("sluice_queue_rows") == 2)
        eventually(lambda: server.metric('sluice_requests_total{code="499"}') == 1)

        gate.touch()
        assert pending.result() == answer(7)
    eventually(lambda: server.metric("sluice_queue_rows") == 0)
    assert server.metric("sluice_batch_rows_sum") == 1


def test_a_client_that_only_stopped_sending_is_answered_however_late(
    server: Process, gate: Path
) -> None:
    with server.connected() as half:
        half.sendall(invocation(8, gated=True))
        half.shutdown(socket.SHUT_WR)
        received = b""
        while received.count(b"100 Continue") < 2:
            received += half.recv(4096)

        gate.touch()
        while more := half.recv(4096):
            received += more

    assert received.endswith(b'{"predictions":[8]}')


def test_a_model_that_wants_to_exit_fails_its_request_only(tmp_path: Path) -> None:
    source = MODEL_PY.replace(
        "return model(x).argmax(dim=1)",
        "if x[0, 0] < 0:\n            raise SystemExit('enough')\n"
        "        return (x[:, 1] * 5).round().long()",
    )
    with running(tmp_path, source=source) as server:
        status, told = server.predict(7, gated=True)

        assert (status, json.loads(told)["error"]["message"]) == (500, "SystemExit: enough")
        assert server.predict(7) == answer(7)
        assert server.ask("/ping", method="GET")[0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST /invocations HTTP/1.1\r\n\r\n", b"411"),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: 6291457\r\n\r\n", b"413"),
        (b"POST /invocations HTTP/1.1\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
    ],
)
def test_every_refusal_names_version_and_digest(
    server: Process, sent: bytes, status: bytes
) -> None:
    with server.connected() as client:
        client.sendall(sent)
        head, _, _ = client.makefile("rb").read().partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nX-Model-Version: 2\r\n" in head
    assert f"\r\nX-Model-Digest: {server.digest}\r\n".encode() in head


def test_a_ping_in_the_drain_is_told_so_with_version_and_digest(
    server: Process, gate: Path
) -> None:
    with server.connected() as busy, server.connected() as client:
        busy.sendall(invocation(7, gated=True))
        client.sendall(b"GET /ping HTTP/1.1\r\n")
        eventually(lambda: server.metric("sluice_queue_rows") == 1)
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: not accepts(server.port))

        client.sendall(b"\r\n")
        answered = client.makefile("rb").read()
        gate.touch()

    assert answered.startswith(b"HTTP/1.1 503")
    assert b"\r\nX-Model-Version: 2\r\n" in answered
    assert server.digest.encode() in answered


def invocation(value: int, *, gated: bool = False) -> bytes:
    body = json.dumps({"instances": [[-1 if gated else 1, value, 0, 0]]}).encode()
    return b"POST /invocations HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def refused(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "serving", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_stop_is_obeyed_even_before_anything_is_served(tmp_path: Path, gate: Path) -> None:
    waits = (
        "import os, pathlib, time\n"
        "while 'SLUICE_VERSION' in os.environ:\n"
        f"    pathlib.Path({str(gate)!r}).touch()\n"
        "    time.sleep(0.01)\n"
    )
    digest = write_artifact(tmp_path / "model", source=waits + MODEL_PY)
    process = subprocess.Popen([sys.executable, "-m", "serving"], env=environment(tmp_path, digest))
    eventually(gate.exists)

    process.send_signal(signal.SIGTERM)

    assert process.wait(DEADLINE) == 0


def test_a_wrong_digest_refuses_to_start(tmp_path: Path) -> None:
    write_artifact(tmp_path / "model")

    status, told = refused(environment(tmp_path, "0" * 64))

    assert status == 1
    assert told.startswith("DIGEST_MISMATCH: ")
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "more",
    [
        {"SLUICE_MODEL_DIGEST": "abc"},
        {"SLUICE_VERSION": ""},
        {"SLUICE_MODEL": "di gits"},
        {"SLUICE_MAX_BATCH": "0"},
        {"SLUICE_MAX_BODY": str(25 * 2**20 + 1)},
        {"SLUICE_MAX_ROWS": "-1"},
        {"SLUICE_STALL_SECONDS": "soon"},
        {"SAGEMAKER_BIND_TO_PORT": "http"},
    ],
)
def test_a_bad_setting_is_one_clear_line(tmp_path: Path, more: dict[str, str]) -> None:
    status, told = refused(environment(tmp_path, "0" * 64) | more)

    assert status == 2
    assert told.startswith(f"SETTING_INVALID: {next(iter(more))} is ")
    assert told.count("\n") == 1


def test_a_busy_port_is_one_clear_line(tmp_path: Path) -> None:
    digest = write_artifact(tmp_path / "model")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, told = refused(environment(tmp_path, digest, SAGEMAKER_BIND_TO_PORT=port))

    assert status == 2
    assert told.startswith(f"PORT_UNAVAILABLE: port {port} on 127.0.0.1 cannot be had")


def test_a_wrong_argument_is_told_the_right_one(tmp_path: Path) -> None:
    status, told = refused(environment(tmp_path, "0" * 64), "train")

    assert (status, told) == (2, "usage: python -m serving [serve]\n")


def test_the_model_computes_on_the_threads_it_was_given_and_no_more(tmp_path: Path) -> None:
    wide = MODEL_PY.replace("(4, 8)", "(4, 256)").replace("(8, 3)", "(256, 3)")
    with running(tmp_path, source=wide, SLUICE_THREADS="1") as server:
        before = server.threads()

        for _ in range(4):
            server.ask("/invocations", {"instances": [[1, 2, 3, 4]] * 32})

        assert server.threads() == before
