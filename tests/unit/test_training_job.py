"""A training job keeps to the container contract, and a resumed one ends in the same bits."""

from __future__ import annotations

import errno
import io
import json
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fakes.container import (
    COLUMNS,
    MODEL_PY,
    MODEL_TOML,
    TrainingContainer,
    clouds,
    digest_of,
    evaluation,
    training,
    write_json,
    write_model,
    write_parquet,
)
from training import artifact, failure, weights
from training.__main__ import evaluate as evaluate_command
from training.__main__ import train as train_command
from training.container import EvaluationPlaces, TrainingPlaces
from training.dataset import sha256_of
from training.evaluate import Answers
from training.failure import ArtifactError, CodeError, DataError, TrainingError
from training.judge import judge
from training.log import Log
from training.report import Evaluation, model_quality
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


def test_a_job_reports_how_it_went_beside_what_came_of_it(container: TrainingContainer) -> None:
    run(container)

    report = json.loads((container.base / "output" / "data" / "training.json").read_text())
    assert report["rows"] == 130
    assert report["recipe"]["batch_size"] == 16
    assert report["ways"] == {
        "micro_batch": 16, "compiled": False, "adjustments": [], "skipped": 0,
    }  # fmt: skip


@pytest.mark.parametrize("rows", [1, 20])
def test_rows_of_one_class_teach_nothing(tmp_path: Path, rows: int) -> None:
    constant = clouds(rows) | {"label": [2] * rows}
    container = training(tmp_path / "ml", write_model(tmp_path / "clouds"), [constant])

    status = train_command(container.base, {}, root=container.code, stopping=lambda: False)

    assert status == 2
    assert container.failure == (
        f"DATA_CONSTANT: every label of {rows} rows is 2: drop rows of two classes at least,"
        " or correct [data] target"
    )
    assert not container.artifact.exists()


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


NOISY_PY = """
import random
import numpy as np
import torch
from torch import nn
from torch.nn import functional


def noise(shape):
    drawn = np.random.normal(size=tuple(shape)) + random.gauss(0, 1)
    return torch.from_numpy(drawn).float() + torch.randn(shape)


class Task:
    def build(self):
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))

    def features(self, raw):
        return raw / 5 + noise(raw.shape) / 10

    def loss(self, model, x, y):
        return functional.cross_entropy(model(x + noise(x.shape) / 10), y)

    def predict(self, model, x):
        return model(x).argmax(dim=1)
"""


@pytest.fixture
def noisy(tmp_path: Path) -> TrainingContainer:
    model = write_model(tmp_path / "noisy" / "clouds", source=NOISY_PY)
    return training(tmp_path / "noisy" / "ml", model, [clouds(90), clouds(40, seed=1)])


def test_noise_of_every_kind_comes_from_the_run(noisy: TrainingContainer, tmp_path: Path) -> None:
    other = noisy.again(tmp_path / "other")

    run(noisy)
    random.seed(8)
    np.random.seed(8)
    run(other)

    assert files(noisy.artifact) == files(other.artifact)


@pytest.mark.parametrize("batches", [0, 1, 13, 35])
def test_a_resumed_training_with_noise_ends_in_the_same_bits(
    noisy: TrainingContainer, tmp_path: Path, batches: int
) -> None:
    whole = noisy.again(tmp_path / "whole")
    run(whole)

    stopped, _ = run(noisy, stopping=after(batches))
    finished, _ = run(noisy)

    assert (stopped, finished) == (False, True)
    assert files(noisy.artifact) == files(whole.artifact)


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
        ("import nothing_of_that_name", "MODEL_CODE_BROKEN"),
        ("class Task: pass", "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace(".argmax(dim=1)", ""), "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace("raw / 5", "raw[1:]"), "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace("raw / 5", "raw.tolist()"), "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace("(model(x), y)", "(model(x), y, reduction='none')"), "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace("return functional", "return 0 * x.sum() #"), "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace("return functional", "return 1.0 #"), "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace("return nn.Sequential", "return nn.ReLU() #"), "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace("return nn.Sequential", "return 'model' #"), "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace("(8, 3))", "(8, 3)).to(torch.float8_e4m3fn)"), "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace("model(x).argmax(dim=1)", "[0] * len(x)"), "MODEL_CODE_BROKEN"),
        (MODEL_PY.replace("cross_entropy(", "no_such_loss("), "MODEL_CODE_FAILED"),
    ],
    ids=[
        "import", "verbs", "shape", "fewer rows", "no rows", "many losses",
        "loss of nothing", "loss of a number", "nothing to learn", "no model", "tiny weights",
        "no answers", "raises",
    ],
)  # fmt: skip
def test_broken_model_code_is_told_as_such(tmp_path: Path, source: str, code: str) -> None:
    model = write_model(tmp_path / "clouds", source=source)
    container = training(tmp_path / "ml", model, [clouds(30)])

    status = train_command(container.base, {}, root=container.code, stopping=lambda: False)

    assert status == (1 if code == "MODEL_CODE_FAILED" else 2)
    assert container.failure.startswith(f"{code}: ")
    assert "\n" not in container.failure


