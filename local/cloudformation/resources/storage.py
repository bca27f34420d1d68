"""AWS::S3 types, kept by moto."""

import json
from collections.abc import Mapping
from typing import Any

from local.cloudformation.provider import Ask, Properties, Provider, tag_list
from local.cloudformation.template import Made


class Bucket(Provider):
    immutable = frozenset({"BucketName", "ObjectLockEnabled"})
    named_by = "BucketName"

    def look(self, ask: Ask, name: str) -> object:
        return self._s3.head_bucket(Bucket=name)

    def create(self, ask: Ask) -> Made:
        name = ask.name("BucketName", most=63, lower=True)
        locked = bool(ask.get("ObjectLockEnabled"))
        self._s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locked)
        self._settle(ask, {}, name)
        region = self.around.account.region
        attributes = {
            "Arn": self.around.account.arn("s3", name),
            "DomainName": f"{name}.s3.amazonaws.com",
            "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            "WebsiteURL": f"http://{name}.s3-website-{region}.amazonaws.com",
        }
        return Made(name, attributes)

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        self._settle(ask, before, made.physical_id)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self._s3.delete_bucket(Bucket=made.physical_id)

    @property
    def _s3(self) -> Any:
        return self.around.account.client("s3")

    def _settle(self, ask: Ask, before: Properties, name: str) -> None:
        """Apply every setting that changed."""
        settings = {
            "VersioningConfiguration": self._version,
            "BucketEncryption": self._encrypt,
            "NotificationConfiguration": self._notify,
            "LifecycleConfiguration": self._age,
            "PublicAccessBlockConfiguration": self._close,
            "ObjectLockConfiguration": self._lock,
            "OwnershipControls": self._own,
            "Tags": self._tag,
        }
        for setting, apply in settings.items():
            if ask.get(setting) != before.get(setting):
                apply(name, ask.get(setting) or {})

    def _version(self, name: str, given: Mapping[str, Any]) -> None:
        status = {"Status": given.get("Status", "Suspended")}
        self._s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=status)

    def _encrypt(self, name: str, given: Mapping[str, Any]) -> None:
        rules = [_encryption(each) for each in given.get("ServerSideEncryptionConfiguration", [])]
        if rules:
            self._s3.put_bucket_encryption(
                Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules}
            )
        else:
            self._s3.delete_bucket_encryption(Bucket=name)

    def _notify(self, name: str, given: Mapping[str, Any]) -> None:
        enabled = given.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled", True)
        wanted = "EventBridgeConfiguration" in given and str(enabled).lower() == "true"
        configuration: dict[str, Any] = {"EventBridgeConfiguration": {}} if wanted else {}
        if set(given) - {"EventBridgeConfiguration"}:
            others = ", ".join(sorted(set(given) - {"EventBridgeConfiguration"}))
            raise ValueError(f"bucket {name}: {others} is not emulated, only EventBridge is")
        self._s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration=configuration
        )

    def _age(self, name: str, given: Mapping[str, Any]) -> None:
        rules = [_lifecycle(each) for each in given.get("Rules", [])]
        if rules:
            self._s3.put_bucket_lifecycle_configuration(
                Bucket=name, LifecycleConfiguration={"Rules": rules}
            )
        else:
            self._s3.delete_bucket_lifecycle(Bucket=name)

    def _close(self, name: str, given: Mapping[str, Any]) -> None:
        settings = {key: str(value).lower() == "true" for key, value in given.items()}
        self._s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=settings)

    def _lock(self, name: str, given: Mapping[str, Any]) -> None:
        if not given:
            return
        retention = dict(given.get("Rule", {}).get("DefaultRetention", {}))
        for unit in ("Days", "Years"):
            if unit in retention:
                retention[unit] = int(retention[unit])
        rule = {"Rule": {"DefaultRetention": retention}} if retention else {}
        self._s3.put_object_lock_configuration(
            Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", **rule}
        )

    def _own(self, name: str, given: Mapping[str, Any]) -> None:
        if given:
            self._s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=given)
        else:
            self._s3.delete_bucket_ownership_controls(Bucket=name)

    def _tag(self, name: str, given: Any) -> None:
        self._s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list(given)})


def _encryption(rule: Mapping[str, Any]) -> dict[str, Any]:
    default = rule.get("ServerSideEncryptionByDefault", {})
    named = {"SSEAlgorithm": default.get("SSEAlgorithm", "AES256")}
    if "KMSMasterKeyID" in default:
        named["KMSMasterKeyID"] = default["KMSMasterKeyID"]
    return {
        "ApplyServerSideEncryptionByDefault": named,
        "BucketKeyEnabled": bool(rule.get("BucketKeyEnabled", False)),
    }


def _lifecycle(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The API's shape of a template's lifecycle rule."""
    told: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        told["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        told["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if rule.get("ExpiredObjectDeleteMarker"):
        told["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if "NoncurrentVersionExpiration" in rule:
        given = rule["NoncurrentVersionExpiration"]
        told["NoncurrentVersionExpiration"] = {k: int(v) for k, v in given.items()}
    elif "NoncurrentVersionExpirationInDays" in rule:
        days = int(rule["NoncurrentVersionExpirationInDays"])
        told["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if "AbortIncompleteMultipartUpload" in rule:
        days = int(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
        told["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    transitions = [
        {"Days": int(each["TransitionInDays"]), "StorageClass": each["StorageClass"]}
        for each in rule.get("Transitions", [])
        if "TransitionInDays" in each
    ]
    return {**told, "Transitions": transitions} if transitions else told


class BucketPolicy(Provider):
    immutable = frozenset({"Bucket"})

    def create(self, ask: Ask) -> Made:
        bucket = str(ask.need("Bucket"))
        document = ask.need("PolicyDocument")
        text = document if isinstance(document, str) else json.dumps(document)
        self.around.account.client("s3").put_bucket_policy(Bucket=bucket, Policy=text)
        return Made(bucket)

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        return self.create(ask)

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.account.client("s3").delete_bucket_policy(Bucket=made.physical_id)


TYPES: dict[str, type[Provider]] = {
    "AWS::S3::Bucket": Bucket,
    "AWS::S3::BucketPolicy": BucketPolicy,
}
