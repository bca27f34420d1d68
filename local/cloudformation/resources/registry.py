"""AWS::SageMaker types: the model registry's groups."""

import json

from local.cloudformation.provider import Ask, Properties, Provider, tag_list
from local.cloudformation.template import Made


class ModelPackageGroup(Provider):
    immutable = frozenset({"ModelPackageGroupName", "ModelPackageGroupDescription"})
    named_by = "ModelPackageGroupName"

    def look(self, ask: Ask, name: str) -> object:
        named = {"ModelPackageGroupName": name}
        return self.around.call("sagemaker", "DescribeModelPackageGroup", **named)

    def create(self, ask: Ask) -> Made:
        name = ask.own_name("ModelPackageGroupName")
        arn = self.around.call(
            "sagemaker",
            "CreateModelPackageGroup",
            ModelPackageGroupName=name,
            ModelPackageGroupDescription=ask.get("ModelPackageGroupDescription"),
            Tags=tag_list(ask.get("Tags")) or None,
        )["ModelPackageGroupArn"]
        made = Made(name, {"ModelPackageGroupArn": arn}, ref=arn)
        return self.update(ask, {}, made)

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        policy = ask.get("ModelPackageGroupPolicy")
        if policy and policy != before.get("ModelPackageGroupPolicy"):
            text = policy if isinstance(policy, str) else json.dumps(policy)
            self.around.call(
                "sagemaker",
                "PutModelPackageGroupPolicy",
                ModelPackageGroupName=made.physical_id,
                ResourcePolicy=text,
            )
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        name = made.physical_id
        self.around.call("sagemaker", "DeleteModelPackageGroup", ModelPackageGroupName=name)


TYPES: dict[str, type[Provider]] = {"AWS::SageMaker::ModelPackageGroup": ModelPackageGroup}
