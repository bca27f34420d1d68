"""One asynchronous inference: from S3 to the container and back, and what is told of it."""

import logging
import time
from collections import Counter
from threading import Event

from botocore.exceptions import BotoCoreError, ClientError

from local.sagemaker.async_metrics import AsyncMetrics
from local.sagemaker.async_notices import Outcome, message, topic
from local.sagemaker.async_queue import AsyncQueue
from local.sagemaker.async_requests import Inference
from local.sagemaker.endpoints import Endpoints
from local.sagemaker.fleet import Entered, Fleet
from local.sagemaker.instance import Answer, Instance
from local.sagemaker.parts import Parts
from local.sagemaker.s3_uris import bucket_and_key

log = logging.getLogger("local.sagemaker")
_MOST_TRIES = 3
_SEE = "See the SageMaker Endpoint logs in your account for more information."


class _FailedError(RuntimeError):
    """The inference failed; the message is the reason its caller is told."""

    def __init__(self, reason: str, body: bytes = b"", content_type: str = "") -> None:
        super().__init__(reason)
        self.outcome = Outcome(body or reason.encode(), content_type, reason)


class AsyncWork:
    """What is begun here ends with an object, a notification and an empty place in the queue.

    In this order, so that a kill in between makes it end twice, and never not at all.
    """

    def __init__(
        self,
        parts: Parts,
        endpoints: Endpoints,
        queue: AsyncQueue,
        metrics: AsyncMetrics,
        closing: Event,
    ) -> None:
        self._parts = parts
        self._endpoints = endpoints
        self._queue = queue
        self._metrics = metrics
        self._closing = closing
        self._tries: Counter[str] = Counter()

    def answer(self, inference: Inference) -> bool:
        """Whether it is over, or back in the queue; raises AwsError when the endpoint is gone."""
        with self._endpoints.entered(inference.endpoint, None) as entered:
            if entered.instance is None:
                self._queue.put_back(inference)
                return False
            variant = entered.variant.name
            self._say(entered, inference, "began")
            waited = (self._parts.now() - inference.received).total_seconds()
            self._metrics.begun(inference.endpoint, variant, max(0.0, waited))
            outcome = self._outcome(entered, entered.instance, inference)
            if outcome is None:
                self._queue.put_back(inference)
                return False
            self._say(entered, inference, outcome.reason or "succeeded")
        self._end(inference, entered.fleet, variant, outcome)
        return True

    def expire(self, inference: Inference, fleet: Fleet) -> None:
        """It waited longer than it wanted to."""
        variant = fleet.production[0].name
        reason = "ClientError: The request expired in the queue before it could be processed."
        self._metrics.count(inference.endpoint, variant, "ExpiredRequests")
        self._end(inference, fleet, variant, _FailedError(reason).outcome)

    def _outcome(
        self, entered: Entered, instance: Instance, inference: Inference
    ) -> Outcome | None:
        """None when another process is to try."""
        variant = entered.variant.name
        try:
            body = self._fetched(inference, variant)
            answer = self._asked(instance, inference, body)
            self._metrics.answered(inference.endpoint, variant, answer)
            outcome = _answered(answer)
            self._store(inference.output, outcome, inference, variant)
        except _FailedError as error:
            return error.outcome
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not go on for ever
            log.warning("inference %s: %r", inference.id, error)
            return self._again(inference, error)
        return outcome

    def _again(self, inference: Inference, error: Exception) -> Outcome | None:
        """A process that dies does so alone: the next one is asked, but not for ever."""
        self._tries[inference.key] += 1
        if self._closing.is_set() or self._tries[inference.key] < _MOST_TRIES:
            return None
        return _FailedError(f"InternalServerError: The container does not answer: {error}").outcome

    def _fetched(self, inference: Inference, variant: str) -> bytes:
        if inference.location is None:
            return inference.body
        start = time.monotonic()
        bucket, key = bucket_and_key(inference.location)
        try:
            got = self._parts.account.client("s3").get_object(Bucket=bucket, Key=key)
            body: bytes = got["Body"].read()
        except (ClientError, BotoCoreError) as error:
            self._metrics.count(inference.endpoint, variant, "RequestDownloadFailures")
            reason = f"ClientError: {inference.location} could not be downloaded: {error}"
            raise _FailedError(reason) from error
        took = time.monotonic() - start
        self._metrics.took(inference.endpoint, variant, "RequestDownloadLatency", took)
        return body

    def _asked(self, instance: Instance, inference: Inference, body: bytes) -> Answer:
        try:
            return instance.invoke(body, inference.headers, timeout=inference.timeout)
        except TimeoutError as error:
            limit = f"within the invocation timeout of {inference.timeout:.0f} seconds"
            raise _FailedError(f"ClientError: The model did not answer {limit}. {_SEE}") from error

    def _store(self, uri: str | None, outcome: Outcome, inference: Inference, variant: str) -> None:
        if uri is None:
            return
        start = time.monotonic()
        bucket, key = bucket_and_key(uri)
        kind = {"ContentType": outcome.content_type} if outcome.content_type else {}
        try:
            s3 = self._parts.account.client("s3")
            s3.put_object(Bucket=bucket, Key=key, Body=outcome.body, **kind)
        except (ClientError, BotoCoreError) as error:
            self._metrics.count(inference.endpoint, variant, "ResponseUploadFailures")
            raise _FailedError(f"ClientError: {uri} could not be written: {error}") from error
        took = time.monotonic() - start
        self._metrics.took(inference.endpoint, variant, "ResponseUploadLatency", took)

    def _end(self, inference: Inference, fleet: Fleet, variant: str, outcome: Outcome) -> None:
        if self._closing.is_set() and outcome.reason:
            return  # it may be this server's end that made it fail
        if outcome.reason:
            try:
                self._store(inference.failure, outcome, inference, variant)
            except _FailedError as error:
                log.warning("inference %s: %s", inference.id, error)
        self._notify(inference, fleet, variant, outcome)
        whole = (self._parts.now() - inference.received).total_seconds()
        failed = bool(outcome.reason)
        self._metrics.over(inference.endpoint, variant, max(0.0, whole), failed=failed)
        self._queue.drop(inference)
        self._tries.pop(inference.key, None)

    def _notify(self, inference: Inference, fleet: Fleet, variant: str, outcome: Outcome) -> None:
        told = (fleet.asynchronous or {}).get("OutputConfig", {})
        arn = topic(told, outcome)
        if arn is None:
            return
        now, region = self._parts.now(), self._parts.account.region
        text = message(inference, outcome, told, region=region, now=now)
        try:
            self._parts.account.client("sns").publish(TopicArn=arn, Message=text)
        except (ClientError, BotoCoreError) as error:
            log.warning("inference %s: %s", inference.id, error)
            self._metrics.count(inference.endpoint, variant, "NotificationFailures")

    def _say(self, entered: Entered, inference: Inference, what: str) -> None:
        """A line of the platform's log."""
        number = entered.instance.number if entered.instance is not None else "none"
        group = f"/aws/sagemaker/Endpoints/{inference.endpoint}"
        stream = f"{entered.variant.name}/{number}/data-log"
        self._parts.logs.write(group, stream, [f"Inference request {inference.id}: {what}"])


def _answered(answer: Answer) -> Outcome:
    """What a container's answer is; raises _FailedError for a refusal."""
    kind = answer.headers.get("content-type", "")
    if answer.status == 200:
        return Outcome(answer.body, kind)
    whose = "client" if answer.status < 500 else "server"
    reason = f"ClientError: Received {whose} error ({answer.status}) from model. {_SEE}"
    raise _FailedError(reason, answer.body, kind)
