"""What an evaluation sees in its rows: leaks, one class, slices; in portions and in any format."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats  # type: ignore[import-untyped]  # it has no types

from tests.fakes.container import (
    COLUMNS,
    MODEL_PY,
    MODEL_TOML,
    TrainingContainer,
    clouds,
    digest_of,
    evaluation,
    training,
    write_model,
)
from training import leak, tables
from training.container import EvaluationPlaces, TrainingPlaces
from training.failure import ConfigError, DataError
from training.judge import judge
from training.log import Log
from training.report import Evaluation, report
from training.slices import Chances, Outcome, Search, Slice, declared
from training.train import train

RUN = "0123456789ab"
TOML = MODEL_TOML.replace("epochs = 4", "epochs = 20")


def trained(base: Path, *, toml: str = TOML, source: str = MODEL_PY) -> TrainingContainer:
    model = write_model(base / "clouds", toml=toml, source=source)
    container = training(base / "ml", model, [clouds(90), clouds(40, seed=1)])
    train(
        TrainingPlaces(container.base),
        root=container.code,
        log=Log(io.StringIO()),
        stopping=lambda: False,
    )
    return container


def judged(
    container: TrainingContainer,
    base: Path,
    rows: Mapping[str, object],
    *,
    champion: Path | None = None,
    dataset: bool = False,
    format: str = "parquet",
) -> Evaluation:
    evaluation(base, container.artifact, champion, rows, format=format)
    if dataset:
        held = base / "processing" / "input"
        for name in ("train", "dataset"):
            (held / name).symlink_to(container.base / "input" / "data" / name)
    environment = {"SLUICE_MODEL": "clouds", "SLUICE_RUN": RUN}
    if champion is not None:
        environment["SLUICE_CHAMPION_DIGEST"] = digest_of(champion)
    places = EvaluationPlaces(base)
    return judge(places, environment, root=container.code, log=Log(io.StringIO()))


def joined(*parts: Mapping[str, list[float]]) -> dict[str, list[float]]:
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}


def test_a_holdout_of_new_rows_has_leaked_nothing(tmp_path: Path) -> None:
    found = judged(trained(tmp_path), tmp_path / "e", clouds(60, seed=9), dataset=True)

    assert found.leaked == 0


def test_a_holdout_whose_rows_were_trained_on_judges_nobody(tmp_path: Path) -> None:
    rows = joined(clouds(60, seed=9), clouds(90), {k: v[:5] for k, v in clouds(90).items()})
    container = trained(tmp_path)

    with pytest.raises(DataError, match=r"HOLDOUT_LEAKED: 95 of 155 rows of the holdout are in"):
        judged(container, tmp_path / "e", rows, dataset=True)

    assert not (tmp_path / "e" / "processing" / "output" / "report.json").exists()


@pytest.mark.parametrize(("share", "told"), [("0.7", 90), ("1", None)])
def test_a_leak_may_be_allowed_or_not_looked_for(
    tmp_path: Path, share: str, told: int | None
) -> None:
    toml = TOML.replace("[evaluation]", f"[evaluation]\nmax_leak = {share}")
    rows = joined(clouds(60, seed=9), clouds(90))

    found = judged(trained(tmp_path, toml=toml), tmp_path / "e", rows, dataset=True)

    assert found.leaked == told


def test_a_job_without_a_dataset_says_that_nobody_looked(tmp_path: Path) -> None:
    found = judged(trained(tmp_path), tmp_path / "e", clouds(60, seed=9))

    assert found.leaked is None


ROWS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 20), st.just(3)),
    elements=st.sampled_from([np.float32(v) for v in (0.0, -0.0, 1.0, -1.0, 1e-30, 2.5)]),
)


@given(held=ROWS, seen=ROWS, parts=st.integers(1, 4))
def test_hashes_find_the_rows_that_a_set_finds(
    held: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    seen: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    parts: int,
) -> None:
    known = {tuple(row) for row in seen.tolist()}

    found = leak.leaked(
        leak.hashes(held), (leak.hashes(part) for part in np.array_split(seen, parts) if len(part))
    )

    assert found == sum(tuple(row) in known for row in held.tolist())


def test_a_holdout_of_one_class_tells_nothing_apart(tmp_path: Path) -> None:
    rows = clouds(60, seed=9) | {"label": [2] * 60}

    with pytest.raises(DataError, match="HOLDOUT_ONE_CLASS: all 60 rows of the holdout have lab"):
        judged(trained(tmp_path), tmp_path / "e", rows)


def test_a_holdout_without_rows_is_empty(tmp_path: Path) -> None:
    rows = {name: np.array(values)[:0] for name, values in clouds(9).items()}

    with pytest.raises(DataError, match="HOLDOUT_EMPTY: its files hold no rows"):
        judged(trained(tmp_path), tmp_path / "e", rows)


def test_a_holdout_of_another_schema_is_told_by_its_column(tmp_path: Path) -> None:
    rows = {name: values for name, values in clouds(60).items() if name != "x_1"}

    with pytest.raises(DataError, match=r"DATA_SCHEMA: part-0.parquet lacks x_1"):
        judged(trained(tmp_path), tmp_path / "e", rows)


def test_a_champion_of_columns_that_the_holdout_lacks_is_its_own_trouble(tmp_path: Path) -> None:
    old = trained(tmp_path / "old")
    toml = TOML.replace('["x_*"]', '["x_0", "x_1", "x_2"]')
    source = MODEL_PY.replace("nn.Linear(4, 8)", "nn.Linear(3, 8)")
    new = trained(tmp_path / "new", toml=toml, source=source)
    rows = {name: values for name, values in clouds(60, seed=9).items() if name != "x_10"}

    found = judged(new, tmp_path / "e", rows, champion=old.artifact)

    assert found.failure == "DATA_SCHEMA: the holdout lacks x_10"
    whole = judged(new, tmp_path / "f", clouds(60, seed=9), champion=old.artifact)
    assert whole.failure is None
    assert whole.champion is not None


@pytest.mark.parametrize("format", ["parquet", "csv", "jsonl"])
def test_declared_slices_are_told_in_every_format(tmp_path: Path, format: str) -> None:
    toml = TOML.replace("[data]", f"[data]\nformat = '{format}'", 1)
    toml = toml.replace("[evaluation]", "[evaluation]\nslices = ['region', 'shop', 'x_0']")
    container = trained(tmp_path, toml=toml) if format == "parquet" else None
    if container is None:
        model = write_model(tmp_path / "clouds", toml=toml)
        container = training(tmp_path / "ml", model, [clouds(130)], format=format)
        train(
            TrainingPlaces(container.base),
            root=container.code,
            log=Log(io.StringIO()),
            stopping=lambda: False,
        )
    rows = clouds(60, seed=9)
    extra = {"region": ["north", "south", "west"] * 20, "shop": [1, 2] * 30}

    found = judged(container, tmp_path / "e", rows | extra, format=format)

    told = {str(part["name"]).replace("'", ""): part["rows"] for part in found.slices}
    assert [told[f"region = {name}"] for name in ("north", "south", "west")] == [20, 20, 20]
    assert [told[f"shop = {number}"] for number in (1, 2)] == [30, 30]
    quarters = [rows for name, rows in told.items() if "x_0" in name]
    assert len(quarters) == 4
    assert quarters == [15, 15, 15, 15]


def test_a_slice_without_its_column_is_told(tmp_path: Path) -> None:
    toml = TOML.replace("[evaluation]", "[evaluation]\nslices = ['region']")

    with pytest.raises(DataError, match=r"lacks 'region' of \[evaluation\] slices"):
        judged(trained(tmp_path, toml=toml), tmp_path / "e", clouds(60))


def test_slices_of_two_models_are_compared(tmp_path: Path) -> None:
    toml = TOML.replace("[evaluation]", "[evaluation]\nslices = ['shop']")
    container = trained(tmp_path, toml=toml)
    rows = clouds(60, seed=9) | {"shop": [1, 2] * 30}

    found = judged(container, tmp_path / "e", rows, champion=container.artifact)

    assert [part["difference"] for part in found.slices] == [0.0, 0.0]
    assert [part["p"] for part in found.slices] == [1.0, 1.0]


def test_ranks_decide_where_they_are_asked_for(tmp_path: Path) -> None:
    container = trained(tmp_path, toml=TOML.replace('"accuracy"', '"auroc"'))

    found = judged(container, tmp_path / "e", clouds(60, seed=9), champion=container.artifact)

    told = report(found)["comparison"]
    assert isinstance(told, dict)
    assert (told["metric"], told["test"], told["difference"]) == ("auroc", "DeLong", 0.0)
    assert {"auroc", "auprc", "log_loss", "brier", "ece"} <= set(found.candidate.metrics)


def without_probabilities(source: str) -> str:
    return source.replace("def probabilities", "def others")


def test_ranks_of_a_champion_without_probabilities_are_its_trouble(tmp_path: Path) -> None:
    toml = TOML.replace('"accuracy"', '"auroc"')
    old = trained(tmp_path / "old", toml=toml, source=without_probabilities(MODEL_PY))
    new = trained(tmp_path / "new", toml=toml)

    found = judged(new, tmp_path / "e", clouds(60, seed=9), champion=old.artifact)

    assert found.failure == "METRIC_UNKNOWN: it gives no probabilities, which auroc needs"
    with pytest.raises(ConfigError, match=r"METRIC_UNKNOWN.*auroc cannot be told"):
        judged(old, tmp_path / "f", clouds(60, seed=9), champion=new.artifact)


def test_the_recall_of_a_class_is_compared_on_its_rows(tmp_path: Path) -> None:
    container = trained(tmp_path, toml=TOML.replace('"accuracy"', '"recall_1"'))

    found = judged(container, tmp_path / "e", clouds(60, seed=9), champion=container.artifact)

    assert found.comparison is not None
    assert found.comparison.test == "McNemar, exact"
    assert found.comparison.p == 1.0


@pytest.mark.parametrize("format", ["parquet", "csv", "jsonl"])
def test_a_table_comes_whole_in_portions(tmp_path: Path, format: str) -> None:
    container = training(
        tmp_path / "ml", write_model(tmp_path / "clouds"), [clouds(130)], format=format
    )
    path = next((container.base / "input" / "data" / "train").rglob(f"*.{format}"))
    wanted = [*COLUMNS, "label"]

    portions = list(tables.batches(path, format, wanted))

    whole = tables.table(path, format, wanted)
    assert [row for portion in portions for row in portion.to_pylist()] == whole.to_pylist()


def a_search(rows: int, *, seed: int, portions: int = 3) -> tuple[Search, Outcome]:
    """Weak where both features are high, and nowhere else."""
    random = np.random.default_rng(seed)
    raw = random.normal(size=(rows, 5)).astype(np.float32)
    search = Search(("a", "b", "c", "d", "e"))
    for part in np.array_split(raw, portions):
        search.add(part)
    weak = (raw[:, 1] > 0.7) & (raw[:, 3] > 0.7)
    right = random.random(rows) < np.where(weak, 0.5, 0.95)
    return search, Outcome(right, random.random(rows) < 0.95)


def test_a_search_finds_where_a_model_is_weak_and_the_champion_is_not() -> None:
    search, outcome = a_search(4000, seed=1)

    found = search.found(outcome)

    first = found[0]
    assert "b > " in str(first["name"])
    assert "d > " in str(first["name"])
    assert float(str(first["accuracy"])) < 0.7
    assert float(str(first["p"])) < 1e-6


def test_a_search_through_noise_names_a_slice_once_in_twenty() -> None:
    named = 0
    for seed in range(150):
        search, _ = a_search(400, seed=seed)
        random = np.random.default_rng(seed + 1000)
        noise = Outcome(random.random(400) < 0.9, random.random(400) < 0.9)
        named += bool(search.found(noise))

    assert named / 150 <= 0.1


def test_the_chance_of_a_weak_part_is_that_of_fishers_exact_test() -> None:
    whole, part = Slice("all", 400, 350), Slice("part", 40, 30)
    table = [[30, 10], [320, 40]]

    expected = stats.fisher_exact(table, alternative="less").pvalue
    assert Chances.among(whole).weak(part) == pytest.approx(expected)


def test_a_report_with_slices_is_what_the_gate_reads(tmp_path: Path) -> None:
    container = trained(tmp_path)

    found = judged(container, tmp_path / "e", clouds(60, seed=9), champion=container.artifact)

    written = (tmp_path / "e" / "processing" / "output" / "report.json").read_text()
    assert json.loads(written) == json.loads(json.dumps(report(found)))


def test_of_many_texts_the_commonest_are_slices() -> None:
    import pyarrow as pa

    words = [f"w{number}" for number in range(30) for _ in range(number + 1)] + [None] * 40
    right = np.ones(len(words), dtype=bool)

    found = declared({"w": [pa.array(words)]}, Outcome(right, None))

    assert len(found) == 20
    assert (found[0].name, found[0].rows) == ("w missing", 40)
    assert (found[1].name, found[1].rows) == ("w = w29", 30)
