"""Cold start of each handler against `import boto3, pydantic` and the same clients, in one run.

Both sides run in fresh processes from the bundle that is deployed (`python -S`, the zip unpacked),
taking turns; the ratio is of medians. Run: `python -m bench.lambda_import`.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from cdk.bundling import CHECKS, CORE, Bundler
from functions.routes import FUNCTIONS

LIMIT = 1.3
_TURNS = 9
_CLIENTS = {
    "accept_drop": ("dynamodb", "events", "s3", "scheduler", "ssm"),
    "gate_model": ("dynamodb", "events", "s3", "sagemaker"),
    "roll_back": ("dynamodb", "events", "s3", "sagemaker", "sagemaker-runtime"),
    "start_evaluation": ("dynamodb", "events", "sagemaker"),
    "start_rollout": ("dynamodb", "events", "sagemaker", "sagemaker-runtime"),
    "start_training": ("dynamodb", "events", "s3", "sagemaker", "ssm"),
    "step_rollout": (
        *("cloudwatch", "dynamodb", "events", "s3"),
        *("sagemaker", "sagemaker-runtime", "scheduler"),
    ),
    "sweep": ("dynamodb", "events"),
}
_SETTINGS = (
    *("prefix", "bus_name", "bus_arn", "table_name", "undelivered_arn"),
    *("data_bucket", "artifact_bucket"),
    *("schedule_group", "schedule_role_arn", "training_role_arn", "training_image"),
    *("evaluation_role_arn", "evaluation_image", "serving_role_arn", "serving_image"),
)
_TIMED = """
import time
begun = time.perf_counter()
{body}
print(time.perf_counter() - begun)
"""


def main() -> int:
    """Measure and print; 1 when a handler is over the limit."""
    root = Path(__file__).parents[1]
    bundler = Bundler(root=root, cache=root / ".sluice" / "cache")
    over = []
    print(f"{'handler':<18}{'peer ms':>9}{'ours ms':>9}{'ratio':>8}   (limit {LIMIT})")
    with tempfile.TemporaryDirectory() as scratch:
        core = _unpacked(bundler.asset("core", CORE), Path(scratch) / "core")
        checks = _unpacked(bundler.asset("checks", CHECKS), Path(scratch) / "checks")
        for unit in FUNCTIONS:
            site = checks if unit == "accept_drop" else core
            peer, ours = _medians(unit, site)
            ratio = ours / peer
            print(f"{unit:<18}{peer * 1000:>9.0f}{ours * 1000:>9.0f}{ratio:>8.2f}")
            if ratio > LIMIT:
                over.append(unit)
    return 1 if over else 0


def _medians(unit: str, site: Path) -> tuple[float, float]:
    clients = _CLIENTS[unit]
    peer = f"import boto3, pydantic\nfor name in {clients!r}:\n    boto3.client(name)"
    ours = f"from functions.{unit} import handler\nhandler.made()"
    seconds = [(_run(peer, site), _run(ours, site)) for _ in range(_TURNS)]
    return statistics.median(p for p, _ in seconds), statistics.median(o for _, o in seconds)


def _run(body: str, site: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-S", "-c", _TIMED.format(body=body)],
        env=_environment(site),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def _environment(site: Path) -> dict[str, str]:
    """What Lambda gives a sandbox, as far as importing cares."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(site),
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "Sluice",
        **{f"SLUICE_{name.upper()}": "x" for name in _SETTINGS},
    }


def _unpacked(asset: Path, folder: Path) -> Path:
    with zipfile.ZipFile(asset) as archive:
        archive.extractall(folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())