def failed(tmp_path: Path, source: str) -> tuple[int, str]:
    """Status and failure text of a training with this model.py."""
    model = write_model(tmp_path / "clouds", source=source)
    container = training(tmp_path / "ml", model, [clouds(30)])
    status = train_command(container.base, {}, root=container.code, stopping=lambda: False)
    return status, container.failure


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    source = MODEL_PY.replace(
        "cross_entropy(model(x), y)", "cross_entropy(model(x), y) * float('nan')"
    )

    status, said = failed(tmp_path, source)

    assert status == 1
    assert said.startswith("LOSS_NOT_FINITE: the loss of step 0 is nan (rows ")
    assert said.endswith(
        " and 11 more of the dataset): lower learning_rate,"
        ' set not_finite = "skip" or look at the data'
    )


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (
            "torch.OutOfMemoryError('CUDA out of memory')",
            "CUDA_OUT_OF_MEMORY: OutOfMemoryError: CUDA",
        ),
        ("MemoryError()", "HOST_OUT_OF_MEMORY: MemoryError"),
        (
            "RuntimeError('DefaultCPUAllocator: not enough memory')",
            "HOST_OUT_OF_MEMORY: RuntimeError: DefaultCPUAllocator",
        ),
        ("OSError(28, 'No space left on device')", "DISK_FULL: OSError: [Errno 28] No space left"),
        ("KeyError('x')", "MODEL_CODE_FAILED: KeyError: 'x' (model.py, line 13)"),
    ],
)
def test_what_runs_out_is_told_in_one_line_with_a_way_out(
    tmp_path: Path, raised: str, said: str
) -> None:
    status, line = failed(tmp_path, MODEL_PY.replace("return raw / 5", f"raise {raised}"))

    assert status == 1
    assert line.startswith(said)
    assert ": " in line.removeprefix(said)
    assert "\n" not in line


@pytest.mark.parametrize("format", ["parquet", "csv", "jsonl"])
def test_data_that_cannot_be_read_is_the_callers_fault(tmp_path: Path, format: str) -> None:
    toml = MODEL_TOML.replace("[data]", f"[data]\nformat = '{format}'", 1)
    model = write_model(tmp_path / "clouds", toml=toml)
    container = training(tmp_path / "ml", model, [{"x_0": ["?"]}], format=format)
    part = next((container.base / "input" / "data" / "train").rglob("part-0.*"))
    document = container.base / "input" / "data" / "dataset" / "dataset.json"
    part.write_bytes(b'\x00\xff{"x_0": broken')
    write_json(document, {"digest": "d" * 64, "files": [entry_of(part)]})

    status = train_command(container.base, {}, root=container.code, stopping=lambda: False)

    assert status == 2
    assert container.failure.startswith(f"DATA_UNREADABLE: part-0.{format} cannot be read")
    assert "\n" not in container.failure


def entry_of(path: Path) -> dict[str, object]:
    return {"key": path.name, "sha256": sha256_of(path), "size": path.stat().st_size}


def test_a_full_disk_is_no_damaged_archive() -> None:
    assert failure.is_full(OSError(errno.ENOSPC, "No space left on device"))
    assert not failure.is_full(OSError(errno.ENOENT, "No such file"))


def test_a_full_disk_is_told_with_the_place_that_met_it() -> None:
    with pytest.raises(OSError, match="No space left") as full:
        weights.save(Path("/dev/full"), {"w": torch.zeros(4)}, {})

    said = failure.one_line(full.value)
    assert said.startswith("DISK_FULL: OSError: [Errno 28] No space left on device (weights.py, ")
    assert said.endswith(": train on less data, or give more disk")


