"""What happened to alarms, also to deleted ones: the newest hundred items of each name are kept."""

import contextlib
import json
from collections import defaultdict, deque
from datetime import datetime
from typing import Any

from local.alarm import Alarm, State
from local.store import Store

Request = dict[str, Any]
MOST = 100


class AlarmHistory:
    """One key per item; the caller holds a lock."""

    def __init__(self, store: Store) -> None:
        self._shelf = store.shelf("alarms.history")
        self._items: dict[str, deque[tuple[str, Request]]] = defaultdict(deque)
        kept = self._shelf.all()
        for key, item in kept.items():
            self._items[item["AlarmName"]].append((key, item))
        self._next = int(max(kept, default="0")) + 1

    def changed(self, before: State, alarm: Alarm) -> None:
        """A change of state, when it happened."""
        data = {"version": "1.0", "oldState": _told(before), "newState": _told(alarm.state)}
        summary = f"Alarm updated from {before.value} to {alarm.state.value}"
        self.add(alarm, "StateUpdate", summary, data, now=alarm.state.since)

    def add(self, alarm: Alarm, kind: str, summary: str, data: Request, *, now: datetime) -> None:
        item = {
            "AlarmName": alarm.name,
            "AlarmType": alarm.kind,
            "Timestamp": now,
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps(data),
        }
        key = f"{self._next:012d}"
        self._next += 1
        self._shelf.put(key, item)
        items = self._items[alarm.name]
        items.append((key, item))
        if len(items) > MOST:
            self._shelf.drop(items.popleft()[0])

    def items(self, name: str | None) -> list[Request]:
        """Of one alarm or of all, oldest first."""
        chosen = list(self._items.values()) if name is None else [self._items.get(name, deque())]
        return [item for _, item in sorted((pair for each in chosen for pair in each), key=_number)]


def _number(pair: tuple[str, Request]) -> str:
    return pair[0]


def _told(state: State) -> Request:
    told: Request = {"stateValue": state.value, "stateReason": state.reason}
    with contextlib.suppress(ValueError):  # a person may have set anything
        told["stateReasonData"] = json.loads(state.reason_data)
    return told
