"""AWS::IAM types, kept by moto; nothing enforces them."""

import json
from typing import Any

from botocore.exceptions import ClientError

from local.cloudformation.provider import Ask, Properties, Provider, tag_list
from local.cloudformation.template import Made


class _IamProvider(Provider):
    @property
    def iam(self) -> Any:
        return self.around.account.client("iam")


class Role(_IamProvider):
    immutable = frozenset({"RoleName", "Path"})
    named_by = "RoleName"

    def look(self, ask: Ask, name: str) -> object:
        return self.iam.get_role(RoleName=name)

    def create(self, ask: Ask) -> Made:
        name = ask.name("RoleName")
        role = self.iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(ask.need("AssumeRolePolicyDocument")),
            Tags=tag_list(ask.get("Tags")),
            **ask.pick("Description", "Path", "PermissionsBoundary"),
        )["Role"]
        self._attach(ask, {}, name)
        return Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        name = made.physical_id
        document = json.dumps(ask.need("AssumeRolePolicyDocument"))
        self.iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)
        self._attach(ask, before, name)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        name = made.physical_id
        for each in self.iam.list_role_policies(RoleName=name)["PolicyNames"]:
            self.iam.delete_role_policy(RoleName=name, PolicyName=each)
        for each in self.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            self.iam.detach_role_policy(RoleName=name, PolicyArn=each["PolicyArn"])
        self.iam.delete_role(RoleName=name)

    def _attach(self, ask: Ask, before: Properties, name: str) -> None:
        wanted, had = ask.get("ManagedPolicyArns", []), before.get("ManagedPolicyArns", [])
        for arn in set(had) - set(wanted):
            self.iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        for arn in sorted(set(wanted) - set(had)):
            self.iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        policies = {each["PolicyName"]: each["PolicyDocument"] for each in ask.get("Policies", [])}
        for each in before.get("Policies", []):
            if each["PolicyName"] not in policies:
                self.iam.delete_role_policy(RoleName=name, PolicyName=each["PolicyName"])
        for policy, document in policies.items():
            text = json.dumps(document)
            self.iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=text)


class Policy(_IamProvider):
    """An inline policy on roles."""

    immutable = frozenset({"PolicyName"})

    def create(self, ask: Ask) -> Made:
        self._put(ask)
        return Made(str(ask.need("PolicyName")))

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        for role in set(before.get("Roles", [])) - set(ask.get("Roles", [])):
            self.iam.delete_role_policy(RoleName=role, PolicyName=made.physical_id)
        self._put(ask)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        for role in ask.get("Roles", []):
            try:
                self.iam.delete_role_policy(RoleName=role, PolicyName=made.physical_id)
            except self.iam.exceptions.NoSuchEntityException:
                continue

    def _put(self, ask: Ask) -> None:
        document = json.dumps(ask.need("PolicyDocument"))
        for role in ask.get("Roles", []):
            self.iam.put_role_policy(
                RoleName=role, PolicyName=ask.need("PolicyName"), PolicyDocument=document
            )


class ManagedPolicy(_IamProvider):
    immutable = frozenset({"ManagedPolicyName", "Path", "Description"})
    named_by = "ManagedPolicyName"

    def look(self, ask: Ask, name: str) -> object:
        path = str(ask.get("Path", "/")).lstrip("/")
        arn = self.around.account.arn("iam", f"policy/{path}{name}")
        return self.iam.get_policy(PolicyArn=arn)

    def create(self, ask: Ask) -> Made:
        arn = self.iam.create_policy(
            PolicyName=ask.name("ManagedPolicyName", most=128),
            PolicyDocument=json.dumps(ask.need("PolicyDocument")),
            **ask.pick("Path", "Description"),
        )["Policy"]["Arn"]
        self._attach(ask, {}, arn)
        return Made(arn, {"PolicyArn": arn})

    def leftover(self, name: str) -> Made:
        return Made(self.around.account.arn("iam", f"policy/{name}"))

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        if before.get("PolicyDocument") != ask.get("PolicyDocument"):
            self._forget_oldest(made.physical_id)
            self.iam.create_policy_version(
                PolicyArn=made.physical_id,
                PolicyDocument=json.dumps(ask.need("PolicyDocument")),
                SetAsDefault=True,
            )
        self._attach(ask, before, made.physical_id)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        for role in ask.get("Roles", []):
            try:
                self.iam.detach_role_policy(RoleName=role, PolicyArn=made.physical_id)
            except ClientError:
                continue
        for version in self._versions(made.physical_id):
            self.iam.delete_policy_version(PolicyArn=made.physical_id, VersionId=version)
        self.iam.delete_policy(PolicyArn=made.physical_id)

    def _versions(self, arn: str) -> list[str]:
        """The versions that are not the default, oldest last."""
        listed = self.iam.list_policy_versions(PolicyArn=arn)["Versions"]
        return [each["VersionId"] for each in listed if not each["IsDefaultVersion"]]

    def _forget_oldest(self, arn: str) -> None:
        versions = sorted(self._versions(arn), key=lambda each: int(each[1:]))
        if len(versions) >= 4:
            self.iam.delete_policy_version(PolicyArn=arn, VersionId=versions[0])

    def _attach(self, ask: Ask, before: Properties, arn: str) -> None:
        wanted, had = set(ask.get("Roles", [])), set(before.get("Roles", []))
        for role in had - wanted:
            self.iam.detach_role_policy(RoleName=role, PolicyArn=arn)
        for role in wanted - had:
            self.iam.attach_role_policy(RoleName=role, PolicyArn=arn)


TYPES: dict[str, type[Provider]] = {
    "AWS::IAM::ManagedPolicy": ManagedPolicy,
    "AWS::IAM::Policy": Policy,
    "AWS::IAM::Role": Role,
}
