"""Replays: archived events once more, for the rules that are asked for."""

from collections.abc import Collection, Mapping
from datetime import datetime
from threading import Thread
from typing import Any, Protocol

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.eventbridge.archives import Archives, event_time, one_filter
from local.eventbridge.inputs import Event
from local.pages import named, page
from local.timers import Timers

Request = dict[str, Any]
STATES = ("STARTING", "RUNNING", "CANCELLING", "COMPLETED", "CANCELLED", "FAILED")
_UNDER_WAY = ("STARTING", "RUNNING")
_START_UP = 10.0
_KEPT_EVERY = 100
_GIVEN = (
    "ReplayName",
    "Description",
    "EventSourceArn",
    "EventStartTime",
    "EventEndTime",
    "Destination",
)
_INTERNAL = ("Position", "Description", "Destination", "ReplayArn")


class Passes(Protocol):
    def __call__(self, bus: str, event: Event, *, only: Collection[str]) -> None: ...


class Replays:
    """A replay that was under way when the process ended goes on from where it was kept last."""

    def __init__(
        self, account: Account, clock: Clock, archives: Archives, timers: Timers, passes: Passes
    ) -> None:
        self._account = account
        self._clock = clock
        self._archives = archives
        self._timers = timers
        self._passes = passes
        self._lock = account.store.lock
        self._shelf = account.store.shelf("events.replays")
        self._replays: dict[str, Request] = self._shelf.all()
        self.operations = {
            "StartReplay": self._start,
            "DescribeReplay": self._describe,
            "ListReplays": self._list,
            "CancelReplay": self._cancel,
        }

    def start(self) -> None:
        for name, replay in self._replays.items():
            if replay["State"] in _UNDER_WAY:
                self._launch(name)
            elif replay["State"] == "CANCELLING":
                self._end(name, "CANCELLED")

    def _start(self, request: Request) -> Request:
        name = str(request["ReplayName"])
        self._check(request)
        arn = self._account.arn("events", f"replay/{name}")
        kept: Request = {key: request[key] for key in _GIVEN if key in request}
        kept |= {"ReplayArn": arn, "State": "STARTING", "ReplayStartTime": self._clock.now()}
        with self._lock:
            if name in self._replays:
                message = f"Replay {name} already exists."
                raise AwsError("ResourceAlreadyExistsException", message)
            self._keep(name, kept)
        self._timers.after(self._clock.scaled(_START_UP), lambda: self._launch(name))
        return {key: kept[key] for key in ("ReplayArn", "State", "ReplayStartTime")}

    def _check(self, request: Request) -> None:
        destination = str(request["Destination"]["Arn"])
        name = str(request["EventSourceArn"]).rpartition("archive/")[2]
        if ":event-bus/" not in destination:
            raise _invalid("Destination.Arn", "Must contain an event bus ARN.")
        try:
            archive = self._archives.find(name)
        except AwsError as error:
            raise _invalid("EventSourceArn", error.message) from error
        if archive.settings["EventSourceArn"] != destination:
            raise _invalid("Destination.Arn", "Cross event bus replay is not permitted.")
        if request["EventStartTime"] >= request["EventEndTime"]:
            raise _invalid("EventEndTime", "EventStartTime must be before EventEndTime.")

    def _launch(self, name: str) -> None:
        Thread(target=self._run, args=(name,), name=f"replay {name}", daemon=True).start()

    def _run(self, name: str) -> None:
        replay = self._replays[name]
        try:
            if self._changed(name, "RUNNING", _UNDER_WAY):
                self._replay(name, replay)
        except AwsError as error:  # its archive is gone
            self._end(name, "FAILED", error.message)
        else:
            self._end(name, "CANCELLED" if replay["State"] == "CANCELLING" else "COMPLETED")

    def _replay(self, name: str, replay: Request) -> None:
        archive = self._archives.find(str(replay["EventSourceArn"]).rpartition("archive/")[2])
        only = replay["Destination"].get("FilterArns") or ()
        done = 0
        for key, event in self._archives.events(archive).items():
            if replay["State"] != "RUNNING":
                return
            if key <= replay.get("Position", "") or not _within(event, replay):
                continue
            self._passes(archive.bus, {**event, "replay-name": name}, only=only)
            replay |= {"Position": key, "EventLastReplayedTime": event_time(event)}
            done += 1
            if done % _KEPT_EVERY == 0:
                self._keep(name, replay)

    def _changed(self, name: str, state: str, before: Collection[str]) -> bool:
        """Take a state from one of `before`; nothing happens in another one."""
        with self._lock:
            replay = self._replays[name]
            if replay["State"] not in before:
                return False
            replay["State"] = state
            self._keep(name, replay)
            return True

    def _end(self, name: str, state: str, reason: str = "") -> None:
        with self._lock:
            replay = self._replays[name]
            replay |= {"State": state, "ReplayEndTime": self._clock.now()}
            if reason:
                replay["StateReason"] = reason
            self._keep(name, replay)

    def _keep(self, name: str, replay: Request) -> None:
        self._shelf.put(name, replay)
        self._replays[name] = replay

    def _find(self, request: Request) -> Request:
        name = str(request["ReplayName"])
        if name not in self._replays:
            raise AwsError("ResourceNotFoundException", f"Replay {name} does not exist.")
        return self._replays[name]

    def _describe(self, request: Request) -> Request:
        return {k: v for k, v in self._find(request).items() if k != "Position"}

    def _list(self, request: Request) -> Request:
        one_filter(request, "ListReplays")
        found = [
            {k: v for k, v in replay.items() if k not in _INTERNAL}
            for name, replay in sorted(self._replays.items())
            if _is_asked_for(request, replay)
        ]
        return page("Replays", found, request)

    def _cancel(self, request: Request) -> Request:
        replay = self._find(request)
        name = str(replay["ReplayName"])
        if not self._changed(name, "CANCELLING", _UNDER_WAY):
            message = f"Replay {name} is not in a valid state for this operation."
            raise AwsError("IllegalStatusException", message)
        return {"ReplayArn": replay["ReplayArn"], "State": "CANCELLING"}


def _within(event: Event, replay: Mapping[str, Any]) -> bool:
    start: datetime = replay["EventStartTime"]
    return bool(start <= event_time(event) <= replay["EventEndTime"])


def _is_asked_for(request: Request, replay: Request) -> bool:
    return (
        named(request.get("NamePrefix"))(str(replay["ReplayName"]))
        and request.get("EventSourceArn") in {None, replay["EventSourceArn"]}
        and request.get("State") in {None, replay["State"]}
    )


def _invalid(parameter: str, reason: str) -> AwsError:
    message = f"Parameter {parameter} is not valid. Reason: {reason}"
    return AwsError("ValidationException", message)
