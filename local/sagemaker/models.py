"""Models and endpoint configurations: names for what endpoints are made of."""

from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from local.sagemaker.files import S3Files
from local.sagemaker.hosting_rules import checked
from local.sagemaker.listing import Listing
from local.sagemaker.parts import Operations, Parts, Request, invalid
from local.sagemaker.registry import Registry
from local.store import Kept

_MODELS = Listing("ModelName", ("ModelName", "ModelArn", "CreationTime"), newest_first=True)
_CONFIGS = Listing(
    "EndpointConfigName",
    ("EndpointConfigName", "EndpointConfigArn", "CreationTime"),
    newest_first=True,
)


@dataclass
class _Named:
    """Things of one kind by name."""

    kind: str
    key: str
    things: Kept
    lock: RLock = field(default_factory=RLock)

    def add(self, thing: dict[str, Any], arn: str) -> None:
        with self.lock:
            if thing[self.key] in self.things:
                raise invalid(f'Cannot create already existing {self.kind} "{arn}".')
            self.things[thing[self.key]] = thing

    def find(self, name: str) -> dict[str, Any]:
        with self.lock:
            if name not in self.things:
                raise invalid(f'Could not find {self.kind} "{name}".')
            return dict(self.things[name])

    def remove(self, name: str) -> Request:
        self.find(name)
        with self.lock:
            self.things.pop(name, None)
        return {}

    def all(self) -> list[dict[str, Any]]:
        with self.lock:
            return [dict(thing) for thing in self.things.values()]


class Models:
    """Models and endpoint configurations; neither changes once made."""

    def __init__(self, parts: Parts, registry: Registry) -> None:
        self._parts = parts
        self._registry = registry
        store = parts.account.store
        models, configs = Kept(store.shelf("models")), Kept(store.shelf("endpoint configurations"))
        self._models = _Named("model", "ModelName", models)
        self._configs = _Named("endpoint configuration", "EndpointConfigName", configs)
        self.operations: Operations = {
            "CreateModel": self._create_model,
            "DescribeModel": lambda r: self._models.find(r["ModelName"]),
            "ListModels": self._list_models,
            "DeleteModel": lambda r: self._models.remove(r["ModelName"]),
            "CreateEndpointConfig": self._create_config,
            "DescribeEndpointConfig": lambda r: self._configs.find(r["EndpointConfigName"]),
            "ListEndpointConfigs": self._list_configs,
            "DeleteEndpointConfig": lambda r: self._configs.remove(r["EndpointConfigName"]),
        }

    def config(self, name: str) -> dict[str, Any]:
        """An endpoint configuration; raises SageMaker's error when there is none."""
        return self._configs.find(name)

    def container(self, model: str) -> dict[str, Any]:
        """Image, model data and environment of a model."""
        found = self._models.find(model)
        container = dict(found.get("PrimaryContainer") or found["Containers"][0])
        if "ModelPackageName" in container:
            image, data = self._registry.image_and_data(container["ModelPackageName"])
            container |= {"Image": image, "ModelDataUrl": data}
        return container | {"isolated": bool(found.get("EnableNetworkIsolation"))}

    def _create_model(self, request: Request) -> Request:
        name = request["ModelName"]
        if "PrimaryContainer" not in request and not request.get("Containers"):
            raise invalid("Either PrimaryContainer or Containers must be provided.")
        if len(request.get("Containers", [])) > 1:
            raise invalid("Models of several Containers: not emulated yet.")
        self._check_data(request)
        arn = self._parts.account.arn("sagemaker", f"model/{name}")
        told = {k: v for k, v in request.items() if k != "Tags"}
        self._models.add(told | {"ModelArn": arn, "CreationTime": self._parts.now()}, arn)
        self._parts.tags.put(arn, request.get("Tags", []))
        self._parts.tell("SageMaker Model State Change", arn, {"ModelName": name, "ModelArn": arn})
        return {"ModelArn": arn}

    def _check_data(self, request: Request) -> None:
        """What a container is to load has to be there; AWS looks at once."""
        files = S3Files(self._parts.account.client("s3"))
        for container in (request.get("PrimaryContainer"), *request.get("Containers", [])):
            data = (container or {}).get("ModelDataUrl")
            if data and not files.exists(data):
                raise invalid(f"Could not find model data at {data}.")

    def _list_models(self, request: Request) -> Request:
        found, token = _MODELS.page(request, self._models.all())
        return {"Models": found, **token}

    def _create_config(self, request: Request) -> Request:
        name = request["EndpointConfigName"]
        for variant in checked(request):
            self._models.find(variant["ModelName"])
        arn = self._parts.account.arn("sagemaker", f"endpoint-config/{name}")
        told = {k: v for k, v in request.items() if k != "Tags"}
        self._configs.add(told | {"EndpointConfigArn": arn, "CreationTime": self._parts.now()}, arn)
        self._parts.tags.put(arn, request.get("Tags", []))
        return {"EndpointConfigArn": arn}

    def _list_configs(self, request: Request) -> Request:
        found, token = _CONFIGS.page(request, self._configs.all())
        return {"EndpointConfigs": found, **token}
