"""Schedule expressions: rate(…), at(…) and AWS's six-field cron(…)."""

import calendar
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from local.errors import AwsError

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 1440}
_MONTHS = {name.upper(): i for i, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: i + 1 for i, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}
_HORIZON = 366 * 5


def rate(expression: str) -> timedelta | None:
    """The interval of a rate expression; None for another kind."""
    match = _RATE.fullmatch(expression)
    if match is None or int(match[1]) == 0:
        return None
    return timedelta(minutes=int(match[1]) * _MINUTES[match[2]])


def at(expression: str, zone: str = "UTC") -> datetime | None:
    """The instant of an at expression; None for another kind."""
    match = _AT.fullmatch(expression)
    if match is None:
        return None
    return datetime.fromisoformat(match[1]).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def next_cron(expression: str, after: datetime, zone: str = "UTC") -> datetime | None:
    """The first minute after `after` that a cron expression names; None when there is none."""
    fields = _cron_fields(expression)
    local = after.astimezone(ZoneInfo(zone)).replace(second=0, microsecond=0)
    moment = local + timedelta(minutes=1)
    minutes, hours, days, months, weekdays, years = fields
    for offset in range(_HORIZON):
        day = (moment + timedelta(days=offset)).date()
        if not _day_matches(day.year, day.month, day.day, days, months, weekdays, years):
            continue
        for hour in sorted(_values(hours, 0, 23)):
            for minute in sorted(_values(minutes, 0, 59)):
                found = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
                if found >= moment:
                    return found.astimezone(UTC)
    return None


def check(expression: str) -> None:
    """Raise ValidationException unless `expression` is one of the three kinds."""
    if rate(expression) is None and at(expression) is None:
        _cron_fields(expression)


def _cron_fields(expression: str) -> tuple[str, str, str, str, str, str]:
    match = _CRON.fullmatch(expression)
    if match is None or "?" not in (match[3], match[5]):
        raise AwsError("ValidationException", f"Invalid Schedule Expression {expression}.")
    minutes, hours, days, months, weekdays, years = match.groups()
    return minutes, hours, days, months, weekdays, years


def _day_matches(
    year: int, month: int, day: int, days: str, months: str, weekdays: str, years: str
) -> bool:
    if year not in _values(years, 1970, 2199) or month not in _values(
        _named(months, _MONTHS), 1, 12
    ):
        return False
    if days != "?":
        return day in _month_days(days, year, month)
    return _weekday_matches(_named(weekdays, _DAYS), year, month, day)


def _month_days(field: str, year: int, month: int) -> set[int]:
    last = calendar.monthrange(year, month)[1]
    if field == "L":
        return {last}
    if field.endswith("W"):
        wanted = min(int(field[:-1]), last)
        near = sorted(range(1, last + 1), key=lambda d: (abs(d - wanted), d))
        return {next(d for d in near if calendar.weekday(year, month, d) < 5)}
    return _values(field, 1, last)


def _weekday_matches(field: str, year: int, month: int, day: int) -> bool:
    weekday = (calendar.weekday(year, month, day) + 1) % 7 + 1
    if field.endswith("L"):
        last = calendar.monthrange(year, month)[1]
        return weekday == int(field[:-1] or 7) and day + 7 > last
    if "#" in field:
        wanted, nth = field.split("#")
        return weekday == int(wanted) and (day - 1) // 7 + 1 == int(nth)
    return weekday in _values(field, 1, 7)


def _named(field: str, names: dict[str, int]) -> str:
    return re.sub(r"[A-Z]{3}", lambda m: str(names.get(m[0], m[0])), field)


def _values(field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = low if first in {"*", "?"} else int(first)
        end = int(last) if last else (high if first in {"*", "?"} or step else start)
        found.update(range(start, end + 1, int(step or 1)))
    return {v for v in found if low <= v <= high}
