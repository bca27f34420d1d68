"""Starts the processes of a training on this host, and tells how they ended.

There is one process a GPU, or one; SageMaker's resourceconfig.json says which hosts take part. What
kills a process without a word, as a host does that runs out of memory, is told by this one, which
needs next to none.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.failure import ConfigError, LearningError, record

_PORT: Final = 29500  # torchrun's, between hosts
_LOOK: Final = 0.2  # seconds between two looks at several processes
_GRACE: Final = 20.0  # seconds that the others have when one of them failed
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass(frozen=True)
class Plan:
    """Who takes part."""

    hosts: tuple[str, ...]
    host: int  # which of them this one is
    here: int  # processes on each
    interface: str

    @classmethod
    def read(cls, path: Path, environment: Mapping[str, str]) -> Plan:
        """A job that says nothing of hosts has one."""
        here = int(environment.get("SLUICE_PROCESSES", 0)) or max(1, _gpus())
        if not path.is_file():
            return cls(("localhost",), 0, here, "")
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            hosts = tuple(sorted(told["hosts"]))
            return cls(
                hosts,
                hosts.index(told["current_host"]),
                here,
                str(told.get("network_interface_name", "")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                "RESOURCES_UNREADABLE", f"{path} does not say which hosts take part: {error!r}"
            ) from error

    def environments(self) -> Iterator[dict[str, str]]:
        """The variables that torchrun sets, for each process on this host."""
        alone = len(self.hosts) == 1
        shared = {
            "WORLD_SIZE": str(len(self.hosts) * self.here),
            "LOCAL_WORLD_SIZE": str(self.here),
            "MASTER_ADDR": "127.0.0.1" if alone else self.hosts[0],
            "MASTER_PORT": str(_free_port() if alone else _PORT),
        }
        if self.interface and not alone:
            shared |= dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), self.interface)
        for local in range(self.here):
            yield shared | {"LOCAL_RANK": str(local), "RANK": str(self.host * self.here + local)}


def launch(
    command: Sequence[str], plan: Plan, environment: Mapping[str, str], *, failure: Path
) -> int:
    """The status of the first process that failed, or 0; SIGTERM is passed on to all."""
    failure.unlink(missing_ok=True)
    workers: list[subprocess.Popen[bytes]] = []

    def passed_on(number: int, _frame: object) -> None:
        for worker in workers:
            worker.send_signal(number)

    signal.signal(signal.SIGTERM, passed_on)
    for own in plan.environments():
        environment_of_one = {**environment, **own}
        workers.append(subprocess.Popen(command, env=environment_of_one, preexec_fn=_dies_with_us))
    status = _first_failure(workers)
    _end(workers)
    if status == -signal.SIGKILL and not failure.exists():
        record(failure, _killed())
    return 128 - status if status < 0 else status


def _first_failure(workers: Sequence[subprocess.Popen[bytes]]) -> int:
    running = list(workers)
    while running:
        for worker in list(running):
            try:
                status = worker.wait(_LOOK if len(running) > 1 else None)
            except subprocess.TimeoutExpired:
                continue
            running.remove(worker)
            if status:
                return status
    return 0


def _end(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """Whoever is left waits for one that will not come."""
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(_GRACE)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _killed() -> LearningError:
    return LearningError(
        "HOST_OUT_OF_MEMORY",
        "a process of the training was killed (SIGKILL), as a host does that runs out of memory:"
        " lower in_memory or batch_size, or choose a larger instance",
    )


def _dies_with_us() -> None:
    """A process whose launcher is killed would train on, unheard."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _gpus() -> int:
    """Without torch, which would cost this process what the training needs."""
    return len([path for path in Path("/dev").glob("nvidia*") if path.name[6:].isdigit()])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command() -> list[str]:
    """This program again, as a process of the training."""
    return [sys.executable, sys.argv[0], "train"]


def is_worker(environment: Mapping[str, str] = os.environ) -> bool:
    return "RANK" in environment
