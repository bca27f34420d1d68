"""Where the buckets keep what belongs to a model, a dataset and a run."""

from dataclasses import dataclass


def holdout(data_bucket: str, model: str, id_: str) -> str:
    """Folder of the rows that candidates of a model are judged on."""
    return f"s3://{data_bucket}/holdouts/{model}/{id_}/"


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
