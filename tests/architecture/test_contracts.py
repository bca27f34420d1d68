"""The contracts of `.importlinter` hold, and each would notice if it did not."""

import configparser
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")


@dataclass(frozen=True)
class Planted:
    """Source written over modules of the bare tree, and the one contract it must break."""

    modules: Mapping[str, str]
    contract: str


VIOLATIONS = {
    "a name needs a record": Planted({"functions/names.py": "import functions.ledger\n"}, "layers"),
    "one function imports another": Planted(
        {"functions/sweep/handler.py": "import functions.roll_back.decide\n"}, "layers"
    ),
    "a module stands in no layer": Planted({"functions/odd.py": ""}, "layers"),
    "an event imports a function": Planted(
        {"events/catalog.py": "import functions.names\n"}, "events"
    ),
    "a decision looks at the clock": Planted(
        {"functions/step_rollout/decide.py": "import time\n"}, "purity"
    ),
    "a decision calls an adapter": Planted(
        {"functions/gate_model/decide.py": "import functions.aws.registry\n"}, "purity"
    ),
    "a decision throws a die": Planted({"functions/sweep/decide.py": "import random\n"}, "purity"),
    "a record draws a secret": Planted({"functions/ledger.py": "import secrets\n"}, "purity"),
    "a name is drawn": Planted({"functions/names.py": "import uuid\n"}, "purity"),
    "a record begins a span": Planted(
        {"functions/registry.py": "import functions.tracing\n"}, "purity"
    ),
    "a record opens a socket": Planted({"functions/ledger.py": "import socket\n"}, "purity"),
    "a handler speaks to AWS itself": Planted(
        {"functions/sweep/handler.py": "import boto3\n"}, "adapters"
    ),
    "a Lambda carries torch": Planted(
        {"functions/accept_drop/check.py": "import torch\n"}, "light-lambdas"
    ),
    "the embedded AWS knows our events": Planted(
        {"local/eventbridge/service.py": "import events.catalog\n"}, "local-knows-aws-not-sluice"
    ),
    "a construct leans on the embedded AWS": Planted(
        {"cdk/stack.py": "import local.cloud\n"}, "nobody-knows-local"
    ),
    "the training container calls AWS": Planted(
        {"training/data.py": "import boto3\n"}, "containers"
    ),
    "training borrows from serving": Planted(
        {"training/train.py": "import serving.model\n"}, "strangers"
    ),
    "the command line computes with torch": Planted({"cli/main.py": "import torch\n"}, "people"),
    "two modules need each other": Planted(
        {
            "serving/model.py": "import serving.payload\n",
            "serving/payload.py": "import serving.model\n",
        },
        "no-cycles",
    ),
}


def contracts() -> dict[str, str]:
    """Every contract's name by its id."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", "utf-8")
    mark = "importlinter:contract:"
    return {
        section.removeprefix(mark): config[section]["name"]
        for section in config.sections()
        if section.startswith(mark)
    }


def packages() -> list[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", "utf-8")
    return config["importlinter"]["root_packages"].split()


def bare_tree(root: Path) -> None:
    """Every module of ours, by name and empty, under the same contracts."""
    shutil.copy(ROOT / ".importlinter", root)
    for package in packages():
        for source in (ROOT / package).rglob("*.py"):
            bare = root / source.relative_to(ROOT)
            bare.parent.mkdir(parents=True, exist_ok=True)
            bare.touch()


def broken(root: Path) -> list[str]:
    """The ids of the contracts that lint-imports finds broken in `root`."""
    done = subprocess.run(
        [LINTER, "--no-logo", "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    found = [id_ for id_, name in contracts().items() if f"{name} BROKEN" in done.stdout]
    assert bool(found) == (done.returncode != 0)
    return found


def test_our_own_imports_keep_every_contract() -> None:
    assert broken(ROOT) == []


def test_a_tree_without_imports_keeps_every_contract(tmp_path: Path) -> None:
    bare_tree(tmp_path)

    assert broken(tmp_path) == []


@pytest.mark.parametrize("planted", VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_exactly_the_contract_it_is_against_notices(tmp_path: Path, planted: Planted) -> None:
    bare_tree(tmp_path)
    for module, source in planted.modules.items():
        (tmp_path / module).write_text(source, "utf-8")

    assert broken(tmp_path) == [planted.contract]


def test_every_contract_has_a_violation_planted_against_it() -> None:
    assert {planted.contract for planted in VIOLATIONS.values()} == set(contracts())
