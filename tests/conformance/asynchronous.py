"""Asynchronous endpoints for the checks: topics that are listened to, requests and their ends."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.conformance.hosting import Hosting
from tests.conformance.jobs import until


@dataclass
class Asynchronous:
    """Endpoints that tell two topics what became of a request, and who listens to both."""

    hosting: Hosting
    heard: list[dict[str, Any]] = field(default_factory=list)
    queue: str = ""
    """Its URL; made when it is needed, where none is given."""

    @cached_property
    def listening(self) -> str:
        aws = self.hosting.aws
        return self.queue or str(
            aws.client("sqs").create_queue(QueueName=aws.name("notices"))["QueueUrl"]
        )

    @cached_property
    def topics(self) -> dict[str, str]:
        """Those of success and of failure."""
        aws, name = self.hosting.aws, self.listening.rpartition("/")[2]
        queue = f"arn:aws:sqs:{aws.region}:{aws.account}:{name}"
        return {kind: self._topic(kind, queue) for kind in ("SuccessTopic", "ErrorTopic")}

    def _topic(self, kind: str, queue: str) -> str:
        aws = self.hosting.aws
        sns = aws.client("sns")
        arn = str(sns.create_topic(Name=aws.name(kind))["TopicArn"])
        raw = {"RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes=raw)
        return arn

    def output(self, **notices: Any) -> dict[str, Any]:
        """An OutputConfig; its notifications as given besides the topics."""
        return {
            "S3OutputPath": f"s3://{self.hosting.bucket}/out",
            "S3FailurePath": f"s3://{self.hosting.bucket}/failed/",
            "NotificationConfig": {**self.topics, **notices},
        }

    def config(self, output: dict[str, Any] | None = None, *, most: int = 4, **env: str) -> str:
        asynchronous = {
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": most},
            "OutputConfig": self.output() if output is None else output,
        }
        variant = self.hosting.variant("only", weight=1.0, **env)
        return self.hosting.config(variant, AsyncInferenceConfig=asynchronous)

    def endpoint(self, output: dict[str, Any] | None = None, *, most: int = 4, **env: str) -> str:
        return self.hosting.endpoint(self.config(output, most=most, **env))

    def put(self, body: bytes = b"1,2") -> str:
        """The URI of an input."""
        key = f"in/{self.hosting.aws.name('input')}"
        self.hosting.s3.put_object(Bucket=self.hosting.bucket, Key=key, Body=body)
        return f"s3://{self.hosting.bucket}/{key}"

    def ask(self, endpoint: str, **request: Any) -> dict[str, Any]:
        if not {"InputLocation", "Body"} & set(request):
            request["InputLocation"] = self.put()
        answer: dict[str, Any] = self.hosting.runtime.invoke_endpoint_async(
            EndpointName=endpoint, **request
        )
        return answer

    def object(self, uri: str) -> dict[str, Any]:
        """What lies at a URI, once it does; with its body."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        s3 = self.hosting.s3
        until(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents"))
        got: dict[str, Any] = s3.get_object(Bucket=bucket, Key=key)
        return {**got, "Body": got["Body"].read()}

    def notice(self, inference: str) -> dict[str, Any]:
        """What was told of an inference, once it was."""
        return self.notices(inference)[0]

    def notices(self, *inferences: str) -> list[dict[str, Any]]:
        """What was told of each of these, once all are told of."""

        def look() -> bool:
            self._listen()
            return set(inferences) <= {each["inferenceId"] for each in self.heard}

        until(look)
        return [each for each in self.heard if each["inferenceId"] in inferences]

    def _listen(self) -> None:
        sqs = self.hosting.aws.client("sqs")
        got = sqs.receive_message(QueueUrl=self.listening, MaxNumberOfMessages=10).get(
            "Messages", []
        )
        for message in got:
            sqs.delete_message(QueueUrl=self.listening, ReceiptHandle=message["ReceiptHandle"])
            self.heard.append(json.loads(message["Body"]))

    def resize(self, endpoint: str, count: int) -> None:
        desired = {"VariantName": "only", "DesiredInstanceCount": count}
        self.hosting.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint, DesiredWeightsAndCapacities=[desired]
        )
        self.hosting.settled(endpoint)

    def close(self) -> None:
        aws = self.hosting.aws
        for arn in self.topics.values():
            aws.client("sns").delete_topic(TopicArn=arn)
        aws.client("sqs").delete_queue(QueueUrl=self.listening)
        self.hosting.close()
