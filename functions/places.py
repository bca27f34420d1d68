"""Where the artifact bucket keeps what belongs to a dataset and to a run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Places:
    """URIs in one artifact bucket."""

    bucket: str

    def dataset(self, model: str, digest: str) -> str:
        """Folder of `dataset.json`, `s3.manifest` and `probe.json`."""
        return f"s3://{self.bucket}/datasets/{model}/{digest}"

    def training(self, model: str, run: str) -> str:
        return f"s3://{self.bucket}/runs/{model}/{run}/training"

    def checkpoints(self, model: str, run: str) -> str:
        return f"s3://{self.bucket}/runs/{model}/{run}/checkpoints"

    def evaluation(self, model: str, run: str, attempt: int) -> str:
        return f"s3://{self.bucket}/runs/{model}/{run}/evaluation/{attempt}"
