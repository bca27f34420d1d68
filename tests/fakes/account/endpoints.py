"""SageMaker's models, configurations and endpoints, and the runtime in front of them."""

import json
from collections.abc import Callable

from functions.names import Names
from tests.fakes.account.jobs import MADE, no_room
from tests.fakes.account.messages import Answer, Asked, Body, RefusedError, invalid, said
from tests.fakes.account.recent import Recent
from tests.fakes.endpoints import FakeEndpoints, _Endpoint, _Fleet


class Endpoints:
    """Calls on the endpoints of `kept`, which come to rest when the world says so."""

    def __init__(
        self, kept: FakeEndpoints, names: Names, recent: Recent, gain: Callable[[str, _Fleet], None]
    ) -> None:
        self.models: dict[str, Body] = {}
        self.configs: dict[str, Body] = {}
        self._kept = kept
        self._names = names
        self._recent = recent
        self._gain = gain
        """Told of every fleet that is asked for."""
        self.operations: dict[str, Callable[[Asked], Answer]] = {
            "CreateEndpoint": self._create_endpoint,
            "CreateEndpointConfig": self._create_endpoint_config,
            "CreateModel": self._create_model,
            "DeleteEndpoint": self._delete_endpoint,
            "DeleteEndpointConfig": self._delete_endpoint_config,
            "DescribeEndpoint": self._describe_endpoint,
            "DescribeEndpointConfig": self._describe_endpoint_config,
            "InvokeEndpoint": self._invoke_endpoint,
            "ListEndpointConfigs": self._list_endpoint_configs,
            "ListEndpoints": self._list_endpoints,
            "ListModels": self._list_models,
            "UpdateEndpoint": self._update_endpoint,
            "UpdateEndpointWeightsAndCapacities": self._update_weights,
        }

    def told(self, model: str) -> Body | None:
        """The endpoint as DescribeEndpoint tells of it."""
        view = self._kept._view(model)
        if view is None:
            return None
        failed = {"FailureReason": view.failure} if view.failure else {}
        variants = [
            {"VariantName": name, "CurrentWeight": float(w), "DesiredWeight": float(w)}
            for name, w in view.weights.items()
        ]
        return {
            "EndpointName": self._names.endpoint(model),
            "EndpointConfigName": view.config,
            "EndpointStatus": view.status,
            "CreationTime": MADE,
            "ProductionVariants": variants,
            **failed,
        }

    def settles(self, model: str, before: Body | None) -> None:
        """An endpoint is another now than before."""
        self._recent.changes(("endpoint", model), before)

    def _create_model(self, asked: Asked) -> Answer:
        name = asked.body["ModelName"]
        if name in self.models:
            raise invalid(f'Cannot create already existing model "{_arn("model", name)}".')
        self.models[name] = asked.body
        return said({"ModelArn": _arn("model", name)})

    def _create_endpoint_config(self, asked: Asked) -> Answer:
        body, name = asked.body, asked.body["EndpointConfigName"]
        arn = _arn("endpoint-config", name)
        if name in self.configs:
            raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
        for variant in body["ProductionVariants"]:
            if variant["ModelName"] not in self.models:
                raise invalid(f'Could not find model "{_arn("model", variant["ModelName"])}".')
        self.configs[name] = body
        return said({"EndpointConfigArn": arn})

    def _create_endpoint(self, asked: Asked) -> Answer:
        model, arn = self._model(asked)
        if model in self._kept.endpoints:
            raise invalid(f'Cannot create already existing endpoint "{arn}".')
        fleet = self._fleet(asked.body["EndpointConfigName"])
        self._kept.endpoints[model] = _Endpoint()
        self._begin(model, fleet, None)
        self._kept.updates += 1
        return said({"EndpointArn": arn})

    def _update_endpoint(self, asked: Asked) -> Answer:
        model, arn = self._model(asked)
        self._at_rest(model, arn, "update")
        fleet = self._fleet(asked.body["EndpointConfigName"])
        self._begin(model, fleet, self.told(model))
        self._kept.updates += 1
        return said({"EndpointArn": arn})

    def _update_weights(self, asked: Asked) -> Answer:
        model, arn = self._model(asked)
        now = self._at_rest(model, arn, "update").now
        if now is None:
            raise invalid(f'Cannot update endpoint "{arn}".')
        if self._kept.endpoints[model].stranded:
            raise invalid(f'Cannot update endpoint "{arn}" in status UpdateRollbackFailed.')
        if now.config not in self.configs:
            raise invalid(f'Could not find endpoint configuration "{now.config}".')
        wanted = {
            each["VariantName"]: int(each["DesiredWeight"])
            for each in asked.body["DesiredWeightsAndCapacities"]
        }
        if unknown := sorted(wanted.keys() - now.weights.keys()):
            raise invalid(f'The variant name(s) "{", ".join(unknown)}" is/are not present.')
        fleet = _Fleet(now.config, now.versions, {**now.weights, **wanted})
        self._begin(model, fleet, self.told(model))
        self._kept.shifts += 1
        return said({"EndpointArn": arn})

    def _delete_endpoint(self, asked: Asked) -> Answer:
        model, arn = self._model(asked)
        endpoint = self._at_rest(model, arn, "delete")
        self._recent.changes(("endpoint", model), self.told(model))
        endpoint.deleting = True
        return said({})

    def _describe_endpoint(self, asked: Asked) -> Answer:
        model, arn = self._model(asked)
        told = self._recent.seen(("endpoint", model), self.told(model))
        if told is None:
            raise invalid(f'Could not find endpoint "{arn}".')
        return said(told)

    def _delete_endpoint_config(self, asked: Asked) -> Answer:
        if self.configs.pop(asked.body["EndpointConfigName"], None) is None:
            raise invalid("Could not find endpoint configuration.")
        return said({})

    def _describe_endpoint_config(self, asked: Asked) -> Answer:
        found = self.configs.get(asked.body["EndpointConfigName"])
        if found is None:
            raise invalid("Could not find endpoint configuration.")
        return said({**found, "CreationTime": MADE})

    def _list_endpoint_configs(self, _: Asked) -> Answer:
        named = [{"EndpointConfigName": name, "CreationTime": MADE} for name in self.configs]
        return said({"EndpointConfigs": named})

    def _list_endpoints(self, _: Asked) -> Answer:
        told = [t for model in self._kept.endpoints if (t := self.told(model)) is not None]
        return said({"Endpoints": told})

    def _list_models(self, _: Asked) -> Answer:
        return said({"Models": [{"ModelName": n, "CreationTime": MADE} for n in self.models]})

    def _invoke_endpoint(self, asked: Asked) -> Answer:
        model = self._names.model_of(asked.path.split("/")[2]) or ""
        endpoint = self._kept.endpoints.get(model)
        now = endpoint.now if endpoint else None
        variant = asked.headers["x-amzn-sagemaker-target-variant"]
        version = now.versions.get(variant) if now else None
        if version is None:
            raise RefusedError("ValidationError", f"Variant {variant} of {model} not found.")
        if version in self._kept.broken:
            text = "Received server error (500) from primary with message"
            raise RefusedError("ModelError", text, status=424)
        answers = {"predictions": [0 for _ in json.loads(asked.content)["instances"]]}
        told = {"X-Amzn-SageMaker-Custom-Attributes": f"version={version}"}
        return Answer(json.dumps(answers).encode(), headers=told)

    def _begin(self, model: str, fleet: _Fleet, before: Body | None) -> None:
        """SageMaker is on its way to a fleet."""
        self._recent.changes(("endpoint", model), before)
        self._gain(model, fleet)
        endpoint = self._kept.endpoints[model]
        endpoint.then, endpoint.asked, endpoint.stranded = fleet, fleet.config, False

    def _at_rest(self, model: str, arn: str, verb: str) -> _Endpoint:
        endpoint = self._kept.endpoints.get(model)
        if endpoint is None:
            raise invalid(f'Could not find endpoint "{arn}".')
        if endpoint.then is not None or endpoint.deleting:
            raise invalid(f'Cannot {verb} in-progress endpoint "{arn}".')
        return endpoint

    def _fleet(self, config: str) -> _Fleet:
        found = self.configs.get(config)
        if found is None:
            arn = _arn("endpoint-config", config)
            raise invalid(f'Could not find endpoint configuration "{arn}".')
        types = {v["InstanceType"] for v in found["ProductionVariants"]}
        if self._kept.full or types & self._kept.missing:
            raise no_room()
        variants = {v["VariantName"]: v for v in found["ProductionVariants"]}
        return _Fleet(
            config=config,
            versions={name: self._version(v["ModelName"]) for name, v in variants.items()},
            weights={name: int(v["InitialVariantWeight"]) for name, v in variants.items()},
        )

    def _version(self, model: str) -> int:
        return int(self.models[model]["PrimaryContainer"]["Environment"]["SLUICE_VERSION"])

    def _model(self, asked: Asked) -> tuple[str, str]:
        name = asked.body["EndpointName"]
        return self._names.model_of(name) or "", _arn("endpoint", name)


def _arn(kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:us-east-1:123456789012:{kind}/{name}"
