"""Real boto3 clients as a Lambda has them: validated, retried and parsed by botocore, unsent."""

from collections.abc import Callable
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.retries import quota, standard

from functions.aws.clients import settings_of
from tests.fakes.account.messages import Answers, RefusedError, read, refused, written


class Clients:
    """The clients of one process; whatever they ask goes to `answers`."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self._session = boto3.Session(
            region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
        )
        self._known: dict[str, Any] = {}
        self._retries: dict[str, standard.RetryHandler] = {}

    def __call__(self, service: str) -> Any:
        """The client of a service, made once."""
        if service not in self._known:
            self._known[service] = self._made(service)
        return self._known[service]

    def rested(self) -> None:
        """As in a new sandbox: nothing was throttled yet."""
        self._retries.clear()

    def _made(self, service: str) -> Any:
        make: Callable[..., Any] = self._session.client
        client = make(service, config=settings_of(service))
        name = client.meta.service_model.service_id.hyphenize()
        events = client.meta.events
        events.register("before-send", self._before_send(service))
        events.register("choose-signer", lambda **_: UNSIGNED)
        events.unregister(f"needs-retry.{name}", unique_id=f"retry-config-{name}")
        tries = client.meta.config.retries["total_max_attempts"]
        events.register(f"needs-retry.{name}", self._at_once(name, tries))
        return client

    def _before_send(self, service: str) -> Callable[..., Any]:
        def send(request: Any, event_name: str, **_: Any) -> Any:
            asked = read(request, service=service, operation=event_name.rsplit(".", 1)[1])
            try:
                answer = self.answers(asked)
            except RefusedError as error:
                answer = refused(error, service=service)
            return written(answer, request.url)

        return send

    def _at_once(self, name: str, tries: int) -> Callable[..., float | None]:
        """botocore decides whether to ask again; nobody waits until then."""

        def needs_retry(**happened: Any) -> float | None:
            handler = self._retries.get(name)
            if handler is None:
                handler = self._retries[name] = _retries(tries)
            return None if handler.needs_retry(**happened) is None else 0.0

        return needs_retry


def _retries(tries: int) -> standard.RetryHandler:
    """botocore's standard mode, with a full bucket of tokens."""
    adapter = standard.RetryEventAdapter()
    throttling = standard.ThrottlingErrorDetector(adapter)
    policy = standard.RetryPolicy(
        retry_checker=standard.StandardRetryConditions(max_attempts=tries),
        retry_backoff=standard.ExponentialBackoff(),
    )
    checker = standard.RetryQuotaChecker(quota.RetryQuota(), throttling)
    return standard.RetryHandler(
        retry_policy=policy,
        retry_event_adapter=adapter,
        retry_quota=checker,  # type: ignore[arg-type]  # the stubs name what is inside of it
    )
