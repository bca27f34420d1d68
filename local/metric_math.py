"""Metric math: what the queries of GetMetricData or of an alarm compute, period by period."""

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, pstdev
from typing import Any

from local.math_syntax import Call, Name, Node, Number, Operation, Several, Text, invalid, parsed

Query = Mapping[str, Any]
Series = dict[int, float]
"""Values by the number of their period."""


@dataclass(frozen=True)
class Band:
    """What is expected of a metric."""

    lower: Series
    upper: Series


Value = float | str | Series | Band | list[Series]
_SIGNS: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "&&": lambda a, b: bool(a) and bool(b),
    "AND": lambda a, b: bool(a) and bool(b),
    "||": lambda a, b: bool(a) or bool(b),
    "OR": lambda a, b: bool(a) or bool(b),
}
_EACH: Mapping[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_OVER: Mapping[str, Callable[[Sequence[float]], float]] = {
    "SUM": math.fsum,
    "AVG": fmean,
    "MIN": min,
    "MAX": max,
    "STDDEV": pstdev,
}


@dataclass
class Math:
    """`fetch` gives a metric's series, `history` the values that were there before it."""

    queries: Mapping[str, Query]
    periods: int
    seconds: float
    fetch: Callable[[Query], Series]
    history: Callable[[Query], Sequence[float]]
    _known: dict[str, Value] = field(default_factory=dict)
    _entered: list[str] = field(default_factory=list)

    def of(self, id_: str) -> Value:
        """What one query computes; raises ValidationError."""
        if id_ not in self._known:
            query = self.queries[id_]
            if "MetricStat" in query:
                self._known[id_] = self.fetch(query["MetricStat"])
            else:
                self._known[id_] = self._expression(id_, str(query.get("Expression", "")))
        return self._known[id_]

    def series(self, id_: str) -> Series | Band:
        """What one query computes, where a single number stands for every period."""
        found = self.of(id_)
        match found:
            case dict() | Band():
                return found
            case float():
                return dict.fromkeys(range(self.periods), found)
            case _:
                said = str(self.queries[id_].get("Expression"))
                raise invalid(said, "the result is not a single time series")

    def _expression(self, id_: str, text: str) -> Value:
        if id_ in self._entered:
            raise invalid(text, f"{id_} refers to itself")
        self._entered.append(id_)
        try:
            return _Evaluation(self, text).value(parsed(text))
        finally:
            self._entered.pop()


@dataclass(frozen=True)
class _Evaluation:
    math: Math
    text: str

    def value(self, node: Node) -> Value:
        match node:
            case Number(value) | Text(value):
                return value
            case Name(id_):
                if id_ not in self.math.queries:
                    raise self._invalid(f"unrecognized id {id_!r}")
                return self.math.of(id_)
            case Several(members):
                return [self._series(member) for member in members]
            case Operation(sign, left, right):
                return self._joined(_SIGNS[sign], self.value(left), self.value(right))
            case Call(function, arguments):
                return self._called(function, arguments)

    def _called(self, function: str, given: tuple[Node, ...]) -> Value:
        special = _FUNCTIONS.get(function)
        if special is not None:
            return special(self, given)
        if function in _EACH and len(given) == 1:
            return self._mapped(_EACH[function], self.value(given[0]))
        if function in _OVER and len(given) == 1:
            return self._over(_OVER[function], self.value(given[0]))
        known = ", ".join(sorted({*_FUNCTIONS, *_EACH, *_OVER}))
        why = f"{function} with {len(given)} arguments is not emulated; there are {known}"
        raise self._invalid(why)

    def _mapped(self, change: Callable[[float], float], value: Value) -> Value:
        match value:
            case float() | int():
                return float(change(value))
            case dict():
                return {at: float(change(each)) for at, each in value.items()}
            case list():
                return [{at: float(change(v)) for at, v in each.items()} for each in value]
            case _:
                raise self._invalid("a number or a time series is needed")

    def _over(self, fold: Callable[[Sequence[float]], float], value: Value) -> Value:
        """Of one series a number, of several a series."""
        match value:
            case dict():
                return float(fold(list(value.values()))) if value else {}
            case list():
                times = sorted({at for each in value for at in each})
                return {at: float(fold([e[at] for e in value if at in e])) for at in times}
            case _:
                raise self._invalid("a time series is needed")

    def _joined(self, join: Callable[[float, float], float], left: Value, right: Value) -> Value:
        match left, right:
            case ((float() | int()), (float() | int())):
                return _safe(join, left, right) or 0.0
            case list(), _:
                return [self._only(self._joined(join, each, right)) for each in left]
            case _, list():
                return [self._only(self._joined(join, left, each)) for each in right]
            case ((float() | int() | dict()), (float() | int() | dict())):
                return dict(_both(join, left, right))
            case _:
                raise self._invalid("these operands cannot be joined")

    def _series(self, node: Node) -> Series:
        value = self.value(node)
        if isinstance(value, float | int):
            return dict.fromkeys(range(self.math.periods), float(value))
        return self._only(value)

    def _only(self, value: Value) -> Series:
        if not isinstance(value, dict):
            raise self._invalid("a time series is needed")
        return value

    def _invalid(self, why: str) -> Exception:
        return invalid(self.text, why)

    # -- functions --------------------------------------------------------------------------

    def metrics(self, given: tuple[Node, ...]) -> Value:
        wanted = str(self.value(given[0])) if given else ""
        return [
            self._only(self.math.of(id_))
            for id_, query in self.math.queries.items()
            if "MetricStat" in query and wanted in id_
        ]

    def metric_count(self, given: tuple[Node, ...]) -> Value:
        value = self.value(given[0])
        return float(len(value)) if isinstance(value, list) else 1.0

    def choice(self, given: tuple[Node, ...]) -> Value:
        if len(given) not in {2, 3}:
            raise self._invalid("IF takes two or three arguments")
        condition = self.value(given[0])
        if isinstance(condition, float | int):
            chosen = given[1:2] if condition else given[2:]
            return self.value(chosen[0]) if chosen else {}
        yes = self._series(given[1])
        no = self._series(given[2]) if len(given) == 3 else {}
        chosen_at = {at: yes if true else no for at, true in self._only(condition).items()}
        return {at: source[at] for at, source in chosen_at.items() if at in source}

    def fill(self, given: tuple[Node, ...]) -> Value:
        if len(given) != 2:
            raise self._invalid("FILL takes two arguments")
        series, how = self._series(given[0]), given[1]
        match how:
            case Name("REPEAT"):
                return _repeated(series, self.math.periods)
            case Name("LINEAR"):
                return _linear(series)
            case _:
                other = self._series(how)
                periods = range(self.math.periods)
                return {at: series.get(at, other.get(at, 0.0)) for at in periods}

    def difference(self, given: tuple[Node, ...]) -> Value:
        pairs = _pairs(self._series(given[0]))
        return {at: value - before for (_, before), (at, value) in pairs}

    def rate(self, given: tuple[Node, ...]) -> Value:
        pairs = _pairs(self._series(given[0]))
        return {
            at: (value - before) / ((at - since) * self.math.seconds)
            for (since, before), (at, value) in pairs
        }

    def running_sum(self, given: tuple[Node, ...]) -> Value:
        total, summed = 0.0, {}
        for at, value in sorted(self._series(given[0]).items()):
            total += value
            summed[at] = total
        return summed

    def period(self, given: tuple[Node, ...]) -> Value:
        return self.math.seconds

    def time_series(self, given: tuple[Node, ...]) -> Value:
        return self._series(given[0])

    def band(self, given: tuple[Node, ...]) -> Value:
        """The mean of what was there before, give or take so many standard deviations."""
        node = given[0] if given else Number(0)
        query = self.math.queries.get(node.id, {}) if isinstance(node, Name) else {}
        if "MetricStat" not in query:
            raise self._invalid("ANOMALY_DETECTION_BAND takes the id of a metric")
        width = self.value(given[1]) if len(given) > 1 else 2.0
        if not isinstance(width, float):
            raise self._invalid("a band's width is a number")
        values = self.math.history(query["MetricStat"])
        if len(values) < 2:
            return Band({}, {})
        middle, around = fmean(values), width * pstdev(values)
        periods = range(self.math.periods)
        return Band(
            dict.fromkeys(periods, middle - around), dict.fromkeys(periods, middle + around)
        )


_FUNCTIONS: Mapping[str, Callable[[_Evaluation, tuple[Node, ...]], Value]] = {
    "METRICS": _Evaluation.metrics,
    "METRIC_COUNT": _Evaluation.metric_count,
    "IF": _Evaluation.choice,
    "FILL": _Evaluation.fill,
    "DIFF": _Evaluation.difference,
    "RATE": _Evaluation.rate,
    "RUNNING_SUM": _Evaluation.running_sum,
    "PERIOD": _Evaluation.period,
    "TIME_SERIES": _Evaluation.time_series,
    "ANOMALY_DETECTION_BAND": _Evaluation.band,
}


def _safe(join: Callable[[float, float], float], a: float, b: float) -> float | None:
    """None where there is no number, as of a division by zero."""
    try:
        found = float(join(a, b))
    except (ZeroDivisionError, OverflowError, TypeError):
        return None
    return found if math.isfinite(found) else None


def _both(
    join: Callable[[float, float], float], left: float | Series, right: float | Series
) -> Iterator[tuple[int, float]]:
    """Where both have a value."""
    times = set(left) if isinstance(left, dict) else set(right) if isinstance(right, dict) else ()
    for at in sorted(times):
        a = left.get(at) if isinstance(left, dict) else left
        b = right.get(at) if isinstance(right, dict) else right
        found = None if a is None or b is None else _safe(join, a, b)
        if found is not None:
            yield at, found


def _pairs(series: Series) -> list[tuple[tuple[int, float], tuple[int, float]]]:
    points = sorted(series.items())
    return list(pairwise(points))


def _repeated(series: Series, periods: int) -> Series:
    filled, last = {}, None
    for at in range(periods):
        last = series.get(at, last)
        if last is not None:
            filled[at] = last
    return filled


def _linear(series: Series) -> Series:
    filled = dict(series)
    for (start, low), (end, high) in _pairs(series):
        for at in range(start + 1, end):
            filled[at] = low + (high - low) * (at - start) / (end - start)
    return filled
