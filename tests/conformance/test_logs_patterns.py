"""CloudWatch Logs: the documented filter patterns, asked of TestMetricFilter."""

import json

import pytest

from tests.conformance.target import Target, refusal

LINES = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[WARN] slow-answer of 12 ms",
]
EVENT = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "ThisFlag": True,
    "latency": 50,
    "a.b": "dotted",
}
ACCESS = [
    '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534',
    '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /about.html HTTP/1.0" 200 4023',
    '127.0.0.1 Prod jane [10/Oct/2000:13:25:15 -0700] "GET /x.html HTTP/1.0" 410 10',
]


def matched(aws: Target, pattern: str, lines: list[str]) -> list[int]:
    answer = aws.client("logs").test_metric_filter(filterPattern=pattern, logEventMessages=lines)
    return [each["eventNumber"] for each in answer["matches"]]


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("", [1, 2, 3, 4]),
        ("ERROR", [1, 2, 3]),
        ("error", []),
        ("ERROR REQUEST", [1, 2]),
        ('"ERROR 401"', [2]),
        ('"slow-answer"', [4]),
        ("?ARGUMENTS ?WARN", [3, 4]),
        ("ERROR -REQUEST", [3]),
        ('REQUEST -"ERROR 400"', [2]),
        ("-ERROR", [4]),
        ("ERROR ?WARN", [1, 2, 3]),
        ("%4[01]+%", [1, 2, 3]),
        ("%UNAUTH|MISSING%", [2, 3]),
    ],
)
def test_terms(aws: Target, pattern: str, numbers: list[int]) -> None:
    assert matched(aws, pattern, LINES) == numbers


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "UpdateTrail" }',
        "{ $.eventType = UpdateTrail }",
        '{ $.eventType = "Update*" }',
        '{ $.eventType != "DeleteTrail" }',
        "{ $.sourceIPAddress != 123.123.* }",
        "{ $.sourceIPAddress = %111\\.[0-9.]+% }",
        '{ $.arrayKey[0] = "value" }',
        '{ $.arrayKey[*] = "another value" }',
        "{ $.objectList[1].id = 2 }",
        "{ $.latency = 50 }",
        "{ $.latency > 49 && $.latency < 51 }",
        "{ $.latency >= 50 }",
        "{ $.latency <= 5e1 }",
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.ThisFlag IS TRUE }",
        "{ $.['a.b'] = dotted }",
        '{ ($.eventType = "x" || $.latency = 50) && $.ThisFlag IS TRUE }',
        '{ $.eventType = "x" && $.latency = 1 || $.latency = 50 }',
    ],
)
def test_conditions_that_hold_for_a_json_event(aws: Target, pattern: str) -> None:
    assert matched(aws, pattern, [json.dumps(EVENT), "no JSON"]) == [1]


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "updatetrail" }',
        "{ $.latency > 50 }",
        "{ $.missing != 3 }",
        "{ $.ThisFlag IS FALSE }",
        "{ $.SomeObject NOT EXISTS }",
        "{ $.missing IS NULL }",
        '{ $.arrayKey[2] = "value" }',
        '{ $.eventType = "x" && ($.latency = 1 || $.latency = 50) }',
    ],
)
def test_conditions_that_do_not_hold_for_a_json_event(aws: Target, pattern: str) -> None:
    assert matched(aws, pattern, [json.dumps(EVENT)]) == []


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", [1, 2, 3]),
        ("[ip, user, username, timestamp, request, status_code = 404, bytes]", [1]),
        ("[ip, user, username, timestamp, request, status_code = 4*, bytes > 1000]", [1]),
        ("[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", [1, 3]),
        ("[..., status_code = 2*, bytes]", [2]),
        ("[ip, user, username = frank, ...]", [1, 2]),
        ("[ip, user, username != frank, ...]", [3]),
        ("[ip, ..., status_code = 404 || status_code = 410, bytes]", [1, 3]),
        ("[ip, ..., status_code != 404 && status_code != 200, bytes]", [3]),
        ("[ip, user]", []),
    ],
)
def test_space_delimited_fields(aws: Target, pattern: str, numbers: list[int]) -> None:
    assert matched(aws, pattern, ACCESS) == numbers


def test_the_values_that_a_pattern_names_are_extracted(aws: Target) -> None:
    answer = aws.client("logs").test_metric_filter(
        filterPattern="[..., status, bytes > 4000]", logEventMessages=ACCESS
    )

    assert answer["matches"][0]["extractedValues"]["$bytes"] == "4023"


@pytest.mark.parametrize("pattern", ["{ $.a = }", "{ $.a = 1", "[a, b", "{ a.b. }", "{ $.a ~ 1 }"])
def test_what_is_no_pattern_is_refused(aws: Target, pattern: str) -> None:
    test = aws.client("logs").test_metric_filter

    code, _ = refusal(test, filterPattern=pattern, logEventMessages=["x"])

    assert code == "InvalidParameterException"


def test_a_term_with_other_than_word_characters_needs_quotes(aws: Target) -> None:
    test = aws.client("logs").test_metric_filter

    code, text = refusal(test, filterPattern="slow-answer", logEventMessages=["x"])

    assert (code, text) == (
        "InvalidParameterException",
        "Invalid character(s) in term 'slow-answer'",
    )
