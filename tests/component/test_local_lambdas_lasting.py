"""Lambda after the end of its process: functions are there again, accepted events are tried."""

import json
import os
import signal
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.lambdas import Lambdas
from local.lambdas.accepted import Accepted, QueuedEvent, Waiting, left_over
from local.lambdas.asynchronous import AsyncQueue, Finished, Policy
from local.lambdas.poller import failures
from local.lambdas.runtime_api import Outcome
from local.logs import Logs
from local.store import Store
from tests.conformance.functions import created, invoke, package, settings
from tests.conformance.target import embedded
from tests.fakes.embedded_aws import RecordedMetrics, eventually

ONE_LIFE = """
import os, time
def handle(event, context):
    path = event["path"]
    with open(path, "a") as lives:
        lives.write("begun\\n")
    if len(open(path).readlines()) == 1:
        time.sleep(60)
    with open(path, "a") as lives:
        lives.write("done\\n")
"""


@dataclass
class Sent:
    """Queues that remember what was sent to them."""

    messages: list[tuple[str, str]] = field(default_factory=list)

    def send(self, queue_arn: str, body: str, attributes: Any) -> None:
        self.messages.append((queue_arn, body))


def lambdas_over(store: Store, folder: Path, scale: float = 600.0) -> Lambdas:
    account, clock = Account("http://127.0.0.1:1", store=store), Clock(scale)
    metrics = RecordedMetrics()
    logs = Logs(account, clock, metrics)
    return Lambdas(account, clock, logs, metrics, Sent(), folder)


def a_function(lambdas: Lambdas, source: str = "def handle(event, context): return event") -> None:
    lambdas.handle(
        "CreateFunction",
        {
            "FunctionName": "fn",
            "Role": "arn:aws:iam::123456789012:role/any",
            "Runtime": "python3.12",
            "Handler": "app.handle",
            "Code": {"ZipFile": package(source)},
            "Tags": {"a": "b"},
        },
    )


def test_everything_that_hangs_on_a_function_outlasts_the_process(tmp_path: Path) -> None:
    before = lambdas_over(Store(tmp_path / "state.db"), tmp_path)
    a_function(before)
    name = {"FunctionName": "fn"}
    before.handle("PublishVersion", name)
    before.handle("CreateAlias", {**name, "Name": "live", "FunctionVersion": "1"})
    before.handle("PutFunctionConcurrency", {**name, "ReservedConcurrentExecutions": 5})
    before.handle("PutFunctionEventInvokeConfig", {**name, "MaximumRetryAttempts": 1})
    permission = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}
    before.handle("AddPermission", {**name, **permission})
    told = ("GetFunction", "GetPolicy", "GetFunctionConcurrency", "GetFunctionEventInvokeConfig")
    said = [before.handle(action, name) for action in (*told, "ListAliases")]

    after = lambdas_over(Store(tmp_path / "state.db"), tmp_path)

    assert [after.handle(action, name) for action in (*told, "ListAliases")] == said


def test_a_function_runs_again_after_a_restart(tmp_path: Path) -> None:
    a_function(lambdas_over(Store(tmp_path / "state.db"), tmp_path))
    after = lambdas_over(Store(tmp_path / "state.db"), tmp_path)
    after.start()

    answer = after.invoke("fn", b'{"a": 1}')

    after.stop()
    assert (json.loads(answer.payload), answer.error) == ({"a": 1}, "")


def test_a_deleted_function_stays_deleted(tmp_path: Path) -> None:
    before = lambdas_over(Store(tmp_path / "state.db"), tmp_path)
    a_function(before)
    before.handle("DeleteFunction", {"FunctionName": "fn"})

    after = lambdas_over(Store(tmp_path / "state.db"), tmp_path)

    with pytest.raises(AwsError, match="Function not found"):
        after.handle("GetFunction", {"FunctionName": "fn"})


def test_code_that_has_gone_from_the_folder_is_told_by_name(tmp_path: Path) -> None:
    a_function(lambdas_over(Store(tmp_path / "state.db"), tmp_path))
    after = lambdas_over(Store(tmp_path / "state.db"), tmp_path / "elsewhere")
    after.start()

    with pytest.raises(AwsError, match="the code of fn is gone from the state folder"):
        after.invoke("fn", b"{}")
    after.stop()


def test_a_layer_outlasts_the_process_and_its_number_is_not_used_again(tmp_path: Path) -> None:
    request = {"LayerName": "l", "Content": {"ZipFile": package("", "python/l.py")}}
    before = lambdas_over(Store(tmp_path / "state.db"), tmp_path)
    before.handle("PublishLayerVersion", request)
    before.handle("DeleteLayerVersion", {"LayerName": "l", "VersionNumber": 1})

    after = lambdas_over(Store(tmp_path / "state.db"), tmp_path)

    assert after.handle("PublishLayerVersion", request)["Version"] == 2


