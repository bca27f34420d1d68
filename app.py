"""CDK entry: choose a stage, build, synth; never calls AWS."""

import sys
from pathlib import Path

import aws_cdk as cdk_

from bundles.code import BundleError as ModelError
from cdk.bundling import BundleError, Bundler
from cdk.guard import guard
from cdk.stack import SluiceStack
from cdk.stages import UnknownStageError, stage_named
from functions.definition import DefinitionError

ROOT = Path(__file__).parent
CODES: dict[type[Exception], str] = {
    BundleError: "BUNDLE_FAILED",
    DefinitionError: "BAD_DEFINITION",
    ModelError: "BAD_MODEL",
    UnknownStageError: "UNKNOWN_STAGE",
}
"""What a person can put right is one line with a stable code, and exit status 2."""


def main() -> None:
    """Synthesize, or say in one line why not."""
    try:
        synthesize()
    except tuple(CODES) as error:
        print(refusal(error), file=sys.stderr)  # noqa: T201  # the CDK command line shows it
        raise SystemExit(2) from None


def synthesize() -> None:
    """The stage that `-c stage=` names (default `dev`); raises one of CODES."""
    app = cdk_.App()
    stage = stage_named(app.node.try_get_context("stage") or "dev")
    models = Path(app.node.try_get_context("models") or ROOT / "models")
    stack = SluiceStack(
        app,
        f"Sluice-{stage.name}",
        stage=stage,
        models=models,
        bundler=Bundler(root=ROOT, cache=ROOT / ".sluice" / "cache"),
    )
    guard(app, stack, stage=stage)
    app.synth()


def refusal(error: Exception) -> str:
    """`CODE: what, where, what to do`."""
    return f"{CODES[type(error)]}: {' '.join(str(error).split())}"


if __name__ == "__main__":
    main()
