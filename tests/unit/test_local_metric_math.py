"""Metric math, period by period."""

import pytest

from local.errors import AwsError
from local.metric_math import Band, Math, Query, Series

M1: Series = {0: 1.0, 1: 2.0, 3: 4.0}
M2: Series = {0: 10.0, 1: 0.0, 2: 30.0, 3: 40.0}


def computed(expression: str, **metrics: Series) -> object:
    series = metrics or {"m1": M1, "m2": M2}
    queries: dict[str, Query] = {
        **{id_: {"Id": id_, "MetricStat": {"id": id_}} for id_ in series},
        "e1": {"Id": "e1", "Expression": expression},
    }
    math = Math(
        queries,
        periods=4,
        seconds=60,
        fetch=lambda stat: series[stat["id"]],
        history=lambda _: [10.0, 12.0, 8.0, 10.0],
    )
    return math.series("e1")


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("m1", M1),
        ("m1 + 1", {0: 2, 1: 3, 3: 5}),
        ("1 + 2 * 3", {0: 7, 1: 7, 2: 7, 3: 7}),
        ("(1 + 2) * 3", {0: 9, 1: 9, 2: 9, 3: 9}),
        ("2 ^ 3 ^ 2", {0: 512, 1: 512, 2: 512, 3: 512}),
        ("-m1", {0: -1, 1: -2, 3: -4}),
        ("m1 - m2", {0: -9, 1: 2, 3: -36}),
        ("m1 / m2", {0: 0.1, 3: 0.1}),
        ("m2 > 5", {0: 1, 1: 0, 2: 1, 3: 1}),
        ("m1 == 2", {0: 0, 1: 1, 3: 0}),
        ("m1 >= 2 AND m2 > 5", {0: 0, 1: 0, 3: 1}),
        ("m1 >= 2 || m2 > 5", {0: 1, 1: 1, 3: 1}),
        ("ABS(m1 - 3)", {0: 2, 1: 1, 3: 1}),
        ("CEIL(m1 / 3)", {0: 1, 1: 1, 3: 2}),
        ("FLOOR(m1 / 3)", {0: 0, 1: 0, 3: 1}),
        ("SUM(m1)", {0: 7, 1: 7, 2: 7, 3: 7}),
        ("AVG(m2)", {0: 20, 1: 20, 2: 20, 3: 20}),
        ("MIN(m1)", {0: 1, 1: 1, 2: 1, 3: 1}),
        ("MAX(m1)", {0: 4, 1: 4, 2: 4, 3: 4}),
        ("SUM(METRICS())", {0: 11, 1: 2, 2: 30, 3: 44}),
        ("AVG([m1, m2])", {0: 5.5, 1: 1, 2: 30, 3: 22}),
        ("MAX(METRICS('m1'))", {0: 1, 1: 2, 3: 4}),
        ("METRIC_COUNT(METRICS())", {0: 2, 1: 2, 2: 2, 3: 2}),
        ("FILL(m1, 0)", {0: 1, 1: 2, 2: 0, 3: 4}),
        ("FILL(m1, REPEAT)", {0: 1, 1: 2, 2: 2, 3: 4}),
        ("FILL(m1, LINEAR)", {0: 1, 1: 2, 2: 3, 3: 4}),
        ("FILL(m1, m2)", {0: 1, 1: 2, 2: 30, 3: 4}),
        ("DIFF(m1)", {1: 1, 3: 2}),
        ("RATE(m1)", {1: 1 / 60, 3: 2 / 120}),
        ("RUNNING_SUM(m1)", {0: 1, 1: 3, 3: 7}),
        ("IF(m2 > 5, m2, m1)", {0: 10, 1: 2, 2: 30, 3: 40}),
        ("IF(m2 > 5, m2)", {0: 10, 2: 30, 3: 40}),
        ("IF(1, m1, m2)", M1),
        ("IF(0, m1, m2)", M2),
        ("m1 * PERIOD(m1)", {0: 60, 1: 120, 3: 240}),
        ("TIME_SERIES(3)", {0: 3, 1: 3, 2: 3, 3: 3}),
    ],
)
def test_an_expression_is_worth(expression: str, values: Series) -> None:
    assert computed(expression) == pytest.approx(values)


def test_nothing_comes_of_nothing() -> None:
    assert computed("SUM(m1) + m1", m1={}) == {}


def test_a_band_lies_around_what_was_there_before() -> None:
    band = computed("ANOMALY_DETECTION_BAND(m1, 2)")

    assert isinstance(band, Band)
    assert band.lower[0] == pytest.approx(10 - 2 * 2**0.5)
    assert band.upper[3] == pytest.approx(10 + 2 * 2**0.5)


@pytest.mark.parametrize(
    "expression",
    [
        "m1 +",
        "m1 m2",
        "(m1",
        "m3",
        "e1 + 1",
        "NOSUCH(m1)",
        "FILL(m1)",
        "IF(m1)",
        "METRICS()",
        "m1 $ 2",
        "",
        "ANOMALY_DETECTION_BAND(m1 + 1)",
    ],
)
def test_an_expression_that_makes_no_sense_is_refused(expression: str) -> None:
    with pytest.raises(AwsError) as told:
        computed(expression)

    assert told.value.code == "ValidationError"