def test_a_failure_that_cannot_be_left_is_still_a_failure(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("a file where a folder should be")

    failure.record(tmp_path / "output" / "failure", ValueError("first"))

    assert failure.one_line(ValueError("first")).startswith("INTERNAL: ValueError: first")


def test_a_failure_text_is_one_line_that_sagemaker_keeps_whole(tmp_path: Path) -> None:
    failure.record(tmp_path / "output" / "failure", ValueError("first\nsecond " + "x" * 2000))

    text = (tmp_path / "output" / "failure").read_text()
    assert text.startswith("INTERNAL: ValueError: first second x")
    assert len(text) == 1024


def judged(base: Path, code: Path, *, champion: Path | None = None, **told: str) -> Evaluation:
    environment = {"SLUICE_MODEL": "clouds", "SLUICE_RUN": RUN} | told
    if champion is not None:
        environment["SLUICE_CHAMPION_DIGEST"] = digest_of(champion)
    return judge(EvaluationPlaces(base), environment, root=code, log=Log(io.StringIO()))


def test_an_evaluation_leaves_the_four_files_of_the_contract(
    container: TrainingContainer, tmp_path: Path
) -> None:
    run(container)
    base = evaluation(tmp_path / "e", container.artifact, container.artifact, clouds(60, seed=9))

    judged(base, container.code, champion=container.artifact)

    output = base / "processing" / "output"
    assert sorted(path.name for path in output.iterdir()) == [
        "comparison.png",
        "confusion.png",
        "evaluation.json",
        "report.json",
    ]
    report = json.loads((output / "report.json").read_text())
    assert set(report) == {
        "run", "model", "rows", "holdout_digest", "candidate", "champion", "champion_failure",
        "comparison", "constant", "slices", "found", "leaked",
    }  # fmt: skip
    assert report["rows"] == 60
    assert report["candidate"] == report["champion"]
    assert report["comparison"]["difference"] == 0.0
    assert set(report["comparison"]) == {
        "metric", "difference", "low", "high", "confidence", "test", "p", "detectable",
        "rows_to_decide",
    }  # fmt: skip
    assert all(
        path.read_bytes().startswith(b"\x89PNG")
        for path in output.iterdir()
        if path.suffix == ".png"
    )


def rows_by(container: TrainingContainer, base: Path, format: str) -> Path:
    """The same rows in a container of another format."""
    toml = MODEL_TOML.replace("[data]", f"[data]\nformat = '{format}'", 1)
    model = write_model(base / "clouds", toml=toml)
    parts = [clouds(90), clouds(40, seed=1)]
    other = training(base / "ml", model, parts, format=format)
    run(other)
    name = "model.safetensors"
    assert (other.artifact / name).read_bytes() == (container.artifact / name).read_bytes()
    held = evaluation(base / "e", other.artifact, None, clouds(60, seed=9), format=format)
    judged(held, other.code)
    return held / "processing" / "output"


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_the_same_rows_in_another_format_give_the_same_model_and_numbers(
    container: TrainingContainer, tmp_path: Path, format: str
) -> None:
    run(container)
    base = evaluation(tmp_path / "e", container.artifact, None, clouds(60, seed=9))
    judged(base, container.code)

    output = rows_by(container, tmp_path / format, format)

    ours, theirs = (
        json.loads((folder / "report.json").read_text())
        for folder in (base / "processing" / "output", output)
    )
    assert ours["candidate"]["metrics"] == theirs["candidate"]["metrics"]
    assert ours["rows"] == theirs["rows"] == 60


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
    assert all(type(number) is float for scalar in quality.values() for number in scalar.values())
    assert [list(row) for row in matrix.values()] == [list("012")] * 3
    assert list(matrix) == list("012")
    assert all(type(cell) is int for row in matrix.values() for cell in row.values())
    assert sum(sum(row.values()) for row in matrix.values()) == 60


def test_a_deviation_that_cannot_be_told_is_the_word_of_the_layout() -> None:
    one = np.zeros(1, dtype=np.int64)
    evaluation = Evaluation("clouds", RUN, "h", Answers("d", one, one, None, 3), None, None, seed=1)

    text = json.dumps(model_quality(evaluation), allow_nan=False)

    told = json.loads(text)["multiclass_classification_metrics"]
    deviations = {
        scalar["standard_deviation"] for name, scalar in told.items() if name != "confusion_matrix"
    }
    assert deviations <= {0.0, "NaN"}


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

    found = judged(base, container.code, champion=old.artifact)

    assert found.champion is not None
    assert found.champion.metrics["recall_2"] == 0.0


def test_a_champion_of_older_rules_can_still_be_judged(
    container: TrainingContainer, tmp_path: Path
) -> None:
    run(container)
    champion = shutil.copytree(container.artifact, tmp_path / "champion")
    toml = (champion / "code" / "model.toml").read_text()
    (champion / "code" / "model.toml").write_text(toml.replace('"accuracy"', '"a_lost_metric"'))
    told = json.loads((champion / "manifest.json").read_text())
    told["files"]["code/model.toml"] = sha256_of(champion / "code" / "model.toml")
    write_json(champion / "manifest.json", told)
    base = evaluation(tmp_path / "e", container.artifact, champion, clouds(60, seed=9))

    found = judged(base, container.code, champion=champion)

    assert found.champion is not None
    assert found.champion.metrics == found.candidate.metrics


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


EVIL_PY = "import sys\nsys.modules['it_ran'] = sys\n" + MODEL_PY


def rewritten(folder: Path, **manifest: str) -> None:
    """Another model.py and a manifest that agrees with it: what anyone with a key could write."""
    path = folder / "manifest.json"
    told = json.loads(path.read_text())
    (folder / "code" / "model.py").write_text(EVIL_PY)
    told["files"]["code/model.py"] = sha256_of(folder / "code" / "model.py")
    path.write_text(json.dumps(told | manifest))


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"run": "ba9876543210"}, "the run of the candidate is ba9876543210"),
        ({"model": "digits"}, "the model of the candidate is digits"),
        ({}, r"code/model.py's sha256 of the candidate is"),
    ],
)
def test_a_candidate_of_another_make_is_never_run(
    container: TrainingContainer, tmp_path: Path, manifest: dict[str, str], words: str
) -> None:
    run(container)
    rewritten(container.artifact, **manifest)
    base = evaluation(tmp_path / "e", container.artifact, None, clouds(60))

    with pytest.raises(ArtifactError, match=f"ARTIFACT_FOREIGN: {words}"):
        judged(base, container.code)

    assert "it_ran" not in sys.modules


