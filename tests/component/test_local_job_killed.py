"""A job whose server is killed: nothing of it runs on, and it is taken up again."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.jobs import IMAGE, ROLE
from tests.conformance.target import CONTAINER, ROOT, Target
from tests.fakes.embedded_aws import eventually


@contextmanager
def killed(state: Path, ready: Path, *, scale: int = 600) -> Iterator[Target]:
    """An embedded AWS that ends by SIGKILL."""
    image = f'conformance="{sys.executable}" "{CONTAINER}"'
    words = ["-m", "local", "--port", "0", "--state", str(state), "--ready-file", str(ready)]
    words += ["--time-scale", str(scale), "--image", image]
    with subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE) as server:
        try:
            eventually(lambda: ready.exists() and ready.read_text())
            yield Target(ready.read_text().strip())
        finally:
            server.kill()


def running(state: Path) -> list[str]:
    """The processes that work in the state folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            cwd = str((process / "cwd").readlink()) if process.name.isdigit() else ""
        except OSError:
            continue
        if cwd.startswith(f"{state}/sagemaker"):
            found.append(process.name)
    return found


def test_a_killed_server_leaves_no_process_and_its_job_is_taken_up(tmp_path: Path) -> None:
    state = tmp_path / "state"
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    with killed(state, tmp_path / "first") as aws:
        aws.client("sagemaker").create_processing_job(
            ProcessingJobName="long",
            RoleArn=ROLE,
            AppSpecification={"ImageUri": IMAGE},
            ProcessingResources={"ClusterConfig": cluster},
            Environment={"SECONDS": "60"},
        )
        eventually(lambda: len(running(state)) == 2)
    eventually(lambda: not running(state), seconds=5)

    with killed(state, tmp_path / "second") as aws:
        sagemaker = aws.client("sagemaker")
        eventually(lambda: len(running(state)) == 2)
        told = sagemaker.describe_processing_job(ProcessingJobName="long")
        assert told["ProcessingJobStatus"] == "InProgress"
        sagemaker.stop_processing_job(ProcessingJobName="long")

        def stopped() -> bool:
            told = sagemaker.describe_processing_job(ProcessingJobName="long")
            return bool(told["ProcessingJobStatus"] == "Stopped")

        eventually(stopped)
        assert not running(state)
        assert [path for path in (state / "sagemaker").rglob("*") if path.is_file()] == []
