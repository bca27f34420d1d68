"""Which processes a training has is read from SageMaker's resourceconfig.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.container import write_json
from training.failure import ConfigError
from training.launch import Plan
from training.parallel import World

TWO = {"SLUICE_PROCESSES": "2"}


def plan(folder: Path, **told: object) -> Plan:
    path = folder / "resourceconfig.json"
    write_json(path, told)
    return Plan.read(path, TWO)


def test_every_process_of_every_host_has_a_rank_of_its_own(tmp_path: Path) -> None:
    hosts = ["algo-2", "algo-1"]
    worlds = [
        World.of(environment)
        for host in hosts
        for environment in plan(
            tmp_path, hosts=hosts, current_host=host, network_interface_name="eth0"
        ).environments()
    ]

    assert sorted(world.rank for world in worlds) == [0, 1, 2, 3]
    assert {world.size for world in worlds} == {4}
    assert [world.local_rank for world in worlds] == [0, 1, 0, 1]


def test_hosts_meet_at_the_first_of_them(tmp_path: Path) -> None:
    first, _ = plan(
        tmp_path, hosts=["algo-2", "algo-1"], current_host="algo-2", network_interface_name="eth0"
    ).environments()

    assert first["MASTER_ADDR"] == "algo-1"
    assert first["MASTER_PORT"] == "29500"
    assert first["GLOO_SOCKET_IFNAME"] == first["NCCL_SOCKET_IFNAME"] == "eth0"


def test_a_host_alone_meets_itself(tmp_path: Path) -> None:
    environments = list(plan(tmp_path, hosts=["algo-1"], current_host="algo-1").environments())

    assert {each["MASTER_ADDR"] for each in environments} == {"127.0.0.1"}
    assert len({each["MASTER_PORT"] for each in environments}) == 1


def test_a_job_that_says_nothing_of_hosts_has_one(tmp_path: Path) -> None:
    assert Plan.read(tmp_path / "none", {}).hosts == ("localhost",)


@pytest.mark.parametrize("told", [{}, {"hosts": ["a"], "current_host": "b"}, {"hosts": 3}])
def test_hosts_that_cannot_be_read_are_refused(tmp_path: Path, told: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="RESOURCES_UNREADABLE"):
        plan(tmp_path, **told)
