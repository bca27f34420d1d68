"""Schedule expressions: rate(…), at(…) and AWS's six-field cron(…)."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from local.cron import Cron, CronError, parse_cron
from local.errors import AwsError

_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 1440}


def rate(expression: str) -> timedelta | None:
    """The interval of a rate expression; None for another kind."""
    match = _RATE.fullmatch(expression)
    return timedelta(minutes=int(match[1]) * _MINUTES[match[2]]) if match else None


def at(expression: str, zone: str = "UTC") -> datetime | None:
    """The instant of an at expression; None for another kind."""
    match = _AT.fullmatch(expression)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(match[1])
    except ValueError:
        return None
    return moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def next_cron(expression: str, after: datetime, zone: str = "UTC") -> datetime | None:
    """The first minute after `after` that a cron expression names; None when there is none."""
    found = cron(expression)
    return found.after(after, ZoneInfo(zone)) if found is not None else None


def cron(expression: str) -> Cron | None:
    """What a cron expression says; None for another kind and for one that is not valid."""
    try:
        return parse_cron(expression)
    except CronError:
        return None


def check(expression: str) -> None:
    """Raise ValidationException unless `expression` is one of the three kinds."""
    if rate(expression) is None and at(expression) is None and cron(expression) is None:
        raise AwsError("ValidationException", f"Invalid Schedule Expression {expression}.")


def is_rule_schedule(expression: str) -> bool:
    """What a rule takes: rates, whose unit is plural except for one, and cron."""
    match = _RATE.fullmatch(expression)
    if match is not None:
        return (match[1] == "1") == (match[3] == "")
    return cron(expression) is not None
