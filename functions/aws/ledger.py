"""The ledger in DynamoDB: conditional writes, an outbox with each record, append-only evidence."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError
from pydantic import ValidationError

from functions.allowance import AllowanceRecord
from functions.evidence import Entry, Evidence
from functions.ledger import RECORDS, Record, next_revisions
from functions.orphans import OrphanRecord
from functions.witness import Witness, present

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient
    from types_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        TransactWriteItemTypeDef,
        UniversalAttributeValueTypeDef,
    )

R = TypeVar("R", bound=Record)
_ALL: tuple[type[Record], ...] = (*RECORDS, AllowanceRecord, OrphanRecord)
_KINDS: MappingProxyType[str, type[Record]] = MappingProxyType({r.kind: r for r in _ALL})
_OPEN = "open"
_RECORD = "RECORD"
_EVIDENCE = "EVIDENCE#"
_UNSAID = datetime(1970, 1, 1, tzinfo=UTC)
"""An event that is decided and not said is always overdue."""
_CONFLICTS = frozenset(
    {
        "ConditionalCheckFailedException",
        "TransactionCanceledException",
        "TransactionConflictException",
    }
)
"""Somebody else wrote first, or writes at this moment."""


class StaleRecordError(RuntimeError):
    """Somebody wrote the record since it was read: read again and decide again."""


@dataclass(frozen=True)
class Unreadable:
    """An item that is no record this code knows; a person has to look at it."""

    kind: str
    key: str
    why: str


@dataclass
class Log:
    """What the table holds under one key, unread: the record, and the lines in their order."""

    kind: str
    key: str
    record: Record | Unreadable | None = None
    lines: list[str] = field(default_factory=list)


class Ledger:
    """Records by kind and key."""

    def __init__(
        self, client: "DynamoDBClient", table: str, witness: Callable[[], Witness] = present
    ) -> None:
        self._client = client
        self._table = table
        self._witness = witness

    def get(self, record: type[R], key: str) -> R | None:
        """The record as of now (a consistent read), or None."""
        found = self._client.get_item(
            TableName=self._table, Key=_key(record.kind, key), ConsistentRead=True
        ).get("Item")
        return record.model_validate_json(found["body"]["S"]) if found else None

    def write(self, *records: R, notes: tuple[Evidence, ...] = ()) -> tuple[R, ...]:
        """Write all or none, each on the revision it was read at, with a line for each change.

        Raises StaleRecordError, and LedgerError for a note on a record that is not among them.
        """
        next_, entries = next_revisions(records, notes, self._witness())
        puts = [
            self._put(record, before=r.revision) for record, r in zip(next_, records, strict=True)
        ]
        puts += [self._append(entry) for entry in entries]
        try:
            self._client.transact_write_items(TransactItems=puts)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CONFLICTS:
                raise
            keys = ", ".join(f"{r.kind} {r.key} at revision {r.revision}" for r in records)
            raise StaleRecordError(f"{keys}: written by somebody else meanwhile") from error
        return next_

    def said(self, record: Record) -> None:
        """Empty the outbox of a record that nobody has written since; the revision stays."""
        put = self._put(record.model_copy(update={"outbox": ()}), before=record.revision)["Put"]
        try:
            self._client.put_item(**put)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CONFLICTS:
                raise

    def overdue(self, now: datetime, *, limit: int) -> Iterable[Record | Unreadable]:
        """Open records whose time has come, the longest overdue first.

        One that cannot be read stands for itself alone: the others come all the same.
        """
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=_OPEN,
            KeyConditionExpression="#open = :open AND due_at <= :now",
            ExpressionAttributeNames={"#open": _OPEN},
            ExpressionAttributeValues={":open": {"S": _OPEN}, ":now": {"S": _instant(now)}},
            PaginationConfig={"MaxItems": limit},
        )
        return (_record(item) for page in pages for item in page["Items"])

    def put_off(self, kind: str, key: str, *, until: datetime) -> None:
        """Have an open item looked at later, without reading it; a closed one stays closed."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(kind, key),
                UpdateExpression="SET due_at = :until",
                ConditionExpression="attribute_exists(#open)",
                ExpressionAttributeNames={"#open": _OPEN},
                ExpressionAttributeValues={":until": {"S": _instant(until)}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CONFLICTS:
                raise

    def all(self, record: type[R]) -> tuple[R, ...]:
        """Every record of a kind; reads the whole table, for people rather than functions."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": record.kind}},
        )
        return tuple(
            record.model_validate_json(item["body"]["S"])
            for page in pages
            for item in page["Items"]
        )

    def history(self, kind: str, key: str) -> tuple[Entry, ...]:
        """A record's log, oldest line first."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :evidence)",
            ExpressionAttributeValues={
                ":pk": {"S": f"{kind}#{key}"},
                ":evidence": {"S": _EVIDENCE},
            },
        )
        return tuple(
            Entry.model_validate_json(item["body"]["S"]) for page in pages for item in page["Items"]
        )

    def logs(self) -> Iterator["Log"]:
        """Every record with its log; reads the whole table, for whoever verifies it."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table, ConsistentRead=True
        )
        logs: dict[str, Log] = {}
        for page in pages:
            for item in page["Items"]:
                kind, _, key = item["pk"]["S"].partition("#")
                log = logs.setdefault(item["pk"]["S"], Log(kind, key))
                if item["sk"]["S"] == _RECORD:
                    log.record = _record(item)
                else:
                    log.lines.append(item["body"]["S"])
        yield from logs.values()

    def _append(self, entry: Entry) -> "TransactWriteItemTypeDef":
        return {
            "Put": {
                "TableName": self._table,
                "Item": {
                    "pk": {"S": f"{entry.kind}#{entry.key}"},
                    "sk": {"S": f"{_EVIDENCE}{entry.number:08d}"},
                    "kind": {"S": "EVIDENCE"},
                    "body": {"S": entry.model_dump_json()},
                },
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }

    def _put(self, record: Record, *, before: int) -> "TransactWriteItemTypeDef":
        item: dict[str, UniversalAttributeValueTypeDef] = {
            **_key(record.kind, record.key),
            "kind": {"S": record.kind},
            "revision": {"N": str(record.revision)},
            "body": {"S": record.model_dump_json()},
        }
        due = _UNSAID if record.outbox else record.due_at
        if due is not None:
            item |= {_OPEN: {"S": _OPEN}, "due_at": {"S": _instant(due)}}
        if before == 0:
            return {
                "Put": {
                    "TableName": self._table,
                    "Item": item,
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
        return {
            "Put": {
                "TableName": self._table,
                "Item": item,
                "ConditionExpression": "revision = :before",
                "ExpressionAttributeValues": {":before": {"N": str(before)}},
            }
        }


def _key(kind: str, key: str) -> "dict[str, UniversalAttributeValueTypeDef]":
    return {"pk": {"S": f"{kind}#{key}"}, "sk": {"S": _RECORD}}


def _record(item: "dict[str, AttributeValueTypeDef]") -> Record | Unreadable:
    kind, _, key = item["pk"]["S"].partition("#")
    try:
        return _KINDS[kind].model_validate_json(item["body"]["S"])
    except KeyError as error:
        return Unreadable(kind, key, f"has no {error}" if kind in _KINDS else "no known kind")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return Unreadable(kind, key, f"{where}: {first['msg']}" if where else first["msg"])


def _instant(at: datetime) -> str:
    """A text that sorts as the time does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
