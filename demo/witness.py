"""A queue that sees every S3 event of the data bucket, so that they can be delivered again."""

import json
from dataclasses import dataclass
from typing import Any

from demo.stage import Stage

_RULE = "demo-witness"


@dataclass(frozen=True)
class Witness:
    """A rule of the demo's own beside those of the stack."""

    sqs: Any
    url: str

    @classmethod
    def placed(cls, stage: Stage) -> "Witness":
        sqs, events = stage.client("sqs"), stage.client("events")
        url = sqs.create_queue(QueueName=_RULE)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        pattern = {
            "source": ["aws.s3"],
            "detail": {"bucket": {"name": [stage.home.outputs["DataBucket"]]}},
        }
        events.put_rule(Name=_RULE, EventPattern=json.dumps(pattern))
        arn = attributes["Attributes"]["QueueArn"]
        events.put_targets(Rule=_RULE, Targets=[{"Id": "queue", "Arn": arn}])
        return cls(sqs, url)

    def events_of(self, drop: str) -> list[dict[str, Any]]:
        """The events of a drop's objects, exactly as they were delivered; empties the queue."""
        seen: list[dict[str, Any]] = []
        while True:
            page = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
            if not page.get("Messages"):
                break
            for message in page["Messages"]:
                seen.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [e for e in seen if f"/{drop}/" in e["detail"].get("object", {}).get("key", "")]
