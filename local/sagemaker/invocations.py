"""One request to a container, as SageMaker sends it, and the metrics of its answer."""

from collections.abc import Mapping

from local.sagemaker.instance import Answer, Instance, UnreachableError
from local.sagemaker.parts import Parts

NAMESPACE = "AWS/SageMaker"
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_PASSED_ON = ("content-type", "accept", ATTRIBUTES, "x-amzn-sagemaker-inference-id")


class NoAnswer(Answer):
    """Nobody was there to answer: not the model's error, and worth another call."""


def ask(instance: Instance | None, body: bytes, headers: Mapping[str, str]) -> Answer:
    """The container's answer; where there is none, the one that the caller is told."""
    if instance is None:
        return NoAnswer(503, {}, b"No container is running. Try your call again.", 0.0)
    passed = {key: headers[key] for key in _PASSED_ON if key in headers}
    try:
        return instance.invoke(body, passed)
    except TimeoutError:
        message = "Your invocation timed out while waiting for a response from container primary."
        return Answer(504, {}, message.encode(), 60.0)
    except UnreachableError as error:
        message = f"The container cannot be reached ({error}). Try your call again."
        return NoAnswer(503, {}, message.encode(), 0.0)


def measure(
    parts: Parts, endpoint: str, variant: str, answer: Answer, whole: float, *, instances: int = 1
) -> None:
    """The metrics of one invocation that took `whole` seconds, of a variant of so many."""
    dimensions = {"EndpointName": endpoint, "VariantName": variant}
    now = parts.now()
    counted = {
        "Invocations": 1.0,
        "InvocationsPerInstance": 1.0 / max(1, instances),
        "Invocation4XXErrors": float(400 <= answer.status < 500),
        "Invocation5XXErrors": float(answer.status >= 500),
        "InvocationModelErrors": float(answer.status != 200),
    }
    for metric, value in counted.items():
        parts.metrics.put(NAMESPACE, metric, dimensions, value, unit="None", at=now)
    for metric, seconds in (
        ("ModelLatency", answer.seconds),
        ("OverheadLatency", whole - answer.seconds),
    ):
        parts.metrics.put(NAMESPACE, metric, dimensions, seconds * 1e6, unit="Microseconds", at=now)
