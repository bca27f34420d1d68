"""The embedded AWS's HTTP server and its front, over real sockets."""

import http.client
import socket
from collections.abc import Iterator

import pytest

from local.errors import AwsError
from local.front import Front
from local.http_messages import HttpRequest, HttpResponse
from local.http_server import HttpServer
from tests.fakes.embedded_aws import Core, core


def echo(request: HttpRequest) -> HttpResponse:
    told = f"{request.method} {request.target} ".encode() + request.body
    return HttpResponse(200, {"Content-Type": "text/plain"}, told)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    running = HttpServer(0, echo)
    running.start()
    yield running
    running.stop()


def raw(server: HttpServer, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    return received


def test_one_connection_carries_many_requests(server: HttpServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    bodies = []
    for number in range(3):
        connection.request("POST", f"/a%2Fb?n={number}", body=b"x" * number)
        bodies.append(connection.getresponse().read())
    connection.close()

    assert bodies == [b"POST /a%2Fb?n=0 ", b"POST /a%2Fb?n=1 x", b"POST /a%2Fb?n=2 xx"]


def test_a_chunked_body_arrives_whole(server: HttpServer) -> None:
    request = (
        b"PUT /k HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    )

    assert raw(server, request).endswith(b"PUT /k abcde")


def test_a_client_that_waits_for_permission_gets_it(server: HttpServer) -> None:
    request = (
        b"PUT /k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"
    )

    assert raw(server, request).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_what_is_not_http_is_refused(server: HttpServer) -> None:
    assert raw(server, b"hello\r\n\r\n").startswith(b"HTTP/1.1 400")


PARTS_OF_REQUESTS = {
    "a body cut short": b"Content-Length: 10\r\n\r\nhalf",
    "a chunk cut short": b"Transfer-Encoding: chunked\r\n\r\nA\r\nhalf",
    "a chunked body without its last chunk": b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "a chunked body cut after its size": b"Transfer-Encoding: chunked\r\n\r\n3",
    "a last chunk without its end": b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    "headers without their end": b"Content-Length: 0\r\n",
    "a size below nothing": b"Content-Length: -1\r\n\r\nrest",
    "a chunk longer than announced": b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("rest", PARTS_OF_REQUESTS.values(), ids=PARTS_OF_REQUESTS)
def test_a_request_that_did_not_arrive_whole_is_not_carried_out(rest: bytes) -> None:
    carried_out: list[HttpRequest] = []

    def remember(request: HttpRequest) -> HttpResponse:
        carried_out.append(request)
        return HttpResponse(200)

    server = HttpServer(0, remember)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"PUT /k HTTP/1.1\r\nHost: x\r\n" + rest)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65_536)
    server.stop()

    assert answer.startswith(b"HTTP/1.1 400")
    assert carried_out == []


def test_a_head_answer_has_no_body(server: HttpServer) -> None:
    request = b"HEAD /k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    assert raw(server, request).endswith(b"\r\n\r\n")


def test_a_failing_answer_is_one_500(server: HttpServer) -> None:
    def broken(_: HttpRequest) -> HttpResponse:
        raise RuntimeError("no")

    failing = HttpServer(0, broken)
    failing.start()
    answer = raw(failing, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    failing.stop()

    assert answer.startswith(b"HTTP/1.1 500")


def a_front() -> Front:
    def handle(action: str, request: dict[str, object]) -> dict[str, object]:
        if action == "DescribeEndpoint":
            raise AwsError("ValidationException", f"Could not find {request['EndpointName']}")
        return {}

    return Front(
        moto=lambda _: HttpResponse(200, body=b"moto"),
        services={"sagemaker": handle, "scheduler": handle},
        invoke_endpoint=lambda name, request: HttpResponse(200, body=name.encode() + request.body),
    )


def ask(path: str = "/", method: str = "POST", body: bytes = b"", **headers: str) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return a_front()(HttpRequest(method, path, "", named, body))


def scope(service: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential=local/20261124/us-east-1/{service}/aws4_request, …"


def test_a_target_header_finds_its_service_and_its_error_shape() -> None:
    answer = ask(x_amz_target="SageMaker.DescribeEndpoint", body=b'{"EndpointName": "e"}')

    assert answer.status == 400
    assert answer.headers["x-amzn-ErrorType"] == "ValidationException"
    assert b"Could not find e" in answer.body


def test_an_invocation_is_found_by_its_path() -> None:
    assert ask("/endpoints/a%20b/invocations", body=b"!").body == b"a b!"


def test_a_rest_service_is_found_by_its_credential_scope() -> None:
    answer = ask("/no/such/path", method="GET", authorization=scope("scheduler"))

    assert answer.status == 404
    assert b"scheduler has no operation at GET /no/such/path" in answer.body


def test_everything_else_is_motos() -> None:
    assert ask("/bucket/key", method="GET", authorization=scope("s3")).body == b"moto"
    assert ask(x_amz_target="DynamoDB_20120810.ListTables").body == b"moto"


def test_an_unknown_operation_is_named() -> None:
    answer = ask(x_amz_target="SageMaker.DescribeNothing")

    assert b"sagemaker has no operation 'DescribeNothing'" in answer.body


@pytest.fixture(scope="module")
def aws() -> Core:
    return core()


def test_log_events_are_paged_without_loss(aws: Core) -> None:
    logs = aws.client("logs")
    aws.logs.write("/paged", "one", [f"line {number}" for number in range(25)])

    seen: list[str] = []
    token: dict[str, str] = {}
    while page := logs.get_log_events(
        logGroupName="/paged", logStreamName="one", startFromHead=True, limit=10, **token
    ):
        seen += [each["message"] for each in page["events"]]
        if not page["events"]:
            break
        token = {"nextToken": page["nextForwardToken"]}

    assert seen == [f"line {number}" for number in range(25)]


def test_a_filter_wants_every_term_and_no_minus_term(aws: Core) -> None:
    aws.logs.write("/filtered", "one", ["drop digits accepted", "drop digits rejected", "other"])

    found = aws.client("logs").filter_log_events(
        logGroupName="/filtered", filterPattern='"drop digits" -rejected'
    )

    assert [each["message"] for each in found["events"]] == ["drop digits accepted"]


def test_a_group_keeps_its_retention_and_tags(aws: Core) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="/kept", tags={"stage": "dev"})
    logs.put_retention_policy(logGroupName="/kept", retentionInDays=30)

    (group,) = logs.describe_log_groups(logGroupNamePrefix="/kept")["logGroups"]

    tags = logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"]
    assert (group["retentionInDays"], tags) == (30, {"stage": "dev"})


def test_a_dashboard_is_kept_as_it_was_put(aws: Core) -> None:
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_dashboard(DashboardName="kept", DashboardBody='{"widgets": []}')

    body = cloudwatch.get_dashboard(DashboardName="kept")["DashboardBody"]
    listed = cloudwatch.list_dashboards(DashboardNamePrefix="kept")["DashboardEntries"]
    cloudwatch.delete_dashboards(DashboardNames=["kept"])

    assert body == '{"widgets": []}'
    assert [each["DashboardName"] for each in listed] == ["kept"]
    assert cloudwatch.list_dashboards(DashboardNamePrefix="kept")["DashboardEntries"] == []
