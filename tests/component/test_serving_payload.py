"""A body is rows of this model or it is refused, with what and where."""

from __future__ import annotations

import json

import pytest

from serving.columns import Columns
from serving.errors import MediaTypeError, RequestError, TooManyRowsError
from serving.payload import Payload, encode

JSON = "application/json"
PAYLOAD = Payload(Columns(("a", "b"), max_rows=3))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"instances": [[1, 2], [3.5, -4e0]]}', JSON),
        ('{"instances": [[1, 2], [3.5, -4]]}', "Application/JSON; charset=utf-8"),
        ('{"instances": [[1, 2], [3.5, -4]]}', ""),
        ('{"instances": [{"b": 2, "a": 1}, {"a": 3.5, "b": -4}]}', JSON),
        ("1,2\n3.5, -4\n", "text/csv"),
        ("1,2\r\n\r\n3.5,-4", "text/csv; header=absent"),
    ],
)
def test_lists_objects_and_csv_say_the_same(body: str, content_type: str) -> None:
    assert PAYLOAD.rows(body.encode(), content_type).tolist() == [[1.0, 2.0], [3.5, -4.0]]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "the body is no JSON"),
        ("{", "the body is no JSON"),
        ("[[1, 2]]", 'the body must be {"instances": [row, …]}'),
        ("{}", 'the body must be {"instances": [row, …]}'),
        ('{"instances": {}}', 'the body must be {"instances": [row, …]}'),
        ('{"instances": []}', "instances is empty"),
        ('{"instances": [[1, 2]], "extra": 1}', "the body has extra beside instances"),
        ('{"instances": [3]}', "instances[0] is 3: a row is a list or an object"),
        ('{"instances": [[1, 2], {"a": 1, "b": 2}]}', "mixes lists and objects"),
        ('{"instances": [[1, 2], [1]]}', "instances[1] has 1 values: this model takes 2, a to b"),
        ('{"instances": [[1, 2, 3]]}', "instances[0] has 3 values"),
        ('{"instances": [[1, 2], [1, "2"]]}', 'instances[1][1] is "2": it must be a number'),
        ('{"instances": [[1, true]]}', "instances[0][1] is true: it must be a number"),
        ('{"instances": [[1, null]]}', "instances[0][1] is null: it must be a number"),
        ('{"instances": [[1, [2]]]}', "instances[0][1] is [2]: it must be a number"),
        ('{"instances": [[1, NaN]]}', "the body is no JSON"),
        ('{"instances": [[1, 1e39]]}', "instances[0], b, is 1e+39: it must be a finite number"),
        ('{"instances": [[1, 1e400]]}', "instances[0]"),
        (f'{{"instances": [[1, 1{"0" * 400}]]}}', "instances[0][1] is 1000"),
        ("[" * 5000, "the body is no JSON"),
        ('{"a":' * 5000, "the body is no JSON"),
        ('{"instances": [[' + "[" * 900 + "]" * 900 + "]]}", "instances[0][0] is [["),
        ('{"instances": [{"a": 1}]}', "instances[0] lacks b"),
        ('{"instances": [{"a": 1, "b": 2, "c": 3}]}', "instances[0] has unknown c"),
        ('{"instances": [{"a": 1, "B": 2}]}', "instances[0] lacks b and has unknown B"),
        ('{"instances": [{"a": 1, "b": "x"}]}', "instances[0]['b'] is \"x\": it must be a number"),
    ],
)
def test_a_bad_body_is_refused_with_its_place(body: str, words: str) -> None:
    with pytest.raises(RequestError) as refused:
        PAYLOAD.rows(body.encode(), JSON)

    assert words in refused.value.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "instances is empty"),
        (b"1,2\n3", "instances[1] has 1 values"),
        (b"1,2\n3,x", "line 2 of the body: could not convert"),
        (b"1,1_0", 'line 1 of the body is "1,1_0": not numbers'),
        ("1,\u0661".encode(), 'line 1 of the body is "1,\u0661": not numbers'),
        (b"1,nan", "instances[0], b, is nan"),
        (b"\xff", "the body is no UTF-8 text"),
    ],
)
def test_a_bad_csv_is_refused_with_its_place(body: bytes, words: str) -> None:
    with pytest.raises(RequestError) as refused:
        PAYLOAD.rows(body, "text/csv")

    assert words in refused.value.message


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"1,2\n" * 4, "text/csv"),
        (b'{"instances": [[1,2],[1,2],[1,2],[1,2]]}', JSON),
        (b'{"instances": [%s{"a":1,"b":2}]}' % (b'{"a":1,"b":2},' * 3), JSON),
    ],
)
def test_more_rows_than_the_limit_are_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(TooManyRowsError, match="the body has 4 rows: send at most 3 at once"):
        PAYLOAD.rows(body, content_type)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(RequestError, match="the body is no JSON"):
        PAYLOAD.rows(b'{"instances": [["\xff"]]}', JSON)


def test_another_media_type_is_refused_with_those_spoken() -> None:
    with pytest.raises(MediaTypeError, match=r"'application/x-tar'.*application/json, text/csv"):
        PAYLOAD.rows(b"", "application/x-tar")


def test_answers_are_written_as_predictions() -> None:
    assert json.loads(encode([3, 0.5])) == {"predictions": [3, 0.5]}
