"""SageMaker endpoints of two variants: placed by one update, moved by weights, probed."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.answers import disagreement, fault_in, other_model, version_in
from functions.aws.guardrails import deployment_config
from functions.aws.refusals import (
    NOT_DONE,
    MissingError,
    NoRoomError,
    NotDone,
    Refusal,
    RefusedError,
    message,
    refusal,
)
from functions.endpoint import (
    ANY_ANSWER,
    EndpointView,
    Expected,
    Guard,
    Hardware,
    Placement,
    Probe,
    Standing,
)
from functions.names import Names

if TYPE_CHECKING:
    from types_boto3_sagemaker.client import SageMakerClient
    from types_boto3_sagemaker.literals import (
        ProductionVariantInferenceAmiVersionType,
        ProductionVariantInstanceTypeType,
    )
    from types_boto3_sagemaker.type_defs import ProductionVariantTypeDef
    from types_boto3_sagemaker_runtime.client import SageMakerRuntimeClient

_LONGEST_ANSWER = 60_000
_WEIGHT_PER_PERCENT = 1.0


class EndpointBusyError(RuntimeError):
    """Another update of the endpoint is under way: ask again when it is over."""


class Endpoints:
    """The endpoint of each model."""

    def __init__(
        self, client: "SageMakerClient", runtime: "SageMakerRuntimeClient", names: Names
    ) -> None:
        self._client = client
        self._runtime = runtime
        self._names = names

    def config_name(
        self, model: str, placements: Sequence[Placement], *, fallback: str = "", again: int = 0
    ) -> str:
        """The name of the configuration with these placements; weights do not count.

        SageMaker takes no update to the name that is there: the same `again` has another one.
        """
        variants: dict[str, object] = {p.variant: _identity(p) for p in placements}
        on = {"instance": fallback} if fallback else {}
        on |= {"again": str(again)} if again else {}
        return self._names.endpoint_config(model, variants | on)

    def view(self, model: str) -> EndpointView | None:
        """The endpoint as it is now, or None before the first deployment."""
        try:
            seen = self._client.describe_endpoint(EndpointName=self._names.endpoint(model))
        except ClientError as error:
            if refusal(error) is Refusal.NOT_THERE:
                return None
            raise
        variants = seen.get("ProductionVariants", [])
        weights = {v["VariantName"]: v.get("CurrentWeight", 0.0) for v in variants}
        return EndpointView(
            status=seen["EndpointStatus"],
            config=seen["EndpointConfigName"],
            weights=_percent(weights),
            failure=seen.get("FailureReason", ""),
            counts={v["VariantName"]: v.get("CurrentInstanceCount", 0) for v in variants},
            pending="PendingDeploymentSummary" in seen,
            made=seen["CreationTime"],
        )

    def place(
        self,
        model: str,
        placements: Sequence[Placement],
        hardware: Hardware,
        guard: Guard | None = None,
    ) -> str:
        """Bring the endpoint to these variants (a new fleet); the configuration's name.

        With a guard, SageMaker moves the traffic as that says, or goes back. Doing it again changes
        nothing. Raises EndpointBusyError, NoRoomError, RefusedError; of the last MissingError when
        the artifact of a model is gone.
        """
        config = self.config_name(model, placements, fallback=hardware.fallback)
        standing = Standing(config, tuple(placements), hardware.instance, hardware.machine_image)
        try:
            for placement in placements:
                self._ensure_model(model, placement, hardware)
            self._ensure_config(model, standing)
            self._ensure_endpoint(model, config, guard)
        except NOT_DONE as error:
            _raise_sorted(error, what=f"endpoint {self._names.endpoint(model)}")
        return config

    def restore(self, model: str, standing: Standing) -> None:
        """Bring the endpoint to this configuration, out of whatever state, with models that are.

        Doing it again changes nothing. Raises as `place` does.
        """
        try:
            self._remake(model, standing)
            self._ensure_endpoint(model, standing.config)
        except NOT_DONE as error:
            _raise_sorted(error, what=f"endpoint {self._names.endpoint(model)}")

    def shift(self, model: str, weights: Mapping[str, int], standing: Standing) -> bool:
        """Give each variant its percent of traffic; whether `standing` had to be made again.

        Raises EndpointBusyError while updating, MissingError when a model of it is gone.
        """
        try:
            self._give(model, weights)
        except ClientError as error:
            if refusal(error) is not Refusal.NOT_THERE:
                _raise_sorted(error, what=f"endpoint {self._names.endpoint(model)}")
        else:
            return False
        try:
            self._remake(model, standing)
            self._give(model, weights)
        except NOT_DONE as error:
            _raise_sorted(error, what=f"endpoint {self._names.endpoint(model)}")
        return True

    def _give(self, model: str, weights: Mapping[str, int]) -> None:
        self._client.update_endpoint_weights_and_capacities(
            EndpointName=self._names.endpoint(model),
            DesiredWeightsAndCapacities=[
                {"VariantName": variant, "DesiredWeight": percent * _WEIGHT_PER_PERCENT}
                for variant, percent in weights.items()
            ],
        )

    def remove(self, model: str) -> None:
        """Take the endpoint away; configurations and models stay. One not there is fine.

        Raises EndpointBusyError while an update or an earlier removal is under way.
        """
        try:
            self._client.delete_endpoint(EndpointName=self._names.endpoint(model))
        except ClientError as error:
            if refusal(error) is not Refusal.NOT_THERE:
                _raise_sorted(error, what=f"endpoint {self._names.endpoint(model)}")

    def probe(
        self,
        model: str,
        *,
        variant: str,
        instances: Sequence[object],
        expected: Expected = ANY_ANSWER,
    ) -> Probe:
        """Ask one variant a question whose form is known to be good, whatever its weight.

        Whatever comes back instead of as many predictions is a failed probe, never an error.
        """
        version: int | None = None
        try:
            answer = self._runtime.invoke_endpoint(
                EndpointName=self._names.endpoint(model),
                TargetVariant=variant,
                ContentType="application/json",
                Body=json.dumps({"instances": list(instances)}).encode(),
            )
            said = answer.get("CustomAttributes", "")
            version = version_in(said)
            body = answer["Body"].read()
            fault = fault_in(body, questions=len(instances)) or other_model(said, expected)
            fault = fault or disagreement(body, expected)
        except ClientError as error:
            fault = message(error)
        except BotoCoreError as error:
            fault = f"no answer: {error}"
        return Probe(variant=variant, ok=not fault, version=version, message=fault)

    def _ensure_model(self, model: str, placement: Placement, hardware: Hardware) -> None:
        _unless_there(lambda: self._create_model(model, placement, hardware))

    def _create_model(self, model: str, placement: Placement, hardware: Hardware) -> None:
        try:
            self._client.create_model(
                ModelName=self._names.deployed_model(model, placement.version),
                ExecutionRoleArn=hardware.role_arn,
                EnableNetworkIsolation=True,
                PrimaryContainer={
                    "Image": hardware.image,
                    "ModelDataUrl": placement.artifact,
                    "Environment": {
                        "SLUICE_MODEL": model,
                        "SLUICE_VERSION": str(placement.version),
                        "SLUICE_MODEL_DIGEST": placement.model_digest,
                        "SLUICE_MAX_BATCH": str(hardware.max_batch),
                        "SLUICE_LATENCY_MS": str(_milliseconds(hardware.latency)),
                    },
                },
            )
        except ClientError as error:
            if refusal(error) is Refusal.NOT_THERE:
                raise MissingError(f"version {placement.version}: {message(error)}") from error
            raise

    def _remake(self, model: str, standing: Standing) -> None:
        try:
            self._ensure_config(model, standing)
        except ClientError as error:
            if refusal(error) is Refusal.NOT_THERE:
                raise MissingError(f"{standing.config}: {message(error)}") from error
            raise

    def _ensure_config(self, model: str, standing: Standing) -> None:
        instance = cast("ProductionVariantInstanceTypeType", standing.instance)
        variants: list[ProductionVariantTypeDef] = [
            {
                "VariantName": p.variant,
                "ModelName": self._names.deployed_model(model, p.version),
                "InstanceType": instance,
                "InitialInstanceCount": p.count,
                "InitialVariantWeight": p.weight * _WEIGHT_PER_PERCENT,
            }
            for p in standing.placements
        ]
        if standing.machine_image is not None:
            machine = cast("ProductionVariantInferenceAmiVersionType", standing.machine_image)
            variants = [{**variant, "InferenceAmiVersion": machine} for variant in variants]
        _unless_there(
            lambda: self._client.create_endpoint_config(
                EndpointConfigName=standing.config, ProductionVariants=variants
            )
        )

    def _ensure_endpoint(self, model: str, config: str, guard: Guard | None = None) -> None:
        endpoint = self._names.endpoint(model)
        seen = self.view(model)
        if seen is None:
            self._client.create_endpoint(EndpointName=endpoint, EndpointConfigName=config)
        elif seen.status == "Failed":
            self._client.delete_endpoint(EndpointName=endpoint)
            raise EndpointBusyError(f"endpoint {endpoint}: had failed and is being made anew")
        elif seen.status == "Deleting":
            raise EndpointBusyError(f"endpoint {endpoint}: is being deleted")
        elif seen.config != config:
            self._bring(endpoint, config, guard)

    def _bring(self, endpoint: str, config: str, guard: Guard | None) -> None:
        if guard is None:
            self._client.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
            return
        self._client.update_endpoint(
            EndpointName=endpoint,
            EndpointConfigName=config,
            DeploymentConfig=deployment_config(guard),
        )


def _identity(placement: Placement) -> list[object]:
    """What makes a variant another one; a single instance goes without saying."""
    count = [placement.count] if placement.count > 1 else []
    return [placement.version, placement.model_digest, *count]


def _unless_there(create: Callable[[], object]) -> None:
    try:
        create()
    except ClientError as error:
        if refusal(error) is not Refusal.ALREADY_THERE:
            raise


def _raise_sorted(error: NotDone, *, what: str) -> None:
    said = f"{what}: {message(error)}"
    match refusal(error):
        case Refusal.BUSY:
            raise EndpointBusyError(said) from error
        case Refusal.NO_ROOM:
            raise NoRoomError(said) from error
        case Refusal.INVALID:
            raise RefusedError(said) from error
        case _:
            raise error


def _percent(weights: Mapping[str, float]) -> dict[str, int]:
    total = sum(weights.values())
    return {v: round(100 * w / total) if total else 0 for v, w in weights.items()}


def _milliseconds(seconds: float) -> int:
    """SageMaker waits no longer than that for an answer."""
    return max(1, min(round(1000 * seconds), _LONGEST_ANSWER))
