"""Both stages synthesized once, with an empty bundle in place of wheels."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

import aws_cdk as cdk_
import aws_cdk.aws_lambda as lambda_
from aws_cdk.assertions import Template

from cdk.bundling import Bundler
from cdk.guard import guard
from cdk.stack import SluiceStack
from cdk.stages import STAGES

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class EmptyBundler(Bundler):
    """Bundles nothing."""

    def code(self, name: str, packages: tuple[str, ...]) -> lambda_.AssetCode:
        folder = self.cache / f"{name}-{len(packages)}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "empty.py").write_text("")
        return lambda_.Code.from_asset(str(folder))


@dataclass(frozen=True)
class Synthesized:
    """A stage's template, by type."""

    resources: dict[str, dict[str, Any]]
    outputs: dict[str, Any]

    def of(self, type_: str) -> dict[str, dict[str, Any]]:
        return {k: r["Properties"] for k, r in self.resources.items() if r["Type"] == type_}


def app(folder: Path) -> cdk_.App:
    """An app with the context of cdk.json."""
    context = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    return cdk_.App(context=context, outdir=str(folder / "cdk.out"))


def stack(within: cdk_.App, name: str, folder: Path) -> SluiceStack:
    return SluiceStack(
        within,
        f"Sluice-{name}",
        stage=STAGES[name],
        models=ROOT / "models",
        bundler=EmptyBundler(root=ROOT, cache=folder / "cache"),
    )


def _synthesized(name: str, folder: Path) -> Synthesized:
    within = app(folder)
    made = stack(within, name, folder)
    guard(within, made, stage=STAGES[name])
    template = Template.from_stack(made).to_json()
    return Synthesized(template["Resources"], template["Outputs"])


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return _synthesized("dev", tmp_path_factory.mktemp("dev"))


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return _synthesized("prod", tmp_path_factory.mktemp("prod"))