def test_a_champion_the_ledger_does_not_name_is_never_run(
    container: TrainingContainer, tmp_path: Path
) -> None:
    run(container)
    honest = digest_of(container.artifact)
    champion = shutil.copytree(container.artifact, tmp_path / "champion")
    rewritten(champion)
    base = evaluation(tmp_path / "e", container.artifact, champion, clouds(60))

    found = judged(base, container.code, SLUICE_CHAMPION_DIGEST=honest)

    assert "it_ran" not in sys.modules
    assert found.champion is None
    assert found.failure is not None
    assert found.failure.startswith("ARTIFACT_FOREIGN: the digest of the champion is")
    report = json.loads((base / "processing" / "output" / "report.json").read_text())
    assert report["champion"] == {"digest": honest, "metrics": {}}
    assert report["champion_failure"] == found.failure
    assert report["comparison"] is None


def test_a_champion_without_a_digest_is_never_run(
    container: TrainingContainer, tmp_path: Path
) -> None:
    run(container)
    base = evaluation(tmp_path / "e", container.artifact, container.artifact, clouds(60))

    with pytest.raises(ArtifactError, match=r"CHAMPION_UNPINNED.*lacks SLUICE_CHAMPION_DIGEST"):
        judged(base, container.code)


def test_a_champion_that_did_not_come_down_is_missed(
    container: TrainingContainer, tmp_path: Path
) -> None:
    run(container)
    base = evaluation(tmp_path / "e", container.artifact, None, clouds(60))

    found = judged(base, container.code, SLUICE_CHAMPION_DIGEST="0" * 64)

    assert found.champion is None
    assert found.failure is not None
    assert found.failure.startswith("ARTIFACT_UNREADABLE: ")


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (MODEL_PY.replace("raw / 5", "1 / 0"), "MODEL_CODE_FAILED"),
        (MODEL_PY.replace("model(x).argmax(dim=1)", "model(x)"), "MODEL_CODE_BROKEN"),
        (
            MODEL_PY.replace("torch.softmax(model(x), dim=1)", "model(x) * float('nan')"),
            "MODEL_CODE_BROKEN",
        ),
    ],
    ids=["it raises", "it answers in another shape", "its probabilities are no numbers"],
)
def test_a_champion_that_gives_no_answers_is_told_and_fails_nothing(
    container: TrainingContainer, tmp_path: Path, source: str, code: str
) -> None:
    run(container)
    champion = shutil.copytree(container.artifact, tmp_path / "champion")
    told = json.loads((champion / "manifest.json").read_text())
    (champion / "code" / "model.py").write_text(source)
    told["files"]["code/model.py"] = sha256_of(champion / "code" / "model.py")
    (champion / "manifest.json").write_text(json.dumps(told))
    base = evaluation(tmp_path / "e", container.artifact, champion, clouds(60, seed=9))

    found = judged(base, container.code, champion=champion)

    assert found.champion is None
    assert found.failure is not None
    assert found.failure.startswith(code)
    assert len(found.candidate.predicted) == 60


def test_an_archive_of_noise_is_refused(container: TrainingContainer, tmp_path: Path) -> None:
    run(container)
    base = evaluation(tmp_path / "e", container.artifact, None, clouds(60))
    archive = base / "processing" / "input" / "candidate" / "model.tar.gz"
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2] + bytes(100) + whole[len(whole) // 2 + 100 :])

    with pytest.raises(ArtifactError, match="ARTIFACT_UNREADABLE"):
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

    assert status == 2
    assert (base / "output" / "message").read_text().startswith("DATA_SCHEMA: ")


def test_the_artifact_knows_its_columns(container: TrainingContainer) -> None:
    run(container)

    pin = artifact.Pin("candidate", digest=digest_of(container.artifact))
    loaded = artifact.read(container.artifact, pin=pin, device=torch.device("cpu"))

    assert loaded.columns == COLUMNS
