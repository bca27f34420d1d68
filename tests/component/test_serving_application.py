"""What each route answers, and that every answer names its model."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

from serving.application import ModelApplication
from serving.batcher import Batcher
from serving.columns import Columns, Rows
from serving.log import Log
from serving.messages import Abandon, Body, Request, Response
from serving.metrics import CLASSES, Metrics
from serving.pace import Pace
from serving.parser import LARGE, MAX_WAITING, Parser
from serving.payload import Payload

DEADLINE = 10.0
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def predict(rows: Rows) -> list[Any]:
    if rows[0, 0] == -1:
        raise ValueError("poison")
    if rows[0, 0] == -2:
        return [1j]
    if rows[0, 0] == -3:
        raise MemoryError("no room")
    sums: list[Any] = rows.sum(axis=1).astype(np.int64).tolist()
    return sums


class Served:
    """An application whose model's thread is started and stopped for each question."""

    def __init__(self, *, max_queued: int = 10) -> None:
        self.said = io.StringIO()
        metrics = Metrics("digits", "2", "abcdef0123456789" * 4)
        self.batcher = Batcher(
            predict, post=lambda call: call(), pace=Pace((4,)), max_queued=max_queued,
            observe=lambda batch: metrics.batch(batch.rows, batch.seconds),
        )  # fmt: skip
        self.parser = Parser(Payload(Columns(("a", "b"), max_rows=8)), post=lambda call: call())
        self.application = ModelApplication(
            self.parser, self.batcher, metrics, Log(self.said), clock=lambda: 1.0
        )

    def ask(
        self,
        path: str,
        *,
        method: str = "POST",
        body: object = None,
        content_type: str = "application/json",
        trace: str = "",
        late: bool = False,
        expires: float = float("inf"),
    ) -> Response:
        answers: SimpleQueue[Response] = SimpleQueue()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(
            method, path, content_type, data, late, expires=expires, traceparent=trace
        )
        self.batcher.start()
        try:
            self.application.handle(request, answers.put)
            return answers.get(timeout=DEADLINE)
        finally:
            assert self.batcher.stop(timeout=DEADLINE)


def error(response: Response) -> tuple[int, str]:
    return response.status, json.loads(response.body)["error"]["code"]


def test_an_invocation_is_answered_with_predictions() -> None:
    response = Served().ask("/invocations", body={"instances": [[1, 2], [3, 4]]})

    assert (response.status, response.body) == (200, b'{"predictions":[3,7]}')


@pytest.mark.parametrize(
    ("path", "method", "body", "expected"),
    [
        ("/", "GET", None, (404, "NOT_FOUND")),
        ("/models", "POST", None, (404, "NOT_FOUND")),
        ("/invocations", "GET", None, (405, "METHOD_NOT_ALLOWED")),
        ("/ping", "POST", None, (405, "METHOD_NOT_ALLOWED")),
        ("/invocations", "POST", {"instances": [[1]]}, (422, "BAD_ROWS")),
        ("/invocations", "POST", b"[" * 5000, (400, "BAD_INPUT")),
        ("/invocations", "POST", {"instances": [[1, 2]] * 9}, (413, "TOO_MANY_ROWS")),
        ("/invocations", "POST", {"instances": [[-1, 0]]}, (500, "MODEL_FAILED")),
        ("/invocations", "POST", {"instances": [[-2, 0]]}, (500, "MODEL_FAILED")),
        ("/invocations", "POST", {"instances": [[-3, 0]]}, (503, "OUT_OF_MEMORY")),
    ],
)
def test_what_goes_wrong_has_a_status_and_a_code(
    path: str, method: str, body: object, expected: tuple[int, str]
) -> None:
    assert error(Served().ask(path, method=method, body=body)) == expected


def test_another_media_type_is_refused() -> None:
    response = Served().ask("/invocations", content_type="application/x-tar")

    assert error(response) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_wrong_method_is_told_the_right_one() -> None:
    assert Served().ask("/ping", method="PUT").headers == "Allow: GET, HEAD\r\n"


@pytest.mark.parametrize("body", [{"instances": [[1, 2]]}, b"[not even parsed"])
def test_a_full_queue_says_so_and_when_to_come_back(body: object) -> None:
    served = Served(max_queued=1)
    served.batcher.waiting = 1

    response = served.ask("/invocations", body=body)

    assert error(response) == (429, "QUEUE_FULL")
    assert response.headers == "Retry-After: 1\r\n"


