"""Whatever is dropped or said, it ends in a stable code: nothing is started, nothing is lost."""

import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from events.base import SOURCE, EventError
from events.foreign import ObjectCreated
from events.words import Reason
from functions.definition import Deployed
from functions.drops import LARGEST_MANIFEST, prefix_of
from functions.ledger import DropRecord, DropState, RunRecord
from functions.routes import ROUTES, Route
from functions.turn import woken_by
from tests.builders import MODEL, NAMES
from tests.fakes.bucket import BucketDrops, FakeBucket
from tests.fakes.bus import Envelope, envelope
from tests.fakes.container import write_parquet
from tests.fakes.stage import Stage, routed_to

GOLDEN = Path(__file__).parents[1] / "golden"
DEADLINE = timedelta(minutes=40)
"""After `complete_within`, whose default is half an hour."""
DONE = {"_SUCCESS": b""}
Files = Mapping[str, bytes]


class BucketStage(Stage):
    """The functions over the adapter that really reads drops."""

    def _cast(self, deployed: Deployed) -> None:
        super()._cast(deployed)
        self.bucket = FakeBucket()
        self.drops = BucketDrops(self.bucket)  # type: ignore[assignment]  # the real one, for once


@cache
def parquet(seed: int = 0, **change: object) -> bytes:
    """Two rows that anybody may train on, unless a column is changed."""
    columns = {"pixel_0": [0.0, 1.0], "pixel_1": [float(seed), 2.0], "label": [0, 9]} | change
    with TemporaryDirectory() as folder:
        kept = {name: column for name, column in columns.items() if column is not None}
        return write_parquet(Path(folder) / "rows.parquet", kept).read_bytes()


GOOD = parquet()


def promise(name: str, body: bytes = GOOD, **change: object) -> dict[str, object]:
    return {"name": name, "sha256": sha256(body).hexdigest(), "size": len(body)} | change


def manifest(*promises: dict[str, object], **more: object) -> dict[str, bytes]:
    return {"manifest.json": json.dumps({"files": promises} | more).encode()}


def raw_manifest(body: bytes) -> dict[str, bytes]:
    return {"a.parquet": GOOD, "manifest.json": body}


@dataclass(frozen=True)
class Bad:
    """What somebody drops, piece by piece, and the code it ends in."""

    name: str
    reason: Reason
    files: Files = field(default_factory=lambda: {"a.parquet": GOOD} | DONE)
    model: str = MODEL
    drop: str = "monday"


