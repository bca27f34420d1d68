"""`python -m bench.resume`: SIGKILL at random moments of a training, and the same weights still.

A training is killed and started again, `--kills` times, and then left to finish. Its artifact must
be that of a training that nobody disturbed, byte for byte.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from tests.fakes.container import TrainingContainer, clouds, training, write_model
from training.dataset import sha256_of

_TOML: Final = """
[data]
features = ["x_*"]
classes = 3
[training.hyperparameters]
epochs = 400
batch_size = 16
micro_batch = 5
ema = 0.9
clip_norm = 1.0
checkpoint_every = 1
"""
_LATEST: Final = 0.4
"""Seconds at most from the first step of a process to its end."""


def start(container: TrainingContainer) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(container.code), "train"],
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(container.base)},
        cwd=container.base,
        stdout=subprocess.PIPE,
        text=True,
    )


def killed(container: TrainingContainer, random: Random) -> str | None:
    """The last epoch that it told of; None when it was done before the kill."""
    with start(container) as process:
        assert process.stdout is not None
        line = ""
        while not line.startswith("epoch=") and process.poll() is None:
            line = process.stdout.readline()
        time.sleep(random.uniform(0, _LATEST))
        process.kill()
        told = process.stdout.read().splitlines()
    epochs = [each for each in (line, *told) if each.startswith("epoch=")]
    return epochs[-1].split()[0] if process.returncode == -9 and epochs else None


def artifact(container: TrainingContainer) -> dict[str, str]:
    """Every file of it, by what it holds."""
    found = (path for path in container.artifact.rglob("*") if path.is_file())
    return {path.name: sha256_of(path) for path in found}


def finished(container: TrainingContainer) -> dict[str, str]:
    with start(container) as process:
        process.communicate()
    return artifact(container)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    random = Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        model = write_model(base / "clouds", toml=_TOML)
        disturbed = training(base / "disturbed", model, [clouds(300)])
        whole = disturbed.again(base / "whole")
        expected = finished(whole)
        at = [killed(disturbed, random) for _ in range(options.kills)]
        same = bool(expected) and finished(disturbed) == expected
    kills = [each for each in at if each]
    print(f"{len(kills)} kills, after {', '.join(kills)}")
    print("the artifact is the same, byte for byte" if same else "THE ARTIFACT DIFFERS")
    return int(not same or len(kills) < options.kills)


if __name__ == "__main__":
    raise SystemExit(main())
