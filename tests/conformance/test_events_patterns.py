"""EventBridge's event patterns: the documented grammar, asked through TestEventPattern."""

import json
from typing import Any

import pytest

from tests.conformance.target import Target, refusal

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "111122223333",
    "time": "2021-11-12T00:00:00Z",
    "region": "ca-central-1",
    "resources": ["arn:aws:s3:::bucket", "arn:aws:s3:::other"],
    "detail": {
        "bucket": {"name": "data"},
        "object": {"key": "drops/a b+c%2Bd.parquet", "size": 5},
        "ratio": -0.5,
        "ok": True,
        "gone": None,
        "blank": "",
        "ip": "10.0.3.7",
        "ip6": "2001:db8::7",
        "stars": "a*b\\c",
        "tags": [],
        "numbers": [1, 2, 300],
        "nested": [["x", "y"], "z"],
        "list": [{"n": 1, "m": "a"}, {"n": 2, "m": "b"}],
        "$or": ["field"],
    },
}


def detail(**fields: Any) -> dict[str, Any]:
    return {"detail": fields}


def key(test: Any) -> dict[str, Any]:
    return detail(object={"key": [test]})


def name(test: Any) -> dict[str, Any]:
    return detail(bucket={"name": [test]})


MATCHING: dict[str, dict[str, Any]] = {
    "an exact value": {"source": ["aws.s3"]},
    "one of several values": {"source": ["other", "aws.s3"]},
    "several fields": {"source": ["aws.s3"], "detail-type": ["Object Created"]},
    "an element of an array": {"resources": ["arn:aws:s3:::other"]},
    "an element of an array in an array": detail(nested=["y"]),
    "a nested field": name("data"),
    "a number": detail(object={"size": [5]}),
    "a number written otherwise": detail(object={"size": [5.0]}),
    "a boolean": detail(ok=[True]),
    "null": detail(gone=[None]),
    "an empty string": detail(blank=[""]),
    "a prefix": key({"prefix": "drops/"}),
    "an empty prefix": key({"prefix": ""}),
    "a prefix whatever the case": key({"prefix": {"equals-ignore-case": "DROPS/"}}),
    "a suffix": key({"suffix": ".parquet"}),
    "a suffix whatever the case": key({"suffix": {"equals-ignore-case": ".PARQUET"}}),
    "a value whatever the case": name({"equals-ignore-case": "DATA"}),
    "anything but a value": name({"anything-but": "logs"}),
    "anything but a number": detail(object={"size": [{"anything-but": 6}]}),
    "anything but a list": name({"anything-but": ["logs", "trash"]}),
    "anything but numbers": detail(object={"size": [{"anything-but": [1, 2]}]}),
    "anything but a prefix": key({"anything-but": {"prefix": "tmp/"}}),
    "anything but prefixes": key({"anything-but": {"prefix": ["tmp/", "var/"]}}),
    "anything but a suffix": key({"anything-but": {"suffix": ".csv"}}),
    "anything but suffixes": key({"anything-but": {"suffix": [".csv", ".json"]}}),
    "anything but a value whatever the case": name(
        {"anything-but": {"equals-ignore-case": "LOGS"}}
    ),
    "anything but values whatever the case": name(
        {"anything-but": {"equals-ignore-case": ["LOGS", "TRASH"]}}
    ),
    "anything but a wildcard": key({"anything-but": {"wildcard": "*/tmp/*"}}),
    "anything but wildcards": key({"anything-but": {"wildcard": ["*/tmp/*", "*.csv"]}}),
    "a type that anything-but does not name": detail(object={"size": [{"anything-but": "5"}]}),
    "some element that is not the value": detail(numbers=[{"anything-but": [1]}]),
    "a number above": detail(object={"size": [{"numeric": [">", 4]}]}),
    "a number at the bound": detail(object={"size": [{"numeric": ["<=", 5]}]}),
    "a number in a range": detail(object={"size": [{"numeric": [">", 0, "<=", 5]}]}),
    "an equal number": detail(ratio=[{"numeric": ["=", -0.5]}]),
    "an element in a range": detail(numbers=[{"numeric": [">=", 300]}]),
    "a field that exists": detail(ip=[{"exists": True}]),
    "a null that exists": detail(gone=[{"exists": True}]),
    "a field that does not exist": detail(absent=[{"exists": False}]),
    "a field below one that does not exist": detail(absent={"deeper": [{"exists": False}]}),
    "an empty array as absent": detail(tags=[{"exists": False}]),
    "a value or its absence": detail(absent=["x", {"exists": False}]),
    "an address in a block": detail(ip=[{"cidr": "10.0.0.0/16"}]),
    "an address of version 6 in a block": detail(ip6=[{"cidr": "2001:db8::/32"}]),
    "a wildcard": key({"wildcard": "drops/*.parquet"}),
    "a wildcard for nothing": name({"wildcard": "data*"}),
    "several wildcards": key({"wildcard": "*a*c*"}),
    "a star that is meant": detail(stars=[{"wildcard": "a\\*b*"}]),
    "a backslash that is meant": detail(stars=[{"wildcard": "*\\\\c"}]),
    "one of two patterns": {"$or": [{"source": ["nobody"]}, detail(object={"size": [5]})]},
    "one of two patterns below": detail(**{"$or": [{"ok": [False]}, {"gone": [None]}]}),
    "a pattern and one of two": {
        "source": ["aws.s3"],
        "$or": [{"region": ["eu-west-1"]}, {"region": ["ca-central-1"]}],
    },
    "a field called $or": detail(**{"$or": ["field"]}),
    "an element of an array of objects": detail(list={"n": [2]}),
    "two fields of one element": detail(list={"n": [2], "m": ["b"]}),
    "one of several operators": detail(object={"key": [{"prefix": "x"}, {"suffix": ".parquet"}]}),
}

