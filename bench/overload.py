"""`python -m bench.overload [--seconds 60] [--times 10]`: far more requests than can be answered.

The model takes 4 ms and 1 ms a row, without the processor, as one on an accelerator does. First its
peak is measured by clients that wait for their answers, then requests come at many times that rate
whether or not anything is answered. What counts: as much is answered as at the peak, the rest is
refused at once, memory does not grow, and pings are answered meanwhile.
"""

from __future__ import annotations

import argparse
import select
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.contenders import ROOT, Running, artifact, running, sluice
from bench.load import Client, measure

_CLIENTS: Final = 512
_QUEUED: Final = "128"
_PEAK_SECONDS: Final = 5.0
_PING: Final = b"GET /ping HTTP/1.1\r\nHost: bench\r\n\r\n"
_PING_SECONDS: Final = 0.01
_GOODPUT: Final = 0.9
_REFUSED_SECONDS: Final = 0.05
_PING_LIMIT: Final = 0.1
_GROWTH: Final = 1.1


@dataclass(eq=False)
class Storm:
    """What became of the requests of one overload."""

    seconds: float = 0.0
    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    pings: list[float] = field(default_factory=list)
    others: int = 0
    unsent: int = 0  # every client was still waiting

    def told(self, answer: bytes, seconds: float) -> None:
        if answer.startswith(b"HTTP/1.1 200"):
            self.answered.append(seconds)
        elif answer.startswith(b"HTTP/1.1 429") and b"\r\nRetry-After: " in answer:
            self.refused.append(seconds)
        else:
            self.others += 1


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench.overload")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--times", type=float, default=10.0)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        digest = artifact(base / "model", source=_slow_model())
        with running(sluice(base, digest, SLUICE_MAX_QUEUED=_QUEUED)) as server:
            return _overload(server, times=asked.times, seconds=asked.seconds)


def _overload(server: Running, *, times: float, seconds: float) -> int:
    port, request = server.contender.port, server.contender.request
    peak = measure(port, request, connections=64, seconds=_PEAK_SECONDS).rate
    _storm(port, request, rate=times * peak, seconds=1.0)  # what grows once grows now
    before = server.resident
    storm = _storm(port, request, rate=times * peak, seconds=seconds)
    after = server.resident
    goodput = len(storm.answered) / storm.seconds
    sent = len(storm.answered) + len(storm.refused) + storm.others
    bars = {
        f"peak {peak:.0f}/s; offered {(sent + storm.unsent) / storm.seconds:.0f}/s,"
        f" sent {sent / storm.seconds:.0f}/s; goodput {goodput:.0f}/s": goodput >= _GOODPUT * peak,
        f"429 p99 {1000 * _quantile(storm.refused, 0.99):.1f} ms": (
            _quantile(storm.refused, 0.99) <= _REFUSED_SECONDS
        ),
        f"/ping p99.9 {1000 * _quantile(storm.pings, 0.999):.1f} ms of {len(storm.pings)}": (
            _quantile(storm.pings, 0.999) < _PING_LIMIT
        ),
        f"resident {before:.0f} -> {after:.0f} MiB": after < _GROWTH * before,
        f"neither 200 nor 429: {storm.others}": storm.others == 0,
    }
    for told, kept in bars.items():
        sys.stdout.write(f"{'ok  ' if kept else 'OVER'} {told}\n")
    return int(not all(bars.values()))


def _storm(port: int, request: bytes, *, rate: float, seconds: float) -> Storm:
    storm, pinger = Storm(), Client(port)
    clients = {client.socket.fileno(): client for client in (Client(port) for _ in range(_CLIENTS))}
    free, poll = deque(clients.values()), select.epoll()
    for number in (*clients, pinger.socket.fileno()):
        poll.register(number, select.EPOLLIN)
    clients[pinger.socket.fileno()] = pinger
    began = due = next_ping = time.perf_counter()
    pinging = False
    while (now := time.perf_counter()) < began + seconds:
        if now >= next_ping and not pinging:
            pinger.ask(_PING)
            pinging, next_ping = True, now + _PING_SECONDS
        due = _send(storm, free, request, due=due, now=now, rate=rate)
        for number, _ in poll.poll(0.001):
            client = clients[number]
            answer = client.answer()
            if answer is not None and client is pinger:
                pinging = False
                storm.pings.append(time.perf_counter() - client.asked)
            elif answer is not None:
                storm.told(answer, time.perf_counter() - client.asked)
                free.append(client)
    storm.seconds = time.perf_counter() - began
    poll.close()
    for client in clients.values():
        client.socket.close()
    return storm


def _send(
    storm: Storm, free: deque[Client], request: bytes, *, due: float, now: float, rate: float
) -> float:
    """All that is due by now, and when the next is."""
    while due <= now:
        if free:
            free.popleft().ask(request)
        else:
            storm.unsent += 1
        due += 1 / rate
    return due


def _slow_model() -> bytes:
    source = (ROOT / "models" / "digits" / "model.py").read_text()
    slow = "time.sleep(0.004 + 0.001 * len(x))\n        logits_BC = model(x)\n"
    slow += "        return torch.argmax"
    quick = "logits_BC = model(x)\n        return torch.argmax"
    return (
        source.replace(quick, slow, 1)
        .replace("import torch\n", "import time\nimport torch\n", 1)
        .encode()
    )


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


if __name__ == "__main__":
    raise SystemExit(main())
