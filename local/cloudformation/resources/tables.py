"""AWS::DynamoDB types, kept by moto."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from local.cloudformation.provider import Ask, Properties, Provider, tag_list
from local.cloudformation.template import Made


def _throughput(given: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(given[name]) for name in ("ReadCapacityUnits", "WriteCapacityUnits")}


def _index(given: Mapping[str, Any], *, provisioned: bool) -> dict[str, Any]:
    index = {name: given[name] for name in ("IndexName", "KeySchema", "Projection")}
    if provisioned:
        units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
        index["ProvisionedThroughput"] = _throughput(given.get("ProvisionedThroughput", units))
    return index


class Table(Provider):
    immutable = frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"})
    named_by = "TableName"

    def look(self, ask: Ask, name: str) -> object:
        return self._dynamodb.describe_table(TableName=name)

    def create(self, ask: Ask) -> Made:
        name = ask.name("TableName", most=255)
        self._dynamodb.create_table(
            TableName=name,
            Tags=tag_list(ask.get("Tags")),
            **self._shape(ask),
            **ask.pick("AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes"),
            **ask.pick("DeletionProtectionEnabled"),
            **self._stream(ask),
        )
        self._settle(ask, {}, name)
        described = self._dynamodb.describe_table(TableName=name)["Table"]
        attributes = {"Arn": described["TableArn"], "TableId": described.get("TableId", name)}
        if "LatestStreamArn" in described:
            attributes["StreamArn"] = described["LatestStreamArn"]
        return Made(name, attributes)

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        name = made.physical_id
        for change in self._index_changes(ask, before):
            self._dynamodb.update_table(
                TableName=name,
                AttributeDefinitions=ask.need("AttributeDefinitions"),
                GlobalSecondaryIndexUpdates=[change],
            )
        self._settle(ask, before, name)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        name = made.physical_id
        self._dynamodb.delete_table(TableName=name)

    @property
    def _dynamodb(self) -> Any:
        return self.around.account.client("dynamodb")

    def _shape(self, ask: Ask) -> dict[str, Any]:
        """Billing and indexes."""
        provisioned = ask.get("BillingMode", "PROVISIONED") == "PROVISIONED"
        shape: dict[str, Any] = {"BillingMode": ask.get("BillingMode", "PROVISIONED")}
        if provisioned:
            shape["ProvisionedThroughput"] = _throughput(ask.need("ProvisionedThroughput"))
        indexes = ask.get("GlobalSecondaryIndexes", [])
        if indexes:
            shape["GlobalSecondaryIndexes"] = [
                _index(each, provisioned=provisioned) for each in indexes
            ]
        return shape

    def _stream(self, ask: Ask) -> dict[str, Any]:
        given = ask.get("StreamSpecification")
        if not given:
            return {}
        kind = given.get("StreamViewType", "NEW_AND_OLD_IMAGES")
        return {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": kind}}

    def _index_changes(self, ask: Ask, before: Properties) -> list[dict[str, Any]]:
        provisioned = ask.get("BillingMode", "PROVISIONED") == "PROVISIONED"
        wanted = {each["IndexName"]: each for each in ask.get("GlobalSecondaryIndexes", [])}
        had = {each["IndexName"]: each for each in before.get("GlobalSecondaryIndexes", [])}
        gone = [{"Delete": {"IndexName": name}} for name in had if name not in wanted]
        new = [
            {"Create": _index(each, provisioned=provisioned)}
            for name, each in wanted.items()
            if name not in had
        ]
        return [*gone, *new]

    def _settle(self, ask: Ask, before: Properties, name: str) -> None:
        self._expire(ask, before, name)
        recovery = ask.get("PointInTimeRecoverySpecification")
        if recovery != before.get("PointInTimeRecoverySpecification"):
            enabled = bool((recovery or {}).get("PointInTimeRecoveryEnabled", False))
            self._dynamodb.update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled},
            )

    def _expire(self, ask: Ask, before: Properties, name: str) -> None:
        given = ask.get("TimeToLiveSpecification")
        if given and given != before.get("TimeToLiveSpecification"):
            attribute, enabled = given["AttributeName"], bool(given.get("Enabled", True))
            self._dynamodb.update_time_to_live(
                TableName=name,
                TimeToLiveSpecification={"AttributeName": attribute, "Enabled": enabled},
            )


class GlobalTable(Table):
    """A global table with its replica in this region; other replicas are accepted and not made."""

    def create(self, ask: Ask) -> Made:
        return super().create(self._as_table(ask))

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        return super().update(self._as_table(ask), self._flat(before), made)

    def _as_table(self, ask: Ask) -> Ask:
        return replace(ask, properties=self._flat(ask.properties))

    def _flat(self, properties: Properties) -> dict[str, Any]:
        """The properties as a plain table has them: the replica's own join the common ones."""
        region = self.around.account.region
        replicas = [r for r in properties.get("Replicas", []) if r.get("Region") == region]
        own = replicas[0] if replicas else {}
        joined = ("PointInTimeRecoverySpecification", "DeletionProtectionEnabled", "Tags")
        flat = {**properties, **{name: own[name] for name in joined if name in own}}
        if flat.get("BillingMode", "PAY_PER_REQUEST") == "PROVISIONED":
            units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
            return {**flat, "ProvisionedThroughput": units}
        return {**flat, "BillingMode": "PAY_PER_REQUEST"}


TYPES: dict[str, type[Provider]] = {
    "AWS::DynamoDB::GlobalTable": GlobalTable,
    "AWS::DynamoDB::Table": Table,
}
