"""EventBridge's matching rules, as AWS documents them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.errors import AwsError
from local.patterns import compile_pattern, parse_pattern

EVENT = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "resources": ["arn:aws:s3:::bucket", "arn:other"],
    "detail": {
        "bucket": {"name": "data"},
        "object": {"key": "drops/a b+c%2Bd.parquet", "size": 5},
        "ratio": 0.5,
        "ok": True,
        "gone": None,
        "ip": "10.0.3.7",
        "tags": [],
        "list": [{"n": 1}, {"n": 2}],
    },
}


def detail(**fields: Any) -> dict[str, Any]:
    return {"detail": fields}


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["aws.s3"]},
        {"source": ["other", "aws.s3"]},
        {"resources": ["arn:other"]},
        detail(bucket={"name": ["data"]}),
        detail(object={"key": [{"prefix": "drops/"}]}),
        detail(object={"key": [{"suffix": ".parquet"}]}),
        detail(object={"key": ["drops/a b+c%2Bd.parquet"]}),
        detail(object={"key": [{"prefix": {"equals-ignore-case": "DROPS/"}}]}),
        detail(object={"key": [{"suffix": {"equals-ignore-case": ".PARQUET"}}]}),
        detail(object={"key": [{"wildcard": "drops/*.parquet"}]}),
        detail(bucket={"name": [{"equals-ignore-case": "DATA"}]}),
        detail(object={"size": [5]}),
        detail(object={"size": [{"numeric": [">", 0, "<=", 5]}]}),
        detail(ratio=[{"numeric": ["=", 0.5]}]),
        detail(ok=[True]),
        detail(gone=[None]),
        detail(gone=[{"exists": True}]),
        detail(absent=[{"exists": False}]),
        detail(absent={"deeper": [{"exists": False}]}),
        detail(tags=[{"exists": False}]),
        detail(ip=[{"cidr": "10.0.0.0/16"}]),
        detail(list={"n": [2]}),
        detail(bucket={"name": [{"anything-but": "logs"}]}),
        detail(bucket={"name": [{"anything-but": ["logs", "trash"]}]}),
        detail(object={"key": [{"anything-but": {"prefix": "tmp/"}}]}),
        detail(object={"key": [{"anything-but": {"suffix": [".csv", ".json"]}}]}),
        detail(object={"key": [{"anything-but": {"wildcard": "*/tmp/*"}}]}),
        {"$or": [{"source": ["nobody"]}, detail(object={"size": [5]})]},
    ],
)
def test_matches(pattern: dict[str, Any]) -> None:
    assert compile_pattern(pattern).matches(EVENT)


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["aws.S3"]},
        {"absent": ["x"]},
        {"source": ["aws.s3"], "detail-type": ["Object Deleted"]},
        detail(object={"key": ["drops/a b c+d.parquet"]}),
        detail(object={"key": [{"prefix": "Drops/"}]}),
        detail(object={"size": ["5"]}),
        detail(object={"size": [{"numeric": [">", 5]}]}),
        detail(bucket={"name": [{"numeric": [">", 0]}]}),
        detail(ok=["true"]),
        detail(ok=[1]),
        detail(gone=[{"exists": False}]),
        detail(absent=[{"exists": True}]),
        detail(bucket=[{"exists": True}]),
        detail(ip=[{"cidr": "10.1.0.0/16"}]),
        detail(object={"key": [{"cidr": "10.0.0.0/16"}]}),
        detail(list={"n": [3]}),
        detail(bucket={"name": [{"anything-but": ["logs", "data"]}]}),
        detail(absent=[{"anything-but": "x"}]),
        detail(object={"key": [{"anything-but": {"prefix": "drops/"}}]}),
        detail(object={"key": [{"wildcard": "drops/*.csv"}]}),
        {"$or": [{"source": ["nobody"]}, detail(object={"size": [6]})]},
    ],
)
def test_does_not_match(pattern: dict[str, Any]) -> None:
    assert not compile_pattern(pattern).matches(EVENT)


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        {"source": "aws.s3"},
        {"source": []},
        {"source": [{"prefix": 3}]},
        {"source": [{"no-such": "x"}]},
        {"source": [{"prefix": "a", "suffix": "b"}]},
        {"source": [{"numeric": ["~", 1]}]},
        {"source": [{"numeric": [">"]}]},
        {"source": [{"cidr": "not an address"}]},
        {"source": [{"wildcard": "a**b"}]},
        {"source": [{"exists": "yes"}]},
        {"source": [["nested"]]},
        {"source": [{"anything-but": {"numeric": [">", 1]}}]},
    ],
)
def test_what_aws_refuses_is_refused(pattern: dict[str, Any]) -> None:
    with pytest.raises(AwsError) as raised:
        compile_pattern(pattern)

    assert raised.value.code == "InvalidEventPatternException"


def test_a_pattern_that_is_no_json_is_refused() -> None:
    with pytest.raises(AwsError, match="not valid JSON"):
        parse_pattern("{")


LEAVES = st.one_of(st.text(max_size=5), st.booleans(), st.integers(-5, 5), st.none())
EVENTS = st.recursive(
    st.dictionaries(st.text(min_size=1, max_size=3), LEAVES, min_size=1, max_size=3),
    lambda inner: st.dictionaries(
        st.text(min_size=1, max_size=3), st.one_of(LEAVES, inner), min_size=1, max_size=3
    ),
    max_leaves=8,
)


def pattern_of(event: dict[str, Any]) -> dict[str, Any]:
    return {k: pattern_of(v) if isinstance(v, dict) else [v] for k, v in event.items()}


@given(EVENTS)
def test_an_event_matches_the_pattern_made_of_its_own_leaves(event: dict[str, Any]) -> None:
    assert compile_pattern(pattern_of(event)).matches(event)
