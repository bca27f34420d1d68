"""A training job keeps to the container contract, and a resumed one ends in the same bits."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.fakes.container import (
    COLUMNS,
    MODEL_PY,
    MODEL_TOML,
    TrainingContainer,
    clouds,
    evaluation,
    training,
    write_json,
    write_model,
    write_parquet,
)
from training import artifact, failure
from training.__main__ import evaluate as evaluate_command
from training.__main__ import train as train_command
from training.container import EvaluationPlaces, TrainingPlaces
from training.failure import ArtifactError, CodeError, DataError, LearningError, TrainingError
from training.judge import judge
from training.log import Log
from training.report import Evaluation
from training.train import train

RUN = "0123456789ab"


@pytest.fixture
def container(tmp_path: Path) -> TrainingContainer:
    model = write_model(tmp_path / "clouds")
    return training(tmp_path / "ml", model, [clouds(90), clouds(40, seed=1)])


def run(
    container: TrainingContainer, *, stopping: Callable[[], bool] = lambda: False
) -> tuple[bool, str]:
    said = io.StringIO()
    finished = train(
        TrainingPlaces(container.base), root=container.code, log=Log(said), stopping=stopping
    )
    return finished, said.getvalue()


def after(batches: int) -> Callable[[], bool]:
    """Asked before each batch: no for so many, then yes for good."""
    asked = iter(range(10_000))
    return lambda: next(asked) >= batches


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_artifact_is_exactly_the_four_files(container: TrainingContainer) -> None:
    finished, _ = run(container)

    assert finished
    assert set(files(container.artifact)) == {
        "model.safetensors",
        "code/model.py",
        "code/model.toml",
        "manifest.json",
    }
    manifest = json.loads((container.artifact / "manifest.json").read_bytes())
    assert manifest["model"] == "clouds"
    assert manifest["run"] == RUN
    assert manifest["dataset"] == "d" * 64
    assert manifest["code"] == container.code.stem
    assert manifest["torch"] == torch.__version__


def test_the_same_inputs_give_the_same_artifact(
    container: TrainingContainer, tmp_path: Path
) -> None:
    other = container.again(tmp_path / "other")

    run(container)
    run(other)

    assert files(container.artifact) == files(other.artifact)


def test_another_run_gives_another_model(container: TrainingContainer, tmp_path: Path) -> None:
    other = training(tmp_path / "other", tmp_path / "clouds", [clouds(90)], run="ba9876543210")

    run(container)
    run(other)

    assert files(container.artifact) != files(other.artifact)


@pytest.mark.parametrize("batches", [0, 1, 9, 13, 18, 35])
def test_a_resumed_training_ends_in_the_same_bits(
    container: TrainingContainer, tmp_path: Path, batches: int
) -> None:
    whole = container.again(tmp_path / "whole")
    run(whole)

    stopped, _ = run(container, stopping=after(batches))
    finished, said = run(container)

    assert (stopped, finished) == (False, True)
    assert "resumed from a checkpoint" in said
    assert files(container.artifact) == files(whole.artifact)


def test_a_damaged_checkpoint_falls_back_and_still_ends_in_the_same_bits(
    container: TrainingContainer, tmp_path: Path
) -> None:
    whole = container.again(tmp_path / "whole")
    run(whole)
    run(container, stopping=after(25))
    newest = max((container.base / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:-7] + b"damaged")

    _, said = run(container)

    assert '"epoch": 2' in said
    assert files(container.artifact) == files(whole.artifact)


def test_a_checkpoint_of_another_run_is_never_used(
    container: TrainingContainer, tmp_path: Path
) -> None:
    other = training(tmp_path / "other", tmp_path / "clouds", [clouds(90)], run="ba9876543210")
    run(other, stopping=after(9))
    (other.base / "checkpoints").rename(container.base / "checkpoints")

    _, said = run(container)

    assert "resumed" not in said


def test_every_epoch_has_a_metric_line_and_every_log_line_its_run(
    container: TrainingContainer,
) -> None:
    _, said = run(container)

    lines = said.splitlines()
    metrics = [line for line in lines if not line.startswith("{")]
    assert [line.split()[0] for line in metrics] == [f"epoch={epoch}" for epoch in (1, 2, 3, 4)]
    assert all(" loss=" in line and " accuracy=" in line for line in metrics)
    assert all(json.loads(line)["run"] == RUN for line in lines if line.startswith("{"))


def test_a_changed_data_file_is_refused(container: TrainingContainer) -> None:
    part = next((container.base / "input" / "data" / "train").rglob("part-1.parquet"))
    write_parquet(part, clouds(40, seed=2))

    with pytest.raises(DataError, match="DATA_CHANGED"):
        run(container)


def test_changed_code_is_refused(container: TrainingContainer) -> None:
    path = container.base / "input" / "config" / "hyperparameters.json"
    told = json.loads(path.read_text())
    write_json(path, told | {"code_digest": "0" * 64})

    with pytest.raises(CodeError, match="CODE_CHANGED"):
        run(container)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"model": "../etc"}, "MODEL_NAME"),
        ({"run": ""}, "HYPERPARAMETER_MISSING"),
        ({"dataset_digest": 7}, "HYPERPARAMETER_MISSING"),
        ({"model": "other"}, "MODEL_CODE_MISSING"),
    ],
)
def test_a_job_that_says_too_little_is_refused(
    container: TrainingContainer, told: dict[str, object], code: str
) -> None:
    path = container.base / "input" / "config" / "hyperparameters.json"
    write_json(path, json.loads(path.read_text()) | told)

    with pytest.raises(TrainingError, match=code):
        run(container)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("class Task:", "MODEL_CODE_BROKEN"),
        ("import nothing_of_that_name", "MODEL_CODE_BROKEN"),
        ("class Task: pass", "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace(".argmax(dim=1)", ""), "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace("cross_entropy(", "no_such_loss("), "MODEL_CODE_FAILED"),
    ],
    ids=["syntax", "import", "verbs", "shape", "raises"],
)
def test_broken_model_code_is_told_as_such(tmp_path: Path, source: str, code: str) -> None:
    model = write_model(tmp_path / "clouds", source=source)
    container = training(tmp_path / "ml", model, [clouds(30)])

    status = train_command(container.base, {}, root=container.code, stopping=lambda: False)

    assert status == 1
    assert container.failure.startswith(f"{code}: ")
    assert "\n" not in container.failure


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    source = MODEL_PY.replace(
        "cross_entropy(model(x), y)", "cross_entropy(model(x), y) * float('nan')"
    )
    model = write_model(tmp_path / "clouds", source=source)
    container = training(tmp_path / "ml", model, [clouds(30)])

    with pytest.raises(LearningError, match="LOSS_NOT_FINITE: the loss of epoch 1"):
        run(container)


def test_a_failure_text_is_one_line_that_sagemaker_keeps_whole(tmp_path: Path) -> None:
    failure.record(tmp_path / "output" / "failure", ValueError("first\nsecond " + "x" * 2000))

    text = (tmp_path / "output" / "failure").read_text()
    assert text.startswith("INTERNAL: ValueError: first second x")
    assert len(text) == 1024


def judged(base: Path, code: Path) -> Evaluation:
    return judge(
        EvaluationPlaces(base),
        {"SLUICE_MODEL": "clouds", "SLUICE_RUN": RUN},
        root=code,
        log=Log(io.StringIO()),
    )


def test_an_evaluation_leaves_the_four_files_of_the_contract(
    container: TrainingContainer, tmp_path: Path
) -> None:
    run(container)
    base = evaluation(tmp_path / "e", container.artifact, container.artifact, clouds(60, seed=9))

    judged(base, container.code)

    output = base / "processing" / "output"
    assert sorted(path.name for path in output.iterdir()) == [
        "comparison.png",
        "confusion.png",
        "evaluation.json",
        "report.json",
    ]
    report = json.loads((output / "report.json").read_text())
    assert set(report) == {
        "run", "model", "rows", "holdout_digest", "candidate", "champion", "comparison",
    }  # fmt: skip
    assert report["rows"] == 60
    assert report["candidate"] == report["champion"]
    assert report["comparison"]["difference"] == 0.0
    assert set(report["comparison"]) == {"metric", "difference", "low", "high", "confidence"}
    assert all(
        path.read_bytes().startswith(b"\x89PNG")
        for path in output.iterdir()
        if path.suffix == ".png"
    )


def test_the_first_candidate_has_no_champion_to_compare_with(
    container: TrainingContainer, tmp_path: Path
) -> None:
    run(container)
    base = evaluation(tmp_path / "e", container.artifact, None, clouds(60, seed=9))

    judged(base, container.code)

    report = json.loads((base / "processing" / "output" / "report.json").read_text())
    assert report["champion"] is None
    assert report["comparison"] is None


def test_every_scalar_of_the_model_quality_has_a_value_and_a_deviation(
    container: TrainingContainer, tmp_path: Path
) -> None:
    run(container)
    base = evaluation(tmp_path / "e", container.artifact, None, clouds(60, seed=9))

    judged(base, container.code)

    text = (base / "processing" / "output" / "evaluation.json").read_text()
    quality = json.loads(text)["multiclass_classification_metrics"]
    matrix = quality.pop("confusion_matrix")
    names = {"accuracy", *(f"weighted_{kind}" for kind in ("precision", "recall"))}
    names |= {f"weighted_f{beta}" for beta in ("0_5", "1", "2")}
    assert set(quality) == names | {f"{name}_best_constant_classifier" for name in names}
    assert all(set(scalar) == {"value", "standard_deviation"} for scalar in quality.values())
    assert sum(sum(row.values()) for row in matrix.values()) == 60


def test_the_same_evaluation_gives_the_same_evidence(
    container: TrainingContainer, tmp_path: Path
) -> None:
    run(container)
    for name in ("a", "b"):
        base = evaluation(tmp_path / name, container.artifact, None, clouds(60, seed=9))
        judged(base, container.code)

    first, second = (files(tmp_path / name / "processing" / "output") for name in ("a", "b"))
    assert first == second


def test_a_champion_of_fewer_classes_is_wrong_there_but_not_broken(
    container: TrainingContainer, tmp_path: Path
) -> None:
    run(container)
    model = write_model(
        tmp_path / "two" / "clouds",
        toml=MODEL_TOML.replace("classes = 3", "classes = 2"),
        source=MODEL_PY.replace("Linear(8, 3)", "Linear(8, 2)"),
    )
    pairs = clouds(90)
    pairs["label"] = [min(label, 1) for label in pairs["label"]]
    old = training(tmp_path / "old", model, [pairs])
    run(old)
    base = evaluation(tmp_path / "e", container.artifact, old.artifact, clouds(60, seed=9))

    found = judged(base, container.code)

    assert found.champion is not None
    assert found.champion.metrics["recall_2"] == 0.0


@pytest.mark.parametrize("name", ["model.safetensors", "code/model.py", "code/model.toml"])
def test_a_tampered_artifact_is_never_loaded(
    container: TrainingContainer, tmp_path: Path, name: str
) -> None:
    run(container)
    path = container.artifact / name
    path.write_bytes(path.read_bytes() + b" ")
    base = evaluation(tmp_path / "e", container.artifact, None, clouds(60))

    with pytest.raises(ArtifactError, match=f"ARTIFACT_DAMAGED: {name}"):
        judged(base, container.code)


def test_an_archive_with_anything_else_in_it_is_refused(
    container: TrainingContainer, tmp_path: Path
) -> None:
    run(container)
    (container.artifact / "extra.pkl").write_bytes(b"pickle")
    base = evaluation(tmp_path / "e", container.artifact, None, clouds(60))

    with pytest.raises(ArtifactError, match=r"ARTIFACT_FOREIGN.*extra\.pkl"):
        judged(base, container.code)


def test_an_evaluation_that_fails_leaves_its_message(
    container: TrainingContainer, tmp_path: Path
) -> None:
    run(container)
    base = evaluation(tmp_path / "e", container.artifact, None, {"x_0": [1.0]})
    environment = {"SLUICE_MODEL": "clouds", "SLUICE_RUN": RUN}

    status = evaluate_command(base, environment, root=container.code)

    assert status == 1
    assert (base / "output" / "message").read_text().startswith("DATA_SCHEMA: ")


def test_the_artifact_knows_its_columns(container: TrainingContainer) -> None:
    run(container)

    loaded = artifact.read(container.artifact, device=torch.device("cpu"))

    assert loaded.columns == COLUMNS
