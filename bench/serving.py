"""`python -m bench.serving [peer …]`: our server beside others, same model, same load, one run.

Servers are loaded in turn, never together (one is stopped while the other works), each on one core
with one torch thread; the load comes from this process, on another core where there is one. The
turns are short and repeated, so that whatever else the machine does meets both: a cell is the
middle one of its turns, and a ratio compares turns that are neighbours. The processor's time for a
request is told beside the rate: it is the same on a busy machine. `--cores all` gives every server
all cores, which favours those of several processes.
The digits model is not trained: its weights do not change its speed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from bench.contenders import PEERS, Running, artifact, request, running, sluice
from bench.load import Load, measure

_CONNECTIONS: Final = (1, 16, 64)
_TURNS: Final = 5
_SECONDS: Final = 1.0
_ROWS: Final = 32  # of a request, where formats are compared


@dataclass(frozen=True)
class Turn:
    """Both under the same load, one directly after the other."""

    ours: Load
    peer: Load
    ours_cpu: float  # seconds a request
    peer_cpu: float

    @property
    def cheaper(self) -> float:
        return self.peer_cpu / self.ours_cpu

    @property
    def ratio(self) -> float:
        return self.ours.rate / self.peer.rate

    def slower(self, share: float) -> float:
        """Our latency as a share of the peer's."""
        return self.ours.quantile(share) / self.peer.quantile(share)


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _arguments(arguments)
    cores = _part(asked.cores)
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        digest = artifact(base / "model")
        with running(sluice(base, digest), cores=cores) as ours:
            _write(_HEAD)
            failures = sum(_against(ours, name, base, cores) for name in asked.peers or PEERS)
            _write(f"\nsluice: start {ours.start:.1f} s, resident {ours.resident:.0f} MiB\n")
            _formats(ours)
    return int(failures > 0)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.serving", description=__doc__.split("\n")[0])
    parser.add_argument("peers", nargs="*", choices=[*PEERS, []], help="all when none is named")
    parser.add_argument("--cores", choices=["one", "all"], default="one")
    return parser.parse_args(arguments)


def _part(cores: str) -> set[int] | None:
    """The server on one core and the load, which is here, on another."""
    free = sorted(os.sched_getaffinity(0))
    if cores == "all" or len(free) < 2:
        return None
    os.sched_setaffinity(0, {free[1]})
    return {free[0]}


def _against(ours: Running, name: str, base: Path, cores: set[int] | None) -> int:
    with running(PEERS[name](base), cores=cores) as peer:
        turns = {connections: _turns(ours, peer, connections) for connections in _CONNECTIONS}
        for connections, each in turns.items():
            _write(_line(name, connections, each))
        resident = f"start {peer.start:.1f} s, resident {peer.resident:.0f} MiB"
    failures = sum(
        turn.ours.failures + turn.peer.failures for each in turns.values() for turn in each
    )
    _write(f"| {name}: {resident}, not 200: {failures} |")
    ours.go_on()
    return failures


def _turns(ours: Running, peer: Running, connections: int) -> list[Turn]:
    def load(one: Running, other: Running, seconds: float = _SECONDS) -> tuple[Load, float]:
        other.pause()
        one.go_on()
        asked, port, before = one.contender.request, one.contender.port, one.computed
        load = measure(port, asked, connections=connections, seconds=seconds)
        return load, (one.computed - before) / len(load.latencies)

    load(ours, peer, 0.3)
    load(peer, ours, 0.3)
    turns = []
    for _ in range(_TURNS):
        (mine, cpu), (theirs, their_cpu) = load(ours, peer), load(peer, ours)
        turns.append(Turn(mine, theirs, cpu, their_cpu))
    return turns


def _formats(ours: Running) -> None:
    """What a body costs in each format, for one row and for many, as a multiple of JSON's rate."""
    _write("| rows a request | format | rps | of JSON |\n|---|---|---|---|")
    warm = request(body=_arrow(_rows(1)), content_type=_WRITERS["arrow"][0])
    measure(ours.contender.port, warm, connections=1, seconds=0.1)
    for rows in (1, _ROWS):
        bodies = {name: write(_rows(rows)) for name, (_, write) in _WRITERS.items()}
        asked = {
            name: request(body=body, content_type=_WRITERS[name][0])
            for name, body in bodies.items()
        }
        rates: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(_TURNS):
            for name, one in asked.items():
                load = measure(ours.contender.port, one, connections=16, seconds=_SECONDS / 2)
                assert not load.failures, f"{name} was refused"
                rates[name].append(load.rate)
        for name, found in rates.items():
            ratio = median(a / b for a, b in zip(found, rates["json"], strict=True))
            _write(f"| {rows} | {name} | {median(found):.0f} | {ratio:.2f} |")


def _rows(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.resize(np.arange(17, dtype=np.float32), (count, 64))


def _npy(rows: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> bytes:
    sink = io.BytesIO()
    np.save(sink, rows, allow_pickle=False)
    return sink.getvalue()


def _arrow(rows: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> bytes:
    import pyarrow as pa

    batch = pa.record_batch({f"pixel_{index}": rows[:, index] for index in range(64)})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


_Rows = np.ndarray[tuple[int, int], np.dtype[np.float32]]
_WRITERS: Final[dict[str, tuple[str, Callable[[_Rows], bytes]]]] = {
    "json": ("application/json", lambda rows: json.dumps({"instances": rows.tolist()}).encode()),
    "npy": ("application/x-npy", _npy),
    "arrow": ("application/vnd.apache.arrow.stream", _arrow),
}

_HEAD: Final = (
    "| peer | connections | sluice rps | p50 ms | p99 ms | CPU us | peer rps | p50 ms | p99 ms"
    " | CPU us | ratio | least | most | CPU ratio | p50 share | p99 share |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def _line(name: str, connections: int, each: list[Turn]) -> str:
    mine, theirs = _middle(turn.ours for turn in each), _middle(turn.peer for turn in each)
    ratios = sorted(turn.ratio for turn in each)
    cells = [
        name,
        str(connections),
        *_cells(mine, median(turn.ours_cpu for turn in each)),
        *_cells(theirs, median(turn.peer_cpu for turn in each)),
        *(f"{ratio:.1f}" for ratio in (median(ratios), ratios[0], ratios[-1])),
        f"{median(turn.cheaper for turn in each):.1f}",
        *(f"{median(turn.slower(share) for turn in each):.2f}" for share in (0.5, 0.99)),
    ]
    return f"| {' | '.join(cells)} |"


def _middle(loads: Iterable[Load]) -> Load:
    ordered = sorted(loads, key=lambda load: load.rate)
    return ordered[len(ordered) // 2]


def _cells(load: Load, cpu: float) -> tuple[str, ...]:
    p50, p99 = load.quantile(0.5) * 1000, load.quantile(0.99) * 1000
    return f"{load.rate:.0f}", f"{p50:.2f}", f"{p99:.2f}", f"{1e6 * cpu:.0f}"


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
