"""What InvokeEndpoint of the embedded AWS costs: a container asked directly, and through it.

The container answers a fixed body from one event loop, so that nearly all time is on the way. The
same load, from this process, first meets the container and then the endpoint in front of another.
Run: `python -m bench.local_invoke`.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from bench.load import Load, measure
from tests.conformance.jobs import ROLE
from tests.conformance.target import Target, embedded
from tests.fakes.embedded_aws import eventually

_NAME = "bench-invoke"
_PORT = "SAGEMAKER_BIND_TO_PORT"
_CONNECTIONS = (1, 8)
_SECONDS = 3.0
_MOST_OVERHEAD = 0.0015
_LEAST_RATE = 1500.0
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def main() -> int:
    """Measure and print; 1 when the way through costs more than it may."""
    command = f'{_NAME}="{sys.executable}" -m bench.local_invoke'
    with _container() as container, embedded("--image", command) as aws:
        _serve(aws)
        port = urlsplit(str(aws.url)).port or 80
        direct = [_asked("direct", container, "/invocations", n) for n in _CONNECTIONS]
        path = f"/endpoints/{_NAME}/invocations"
        through = [_asked("through", port, path, n) for n in _CONNECTIONS]
    overhead = through[0].quantile(0.5) - direct[0].quantile(0.5)
    rate = max(load.rate for load in through)
    print(f"overhead   p50 {overhead * 1000:.2f} ms, {rate:.0f} requests/s at most")
    failed = any(load.failures for load in (*direct, *through))
    return 1 if failed or overhead > _MOST_OVERHEAD or rate < _LEAST_RATE else 0


def _asked(what: str, port: int, path: str, connections: int) -> Load:
    head = f"POST {path} HTTP/1.1\r\nHost: any\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: 2\r\n\r\n{{}}".encode()
    load = measure(port, request, connections=connections, seconds=_SECONDS)
    p50, p99 = load.quantile(0.5) * 1000, load.quantile(0.99) * 1000
    print(
        f"{what:<8} {connections:>2} connections  {load.rate:>6.0f}/s"
        f"  p50 {p50:.2f} ms  p99 {p99:.2f} ms  {load.failures} failed"
    )
    return load


@contextmanager
def _container() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environment = os.environ | {_PORT: str(port)}
    words = [sys.executable, "-m", "bench.local_invoke"]
    with subprocess.Popen(words, env=environment) as process:
        try:
            eventually(lambda: _listens(port))
            yield port
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _serve(aws: Target) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(
        ModelName=_NAME, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": _NAME}
    )
    variant = {"VariantName": "only", "ModelName": _NAME, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=_NAME, ProductionVariants=[variant | {"InitialInstanceCount": 1}]
    )
    sagemaker.create_endpoint(EndpointName=_NAME, EndpointConfigName=_NAME)
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=_NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


class _Answers(asyncio.Protocol):
    """Answers whatever arrives; a request of the bench is one segment or two."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._heard = b""

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, found, body = self._heard.partition(b"\r\n\r\n")
        if found and (head.startswith(b"GET") or body):
            self._heard = b""
            self._transport.write(_ANSWER)


async def _answer(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Answers, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    if _PORT in os.environ:
        asyncio.run(_answer(int(os.environ[_PORT])))
    else:
        sys.exit(main())
