"""Archives: what a bus took, kept for as long as is asked for."""

import itertools
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.eventbridge.buses import Buses, bus_name
from local.eventbridge.inputs import Event
from local.pages import named, page
from local.patterns import Pattern, parse_pattern
from local.store import Shelf, encoded

Request = dict[str, Any]
_DAY = 86_400.0
_SETTINGS = ("Description", "EventPattern", "RetentionDays", "KmsKeyIdentifier")


@dataclass(frozen=True)
class Archive:
    """An archive as it was last written."""

    settings: Request
    pattern: Pattern | None

    @property
    def name(self) -> str:
        return str(self.settings["ArchiveName"])

    @property
    def bus(self) -> str:
        return bus_name(self.settings["EventSourceArn"])

    def takes(self, bus: str, event: Event) -> bool:
        """Events that were replayed are not archived again."""
        if bus != self.bus or "replay-name" in event:
            return False
        return self.pattern is None or self.pattern.matches(event)


class Archives:
    """Each archive's events lie on a shelf of their own, in the order in which they came."""

    def __init__(self, account: Account, clock: Clock, buses: Buses) -> None:
        self._account = account
        self._clock = clock
        self._buses = buses
        self._store = account.store
        self._lock = account.store.lock
        self._shelf = account.store.shelf("events.archives")
        self._numbers = itertools.count(time.time_ns())
        self._archives = {name: _archive(kept) for name, kept in self._shelf.all().items()}
        self.operations = {
            "CreateArchive": self._create,
            "DescribeArchive": lambda request: self._described(self.find(request["ArchiveName"])),
            "UpdateArchive": self._update,
            "ListArchives": self._list,
            "DeleteArchive": self._delete,
        }

    def taking(self, bus: str, event: Event) -> list[Archive]:
        return [each for each in list(self._archives.values()) if each.takes(bus, event)]

    def add(self, archives: list[Archive], event: Event) -> None:
        for archive in archives:
            self._events(archive.name).put(f"{next(self._numbers):020d}", event)

    def find(self, name: str) -> Archive:
        with self._lock:
            archive = self._archives.get(name)
        if archive is None:
            raise AwsError("ResourceNotFoundException", f"Archive {name} does not exist.")
        return archive

    def arn(self, name: str) -> str:
        return self._account.arn("events", f"archive/{name}")

    def events(self, archive: Archive) -> dict[str, Event]:
        """By key, the oldest first; what is older than the archive keeps is dropped on the way."""
        shelf = self._events(archive.name)
        found: dict[str, Event] = shelf.all()
        oldest = self._oldest(archive)
        for key in [key for key in found if oldest is not None and key < oldest]:
            shelf.drop(key)
            del found[key]
        return found

    def _oldest(self, archive: Archive) -> str | None:
        days = archive.settings.get("RetentionDays") or 0
        if not days:
            return None
        kept = timedelta(seconds=self._clock.scaled(days * _DAY))
        return f"{int((self._clock.now() - kept).timestamp() * 1e9):020d}"

    def _events(self, name: str) -> Shelf:
        return self._store.shelf(f"events.archive/{name}")

    def _create(self, request: Request) -> Request:
        name, source = str(request["ArchiveName"]), str(request["EventSourceArn"])
        if ":event-bus/" not in source:
            message = (
                "Parameter EventSourceArn is not valid. Reason: Must contain an event bus ARN."
            )
            raise AwsError("ValidationException", message)
        self._buses.find(bus_name(source))
        kept = {key: request[key] for key in _SETTINGS if request.get(key) is not None}
        kept |= {"ArchiveName": name, "EventSourceArn": source, "CreationTime": self._clock.now()}
        with self._lock:
            if name in self._archives:
                message = f"Archive {name} already exists."
                raise AwsError("ResourceAlreadyExistsException", message)
            return self._keep(kept)

    def _keep(self, kept: Request) -> Request:
        archive = _archive(kept)
        with self._lock:
            self._shelf.put(archive.name, kept)
            self._archives[archive.name] = archive
        return {
            "ArchiveArn": self.arn(archive.name),
            "State": "ENABLED",
            "CreationTime": kept["CreationTime"],
        }

    def _update(self, request: Request) -> Request:
        before = self.find(str(request["ArchiveName"])).settings
        changes = {key: request[key] for key in _SETTINGS if request.get(key) is not None}
        return self._keep({**before, **changes})

    def _described(self, archive: Archive) -> Request:
        events = self.events(archive)
        return {
            **archive.settings,
            "ArchiveArn": self.arn(archive.name),
            "State": "ENABLED",
            "RetentionDays": archive.settings.get("RetentionDays", 0),
            "SizeBytes": sum(len(encoded(event)) for event in events.values()),
            "EventCount": len(events),
        }

    def _list(self, request: Request) -> Request:
        one_filter(request, "ListArchives")
        wanted, source = named(request.get("NamePrefix")), request.get("EventSourceArn")
        with self._lock:
            archives = [self._archives[name] for name in sorted(self._archives) if wanted(name)]
        told = [self._described(each) for each in archives]
        unasked = {"ArchiveArn", "Description", "EventPattern", "KmsKeyIdentifier"}
        found = [
            {key: value for key, value in each.items() if key not in unasked}
            for each in told
            if source in {None, each["EventSourceArn"]}
            and request.get("State", "ENABLED") == "ENABLED"
        ]
        return page("Archives", found, request)

    def _delete(self, request: Request) -> Request:
        archive = self.find(str(request["ArchiveName"]))
        shelf = self._events(archive.name)
        with self._store.together():
            for key in shelf.all():
                shelf.drop(key)
            self._shelf.drop(archive.name)
            del self._archives[archive.name]
        return {}


def one_filter(request: Request, action: str) -> None:
    """Lists of archives and replays take one filter at a time."""
    given = [k for k in ("NamePrefix", "EventSourceArn", "State") if request.get(k) is not None]
    if len(given) > 1:
        message = (
            f"At most one filter is allowed for {action}."
            " Use either : State, EventSourceArn, or NamePrefix."
        )
        raise AwsError("ValidationException", message)


def _archive(kept: Request) -> Archive:
    text = kept.get("EventPattern")
    return Archive(kept, parse_pattern(text) if text else None)


def event_time(event: Event) -> datetime:
    return datetime.fromisoformat(str(event["time"]))
