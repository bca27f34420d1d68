"""CDK entry: choose a stage, build, synth; never calls AWS."""

from pathlib import Path

import aws_cdk as cdk_

from cdk.bundling import Bundler
from cdk.guard import guard
from cdk.stack import SluiceStack
from cdk.stages import STAGES

ROOT = Path(__file__).parent


def main() -> None:
    """Synthesize the stage that `-c stage=` names (default `dev`)."""
    app = cdk_.App()
    name = app.node.try_get_context("stage") or "dev"
    if name not in STAGES:
        raise SystemExit(f"UNKNOWN_STAGE: -c stage={name}: choose one of {', '.join(STAGES)}")
    stage = STAGES[name]
    models = Path(app.node.try_get_context("models") or ROOT / "models")
    stack = SluiceStack(
        app,
        f"Sluice-{stage.name}",
        stage=stage,
        models=models,
        bundler=Bundler(root=ROOT, cache=ROOT / ".sluice" / "cache"),
    )
    guard(app, stack, stage=stage, storage=stack.storage)
    app.synth()


if __name__ == "__main__":
    main()
