"""A request as AWS gets it and an answer as AWS gives it, in the protocol of each service."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict

Body = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One HTTP request: what is asked of which service, and which try of its call it is."""

    service: str
    operation: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Body:
        """The JSON in it."""
        found: Body = json.loads(self.content or b"{}")
        return found

    @property
    def again(self) -> bool:
        """Whether botocore asks once more for what it has asked already."""
        return not self.headers.get("amz-sdk-request", "attempt=1").startswith("attempt=1")


@dataclass(frozen=True)
class Answer:
    """One HTTP response."""

    content: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Answers = Callable[[Asked], Answer]


class RefusedError(Exception):
    """What a service does not do, with its code and text."""

    def __init__(self, code: str, text: str, *, status: int = 400) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.status = status


def invalid(text: str) -> RefusedError:
    """SageMaker's word for most of what it does not do."""
    return RefusedError("ValidationException", text)


def said(body: Body) -> Answer:
    """An answer in JSON."""
    return Answer(json.dumps(body).encode())


def refused(error: RefusedError, *, service: str) -> Answer:
    """An error as the service's protocol writes it."""
    if service == "s3":
        text = f"<Error><Code>{error.code}</Code><Message>{escape(error.text)}</Message></Error>"
        return Answer(text.encode(), error.status)
    body = {"__type": error.code, "message": error.text, "Message": error.text}
    return Answer(json.dumps(body).encode(), error.status, {"x-amzn-errortype": error.code})


def read(request: AWSPreparedRequest, *, service: str, operation: str) -> Asked:
    """The request that botocore was about to send."""
    parts = urlsplit(request.url)
    content = request.body or b""
    if not isinstance(content, bytes | bytearray | str):
        content = content.read()
    return Asked(
        service=service,
        operation=operation,
        host=parts.netloc,
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): _text(value) for name, value in request.headers.items()},
        content=content.encode() if isinstance(content, str) else bytes(content),
    )


def written(answer: Answer, url: str) -> AWSResponse:
    """The answer as botocore takes it."""
    headers = HeadersDict(answer.headers)
    return AWSResponse(url, answer.status, headers, _Raw(answer.content))  # type: ignore[arg-type]  # what botocore itself passes


class _Raw:
    """As much of a response of urllib3 as botocore reads."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content

    def read(self, amount: int | None = None) -> bytes:
        taken = self._content if amount is None else self._content[:amount]
        self._content = self._content[len(taken) :]
        return taken

    def close(self) -> None:
        self._content = b""


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
