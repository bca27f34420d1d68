"""Sluice's own events: told strictly, understood again exactly, and for ever."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.base import Event, EventError, narrowed
from events.catalog import (
    CATALOG,
    DatasetReady,
    DropRejected,
    RollbackRequested,
    RolloutAborted,
    TrainingRequested,
    parsed,
)
from events.words import MODEL_PATTERN, Reason, is_drop_id, is_model_name
from local.patterns import compile_pattern
from tests.builders import TRACE
from tests.fakes.bus import envelope
from tests.golden.rewrite_events import FOLDER, examples

NAMES = sorted(CATALOG)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "schema_version": st.just(1),
    "traceparent": st.none() | st.just(TRACE),
    "model": st.from_regex(r"[a-z][a-z0-9-]{0,23}", fullmatch=True),
    "drop": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.=-]{0,62}", fullmatch=True),
    "run": st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
    "dataset": DIGESTS,
    "reason": st.sampled_from(Reason),
    "champion": st.none() | st.integers(1, 9999),
    **{name: st.integers(-1, 9999) for name in ("rows", "version", "step", "hold", "weight")},
    **{name: st.text(max_size=40) for name in ("message", "job", "cause", "rollout", "about")},
}


def any_event(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Events of a kind with every field drawn; ad-hoc code comes whole or not at all."""
    drawn = {name: FIELDS[name] for name in kind.model_fields if name in FIELDS}
    plain = st.fixed_dictionaries(drawn).map(lambda fields: kind(**fields))
    if kind is not TrainingRequested:
        return plain
    code = st.fixed_dictionaries({"code_uri": st.just("s3://b/k.zip"), "code": DIGESTS})
    return plain | st.tuples(plain, code).map(lambda both: both[0].model_copy(update=both[1]))


@given(event=st.sampled_from(sorted(CATALOG)).flatmap(lambda name: any_event(CATALOG[name])))
def test_an_event_is_understood_as_it_was_meant(event: Event) -> None:
    name = event.detail_type()
    raw = envelope("sluice", name, json.loads(event.detail()))

    assert type(event).from_bus(raw) == event
    assert parsed(name, event.detail()) == event
    assert compile_pattern(event.pattern()).matches(raw)


@pytest.mark.parametrize("name", NAMES)
def test_a_pattern_matches_its_own_event_and_no_other(name: str) -> None:
    pattern = compile_pattern(CATALOG[name].pattern())

    matching = [other for other in NAMES if pattern.matches(envelope("sluice", other, {}))]

    assert matching == [name]
    assert not pattern.matches(envelope("somebody", name, {}))


def test_a_pattern_can_be_narrowed_to_one_model() -> None:
    pattern = compile_pattern(DatasetReady.pattern({"model": ["digits"]}))

    assert pattern.matches(envelope("sluice", "DatasetReady", {"model": "digits"}))
    assert not pattern.matches(envelope("sluice", "DatasetReady", {"model": "letters"}))


def test_narrowing_by_nothing_leaves_a_pattern_alone() -> None:
    assert narrowed({"source": ["sluice"]}, {}) == {"source": ["sluice"]}


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_field_of_ours_is_refused(name: str) -> None:
    known = json.loads(examples()[name].detail())

    with pytest.raises(EventError, match=f"{name}: surprise: .*not permitted"):
        CATALOG[name].from_bus({"detail": known | {"surprise": 1}})


@pytest.mark.parametrize("name", NAMES)
def test_every_field_without_a_default_must_be_there(name: str) -> None:
    known = json.loads(examples()[name].detail())
    required = [n for n, field in CATALOG[name].model_fields.items() if field.is_required()]

    for field in required:
        with pytest.raises(EventError, match=f"{name}: {field}: Field required"):
            CATALOG[name].from_bus({"detail": {k: v for k, v in known.items() if k != field}})


@pytest.mark.parametrize(
    "detail", [None, [], "DatasetReady", 1, {"schema_version": 2}, {"model": "Digits"}]
)
def test_what_is_no_such_event_is_refused(detail: object) -> None:
    with pytest.raises(EventError, match="DatasetReady: "):
        DatasetReady.from_bus({"detail": detail})


def test_a_number_in_quotation_marks_is_no_number() -> None:
    known = json.loads(examples()["RolloutAborted"].detail())

    with pytest.raises(EventError, match="version"):
        RolloutAborted.from_bus({"detail": known | {"version": "2"}})


def test_a_name_nobody_gave_is_not_parsed() -> None:
    with pytest.raises(KeyError):
        parsed("ModelExploded", "{}")


@pytest.mark.parametrize("lacking", ["code", "code_uri"])
def test_other_code_is_asked_for_whole_or_not_at_all(lacking: str) -> None:
    whole = {
        "model": "digits",
        "dataset": "0" * 64,
        "cause": "a person",
        "code_uri": "s3://b/code.zip",
        "code": "1" * 64,
    }

    TrainingRequested.from_bus({"detail": whole})
    with pytest.raises(EventError, match="together"):
        TrainingRequested.from_bus({"detail": {k: v for k, v in whole.items() if k != lacking}})


def test_a_refused_drop_may_have_any_name() -> None:
    said = DropRejected(model="../..", drop="a b", reason=Reason.BAD_PATH, message="no")

    assert DropRejected.from_bus({"detail": json.loads(said.detail())}) == said


@pytest.mark.parametrize("model", ["digits", "a", "a-1", "a" * 24])
def test_a_model_may_be_called_so(model: str) -> None:
    assert is_model_name(model)


@pytest.mark.parametrize("model", ["", "Digits", "1a", "-a", "a_b", "a" * 25, "a/b", "é", "a\n"])
def test_a_model_may_not_be_called_so(model: str) -> None:
    assert not is_model_name(model)


@pytest.mark.parametrize("drop", ["monday", "2026-11-24", "day=1", "a_b.c", "1", "a" * 63])
def test_a_drop_may_be_called_so(drop: str) -> None:
    assert is_drop_id(drop)


@pytest.mark.parametrize("drop", ["", ".", "..", "a b", "a+b", "a%2Bb", "é", "a" * 64, "a\n"])
def test_a_drop_may_not_be_called_so(drop: str) -> None:
    assert not is_drop_id(drop)


def test_the_same_names_are_allowed_in_events_and_outside() -> None:
    assert MODEL_PATTERN.startswith("^")
    with pytest.raises(EventError):
        DatasetReady.from_bus(
            {"detail": {"model": "digits\n", "drop": "d", "dataset": "0" * 64, "rows": 1}}
        )


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: str(path.stem))
def test_every_version_of_an_event_ever_told_is_still_understood(path: Path) -> None:
    name = path.stem.split(".")[0]

    event = parsed(name, path.read_text())

    assert json.loads(event.detail()) == json.loads(path.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_the_present_version_of_every_event_has_its_golden_file(name: str) -> None:
    example = examples()[name]

    golden = FOLDER / f"{name}.v{example.schema_version}.json"

    assert json.loads(golden.read_text()) == json.loads(example.detail())


def test_every_event_says_who_publishes_it_and_what_it_means() -> None:
    assert all(event.publisher and event.__doc__ for event in CATALOG.values())
    assert RollbackRequested.publisher == "step_rollout"
