"""AWS's cron: minutes, hours, day of month, month, day of week, year; with `? L W #`."""

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_PART = re.compile(r"(\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")
_MONTHS = {name.upper(): i for i, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: i + 1 for i, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}
_FIRST_YEAR, _LAST_YEAR = 1970, 2199


class CronError(Exception):
    """Not an expression that AWS takes."""


@dataclass(frozen=True)
class Cron:
    """The sets of its fields; of `days` and `weekdays` one is `?`."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first minute later than `moment`; a time that a clock skips is no time."""
        day = self._next_day(moment.astimezone(zone).date())
        while day is not None:
            times = [
                (hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes)
            ]
            for hour, minute in times:
                found = _instant(day, hour, minute, zone)
                if found is not None and found > moment:
                    return found
            day = self._next_day(day + timedelta(days=1))
        return None

    def _next_day(self, day: date) -> date | None:
        """The first day from `day` on; it looks at months first, so that rare days are cheap."""
        while day.year <= max(self.years):
            if day.year not in self.years:
                day = date(day.year + 1, 1, 1)
            elif day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            elif self._names(day):
                return day
            else:
                day += timedelta(days=1)
        return None

    def _names(self, day: date) -> bool:
        if self.days != "?":
            return day.day in _month_days(self.days, day.year, day.month)
        return _is_weekday(self.weekdays, day)


def parse_cron(expression: str) -> Cron:
    """Raises CronError."""
    match = _CRON.fullmatch(expression)
    if match is None:
        raise CronError(expression)
    minutes, hours, days, months, weekdays, years = match.groups()
    weekdays = _numbered(weekdays, _DAYS)
    if (days == "?") == (weekdays == "?"):
        raise CronError(f"one of the day fields must be ?: {expression}")
    _check_days(days)
    _check_weekdays(weekdays)
    return Cron(
        values(minutes, 0, 59),
        values(hours, 0, 23),
        days,
        values(_numbered(months, _MONTHS), 1, 12),
        weekdays,
        values(years, _FIRST_YEAR, _LAST_YEAR),
    )


def values(field: str, low: int, high: int) -> frozenset[int]:
    """The numbers of a field of `,`, `-`, `*` and `/`; raises CronError for one out of range."""
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise CronError(field)
        first = low if match[1] == "*" else int(match[2])
        last = int(match[3]) if match[3] else high if match[1] == "*" or match[4] else first
        step = int(match[4] or 1)
        if not low <= first <= last <= high or step == 0:
            raise CronError(field)
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _check_days(field: str) -> None:
    if field in {"?", "L", "LW"}:
        return
    if field.endswith("W"):
        values(field[:-1], 1, 31)
        if not field[:-1].isdigit():
            raise CronError(field)
    else:
        values(field, 1, 31)


def _check_weekdays(field: str) -> None:
    if field in {"?", "L"} or re.fullmatch(r"[1-7]L|[1-7]#[1-5]", field):
        return
    values(field, 1, 7)


def _month_days(field: str, year: int, month: int) -> frozenset[int]:
    last = calendar.monthrange(year, month)[1]
    if field == "L":
        return frozenset({last})
    if not field.endswith("W"):
        return values(field, 1, 31)
    wanted = last if field == "LW" else int(field[:-1])
    if wanted > last:
        return frozenset()
    near = sorted(range(1, last + 1), key=lambda day: (abs(day - wanted), day))
    return frozenset({next(d for d in near if calendar.weekday(year, month, d) < 5)})


def _is_weekday(field: str, day: date) -> bool:
    weekday = day.isoweekday() % 7 + 1
    if field.endswith("L"):
        last = calendar.monthrange(day.year, day.month)[1]
        return weekday == int(field[:-1] or 7) and (field == "L" or day.day + 7 > last)
    if "#" in field:
        wanted, nth = field.split("#")
        return weekday == int(wanted) and (day.day - 1) // 7 + 1 == int(nth)
    return weekday in values(field, 1, 7)


def _numbered(field: str, names: Mapping[str, int]) -> str:
    return re.sub(r"[A-Za-z]{3}", lambda m: str(names.get(m[0].upper(), m[0])), field)


def _instant(day: date, hour: int, minute: int, zone: ZoneInfo) -> datetime | None:
    """The instant of a local time; None for one that the clock skips in spring."""
    wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    found = wall.astimezone(UTC)
    same = found.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None)
    return found if same else None
