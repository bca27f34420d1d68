"""AWS::SSM and AWS::ECR types, kept by moto."""

from local.cloudformation.provider import Ask, Properties, Provider, as_text, tag_list
from local.cloudformation.template import Made


class Parameter(Provider):
    immutable = frozenset({"Name"})
    named_by = "Name"

    def look(self, ask: Ask, name: str) -> object:
        return self.around.account.client("ssm").get_parameter(Name=name)

    def create(self, ask: Ask) -> Made:
        return self._put(ask, ask.name("Name", most=512), overwrite=False)

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        return self._put(ask, made.physical_id, overwrite=True)

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.account.client("ssm").delete_parameter(Name=made.physical_id)

    def _put(self, ask: Ask, name: str, *, overwrite: bool) -> Made:
        kind, value = str(ask.get("Type", "String")), as_text(ask.need("Value"))
        self.around.account.client("ssm").put_parameter(
            Name=name,
            Type=kind,
            Value=value,
            Overwrite=overwrite,
            **ask.pick("Description", "Tier", "AllowedPattern", "DataType"),
        )
        return Made(name, {"Type": kind, "Value": value})


class Repository(Provider):
    immutable = frozenset({"RepositoryName", "EncryptionConfiguration"})
    named_by = "RepositoryName"

    def look(self, ask: Ask, name: str) -> object:
        return self.around.account.client("ecr").describe_repositories(repositoryNames=[name])

    def create(self, ask: Ask) -> Made:
        ecr = self.around.account.client("ecr")
        name = ask.name("RepositoryName", most=256, lower=True)
        made = ecr.create_repository(
            repositoryName=name,
            imageTagMutability=ask.get("ImageTagMutability", "MUTABLE"),
            tags=tag_list(ask.get("Tags")),
        )["repository"]
        attributes = {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]}
        return self.update(ask, {}, Made(name, attributes))

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        ecr = self.around.account.client("ecr")
        policy = ask.get("RepositoryPolicyText")
        if policy:
            ecr.set_repository_policy(repositoryName=made.physical_id, policyText=as_text(policy))
        lifecycle = ask.get("LifecyclePolicy", {}).get("LifecyclePolicyText")
        if lifecycle:
            ecr.put_lifecycle_policy(
                repositoryName=made.physical_id, lifecyclePolicyText=as_text(lifecycle)
            )
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        ecr = self.around.account.client("ecr")
        force = bool(ask.get("EmptyOnDelete"))
        ecr.delete_repository(repositoryName=made.physical_id, force=force)


TYPES: dict[str, type[Provider]] = {
    "AWS::ECR::Repository": Repository,
    "AWS::SSM::Parameter": Parameter,
}