NFC, NFD = (unicodedata.normalize(form, "é.parquet") for form in ("NFC", "NFD"))
LONGEST_KEY = "x" * (1024 - len(prefix_of(MODEL, "monday") + ".parquet")) + ".parquet"
NESTED = "[" * 1001 + "]" * 1001
BAD_DROPS = [
    *(
        Bad(f"drop id with {what}", Reason.BAD_PATH, drop=drop)
        for what, drop in {
            "a space": "mon day",
            "a plus": "mon+day",
            "an escaped plus": "mon%2Bday",
            "a percent sign": "100%",
            "a hash": "mon#day",
            "a question mark": "mon?day",
            "an emoji": "mon\N{ROCKET}day",
            "an accent, composed": unicodedata.normalize("NFC", "é"),
            "an accent, decomposed": unicodedata.normalize("NFD", "é"),
            "two dots": "..",
            "a line break": "mon\nERROR day",
            "nothing in it": "",
            "64 characters": "x" * 64,
            "900 characters": "x" * 900,
        }.items()
    ),
    *(
        Bad(f"model {what}", Reason.BAD_PATH, model=model)
        for what, model in {
            "in capitals": "Digits",
            "with a space": "my digits",
            "with an emoji": "\N{ROCKET}",
            "of 25 characters": "d" * 25,
            "without a name": "",
            "with a hash that makes another's key": "digits#monday",
        }.items()
    ),
    Bad("model that is not deployed", Reason.UNKNOWN_MODEL, model="unknown"),
    Bad("file that leads out of the folder", Reason.BAD_PATH, {"../a.parquet": GOOD} | DONE),
    Bad("file with an empty folder", Reason.BAD_PATH, {"b//a.parquet": GOOD} | DONE),
    Bad("file that is a dot", Reason.BAD_PATH, {".": GOOD} | DONE),
    Bad("manifest half written", Reason.MANIFEST_UNREADABLE, raw_manifest(b'{"files": [{"na')),
    Bad("manifest of no bytes", Reason.MANIFEST_UNREADABLE, raw_manifest(b"")),
    Bad("manifest that is null", Reason.MANIFEST_UNREADABLE, raw_manifest(b"null")),
    Bad("manifest that is a list", Reason.MANIFEST_UNREADABLE, raw_manifest(b"[]")),
    Bad("manifest of no files", Reason.MANIFEST_UNREADABLE, manifest()),
    Bad("manifest in UTF-16", Reason.MANIFEST_UNREADABLE, raw_manifest("{}".encode("utf-16"))),
    Bad(
        "manifest that is no UTF-8", Reason.MANIFEST_UNREADABLE, raw_manifest(b'{"files": "\xff"}')
    ),
    Bad("manifest 1,001 levels deep", Reason.MANIFEST_UNREADABLE, raw_manifest(NESTED.encode())),
    Bad(
        "manifest 1,001 levels deep in a field",
        Reason.MANIFEST_UNREADABLE,
        raw_manifest(f'{{"files": [{{"name": {NESTED}}}]}}'.encode()),
    ),
    Bad(
        "manifest of more than 1 MB that is none",
        Reason.MANIFEST_UNREADABLE,
        raw_manifest(json.dumps({"files": "x" * (1 << 20)}).encode()),
    ),
    Bad(
        "manifest too large to be read",
        Reason.MANIFEST_UNREADABLE,
        raw_manifest(b" " * (LARGEST_MANIFEST + 1)),
    ),
    Bad(
        "manifest with a field nobody knows",
        Reason.MANIFEST_UNREADABLE,
        {"a.parquet": GOOD} | manifest(promise("a.parquet"), version=2),
    ),
    *(
        Bad(f"manifest with {what}", Reason.MANIFEST_UNREADABLE, {"a.parquet": GOOD} | said)
        for what, said in {
            "a file twice": manifest(promise("a.parquet"), promise("a.parquet")),
            "itself": manifest(promise("manifest.json")),
            "a path out of the folder": manifest(promise("../a.parquet")),
            "an absolute path": manifest(promise("/etc/passwd")),
            "a trailing slash": manifest(promise("a.parquet/")),
            "a size in words": manifest(promise("a.parquet", size="many")),
            "a negative size": manifest(promise("a.parquet", size=-1)),
            "a size with a fraction": manifest(promise("a.parquet", size=5.5)),
            "a digest in capitals": manifest(promise("a.parquet", sha256="A" * 64)),
            "half a digest": manifest(promise("a.parquet", sha256="a" * 32)),
            "half a character": raw_manifest(manifest(promise("\ud83d.parquet"))["manifest.json"]),
        }.items()
    ),
    Bad(
        "manifest with another digest",
        Reason.MANIFEST_MISMATCH,
        {"a.parquet": GOOD} | manifest(promise("a.parquet", sha256="0" * 64)),
    ),
    Bad(
        "manifest with another size",
        Reason.MANIFEST_MISMATCH,
        {"a.parquet": GOOD} | manifest(promise("a.parquet", size=1)),
    ),
    Bad(
        "manifest with a file that never comes",
        Reason.INCOMPLETE,
        {"a.parquet": GOOD} | manifest(promise("a.parquet"), promise("b.parquet")),
    ),
    Bad(
        "manifest that escapes what the key does not",
        Reason.INCOMPLETE,
        {"a +b.parquet": GOOD} | manifest(promise("a%20%2Bb.parquet")),
    ),
    Bad(
        "manifest with the other twin of an accent",
        Reason.INCOMPLETE,
        {NFD: GOOD} | manifest(promise(NFC)),
    ),
    Bad("no marker", Reason.INCOMPLETE, {"a.parquet": GOOD}),
    Bad("marker in capitals", Reason.INCOMPLETE, {"a.parquet": GOOD, "Manifest.json": b"{}"}),
    Bad("marker in a folder below", Reason.INCOMPLETE, {"a.parquet": GOOD, "b/_SUCCESS": b""}),
    Bad("marker alone", Reason.NO_ROWS, DONE),
    Bad("marker beside a console's folder", Reason.NO_ROWS, {"b/": b""} | DONE),
    Bad("file of no bytes", Reason.FILE_UNREADABLE, {"a.parquet": b""} | DONE),
    Bad("file cut short", Reason.FILE_UNREADABLE, {"a.parquet": GOOD[:-9]} | DONE),
    Bad("file with another's magic", Reason.FILE_UNREADABLE, {"a.parquet": b"PK" + GOOD} | DONE),
    Bad(
        "picture beside the rows", Reason.FILE_UNREADABLE, {"a.parquet": GOOD, "b.png": b"x"} | DONE
    ),
    Bad(
        "label of text",
        Reason.SCHEMA_MISMATCH,
        {"a.parquet": parquet(label=("cat", "dog"))} | DONE,
    ),
    Bad("no label", Reason.SCHEMA_MISMATCH, {"a.parquet": parquet(label=None)} | DONE),
    Bad(
        "label out of the classes",
        Reason.VALUES_OUT_OF_RANGE,
        {"a.parquet": parquet(label=(0, 10))} | DONE,
    ),
    Bad(
        "hole in a column",
        Reason.VALUES_MISSING,
        {"a.parquet": parquet(pixel_0=(1.0, None))} | DONE,
    ),
    Bad(
        "infinity in a column",
        Reason.VALUES_OUT_OF_RANGE,
        {"a.parquet": parquet(pixel_0=(1.0, float("inf")))} | DONE,
    ),
    Bad(
        "second file of another shape",
        Reason.SCHEMA_MISMATCH,
        {"a.parquet": GOOD, "b.parquet": parquet(pixel_1=None)} | DONE,
    ),
]


