"""Alarms over periods without data, row by row as AWS's documentation tells them."""

import pytest

from local.missing_data import Period, Rule, state

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
PERIOD: dict[str, Period] = {"0": False, "X": True, "-": None}
KEPT = None
SILENT = "INSUFFICIENT_DATA"

THREE_OF_THREE = {
    "0 - X - X": ("OK", "OK", "OK", "OK"),
    "0 - - - -": ("OK", "OK", "OK", "OK"),
    "- - - - -": (SILENT, KEPT, "ALARM", "OK"),
    "0 X X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "- - X - -": ("ALARM", KEPT, "ALARM", "OK"),
}
TWO_OF_THREE = {
    "0 - X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 0 X 0 X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 - X - -": ("OK", "OK", "ALARM", "OK"),
    "- - - - 0": ("OK", "OK", "ALARM", "OK"),
    "- - - X -": ("ALARM", KEPT, "ALARM", "OK"),
}
ROWS = [
    (needed, row, treatment, expected)
    for needed, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for row, states in table.items()
    for treatment, expected in zip(TREATMENTS, states, strict=True)
]


def periods(row: str) -> list[Period]:
    return [PERIOD[each] for each in row.split()]


@pytest.mark.parametrize(("needed", "row", "treatment", "expected"), ROWS)
def test_every_documented_row_has_its_documented_state(
    needed: int, row: str, treatment: str, expected: str | None
) -> None:
    rule = Rule(needed=needed, evaluated=3, treat_missing=treatment)

    assert state(rule, periods(row)) == expected


@pytest.mark.parametrize("row", ["- - - - X", "- - - X -"])
def test_a_first_bad_point_waits_for_the_next_one(row: str) -> None:
    assert state(Rule(needed=3, evaluated=3), periods(row)) is KEPT


@pytest.mark.parametrize("row", ["- - - X 0", "- - X - 0"])
def test_a_good_point_after_a_bad_one_is_all_right(row: str) -> None:
    assert state(Rule(needed=3, evaluated=3), periods(row)) == "OK"


def test_the_documented_range_of_three_periods_is_five() -> None:
    assert Rule(needed=3, evaluated=3).looked_at == 5


def test_an_alarm_of_one_period_looks_at_one() -> None:
    assert Rule(needed=1, evaluated=1).looked_at == 1