@pytest.mark.parametrize(
    ("payload", "failed"),
    [
        (b"", set()),
        (b"null", set()),
        (b"{}", set()),
        (b'{"batchItemFailures": null}', set()),
        (b'{"batchItemFailures": []}', set()),
        (b'{"batchItemFailures": [{"itemIdentifier": "b"}]}', {"b"}),
        (b'{"batchItemFailures": [{"itemIdentifier": "x"}]}', {"a", "b"}),
        (b'{"batchItemFailures": [{"other": "a"}]}', {"a", "b"}),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', {"a", "b"}),
        (b'["a"]', {"a", "b"}),
        (b"no json", {"a", "b"}),
    ],
)
def test_an_answer_that_cannot_be_understood_fails_the_whole_batch(
    payload: bytes, failed: set[str]
) -> None:
    assert failures(payload, ["a", "b"]) == failed


def a_queue(store: Store, ran: list[QueuedEvent], outcome: Outcome, scale: float) -> AsyncQueue:
    def run(event: QueuedEvent) -> Outcome:
        ran.append(event)
        return outcome

    return AsyncQueue(
        Clock(scale),
        run,
        Accepted(store.shelf("events"), "arn:fn"),
        policy=Policy,
        workers=lambda: 1,
        finished=lambda _: None,
    )


def test_an_event_at_its_end_is_forgotten() -> None:
    store, ran = Store(), list[QueuedEvent]()
    queue = a_queue(store, ran, Outcome(b"{}"), 600)

    queue.put(b"{}")

    eventually(lambda: ran and not list(left_over(store.shelf("events"))))
    queue.stop()


def test_an_event_between_its_tries_keeps_its_count_and_its_time() -> None:
    store, ran = Store(), list[QueuedEvent]()
    queue = a_queue(store, ran, Outcome(b"{}", "Unhandled"), 1)
    queue.put(b'{"a": 1}')

    def kept() -> list[Waiting]:
        return [w for _, w in left_over(store.shelf("events")) if w.event.attempts]

    waiting = eventually(kept)[0]
    queue.stop()

    assert (waiting.event.payload, waiting.event.attempts) == (b'{"a": 1}', 1)
    assert waiting.due - datetime.now(UTC) > timedelta(seconds=50)


def test_an_event_that_is_taken_up_is_tried_when_it_is_due() -> None:
    store, ran = Store(), list[QueuedEvent]()
    queue = a_queue(store, ran, Outcome(b"{}"), 600)
    due = datetime.now(UTC) - timedelta(minutes=1)

    queue.take_up(Waiting(QueuedEvent(b"{}", attempts=2), due))

    eventually(lambda: ran)
    queue.stop()
    assert ran[0].attempts == 2


def test_an_event_whose_sandbox_ends_with_the_server_is_not_counted_as_failed() -> None:
    store, finished = Store(), list[Finished]()
    queues: list[AsyncQueue] = []

    def run(_: QueuedEvent) -> Outcome:
        queues[0].stop()
        return Outcome(b"{}", "Unhandled")

    accepted = Accepted(store.shelf("events"), "arn:fn")
    queue = AsyncQueue(
        Clock(600), run, accepted, policy=Policy, workers=lambda: 1, finished=finished.append
    )
    queues.append(queue)
    queue.put(b"{}")

    eventually(lambda: queue.depth == 0)
    kept = [waiting.event.attempts for _, waiting in left_over(store.shelf("events"))]
    assert (kept, finished) == ([0], [])


def test_an_event_at_work_when_everything_is_killed_is_tried_again(tmp_path: Path) -> None:
    lives = tmp_path / "lives.txt"

    def lines() -> list[str]:
        return lives.read_text().splitlines() if lives.exists() else []

    with embedded(folder=tmp_path) as first:
        request = settings(
            first, FunctionName="fn", Code={"ZipFile": package(ONE_LIFE)}, Timeout=90
        )
        first.client("lambda").create_function(**request)
        invoke(first, "fn", {"path": str(lives)}, InvocationType="Event")
        eventually(lines)
        os.kill(_pid(first.url), signal.SIGKILL)
    with embedded(folder=tmp_path):
        eventually(lambda: lines() == ["begun", "begun", "done"])


def _pid(url: str | None) -> int:
    from urllib.request import urlopen

    with urlopen(f"{url}/_local/health") as answer:
        return int(json.load(answer)["pid"])


def test_a_sandbox_leaves_no_temporary_files_behind(tmp_path: Path) -> None:
    source = "import tempfile\ndef handle(event, context): return tempfile.mkdtemp()"
    with embedded(folder=tmp_path) as aws:
        with created(aws, Code={"ZipFile": package(source)}) as name:
            folder, _ = invoke(aws, name, {})
            inside = Path(folder).is_dir()
        eventually(lambda: not Path(folder).exists())

    assert inside
    assert Path(folder).is_relative_to(tmp_path / "lambda")