@pytest.fixture(scope="module")
def stage() -> BucketStage:
    """One stage for all: a bad drop must not trouble the next."""
    return BucketStage()


def nothing_was_started(stage: Stage) -> bool:
    return not (stage.jobs.views or stage.ledger.all(RunRecord) or stage.registry.versions)


@pytest.mark.parametrize("bad", BAD_DROPS, ids=lambda bad: bad.name)
def test_a_bad_drop_ends_in_its_code_and_starts_nothing(bad: Bad) -> None:
    stage = BucketStage()

    stage.upload(bad.drop, dict(bad.files), model=bad.model)
    stage.settle()
    stage.elapse(DEADLINE)

    (drop,) = stage.ledger.all(DropRecord)
    state = DropState.EXPIRED if bad.reason is Reason.INCOMPLETE else DropState.REJECTED
    assert (drop.model, drop.drop, drop.state, drop.reason) == (
        bad.model,
        bad.drop,
        state,
        bad.reason,
    ), drop.message
    assert drop.message
    assert "\n" not in drop.message
    assert stage.bus.names().count("DropRejected") == 1
    assert nothing_was_started(stage)
    assert stage.open() == []
    assert stage.dead == []


def test_forty_and_more_cases_are_told_apart() -> None:
    assert len({bad.name for bad in BAD_DROPS}) == len(BAD_DROPS) >= 40


@pytest.mark.parametrize("key", ["drops/a.parquet", "drops/digits/a.parquet", "drops//monday/a"])
def test_a_file_in_no_drops_folder_is_refused_by_its_own_name(key: str) -> None:
    stage = BucketStage()

    stage.bucket.put(key, GOOD)
    for _ in range(2):
        stage.bus.happens(ObjectCreated, {"bucket": {"name": "data"}, "object": {"key": key}})
    stage.settle()

    (drop,) = stage.ledger.all(DropRecord)
    assert drop.reason is Reason.BAD_PATH
    assert stage.bus.names() == ["DropRejected"]
    assert nothing_was_started(stage)


STRANGE_NAMES = {
    "a space": ("a b.parquet",),
    "a plus": ("a+b.parquet",),
    "an escaped plus": ("a%2Bb.parquet",),
    "both, which are two files": ("a+b.parquet", "a%2Bb.parquet"),
    "a percent sign alone": ("100%.parquet",),
    "a hash and a question mark": ("a#b?c=d&e.parquet",),
    "an emoji": ("\N{ROCKET}.parquet",),
    "accents that look alike": (NFC, NFD),
    "1,024 bytes": (LONGEST_KEY,),
    "folders": ("b/c/a.parquet",),
    "a quote and a line break": ("a'\"\n.parquet",),
}


@pytest.mark.parametrize("named", ["by marker", "by manifest"])
@pytest.mark.parametrize("what", STRANGE_NAMES)
def test_a_file_may_be_called_anything_that_s3_lets_it_be_called(what: str, named: str) -> None:
    stage, names = BucketStage(), STRANGE_NAMES[what]
    bodies = {name: parquet(seed) for seed, name in enumerate(names)}
    closed = manifest(*(promise(n, body) for n, body in bodies.items()))

    stage.upload("monday", bodies | (DONE if named == "by marker" else closed))
    stage.settle(until=lambda: bool(stage.jobs.trainings))

    place = f"s3://artifacts/datasets/{MODEL}/{stage.drop_of('monday').dataset}"
    described = json.loads(stage.objects.kept[f"{place}/dataset.json"])
    assert {file["key"] for file in described["files"]} == {
        prefix_of(MODEL, "monday") + name for name in names
    }
    assert len(stage.jobs.trainings) == 1


