"""The ledger over DynamoDB and the one in memory keep the same promises."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from functions.allowance import AllowanceRecord, Reservation
from functions.aws.ledger import Ledger, StaleRecordError, Unreadable
from functions.ledger import DropRecord, DropState, Record, RunRecord
from tests.builders import A_MINUTE_LATER, NOON, a_drop, a_run
from tests.fakes.client import FakeClient, refused
from tests.fakes.embedded_aws import core
from tests.fakes.ledger import FakeLedger

CONFLICTS = [
    "ConditionalCheckFailedException",
    "TransactionCanceledException",
    "TransactionConflictException",
]


@dataclass(frozen=True)
class Kept:
    """A ledger, and a way to break a record of it as no function would."""

    ledger: Ledger
    spoil: Callable[[Record], None]

    def has(self, drop: str, due_at: datetime | None) -> Record:
        (written,) = self.ledger.write(a_drop(drop=drop, due_at=due_at))
        return written

    def overdue(self, now: datetime, *, limit: int = 10) -> list[str]:
        """`drop: ok` or `drop: broken` of each."""
        return [
            f"{item.key}: broken" if isinstance(item, Unreadable) else f"{item.key}: ok"
            for item in self.ledger.overdue(now, limit=limit)
        ]


def in_dynamodb() -> Kept:
    client = core().client("dynamodb")
    table = f"ledger-{uuid.uuid4().hex[:8]}"
    text = {"pk", "sk", "open", "due_at"}
    client.create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in text],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "open",
                "KeySchema": [
                    {"AttributeName": "open", "KeyType": "HASH"},
                    {"AttributeName": "due_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )

    def spoil(record: Record) -> None:
        client.update_item(
            TableName=table,
            Key={"pk": {"S": f"{record.kind}#{record.key}"}, "sk": {"S": "RECORD"}},
            UpdateExpression="SET body = :body",
            ExpressionAttributeValues={":body": {"S": '{"model": 7}'}},
        )

    return Kept(Ledger(client, table), spoil)


def in_memory() -> Kept:
    ledger = FakeLedger()

    def spoil(record: Record) -> None:
        ledger.broken[(record.kind, record.key)] = "spoilt"

    return Kept(ledger, spoil)


@pytest.fixture(params=[in_dynamodb, in_memory])
def kept(request: pytest.FixtureRequest) -> Kept:
    made: Kept = request.param()
    return made


def test_what_is_due_is_found_and_what_was_due_first_comes_first(kept: Kept) -> None:
    kept.has("late", NOON)
    kept.has("later", A_MINUTE_LATER)
    kept.has("not-yet", NOON + timedelta(days=1))
    kept.has("never", None)

    assert kept.overdue(A_MINUTE_LATER) == ["digits#late: ok", "digits#later: ok"]


def test_one_record_that_cannot_be_read_does_not_hide_the_others(kept: Kept) -> None:
    kept.spoil(kept.has("broken", NOON))
    kept.has("sound", A_MINUTE_LATER)

    (broken, sound) = kept.ledger.overdue(A_MINUTE_LATER, limit=10)

    assert isinstance(broken, Unreadable)
    assert (broken.kind, broken.key) == ("DROP", "digits#broken")
    assert broken.why
    assert isinstance(sound, DropRecord)


def test_a_record_put_off_makes_room_for_the_others(kept: Kept) -> None:
    kept.spoil(kept.has("broken", NOON))
    kept.has("sound", A_MINUTE_LATER)

    kept.ledger.put_off("DROP", "digits#broken", until=A_MINUTE_LATER + timedelta(minutes=5))

    assert kept.overdue(A_MINUTE_LATER, limit=1) == ["digits#sound: ok"]
    assert kept.overdue(A_MINUTE_LATER + timedelta(minutes=5), limit=2) == [
        "digits#sound: ok",
        "digits#broken: broken",
    ]


def test_a_record_put_off_can_be_written_on_the_revision_it_was_read_at(kept: Kept) -> None:
    record = kept.has("monday", NOON)

    kept.ledger.put_off("DROP", "digits#monday", until=A_MINUTE_LATER)
    (after,) = kept.ledger.write(record.changed(due_at=NOON))

    assert after.revision == 2
    assert kept.overdue(NOON) == ["digits#monday: ok"]


def test_a_closed_record_is_not_opened_by_putting_it_off(kept: Kept) -> None:
    kept.has("done", None)

    kept.ledger.put_off("DROP", "digits#done", until=NOON)
    kept.ledger.put_off("DROP", "digits#nobody", until=NOON)

    assert kept.overdue(A_MINUTE_LATER) == []


def test_a_record_of_no_known_kind_says_so() -> None:
    item = {"pk": {"S": "SPELL#digits#x"}, "sk": {"S": "RECORD"}, "body": {"S": "{}"}}
    ledger = Ledger(cast("Any", FakeClient(query={"Items": [item]})), "ledger")

    (found,) = ledger.overdue(NOON, limit=1)

    assert found == Unreadable("SPELL", "digits#x", "no known kind")


def test_a_record_without_a_body_says_so() -> None:
    item = {"pk": {"S": "DROP#digits#x"}, "sk": {"S": "RECORD"}}
    ledger = Ledger(cast("Any", FakeClient(query={"Items": [item]})), "ledger")

    (found,) = ledger.overdue(NOON, limit=1)

    assert found == Unreadable("DROP", "digits#x", "has no 'body'")


@pytest.mark.parametrize("code", CONFLICTS)
def test_whoever_meets_another_writer_reads_again(code: str) -> None:
    ledger = Ledger(cast("Any", FakeClient(transact_write_items=refused(code))), "ledger")

    with pytest.raises(StaleRecordError, match="DROP digits#monday at revision 0"):
        ledger.write(a_drop())


@pytest.mark.parametrize("code", CONFLICTS)
def test_an_outbox_that_another_writer_holds_is_left_to_them(code: str) -> None:
    ledger = Ledger(cast("Any", FakeClient(put_item=refused(code))), "ledger")

    ledger.said(a_drop(state=DropState.RECEIVING))


def test_of_two_who_take_the_last_place_one_writes_all_and_the_other_nothing(kept: Kept) -> None:
    (before,) = kept.ledger.write(AllowanceRecord(scope="digits"))
    runs = [a_run(run=number * 12) for number in "12"]
    wishes: list[tuple[Record, ...]] = [
        (run, before.holding(run.run, Reservation(run=run.run, most=1.408), now=NOON))
        for run in runs
    ]

    kept.ledger.write(*wishes[0])
    with pytest.raises(StaleRecordError):
        kept.ledger.write(*wishes[1])

    after = kept.ledger.get(AllowanceRecord, "digits")
    assert after is not None
    assert set(after.reserved) == {runs[0].run}
    assert [kept.ledger.get(RunRecord, run.run) is not None for run in runs] == [True, False]
