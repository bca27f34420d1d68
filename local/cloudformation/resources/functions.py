"""AWS::Lambda types."""

import zipfile
from io import BytesIO
from typing import Any

from local.cloudformation.provider import Ask, Properties, Provider, tag_map
from local.cloudformation.template import Made

CONFIGURATION = (
    "Role",
    "Handler",
    "Runtime",
    "Description",
    "VpcConfig",
    "Environment",
    "DeadLetterConfig",
    "TracingConfig",
    "EphemeralStorage",
    "SnapStart",
    "LoggingConfig",
    "Layers",
)
NUMBERS = ("Timeout", "MemorySize")


def _inline(source: str) -> bytes:
    """The zip that Lambda makes of code written in the template."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py", (1980, 1, 1, 0, 0, 0)), source)
    return packed.getvalue()


def _code(properties: Properties) -> dict[str, Any]:
    given = properties.get("Code", {})
    if "ZipFile" in given:
        return {"ZipFile": _inline(str(given["ZipFile"]))}
    return {n: given[n] for n in ("S3Bucket", "S3Key", "S3ObjectVersion") if n in given}


def _configuration(ask: Ask) -> dict[str, Any]:
    numbers = {name: int(ask.need(name)) for name in NUMBERS if name in ask.properties}
    kms = {"KMSKeyArn": ask.get("KmsKeyArn")} if "KmsKeyArn" in ask.properties else {}
    return {**ask.pick(*CONFIGURATION), **numbers, **kms}


class LambdaFunction(Provider):
    immutable = frozenset({"FunctionName", "PackageType"})
    named_by = "FunctionName"

    def look(self, ask: Ask, name: str) -> object:
        return self.around.call("lambda", "GetFunctionConfiguration", FunctionName=name)

    def create(self, ask: Ask) -> Made:
        name = ask.name("FunctionName")
        made = self.around.call(
            "lambda",
            "CreateFunction",
            FunctionName=name,
            Code=_code(ask.properties),
            Tags=tag_map(ask.get("Tags")),
            **ask.pick("PackageType", "Architectures"),
            **_configuration(ask),
        )
        self._reserve(ask, name)
        return Made(name, {"Arn": made["FunctionArn"]})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        name = made.physical_id
        if _code(before) != _code(ask.properties):
            code = _code(ask.properties)
            self.around.call("lambda", "UpdateFunctionCode", FunctionName=name, **code)
        settings = _configuration(ask)
        cleared: dict[str, Any] = {
            n: {} for n in ("Environment", "DeadLetterConfig") if n not in settings
        }
        self.around.call(
            "lambda", "UpdateFunctionConfiguration", FunctionName=name, **cleared, **settings
        )
        if before.get("ReservedConcurrentExecutions") != ask.get("ReservedConcurrentExecutions"):
            self._reserve(ask, name)
        tags = tag_map(ask.get("Tags"))
        self.around.call("lambda", "TagResource", Resource=made.attributes["Arn"], Tags=tags)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.call("lambda", "DeleteFunction", FunctionName=made.physical_id)

    def _reserve(self, ask: Ask, name: str) -> None:
        reserved = ask.get("ReservedConcurrentExecutions")
        if reserved is None:
            self.around.call("lambda", "DeleteFunctionConcurrency", FunctionName=name)
        else:
            self.around.call(
                "lambda",
                "PutFunctionConcurrency",
                FunctionName=name,
                ReservedConcurrentExecutions=int(reserved),
            )


class Permission(Provider):
    def create(self, ask: Ask) -> Made:
        identifier = ask.name("", most=100)
        self.around.call(
            "lambda",
            "AddPermission",
            StatementId=identifier,
            **ask.pick("FunctionName", "Action", "Principal", "SourceArn", "SourceAccount"),
        )
        return Made(identifier)

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        self._remove(str(before["FunctionName"]), made)
        return self.create(ask)

    def delete(self, ask: Ask, made: Made) -> None:
        self._remove(str(ask.need("FunctionName")), made)

    def _remove(self, function: str, made: Made) -> None:
        self.around.call(
            "lambda", "RemovePermission", FunctionName=function, StatementId=made.physical_id
        )


class EventInvokeConfig(Provider):
    immutable = frozenset({"FunctionName", "Qualifier"})

    def create(self, ask: Ask) -> Made:
        numbers = {
            name: int(ask.need(name))
            for name in ("MaximumEventAgeInSeconds", "MaximumRetryAttempts")
            if name in ask.properties
        }
        self.around.call(
            "lambda",
            "PutFunctionEventInvokeConfig",
            **ask.pick("FunctionName", "Qualifier", "DestinationConfig"),
            **numbers,
        )
        return Made(f"{ask.need('FunctionName')}|{ask.get('Qualifier', '$LATEST')}")

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        return self.create(ask)

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.call(
            "lambda", "DeleteFunctionEventInvokeConfig", **ask.pick("FunctionName", "Qualifier")
        )


class Version(Provider):
    immutable = frozenset({"FunctionName", "Description", "CodeSha256"})

    def create(self, ask: Ask) -> Made:
        wanted = ask.pick("FunctionName", "Description", "CodeSha256")
        made = self.around.call("lambda", "PublishVersion", **wanted)
        return Made(made["FunctionArn"], {"Version": made["Version"]})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        version = str(made.attributes["Version"])
        function = str(ask.need("FunctionName"))
        self.around.call("lambda", "DeleteFunction", FunctionName=function, Qualifier=version)


class Alias(Provider):
    immutable = frozenset({"FunctionName", "Name"})
    named_by = "Name"
    members = ("FunctionName", "Name", "FunctionVersion", "Description")

    def look(self, ask: Ask, name: str) -> object:
        return self.around.call("lambda", "GetAlias", **ask.pick("FunctionName", "Name"))

    def create(self, ask: Ask) -> Made:
        ask.own_name("Name")
        arn = self.around.call("lambda", "CreateAlias", **self._wanted(ask))["AliasArn"]
        return Made(arn, {"AliasArn": arn})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        self.around.call("lambda", "UpdateAlias", **self._wanted(ask))
        return made

    def _wanted(self, ask: Ask) -> dict[str, Any]:
        weights = {
            str(each["FunctionVersion"]): float(each["FunctionWeight"])
            for each in ask.get("RoutingConfig", {}).get("AdditionalVersionWeights", [])
        }
        routing = {"AdditionalVersionWeights": weights}
        return {**ask.pick(*self.members), "RoutingConfig": routing}

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.call("lambda", "DeleteAlias", **ask.pick("FunctionName", "Name"))


class LayerVersion(Provider):
    immutable = frozenset(
        {
            "CompatibleArchitectures",
            "CompatibleRuntimes",
            "Content",
            "Description",
            "LayerName",
            "LicenseInfo",
        }
    )

    def create(self, ask: Ask) -> Made:
        arn = self.around.call(
            "lambda",
            "PublishLayerVersion",
            LayerName=ask.name("LayerName"),
            Content=dict(ask.need("Content")),
            **ask.pick(*sorted(self.immutable - {"Content", "LayerName"})),
        )["LayerVersionArn"]
        return Made(arn, {"LayerVersionArn": arn})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        name, _, number = made.physical_id.rpartition(":")
        self.around.call("lambda", "DeleteLayerVersion", LayerName=name, VersionNumber=int(number))


class EventSourceMapping(Provider):
    immutable = frozenset({"EventSourceArn"})
    members = ("FunctionName", "FilterCriteria", "FunctionResponseTypes", "ScalingConfig")

    def create(self, ask: Ask) -> Made:
        source = ask.pick("EventSourceArn")
        made = self.around.call("lambda", "CreateEventSourceMapping", **source, **self._wanted(ask))
        return Made(
            made["UUID"],
            {"Id": made["UUID"], "EventSourceMappingArn": made["EventSourceMappingArn"]},
        )

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        identified = {"UUID": made.physical_id}
        self.around.call("lambda", "UpdateEventSourceMapping", **identified, **self._wanted(ask))
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.call("lambda", "DeleteEventSourceMapping", UUID=made.physical_id)

    def _wanted(self, ask: Ask) -> dict[str, Any]:
        numbers = ask.pick("BatchSize", "MaximumBatchingWindowInSeconds")
        enabled = str(ask.get("Enabled", True)).lower() == "true"
        told = {name: int(value) for name, value in numbers.items()}
        return {**ask.pick(*self.members), **told, "Enabled": enabled}


TYPES: dict[str, type[Provider]] = {
    "AWS::Lambda::Alias": Alias,
    "AWS::Lambda::EventInvokeConfig": EventInvokeConfig,
    "AWS::Lambda::EventSourceMapping": EventSourceMapping,
    "AWS::Lambda::Function": LambdaFunction,
    "AWS::Lambda::LayerVersion": LayerVersion,
    "AWS::Lambda::Permission": Permission,
    "AWS::Lambda::Version": Version,
}