STRANGE: dict[str, dict[str, Any]] = {
    "another case": {"source": ["aws.S3"]},
    "a field that is not there": {"absent": ["x"]},
    "one field of two": {"source": ["aws.s3"], "detail-type": ["Object Deleted"]},
    "a string for a number": detail(object={"size": ["5"]}),
    "a string for a boolean": detail(ok=["true"]),
    "a number for a boolean": detail(ok=[1]),
    "an empty string for null": detail(gone=[""]),
    "null for an empty string": detail(blank=[None]),
    "another prefix": key({"prefix": "Drops/"}),
    "a prefix of a number": detail(object={"size": [{"prefix": "5"}]}),
    "another suffix": key({"suffix": ".csv"}),
    "anything but the value": name({"anything-but": "data"}),
    "anything but the value in a list": name({"anything-but": ["logs", "data"]}),
    "anything but its prefix": key({"anything-but": {"prefix": "drops/"}}),
    "anything but one of its prefixes": key({"anything-but": {"prefix": ["x", "drops/"]}}),
    "anything but its suffix": key({"anything-but": {"suffix": ".parquet"}}),
    "anything but its value in another case": name(
        {"anything-but": {"equals-ignore-case": "DATA"}}
    ),
    "anything but its wildcard": key({"anything-but": {"wildcard": "drops/*"}}),
    "anything but of what is absent": detail(absent=[{"anything-but": "x"}]),
    "a number below": detail(object={"size": [{"numeric": ["<", 5]}]}),
    "a number beside the range": detail(object={"size": [{"numeric": [">", 5, "<", 9]}]}),
    "a number that is a string": name({"numeric": [">", 0]}),
    "absence of what is there": detail(gone=[{"exists": False}]),
    "presence of what is absent": detail(absent=[{"exists": True}]),
    "presence of what is no leaf": detail(bucket=[{"exists": True}]),
    "presence of an empty array": detail(tags=[{"exists": True}]),
    "an address beside the block": detail(ip=[{"cidr": "10.1.0.0/16"}]),
    "an address that is none": key({"cidr": "10.0.0.0/16"}),
    "another wildcard": key({"wildcard": "drops/*.csv"}),
    "a wildcard in another case": key({"wildcard": "DROPS/*"}),
    "neither of two": {"$or": [{"source": ["nobody"]}, detail(object={"size": [6]})]},
    "two fields of two elements": detail(list={"n": [1], "m": ["b"]}),
}