def test_files_that_no_manifest_promises_are_left_out() -> None:
    stage = BucketStage()

    stage.upload("monday", {"a.parquet": GOOD, "extra.txt": b"?"} | manifest(promise("a.parquet")))
    stage.settle(until=lambda: bool(stage.jobs.trainings))

    assert stage.drop_of("monday").rows == 2


def test_a_manifest_before_its_files_waits_for_them() -> None:
    stage = BucketStage()

    stage.upload("monday", manifest(promise("a.parquet")) | {"a.parquet": GOOD})
    stage.settle(until=lambda: bool(stage.jobs.trainings))

    assert stage.drop_of("monday").state is DropState.ACCEPTED


def test_a_file_overwritten_while_it_is_read_counts_as_it_was_listed() -> None:
    stage = BucketStage()
    key = prefix_of(MODEL, "monday") + "a.parquet"

    def overwrite() -> None:
        stage.bucket.before_read = lambda: None
        stage.bucket.put(key, b"other")

    stage.bucket.before_read = overwrite
    stage.upload("monday", {"a.parquet": GOOD} | DONE)
    stage.settle(until=lambda: bool(stage.jobs.trainings))

    (described,) = [
        json.loads(body) for place, body in stage.objects.kept.items() if "dataset.json" in place
    ]
    assert described["files"][0]["sha256"] == sha256(GOOD).hexdigest()
    assert described["files"][0]["version_id"] == "version-0"


def test_a_file_overwritten_during_the_run_changes_nothing() -> None:
    stage = BucketStage()
    stage.upload("monday", {"a.parquet": GOOD} | DONE)
    stage.settle(until=lambda: bool(stage.jobs.trainings))
    accepted = stage.drop_of("monday").dataset

    stage.upload("monday", {"a.parquet": parquet(7)} | DONE)
    stage.rest()

    assert stage.drop_of("monday").dataset == accepted
    assert len(stage.jobs.trainings) == 1


# What is said


def _golden(route: Route) -> dict[str, Any]:
    """A whole event that wakes by this route."""
    if route.ours:
        (path,) = GOLDEN.glob(f"events/{route.on.__name__}.v1.json")
        return envelope(SOURCE, route.on.__name__, json.loads(path.read_text()))
    names = route.on.pattern()["detail-type"]
    samples = [json.loads(path.read_text()) for path in GOLDEN.glob("foreign/*.json")]
    return next(sample for sample in samples if sample["detail-type"] in names)


def _deep() -> object:
    deep: object = 1
    for _ in range(1001):
        deep = {"a": deep}
    return deep


def _first_field(raw: Envelope) -> str:
    return "job" if "job" in raw["detail"] else sorted(raw["detail"])[0]


SPOILT: dict[str, Callable[[Envelope], Any]] = {
    "without a detail": lambda raw: {k: v for k, v in raw.items() if k != "detail"},
    "with a detail of null": lambda raw: raw | {"detail": None},
    "with a detail of text": lambda raw: raw | {"detail": json.dumps(raw["detail"])},
    "with a detail of a list": lambda raw: raw | {"detail": [raw["detail"]]},
    "with an empty detail": lambda raw: raw | {"detail": {}},
    "with another detail-type": lambda raw: raw | {"detail-type": "Test Event"},
    "with a detail-type that is a number": lambda raw: raw | {"detail-type": 7},
    "of S3's test to a queue": lambda _: {"Service": "Amazon S3", "Event": "s3:TestEvent"},
    "of another's source": lambda raw: raw | {"source": "somebody.else"},
    "of AWS's source that ends otherwise": lambda raw: raw | {"source": f"{raw['source']}.test"},
    "that is a list": lambda raw: [raw],
    "that is nothing": lambda _: None,
}
OURS_SPOILT: dict[str, Callable[[Envelope], Any]] = {
    "with a field nobody knows": lambda raw: raw | {"detail": raw["detail"] | {"surprise": 1}},
    "with more than 1 MB": lambda raw: raw | {"detail": raw["detail"] | {"pad": "x" * (1 << 20)}},
    "1,001 levels deep": lambda raw: raw | {"detail": raw["detail"] | {"deep": _deep()}},
    "of another version": lambda raw: raw | {"detail": raw["detail"] | {"schema_version": 2}},
    "with a number for its model": lambda raw: raw | {"detail": raw["detail"] | {"model": 7}},
    "with a path for its model": lambda raw: raw | {"detail": raw["detail"] | {"model": "../x"}},
    "with another trace": lambda raw: raw | {"detail": raw["detail"] | {"traceparent": "00-x"}},
}
ROUTED = [
    pytest.param(route, spoil, id=f"{route.to}: {route.on.__name__} {what}")
    for route in ROUTES
    for what, spoil in (SPOILT | (OURS_SPOILT if route.ours else {})).items()
]