def test_a_full_queue_says_how_long_it_will_take() -> None:
    served = Served(max_queued=1000)
    served.batcher.pace.measured({4: 0.1})
    served.batcher.waiting = 1000

    response = served.ask("/invocations", body={"instances": [[1, 2]]})

    assert response.headers == "Retry-After: 25\r\n"


@pytest.mark.parametrize("body", [{"instances": [[1, 2]]}, b"[not even parsed"])
def test_a_request_whose_time_is_over_is_not_even_parsed(body: object) -> None:
    response = Served().ask("/invocations", body=body, expires=0.5)

    assert error(response) == (504, "DEADLINE_EXCEEDED")


def test_a_request_whose_time_ends_in_the_queue_is_told_so() -> None:
    served = Served()
    served.batcher.clock = lambda: 3.0

    response = served.ask("/invocations", body={"instances": [[1, 2]]}, expires=2.0)

    assert error(response) == (504, "DEADLINE_EXCEEDED")


def test_ping_is_healthy_until_the_drain() -> None:
    served = Served()
    assert served.ask("/ping", method="GET").status == 200

    served.application.draining = True
    assert error(served.ask("/ping", method="GET")) == (503, "DRAINING")


def test_a_model_that_cannot_answer_is_told_to_pings_and_to_invocations() -> None:
    served = Served()
    answers: list[Response] = []

    for request in (
        Request("GET", "/ping", "", b""),
        Request("POST", "/invocations", "", b'{"instances": [[1, 2]]}'),
    ):
        served.application.handle(request, answers.append)

    assert [error(answer) for answer in answers] == [(503, "MODEL_STALLED")] * 2


def large(*, row: str = "[1, 2]") -> bytes:
    return f'{{"instances": [{row}]}}'.encode().ljust(LARGE + 1)


class Broken(Payload):
    def rows(self, body: Body, content_type: str) -> Rows:
        raise LookupError(len(body), content_type)


class BusyParser:
    """An application whose parser's thread is held up, and whose loop is this thread."""

    def __init__(self) -> None:
        self.served = Served()
        self.posted: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.gate = threading.Event()
        self.answers: list[Response] = []
        self.parser = self.served.application.parser = Parser(
            Payload(Columns(("a", "b"), max_rows=8)), post=self.posted.put
        )
        self.served.batcher.post = self.posted.put
        self.served.batcher.start()
        hold = Request("POST", "/invocations", "", large())
        self.parser.parse(hold, lambda _parsed: None, wanted=self._held)

    def _held(self) -> bool:
        assert self.gate.wait(DEADLINE)
        return False

    def ask(self, path: str, body: bytes) -> Abandon | None:
        method = "GET" if path == "/ping" else "POST"
        request = Request(method, path, "", body)
        return self.served.application.handle(request, self.answers.append)

    def until(self, answers: int) -> list[int]:
        self.gate.set()
        while len(self.answers) < answers or self.parser.waiting:
            self.posted.get(timeout=DEADLINE)()
        assert self.served.batcher.stop(timeout=DEADLINE)
        return [answer.status for answer in self.answers]


def test_pings_and_small_bodies_are_answered_while_large_ones_are_parsed() -> None:
    busy = BusyParser()
    busy.ask("/invocations", large())

    busy.ask("/ping", b"")
    busy.ask("/invocations", b"[")

    assert [answer.status for answer in busy.answers] == [200, 400]
    assert busy.until(3) == [200, 400, 200]


def test_too_many_large_bodies_are_refused_unparsed() -> None:
    busy = BusyParser()
    for _ in range(MAX_WAITING):
        busy.ask("/invocations", large())

    assert [error(answer) for answer in busy.answers] == [(429, "QUEUE_FULL")]
    assert busy.until(MAX_WAITING) == [429] + [200] * (MAX_WAITING - 1)


def test_a_large_body_that_is_wrong_is_told_so() -> None:
    busy = BusyParser()
    busy.ask("/invocations", large(row="[1]"))

    assert busy.until(1) == [422]


def test_a_large_body_whose_client_is_gone_never_reaches_the_model() -> None:
    busy = BusyParser()
    abandon = busy.ask("/invocations", large())
    assert abandon is not None
    abandon()

    assert busy.until(0) == []
    assert busy.served.batcher.waiting == 0
    assert busy.served.application.metrics.requests == {499: 1}


def test_an_error_in_the_parser_is_an_answer_too() -> None:
    busy = BusyParser()
    busy.parser.payload = Broken(Columns(("a", "b"), max_rows=8))
    busy.ask("/invocations", large())

    assert busy.until(1) == [500]


