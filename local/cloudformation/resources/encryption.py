"""AWS::KMS types, kept by moto."""

import json
from typing import Any

from local.cloudformation.provider import Ask, Properties, Provider
from local.cloudformation.template import Made


class Key(Provider):
    immutable = frozenset({"KeySpec", "KeyUsage", "MultiRegion"})

    def create(self, ask: Ask) -> Made:
        tags = [{"TagKey": t["Key"], "TagValue": t["Value"]} for t in ask.get("Tags", [])]
        given = ask.pick("Description", "KeySpec", "KeyUsage", "MultiRegion")
        if "KeyPolicy" in ask.properties:
            given["Policy"] = json.dumps(ask.need("KeyPolicy"))
        made = self._kms.create_key(Tags=tags, **given)["KeyMetadata"]
        return self._rotate(ask, Made(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]}))

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        if "KeyPolicy" in ask.properties:
            policy = json.dumps(ask.need("KeyPolicy"))
            self._kms.put_key_policy(KeyId=made.physical_id, PolicyName="default", Policy=policy)
        return self._rotate(ask, made)

    def delete(self, ask: Ask, made: Made) -> None:
        days = int(ask.get("PendingWindowInDays", 30))
        self._kms.schedule_key_deletion(KeyId=made.physical_id, PendingWindowInDays=days)

    @property
    def _kms(self) -> Any:
        return self.around.account.client("kms")

    def _rotate(self, ask: Ask, made: Made) -> Made:
        if ask.get("EnableKeyRotation"):
            self._kms.enable_key_rotation(KeyId=made.physical_id)
        return made


class Alias(Provider):
    immutable = frozenset({"AliasName"})
    named_by = "AliasName"

    def look(self, ask: Ask, name: str) -> object:
        return self.around.account.client("kms").describe_key(KeyId=name)

    def create(self, ask: Ask) -> Made:
        name = ask.own_name("AliasName")
        target = str(ask.need("TargetKeyId"))
        self.around.account.client("kms").create_alias(AliasName=name, TargetKeyId=target)
        return Made(name)

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        target = str(ask.need("TargetKeyId"))
        kms = self.around.account.client("kms")
        kms.update_alias(AliasName=made.physical_id, TargetKeyId=target)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.account.client("kms").delete_alias(AliasName=made.physical_id)


TYPES: dict[str, type[Provider]] = {"AWS::KMS::Alias": Alias, "AWS::KMS::Key": Key}
