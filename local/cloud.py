"""The account that everything in the embedded AWS belongs to."""

from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config

from local.store import Store

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
_WITHOUT_REGION = frozenset({"iam", "s3"})
_WITHOUT_ACCOUNT = frozenset({"s3"})


@dataclass(frozen=True)
class Account:
    """One account in one region, reached at one URL, and what it keeps when the process ends."""

    url: str
    id: str = ACCOUNT_ID
    region: str = REGION
    store: Store = field(default_factory=Store, repr=False, compare=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def arn(self, service: str, resource: str) -> str:
        region = "" if service in _WITHOUT_REGION else self.region
        account = "" if service in _WITHOUT_ACCOUNT else self.id
        return f"arn:aws:{service}:{region}:{account}:{resource}"

    def client(self, service: str) -> Any:
        """A boto3 client against this account's own URL, made once per service."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._connect(service)
            return self._clients[service]

    def _connect(self, service: str) -> Any:
        session = boto3.Session(
            aws_access_key_id="local",
            aws_secret_access_key="local",  # no secret: the embedded AWS checks none
            region_name=self.region,
        )
        config = Config(
            retries={"max_attempts": 2, "mode": "standard"},
            s3={"addressing_style": "path"},
            max_pool_connections=32,
        )
        return session.client(service, endpoint_url=self.url, config=config)  # type: ignore[call-overload]  # a name, not a literal
