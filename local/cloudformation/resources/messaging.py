"""AWS::SQS and AWS::SNS types, kept by moto."""

from typing import Any

from local.cloudformation.provider import Ask, Properties, Provider, as_text, tag_list, tag_map
from local.cloudformation.template import Made

QUEUE_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DelaySeconds",
    "FifoQueue",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)


class Queue(Provider):
    immutable = frozenset({"QueueName", "FifoQueue"})
    named_by = "QueueName"

    def look(self, ask: Ask, name: str) -> object:
        return self._sqs.get_queue_url(QueueName=name)

    def create(self, ask: Ask) -> Made:
        name = ask.name("QueueName", most=80)
        url = self._sqs.create_queue(
            QueueName=name, Attributes=self._attributes(ask), tags=tag_map(ask.get("Tags"))
        )["QueueUrl"]
        arn = self.around.account.arn("sqs", name)
        return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        changes = {k: v for k, v in self._attributes(ask).items() if k != "FifoQueue"}
        self._sqs.set_queue_attributes(QueueUrl=made.physical_id, Attributes=changes)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self._sqs.delete_queue(QueueUrl=made.physical_id)

    @property
    def _sqs(self) -> Any:
        return self.around.account.client("sqs")

    def _attributes(self, ask: Ask) -> dict[str, str]:
        return {name: as_text(value) for name, value in ask.pick(*QUEUE_ATTRIBUTES).items()}


class QueuePolicy(Provider):
    def create(self, ask: Ask) -> Made:
        self._put(ask, as_text(ask.need("PolicyDocument")))
        return Made(ask.name("", most=100))

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        self._put(ask, as_text(ask.need("PolicyDocument")))
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self._put(ask, "")

    def _put(self, ask: Ask, policy: str) -> None:
        sqs = self.around.account.client("sqs")
        for url in ask.need("Queues"):
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


class Topic(Provider):
    immutable = frozenset({"TopicName", "FifoTopic"})
    named_by = "TopicName"
    attributes = ("DisplayName", "KmsMasterKeyId")

    def look(self, ask: Ask, name: str) -> object:
        return self._sns.get_topic_attributes(TopicArn=self.around.account.arn("sns", name))

    def create(self, ask: Ask) -> Made:
        name = ask.name("TopicName", most=256)
        attributes = {key: as_text(value) for key, value in ask.pick(*self.attributes).items()}
        arn = self._sns.create_topic(
            Name=name, Attributes=attributes, Tags=tag_list(ask.get("Tags"))
        )["TopicArn"]
        for each in ask.get("Subscription", []):
            self._sns.subscribe(TopicArn=arn, Protocol=each["Protocol"], Endpoint=each["Endpoint"])
        return Made(arn, {"TopicArn": arn, "TopicName": name})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        for name, value in ask.pick(*self.attributes).items():
            self._sns.set_topic_attributes(
                TopicArn=made.physical_id, AttributeName=name, AttributeValue=as_text(value)
            )
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self._sns.delete_topic(TopicArn=made.physical_id)

    @property
    def _sns(self) -> Any:
        return self.around.account.client("sns")


class TopicPolicy(Provider):
    def create(self, ask: Ask) -> Made:
        sns = self.around.account.client("sns")
        for arn in ask.need("Topics"):
            sns.set_topic_attributes(
                TopicArn=arn,
                AttributeName="Policy",
                AttributeValue=as_text(ask.need("PolicyDocument")),
            )
        return Made(ask.name("", most=100))

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        self.create(ask)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        """The policy goes with its topic."""


class Subscription(Provider):
    immutable = frozenset({"TopicArn", "Protocol", "Endpoint"})

    def create(self, ask: Ask) -> Made:
        sns = self.around.account.client("sns")
        arn = sns.subscribe(
            ReturnSubscriptionArn=True, **ask.pick("TopicArn", "Protocol", "Endpoint")
        )["SubscriptionArn"]
        return self.update(ask, {}, Made(arn, {"Arn": arn}))

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        sns = self.around.account.client("sns")
        for name, value in ask.pick("FilterPolicy", "RawMessageDelivery", "RedrivePolicy").items():
            sns.set_subscription_attributes(
                SubscriptionArn=made.physical_id, AttributeName=name, AttributeValue=as_text(value)
            )
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.account.client("sns").unsubscribe(SubscriptionArn=made.physical_id)


TYPES: dict[str, type[Provider]] = {
    "AWS::SNS::Subscription": Subscription,
    "AWS::SNS::Topic": Topic,
    "AWS::SNS::TopicPolicy": TopicPolicy,
    "AWS::SQS::Queue": Queue,
    "AWS::SQS::QueuePolicy": QueuePolicy,
}
