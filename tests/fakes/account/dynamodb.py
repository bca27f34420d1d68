"""DynamoDB in memory, as far as the ledger goes: conditions, transactions, one sparse index."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes.account.messages import Answer, Asked, Body, RefusedError, said
from tests.fakes.account.recent import Recent

Key = tuple[str, str]
Item = Mapping[str, Any]
_CONDITION = re.compile(
    r"(?P<test>attribute_not_exists|attribute_exists)\((?P<tested>#?\w+)\)"
    r"|(?P<left>#?\w+) = (?P<right>:\w+)"
)


class DynamoDB:
    """One table of items by `pk` and `sk`; items are replaced, never changed."""

    def __init__(self, watch: Callable[[Item], None], recent: Recent) -> None:
        self.items: dict[Key, Item] = {}
        self.tokens: dict[str, Body] = {}
        """Transactions by their token: asked again they are the same one."""
        self.writes = 0
        self._watch = watch
        self._recent = recent
        self.operations: dict[str, Callable[[Asked], Answer]] = {
            "GetItem": self._get_item,
            "PutItem": self._put_item,
            "Query": self._query,
            "Scan": self._scan,
            "TransactWriteItems": self._transact_write_items,
            "UpdateItem": self._update_item,
        }

    def _get_item(self, asked: Asked) -> Answer:
        found = self.items.get(_key(asked.body["Key"]))
        return said({} if found is None else {"Item": found})

    def _put_item(self, asked: Asked) -> Answer:
        if not self._meets(asked.body, asked.body["Item"]):
            raise RefusedError("ConditionalCheckFailedException", "The conditional request failed")
        self._keep(asked.body["Item"])
        self.writes += 1
        return said({})

    def _transact_write_items(self, asked: Asked) -> Answer:
        body = asked.body
        token = body.pop("ClientRequestToken", "")
        if token in self.tokens:
            if self.tokens[token] != body:
                text = "The token was used with other parameters"
                raise RefusedError("IdempotentParameterMismatchException", text)
            return said({})
        puts = [action["Put"] for action in body["TransactItems"]]
        met = [self._meets(put, put["Item"]) for put in puts]
        if not all(met):
            reasons = ", ".join("None" if one else "ConditionalCheckFailed" for one in met)
            text = f"Transaction cancelled, please refer cancellation reasons [{reasons}]"
            raise RefusedError("TransactionCanceledException", text)
        if len({_key(put["Item"]) for put in puts}) != len(puts):
            text = "Transaction request cannot include multiple operations on one item"
            raise RefusedError("ValidationException", text)
        for put in puts:
            self._keep(put["Item"])
        self.tokens[token] = body
        self.writes += 1
        return said({})

    def _update_item(self, asked: Asked) -> Answer:
        body = asked.body
        key = _key(body["Key"])
        if not self._meets(body, body["Key"]):
            raise RefusedError("ConditionalCheckFailedException", "The conditional request failed")
        name, value = body["UpdateExpression"].removeprefix("SET ").split(" = ")
        changed = {_named(name, body): body["ExpressionAttributeValues"][value]}
        there: Item = self.items.get(key) or body["Key"]
        self._keep({**there, **changed})
        self.writes += 1
        return said({})

    def _query(self, asked: Asked) -> Answer:
        body = asked.body
        values = body["ExpressionAttributeValues"]
        if body.get("IndexName") == "open":
            until = values[":now"]["S"]
            seen = [self._recent.seen(("item", key), item) for key, item in self.items.items()]
            open_ = [i for i in seen if i and "open" in i and i["due_at"]["S"] <= until]
            found = sorted(open_, key=lambda item: str(item["due_at"]["S"]))
        else:
            start = values[":evidence"]["S"]
            keys = [k for k in sorted(self.items) if k[0] == values[":pk"]["S"]]
            found = [self.items[k] for k in keys if k[1].startswith(start)]
        found = found[: body.get("Limit", len(found))]
        return said({"Items": found, "Count": len(found)})

    def _scan(self, asked: Asked) -> Answer:
        found = [self.items[key] for key in sorted(self.items)]
        kind = asked.body.get("ExpressionAttributeValues", {}).get(":kind")
        found = [item for item in found if kind is None or item.get("kind") == kind]
        return said({"Items": found, "Count": len(found)})

    def _meets(self, request: Body, key: Item) -> bool:
        """Whether the item that is there now meets the condition."""
        condition = request.get("ConditionExpression")
        if condition is None:
            return True
        match = _CONDITION.fullmatch(condition)
        if match is None:
            raise RefusedError("ValidationException", f"Invalid ConditionExpression: {condition}")
        there = self.items.get(_key(key), {})
        if match["test"]:
            exists = _named(match["tested"], request) in there
            return exists is (match["test"] == "attribute_exists")
        value = request["ExpressionAttributeValues"][match["right"]]
        return bool(there.get(_named(match["left"], request)) == value)

    def _keep(self, item: Item) -> None:
        self._recent.changes(("item", _key(item)), self.items.get(_key(item)))
        self.items[_key(item)] = item
        self._watch(item)


def _key(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _named(name: str, request: Body) -> str:
    """An attribute's name, also where an expression has another word for it."""
    return str(request.get("ExpressionAttributeNames", {}).get(name, name))
