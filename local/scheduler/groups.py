"""Groups of schedules; `default` is there from the start."""

from datetime import datetime
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.event_tags import Tags
from local.pages import named, page

Request = dict[str, Any]
DEFAULT = "default"


class Groups:
    """Every change is kept before it is answered."""

    def __init__(self, account: Account, clock: Clock, tags: Tags) -> None:
        self._account = account
        self._clock = clock
        self._tags = tags
        self._lock = account.store.lock
        self._shelf = account.store.shelf("scheduler.groups")
        self._made: dict[str, datetime] = {DEFAULT: clock.now()} | self._shelf.all()

    def check(self, name: str) -> None:
        """Raises AwsError when there is no such group."""
        if name not in self._made:
            message = f"Schedule group {name} does not exist."
            raise AwsError("ResourceNotFoundException", message, 404)

    def has(self, arn: str) -> bool:
        return arn in {self._arn(name) for name in list(self._made)}

    def create(self, request: Request) -> Request:
        name = str(request["Name"])
        with self._lock:
            if name in self._made:
                raise AwsError("ConflictException", f"Schedule group {name} already exists.", 409)
            self._made[name] = self._clock.now()
            self._shelf.put(name, self._made[name])
            self._tags.put(self._arn(name), request.get("Tags") or [])
        return {"ScheduleGroupArn": self._arn(name)}

    def get(self, request: Request) -> Request:
        self.check(str(request["Name"]))
        return self._told(str(request["Name"]))

    def list(self, request: Request) -> Request:
        wanted = named(request.get("NamePrefix"))
        found = [self._told(name) for name in sorted(self._made) if wanted(name)]
        return page("ScheduleGroups", found, request, limit="MaxResults")

    def delete(self, name: str) -> None:
        self.check(name)
        if name == DEFAULT:
            raise AwsError("ValidationException", "The default group cannot be deleted.")
        self._shelf.drop(name)
        self._tags.forget(self._arn(name))
        del self._made[name]

    def _told(self, name: str) -> Request:
        made = self._made[name]
        return {
            "Name": name,
            "Arn": self._arn(name),
            "State": "ACTIVE",
            "CreationDate": made,
            "LastModificationDate": made,
        }

    def _arn(self, name: str) -> str:
        return self._account.arn("scheduler", f"schedule-group/{name}")
