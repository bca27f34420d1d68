"""moto's server application behind our front: every service that we do not answer ourselves."""

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from local import replayed
from local.http_messages import HttpRequest, HttpResponse

MOTO_SETTINGS = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_DISABLE_GLOBAL_CORS": "true",
    "MOTO_ACCOUNT_ID": "",
}
_HOP_BY_HOP = frozenset({"connection", "date", "server", "transfer-encoding"})


def prepare(account_id: str, port: int) -> None:
    """Settings that moto reads from the environment at import time."""
    settings = {**MOTO_SETTINGS, "MOTO_ACCOUNT_ID": account_id, "MOTO_PORT": str(port)}
    os.environ.update(settings)  # moto offers no other way in
    warnings.filterwarnings("ignore", module=r"moto(\..*)?")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)


class MotoApp:
    """Calls moto's WSGI application with a request that was read completely."""

    def __init__(self, account_id: str, port: int) -> None:
        prepare(account_id, port)
        replayed.install()
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            create_backend_app,
        )

        _leave_bucket_policies_alone()
        _list_modules_once()
        _read_retention_at_once()
        self._app = DomainDispatcherApplication(create_backend_app)
        self._port = port

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            started.append((status, headers))

        environ = self._environ(request)
        try:
            chunks: Iterable[bytes] = self._app(environ, start_response)
        except AttributeError:
            self._check_known(environ)
            raise
        body = b"".join(chunks)
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
        status, headers = started[-1]
        kept = {name: value for name, value in headers if name.lower() not in _HOP_BY_HOP}
        if request.method != "HEAD":
            kept = {n: v for n, v in kept.items() if n.lower() != "content-length"}
        return HttpResponse(int(status.split(" ", 1)[0]), kept, body)

    def _check_known(self, environ: dict[str, Any]) -> None:
        """Raise NotImplementedError for a service that moto has no application for."""
        try:
            self._app.get_application(environ)
        except AttributeError as error:
            raise NotImplementedError("no such service") from error

    def _environ(self, request: HttpRequest) -> dict[str, Any]:
        environ: dict[str, Any] = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(request.path).encode().decode("latin-1"),
            "QUERY_STRING": request.query,
            "REQUEST_URI": request.target,
            "RAW_URI": request.target,
            "REMOTE_ADDR": request.client,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self._port),
            "SERVER_PROTOCOL": "HTTP/1.1",
        }
        environ.update(_header_variables(request))
        return environ


def _header_variables(request: HttpRequest) -> dict[str, Any]:
    from moto.core.request import (
        PRESERVED_HEADER_NAMES_ENVIRON_KEY,
        environ_key_for_header,
        should_preserve_original_header_name,
    )

    variables: dict[str, Any] = {PRESERVED_HEADER_NAMES_ENVIRON_KEY: {}}
    for name, value in request.headers.items():
        if name == "transfer-encoding":
            continue
        if "_" in name and not should_preserve_original_header_name(name):
            continue
        key = environ_key_for_header(name)
        if "_" in name:
            variables[PRESERVED_HEADER_NAMES_ENVIRON_KEY][key] = name
        variables[key] = value
    variables["CONTENT_LENGTH"] = str(len(request.body))
    return variables


def _leave_bucket_policies_alone() -> None:
    """moto applies a Deny without looking at its conditions, so `enforce_ssl` would deny all."""
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    def neutral(*_: object) -> PermissionResult:
        return PermissionResult.NEUTRAL

    setattr(FakeBucket, "get_permission", neutral)  # noqa: B010  # moto's class, not ours


def _list_modules_once() -> None:
    """moto looks through its folder twice per request, under the lock that all requests share."""
    from moto import backends

    found = tuple(backends.list_of_moto_modules())
    setattr(backends, "list_of_moto_modules", lambda: found)  # noqa: B010  # moto's, not ours


def _read_retention_at_once() -> None:
    """moto counts a queue's messages three times for each one that it hands out."""
    from moto.core.utils import unix_time_millis
    from moto.sqs.models import Message, SQSBackend

    def is_valid(backend: SQSBackend, queue_name: str, message: Message) -> bool:
        queue = backend.get_queue(queue_name)
        kept = int(queue.message_retention_period) * 1000  # type: ignore[attr-defined]  # moto sets it by name
        return unix_time_millis() <= int(message.sent_timestamp or 0) + kept

    setattr(SQSBackend, "is_message_valid_based_on_retention_period", is_valid)  # noqa: B010  # moto's
