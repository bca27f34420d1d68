"""What is on SageMaker under our prefix: what runs now, and what was made lately."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from functions.aws.refusals import Refusal, refusal
from functions.names import Names
from functions.orphans import Found, Kind, model_of_model

if TYPE_CHECKING:
    from types_boto3_sagemaker.client import SageMakerClient


class Inventory:
    """One stage's things, listed page by page."""

    def __init__(self, client: "SageMakerClient", names: Names) -> None:
        self._client = client
        self._names = names
        self._ours = f"{names.prefix}-"

    def running(self) -> Iterator[Found]:
        """Jobs in progress and endpoints: their number grows with what is in flight."""
        jobs = self._client.get_paginator("list_training_jobs").paginate(
            NameContains=self._ours, StatusEquals="InProgress"
        )
        for page in jobs:
            for job in page["TrainingJobSummaries"]:
                yield Found(Kind.TRAINING, job["TrainingJobName"], job["CreationTime"])
        for others in self._client.get_paginator("list_processing_jobs").paginate(
            NameContains=self._ours, StatusEquals="InProgress"
        ):
            for each in others["ProcessingJobSummaries"]:
                yield Found(Kind.EVALUATION, each["ProcessingJobName"], each["CreationTime"])
        for endpoints in self._client.get_paginator("list_endpoints").paginate(
            NameContains=self._ours
        ):
            for endpoint in endpoints["Endpoints"]:
                if endpoint["EndpointStatus"] != "Deleting":
                    made = endpoint["CreationTime"]
                    yield Found(Kind.ENDPOINT, endpoint["EndpointName"], made)

    def made_since(self, since: datetime) -> Iterator[Found]:
        """Configurations and models made after that time."""
        for page in self._client.get_paginator("list_endpoint_configs").paginate(
            NameContains=self._ours, CreationTimeAfter=since
        ):
            for config in page["EndpointConfigs"]:
                name = config["EndpointConfigName"]
                yield Found(Kind.CONFIG, name, config["CreationTime"], self._versions_in(name))
        for models in self._client.get_paginator("list_models").paginate(
            NameContains=self._ours, CreationTimeAfter=since
        ):
            for model in models["Models"]:
                yield Found(Kind.MODEL, model["ModelName"], model["CreationTime"])

    def remove(self, found: Found) -> None:
        """Stop a job or delete a configuration; one that is over or gone is fine."""
        try:
            self._remove(found)
        except ClientError as error:
            if refusal(error) not in {Refusal.NOT_THERE, Refusal.INVALID}:
                raise

    def _remove(self, found: Found) -> None:
        match found.kind:
            case Kind.TRAINING:
                self._client.stop_training_job(TrainingJobName=found.name)
            case Kind.EVALUATION:
                self._client.stop_processing_job(ProcessingJobName=found.name)
            case Kind.CONFIG:
                self._client.delete_endpoint_config(EndpointConfigName=found.name)
            case Kind.ENDPOINT | Kind.MODEL:
                raise ValueError(f"a {found.kind} is never removed: {found.name}")

    def _versions_in(self, config: str) -> tuple[int, ...] | None:
        try:
            seen = self._client.describe_endpoint_config(EndpointConfigName=config)
        except ClientError as error:
            if refusal(error) is Refusal.NOT_THERE:
                return ()
            raise
        variants = seen["ProductionVariants"]
        named = [model_of_model(v.get("ModelName", ""), self._names) for v in variants]
        return None if None in named else tuple(each[1] for each in named if each is not None)