REFUSED: dict[str, tuple[Any, str]] = {
    "an empty array": ({"source": []}, "Empty arrays are not allowed"),
    "a bare value": ({"source": "aws.s3"}, '"source" must be an object or an array'),
    "no object": (["source"], "Filter is not an object"),
    "an operator that is unknown": (
        {"source": [{"contains": "x"}]},
        "Unrecognized match type contains",
    ),
    "two operators in one": (
        {"source": [{"prefix": "a", "suffix": "b"}]},
        "Only one key allowed in match expression",
    ),
    "an array in an array": (
        {"source": [["nested"]]},
        "Match value must be String, number, true, false, or null",
    ),
    "a prefix that is no string": (
        {"source": [{"prefix": 3}]},
        "prefix match pattern must be a string",
    ),
    "a suffix that is a list": (
        {"source": [{"suffix": ["x"]}]},
        "suffix match pattern must be a string",
    ),
    "a case that is no string": (
        {"source": [{"equals-ignore-case": ["x"]}]},
        "equals-ignore-case match pattern must be a string",
    ),
    "an existence that is no boolean": (
        {"source": [{"exists": "yes"}]},
        "exists match pattern must be either true or false.",
    ),
    "a range that is no array": (
        {"source": [{"numeric": 3}]},
        "Value of numeric must be an array.",
    ),
    "a comparison that is unknown": (
        {"source": [{"numeric": ["~", 1]}]},
        "Unrecognized numeric range operator: ~",
    ),
    "a bound that is missing": ({"source": [{"numeric": [">"]}]}, "Value of > must be numeric"),
    "a bound that is no number": (
        {"source": [{"numeric": ["=", "1"]}]},
        "Value of equals must be numeric",
    ),
    "a range that begins at the top": (
        {"source": [{"numeric": ["<", 1, ">", 0]}]},
        "Too many elements in numeric expression",
    ),
    "a range without a top": (
        {"source": [{"numeric": [">", 1, ">", 2]}]},
        "Bad numeric range operator: >",
    ),
    "a range upside down": (
        {"source": [{"numeric": [">", 2, "<", 1]}]},
        "Bottom must be less than top",
    ),
    "a block without bits": (
        {"source": [{"cidr": "10.0.0.0"}]},
        "Malformed CIDR, one '/' required",
    ),
    "a block with other bits": (
        {"source": [{"cidr": "10.0.0.0/a"}]},
        "Malformed CIDR, mask bits must be an integer",
    ),
    "a block of no address": (
        {"source": [{"cidr": "x/8"}]},
        "Nonstandard IP address: x",
    ),
    "a wildcard that is no string": (
        {"source": [{"wildcard": 1}]},
        "wildcard match pattern must be a string",
    ),
    "two stars": ({"source": [{"wildcard": "a**b"}]}, "Consecutive wildcard characters at pos 1"),
    "an escape of what needs none": (
        {"source": [{"wildcard": "a\\b"}]},
        "Invalid escape character at pos 1",
    ),
    "too many stars": (
        {"source": [{"wildcard": "*a*a*a*a*a*a*a*a*a*a*"}]},
        "Rule is too complex - try using fewer wildcard characters or fewer repeating character"
        " sequences after a wildcard character",
    ),
    "anything but a range": (
        {"source": [{"anything-but": {"numeric": [">", 1]}}]},
        "Unsupported anything-but pattern: numeric",
    ),
    "anything but an empty prefix": (
        {"source": [{"anything-but": {"prefix": ""}}]},
        "Null prefix/suffix not allowed",
    ),
    "anything but numbers and strings": (
        {"source": [{"anything-but": [1, "a"]}]},
        "Inside anything but list, either all values are number or string,"
        " mixed type is not supported",
    ),
}


@pytest.mark.parametrize("said", MATCHING)
def test_an_event_matches(aws: Target, said: str) -> None:
    assert asked(aws, MATCHING[said]) is True


@pytest.mark.parametrize("said", STRANGE)
def test_an_event_does_not_match(aws: Target, said: str) -> None:
    assert asked(aws, STRANGE[said]) is False


@pytest.mark.parametrize("said", REFUSED)
def test_a_pattern_is_refused_with_its_reason(aws: Target, said: str) -> None:
    pattern, reason = REFUSED[said]
    code, text = refusal(
        aws.client("events").test_event_pattern,
        EventPattern=json.dumps(pattern),
        Event=json.dumps(EVENT),
    )

    assert code == "InvalidEventPatternException"
    assert text.startswith(f"Event pattern is not valid. Reason: {reason}")


def test_a_pattern_that_is_no_json_is_refused(aws: Target) -> None:
    code, text = refusal(
        aws.client("events").test_event_pattern, EventPattern="{", Event=json.dumps(EVENT)
    )

    assert code == "InvalidEventPatternException"
    assert text.startswith("Event pattern is not valid. Reason: ")


@pytest.mark.parametrize("field", ["id", "account", "source", "time", "region", "resources"])
def test_an_event_to_test_must_be_whole(aws: Target, field: str) -> None:
    code, _ = refusal(
        aws.client("events").test_event_pattern,
        EventPattern='{"source": ["aws.s3"]}',
        Event=json.dumps({k: v for k, v in EVENT.items() if k != field}),
    )

    assert code == "ValidationException"


def test_a_pattern_is_at_most_4096_characters_long(aws: Target) -> None:
    pattern = json.dumps({"source": ["x" * 5000]})

    code, text = refusal(
        aws.client("events", parameter_validation=False).put_rule,
        Name=aws.name(),
        EventPattern=pattern,
    )

    assert code == "ValidationException"
    assert "4096" in text


def asked(aws: Target, pattern: dict[str, Any]) -> bool:
    answer = aws.client("events").test_event_pattern(
        EventPattern=json.dumps(pattern), Event=json.dumps(EVENT)
    )
    return bool(answer["Result"])