def test_a_request_that_could_not_be_handled_is_logged_and_counted() -> None:
    served = Served()

    response = served.application.failed(RuntimeError("unforeseen"))

    assert error(response) == (500, "INTERNAL")
    assert json.loads(served.said.getvalue())["reason"] == "RuntimeError: unforeseen"
    assert served.application.metrics.requests == {500: 1}


def test_an_invocation_after_the_drain_began_is_sent_elsewhere() -> None:
    response = Served().ask("/invocations", body={"instances": [[1, 2]]}, late=True)

    assert error(response) == (503, "DRAINING")


def test_every_answer_names_version_and_digest() -> None:
    lines = Served().application.headers.decode().split("\r\n")

    assert lines == [
        "X-Model-Version: 2",
        f"X-Model-Digest: {'abcdef0123456789' * 4}",
        "X-Amzn-SageMaker-Custom-Attributes: version=2;digest=abcdef012345",
        "",
    ]


def test_a_failed_model_is_logged_with_its_trace() -> None:
    served = Served()
    served.ask("/invocations", body={"instances": [[-1, 0]]}, trace=TRACE)

    line = json.loads(served.said.getvalue())
    assert (line["reason"], line["traceparent"]) == ("ValueError: poison", TRACE)


class UnreadStream(io.StringIO):
    def flush(self) -> None:
        raise BrokenPipeError


def test_a_log_that_nobody_reads_keeps_no_answer_back() -> None:
    served = Served()
    served.application.log = Log(UnreadStream())

    response = served.ask("/invocations", body={"instances": [[-1, 0]]})

    assert error(response) == (500, "MODEL_FAILED")


def test_the_metrics_count_what_was_answered() -> None:
    served = Served()
    for rows in ([[1, 2]], [[1, 2], [3, 4], [5, 6]], [[-1, 0]], [[1]]):
        served.ask("/invocations", body={"instances": rows})
    served.application.refused(413)

    text = served.ask("/metrics", method="GET").body.decode()

    assert set(text.splitlines()) >= {
        'sluice_model_info{model="digits",version="2",digest="' + "abcdef0123456789" * 4 + '"} 1',
        'sluice_requests_total{code="200"} 2',
        'sluice_requests_total{code="422"} 1',
        'sluice_requests_total{code="413"} 1',
        'sluice_requests_total{code="500"} 1',
        "sluice_queue_rows 0",
        'sluice_batch_rows_bucket{le="1"} 2',
        'sluice_batch_rows_bucket{le="4"} 3',
        "sluice_batch_rows_count 3",
        "sluice_request_seconds_count 4",
    }


def test_the_metrics_are_text_that_prometheus_reads() -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    served = Served()
    served.ask("/invocations", body={"instances": [[1, 2]]})

    text = served.ask("/metrics", method="GET").body.decode()

    families = {family.name: family.type for family in parser.text_string_to_metric_families(text)}
    assert families == {
        "sluice_model_info": "gauge",
        "sluice_requests": "counter",
        "sluice_queue_rows": "gauge",
        "sluice_queue_bytes": "gauge",
        "sluice_batch_limit_rows": "gauge",
        "sluice_request_seconds": "histogram",
        "sluice_phase_seconds": "histogram",
        "sluice_batch_rows": "histogram",
        "sluice_batch_seconds": "histogram",
        "sluice_predictions": "counter",
    }


def test_the_metrics_say_what_a_version_answers_and_where_time_goes() -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    served = Served()
    for rows in ([[1, 2]], [[1, 2], [3, 4]]):
        served.ask("/invocations", body={"instances": rows})

    text = served.ask("/metrics", method="GET").body.decode()

    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["sluice_predictions_total", "2", "3"] == 2
    assert samples["sluice_predictions_total", "2", "7"] == 1
    phases = ("receive", "parse", "queue", "answer")
    assert [samples["sluice_phase_seconds_count", phase] for phase in phases] == [2] * 4


def test_classes_without_end_are_counted_together() -> None:
    predictions = Metrics("digits", "2", "d").predictions
    predictions.count(list(range(1000)))
    predictions.count(['a "b"\n'])

    lines = [line for line in predictions.lines() if not line.startswith("#")]

    assert len(lines) == CLASSES + 1
    assert lines[-1] == 'sluice_predictions_total{version="2",prediction="other"} 901'


def test_numbers_are_counted_by_size() -> None:
    predictions = Metrics("digits", "2", "d").predictions
    predictions.count([-5.0, 0.5, 20.0])

    text = "\n".join(predictions.lines())

    assert 'sluice_prediction_value_bucket{version="2",le="0"} 1' in text
    assert 'sluice_prediction_value_count{version="2"} 3' in text
