"""Which state an alarm ought to be in: by its datapoints, or by the states of other alarms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from local import alarm_rules
from local.alarm import Alarm, State
from local.alarm_texts import composed, crossed, insufficient
from local.clock import Clock
from local.errors import AwsError
from local.metric_math import Band, Series
from local.metric_queries import Stretch
from local.metrics import Metrics
from local.missing_data import state

Breaches = Callable[[int, float], bool]


@dataclass(frozen=True)
class Evaluation:
    clock: Clock
    metrics: Metrics

    def of_metric(self, alarm: Alarm, now: datetime) -> State | None:
        """The state by the windows that end now; None keeps the present one."""
        rule, stretch = alarm.rule, self._stretch(alarm, now)
        series, breaches = self._datapoints(alarm, stretch)
        found = {number: breaches(number, value) for number, value in series.items()}
        value = state(rule, [found.get(number) for number in range(rule.looked_at)])
        if value is None:
            return None
        if value == "INSUFFICIENT_DATA":
            return insufficient(alarm, now)
        points = [(stretch.at(number), v) for number, v in sorted(series.items())]
        telling = [stretch.at(n) for n in found if found[n] == (value == "ALARM")]
        return crossed(alarm, value, points[-rule.evaluated :], telling, now)

    def latest(self, alarm: Alarm, now: datetime) -> float | None:
        """The newest value that the alarm compares, if it compares any."""
        if alarm.composite:
            return None
        series, _ = self._datapoints(alarm, self._stretch(alarm, now))
        return series[max(series)] if series else None

    def _stretch(self, alarm: Alarm, now: datetime) -> Stretch:
        """The windows that end now."""
        seconds = alarm.period.total_seconds()
        period = timedelta(seconds=self.clock.scaled(seconds))
        return Stretch(now - alarm.rule.looked_at * period, alarm.rule.looked_at, period, seconds)

    def _datapoints(self, alarm: Alarm, stretch: Stretch) -> tuple[Series, Breaches]:
        """The values, and whether one of a period breaches; no values when they do not add up."""
        if "Metrics" not in alarm.settings:
            points = self.metrics.points(
                (alarm.settings["Namespace"], alarm.settings["MetricName"], alarm.dimensions),
                name=alarm.statistic,
                period=stretch.period,
                start=stretch.start,
                end=stretch.end,
            )
            numbered = {round((at - stretch.start) / stretch.period): v for at, v in points}
            return numbered, lambda _, value: alarm.breaches(value)
        try:
            return self._computed(alarm, stretch)
        except AwsError:
            return {}, lambda *_: False

    def _computed(self, alarm: Alarm, stretch: Stretch) -> tuple[Series, Breaches]:
        computed = self.metrics.queries.math(alarm.settings["Metrics"], stretch)
        series = computed.series(alarm.watched)
        if isinstance(series, Band):
            return {}, lambda *_: False
        threshold = alarm.settings.get("ThresholdMetricId")
        band = None if threshold is None else computed.of(threshold)
        if not isinstance(band, Band):
            return series, lambda _, value: alarm.breaches(value)
        inside = {n: v for n, v in series.items() if n in band.lower}
        return inside, lambda n, value: alarm.leaves(value, band.lower[n], band.upper[n])


def of_composite(alarm: Alarm, others: Mapping[str, Alarm], now: datetime) -> State | None:
    """The state by its rule; None while an alarm of the rule is not there."""
    rule = alarm_rules.parsed(alarm.settings["AlarmRule"])
    if any(name not in others for name in rule.alarms):
        return None
    holds = rule.holds(lambda name: others[name].state.value)
    return composed(alarm, "ALARM" if holds else "OK", [others[n] for n in rule.alarms], now)
