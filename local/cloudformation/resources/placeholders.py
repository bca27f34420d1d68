"""Types that make nothing: metadata and wait handles."""

from local.cloudformation.provider import Ask, Properties, Provider
from local.cloudformation.template import Made


class Nothing(Provider):
    def create(self, ask: Ask) -> Made:
        return Made(ask.name("", most=128))

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        return


TYPES = {
    "AWS::CDK::Metadata": Nothing,
    "AWS::CloudFormation::WaitConditionHandle": Nothing,
}