@pytest.mark.parametrize(("route", "spoil"), ROUTED)
def test_an_event_that_says_nothing_usable_is_refused_by_its_code(
    route: Route, spoil: Callable[[Envelope], Any], stage: BucketStage
) -> None:
    raw = spoil(_golden(route))

    with pytest.raises(EventError, match=f"^{Reason.BAD_EVENT}: "):
        stage.turn(route.to, raw)

    assert nothing_was_started(stage)
    assert stage.ledger.writes == 0


def _says(route: Route, **more: object) -> Envelope:
    raw = _golden(route)
    return raw | {"detail": raw["detail"] | more}


FOREIGN_ROUTES = [route for route in ROUTES if not route.ours]


@pytest.mark.parametrize("route", FOREIGN_ROUTES, ids=lambda route: route.to)
@pytest.mark.parametrize(
    "more",
    [
        {"SecondaryStatus": "Contemplating", "NewField": {"a": [1]}},
        {"pad": "x" * (1 << 20)},
        {"deep": _deep()},
        {"LastModifiedTime": "1764000000000"},
        {"LastModifiedTime": 1764000000.5},
        {"LastModifiedTime": "2026-11-24T12:00:00Z"},
    ],
    ids=["unknown words", "1 MB", "1,001 levels", "time as text", "as float", "as ISO 8601"],
)
def test_what_aws_adds_to_an_event_is_passed_over(route: Route, more: dict[str, object]) -> None:
    stage = BucketStage()

    told = stage.turn(route.to, _says(route, **more))

    assert type(told.outcome).__name__ in {"Ignore", "Refuse", "Wait"}
    assert nothing_was_started(stage)


@pytest.mark.parametrize("time", [10**400, -(10**400), float("nan"), float("inf"), "1e400", "soon"])
def test_a_time_that_is_none_is_refused_by_its_code(time: object) -> None:
    (route,) = (r for r in FOREIGN_ROUTES if r.to == "start_evaluation")

    with pytest.raises(EventError, match=f"^{Reason.BAD_EVENT}: TrainingJobChanged: LastModified"):
        woken_by(_says(route, LastModifiedTime=time), route.to)


@pytest.mark.parametrize(
    "configuration",
    [7, [], {"metrics": 7}, {"metrics": [7]}, {"metrics": [{"metricStat": {"metric": "errors"}}]}],
)
def test_an_alarm_that_watches_nothing_readable_is_refused_by_its_code(
    configuration: object,
) -> None:
    (route,) = (r for r in FOREIGN_ROUTES if r.to == "roll_back")

    with pytest.raises(EventError, match=f"^{Reason.BAD_EVENT}: AlarmChanged: configuration"):
        woken_by(_says(route, configuration=configuration), route.to)


@pytest.mark.parametrize(
    ("route", "status"),
    [
        (route, word)
        for route in FOREIGN_ROUTES
        for word in ("Dreaming", "DREAMING", "", "Completed ")
        if route.to in {"start_evaluation", "gate_model", "step_rollout"}
    ],
)
def test_a_status_that_nobody_knows_wakes_nobody(route: Route, status: str) -> None:
    said = next(key for key in _golden(route)["detail"] if key.endswith("Status"))

    assert routed_to(_says(route, **{said: status})) == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.to} {route.on.__name__}")
@pytest.mark.parametrize("source", ["", "aws.s3.", "AWS.SAGEMAKER", "sluice ", "somebody.else"])
def test_a_forged_source_is_routed_to_nobody(route: Route, source: str) -> None:
    assert routed_to(_golden(route) | {"source": source}) == []


@pytest.mark.parametrize(
    "route", [r for r in ROUTES if r.ours], ids=lambda route: f"{route.to} {route.on.__name__}"
)
def test_events_about_what_nobody_knows_start_nothing(route: Route) -> None:
    stage = BucketStage()
    raw = _golden(route)
    if "model" in raw["detail"]:
        raw = raw | {"detail": raw["detail"] | {"model": "unknown"}}

    outcome = stage.turn(route.to, raw).outcome

    assert type(outcome).__name__ in {"Ignore", "Refuse", "Stay"}
    assert nothing_was_started(stage)


def test_a_job_of_another_stage_wakes_nobody() -> None:
    (route,) = (r for r in FOREIGN_ROUTES if r.to == "start_evaluation")
    other = _says(route, TrainingJobName=f"{NAMES.prefix}x-digits-0123456789ab-t1")

    assert routed_to(other) == []
