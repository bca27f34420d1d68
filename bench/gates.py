"""What gates come to by the numbers alone: equal candidates, worse and better ones, by thousands.

Every gate is the real one: answers are drawn, compared by the evaluation's own tests, written as
its report and judged by `gate_model`'s rules. One evaluation of a million rows is timed as well.

python -m bench.gates                  # 10,000 gates of each kind, every core
python -m bench.gates --gates 1000
"""

import argparse
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bundles.code import bundle
from functions.gate_model.decide import Approve, Reject, gate
from functions.gate_model.rules import Report
from functions.judgement import Gates
from training import artifact, report, slices
from training.container import EvaluationPlaces, TrainingJob
from training.evaluate import Answers, compare, with_constant
from training.power import rows_to_decide
from training.report import Evaluation
from training.scores import Floats, Ints
from training.slices import Flags, Outcome
from training.task import Code, load

_CLASSES = 10
_CHUNK = 50
_SLOWEST = 60.0
_MOST_MEMORY = 1000.0
"""MB."""


_DEFAULT = Gates()


@dataclass(frozen=True)
class Kind:
    """A candidate beside a champion, and how both answer."""

    said: str
    rows: int = 5000
    gain: float = 0.025
    """Share of rows on which only the candidate is right."""
    loss: float = 0.025
    """Share on which only the champion is."""
    both: float = 0.92
    """Share on which both are."""
    metric: str = "accuracy"
    slices: int = 0
    gates: Gates = _DEFAULT
    times: float = 1.0
    """How many of these, of those that are asked for: some take longer."""


@dataclass(frozen=True)
class Sum:
    """What many gates of one kind came to."""

    told: Counter[str]

    def share(self, verdict: str) -> float:
        return self.told[verdict] / self.told.total()


Bar = tuple[Kind, str, Callable[[Sum], bool]]
_ENOUGH = rows_to_decide(0.01, 0.05, confidence=0.95) or 0
_MARGIN = Gates(max_drop=0.03)


def _at_most(share: float) -> tuple[str, Callable[[Sum], bool]]:
    return f"approved ≤ {share:.0%}", lambda found: found.share("Approve") <= share


def _at_least(share: float) -> tuple[str, Callable[[Sum], bool]]:
    return f"approved ≥ {share:.0%}", lambda found: found.share("Approve") >= share


BARS: Sequence[Bar] = (
    (Kind("equal"), *_at_most(0.05)),
    (Kind("equal, 360 rows", rows=360), *_at_most(0.05)),
    (Kind("equal, 20 slices", slices=20), *_at_most(0.05)),
    (Kind("equal, by f1_macro", rows=1000, metric="f1_macro", times=0.1), *_at_most(0.05)),
    (Kind("equal, by auroc", rows=1000, metric="auroc", times=0.5), *_at_most(0.05)),
    (Kind("-1 point", gain=0.02, loss=0.03), *_at_most(0.01)),
    (
        Kind("-1 point, by f1_macro", gain=0.02, loss=0.03, metric="f1_macro", times=0.1),
        *_at_most(0.01),
    ),
    (Kind("+1 point", gain=0.025, loss=0.015), *_at_least(0.9)),
    (Kind("+1 point, 20 slices", gain=0.025, loss=0.015, slices=20), *_at_least(0.9)),
    (Kind(f"+1 point, {_ENOUGH} rows", rows=_ENOUGH, gain=0.03, loss=0.02), *_at_least(0.88)),
    (Kind("equal, within 3 points", rows=1000, gates=_MARGIN), *_at_least(0.9)),
    (Kind("-3 points, within 3", rows=1000, gain=0.02, loss=0.05, gates=_MARGIN), *_at_most(0.05)),
)


def draw(kind: Kind, random: np.random.Generator) -> tuple[Answers, Answers]:
    """Two models' answers to the same rows, right and wrong as often as the kind says."""
    labels = random.integers(0, _CLASSES, kind.rows)
    fate = random.random(kind.rows)
    gained = (fate >= kind.both) & (fate < kind.both + kind.gain)
    neither = fate >= kind.both + kind.gain + kind.loss
    ours = (fate < kind.both) | gained
    theirs = ~(gained | neither)
    return _answers(labels, ours, random, kind), _answers(labels, theirs, random, kind)


def _answers(labels: Ints, right: Flags, random: np.random.Generator, kind: Kind) -> Answers:
    other = (labels + random.integers(1, _CLASSES, len(labels))) % _CLASSES
    predicted = np.where(right, labels, other)
    given = _given(predicted, random) if kind.metric == "auroc" else None
    return Answers("d" * 64, labels, predicted, given, _CLASSES)


def _given(predicted: Ints, random: np.random.Generator) -> Floats:
    weights = random.random((len(predicted), _CLASSES)) + 3 * np.eye(_CLASSES)[predicted]
    given: Floats = weights / weights.sum(axis=1, keepdims=True)
    return given


def judged(kind: Kind, seed: int) -> str:
    """One gate, from answers to its verdict: `Approve`, or the reason of a refusal."""
    random = np.random.default_rng(seed)
    ours, theirs = draw(kind, random)
    outcome = Outcome(ours.predicted == ours.labels, theirs.predicted == ours.labels)
    names = [f"region = {number}" for number in range(kind.slices)]
    codes = random.integers(0, max(1, kind.slices), kind.rows)
    parts = list(outcome.by_code(codes, names)) if names else []
    evaluation = Evaluation(
        model="bench",
        run="0" * 12,
        holdout="0" * 64,
        candidate=ours,
        champion=theirs,
        comparison=compare(ours, theirs, metric=kind.metric, seed=seed),
        seed=seed,
        constant=with_constant(ours),
        slices=slices.told(parts),
    )
    verdict = gate(Report.model_validate(report.report(evaluation)), kind.gates)
    if isinstance(verdict, Reject):
        return str(verdict.reason)
    return type(verdict).__name__ if isinstance(verdict, Approve) else "AskHuman"


def many(kind: Kind, count: int, pool: ProcessPoolExecutor) -> Sum:
    """So many gates of a kind; the n-th is the same in every run."""
    seeds = range(max(100, round(count * kind.times)))
    return Sum(Counter(pool.map(partial(judged, kind), seeds, chunksize=_CHUNK)))


@dataclass(frozen=True)
class Spent:
    """What one evaluation of many rows took."""

    seconds: float
    work: float
    """Seconds of processor time."""
    memory: float
    """MB, of the whole process."""


_TOML = """
[data]
features = ["pixel_*"]
classes = 10
[evaluation]
metric = "f1_macro"
slices = ["region"]
"""


def evaluated(rows: int) -> Spent:
    """The job itself, as SageMaker starts it: two models of digits, bootstrap, twenty slices."""
    with tempfile.TemporaryDirectory() as scratch:
        base, model = Path(scratch) / "ml", Path(scratch) / "digits"
        places = EvaluationPlaces(base)
        source = (Path(__file__).parents[1] / "models" / "digits" / "model.py").read_bytes()
        code = Code(source, _TOML.encode(), None)
        _holdout(places.holdout, rows)
        _packed(places.candidate, code)
        champion = _packed(places.champion, code)
        model.mkdir()
        (model / "model.py").write_bytes(source)
        (model / "model.toml").write_text(_TOML)
        archive = Path(scratch) / "code.zip"
        archive.write_bytes(bundle(model))
        environment = {
            "SAGEMAKER_BASE_DIR": str(base), "SLUICE_MODEL": "digits", "SLUICE_RUN": _RUN,
            "SLUICE_CHAMPION_DIGEST": champion,
        }  # fmt: skip
        return _run([sys.executable, str(archive), "evaluate"], environment)


_RUN = "0123456789ab"


def _run(command: Sequence[str], environment: dict[str, str]) -> Spent:
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    before = used.ru_utime + used.ru_stime
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - began
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(seconds, used.ru_utime + used.ru_stime - before, used.ru_maxrss * 1024 / 1e6)


def _holdout(folder: Path, rows: int) -> None:
    folder.mkdir(parents=True)
    random, portion = np.random.default_rng(1), 50_000
    columns = [f"pixel_{number}" for number in range(64)]
    fields = [
        *((name, pa.float32()) for name in columns),
        ("label", pa.int64()),
        ("region", pa.int64()),
    ]
    with pq.ParquetWriter(folder / "holdout.parquet", pa.schema(fields)) as file:
        for _ in range(rows // portion):
            values: list[object] = [
                random.integers(0, 17, portion).astype(np.float32) for _ in columns
            ]
            values += [random.integers(0, 10, portion), random.integers(0, 20, portion)]
            file.write_table(pa.table(values, schema=pa.schema(fields)))


def _packed(archive: Path, code: Code) -> str:
    """A model that has learned nothing, in an archive; its digest."""
    folder = archive.parent / "model"
    digest = artifact.write(
        folder,
        model=load(code.model_py, name="model.py").build(),
        columns=tuple(f"pixel_{number}" for number in range(64)),
        code=code,
        job=TrainingJob("digits", _RUN, "d" * 64, "c" * 64, "1"),
    )
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, arcname=".")
    return digest


def row(kind: Kind, bar: str, found: Sum, *, kept: bool) -> str:
    """One kind as a line of the table."""
    refused = ", ".join(
        f"{why} {count}" for why, count in found.told.most_common() if why != "Approve"
    )
    mark = "✓" if kept else "✗ MISSED"
    return (
        f"{kind.said:<26}{kind.rows:>6}{found.told.total():>7}{found.share('Approve'):>9.2%}"
        f"   {mark} {bar:<16} {refused}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.gates")
    parser.add_argument("--gates", type=int, default=10_000, help="of each kind")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the one large holdout")
    told = parser.parse_args(arguments)
    missed = _kinds(told.gates)
    spent = evaluated(told.rows)
    kept = spent.seconds <= _SLOWEST and spent.memory <= _MOST_MEMORY
    print(
        f"\n{'✓' if kept else '✗ MISSED'} {told.rows} rows of 64 columns, 2,000 resamples,"
        f" 20 slices: {spent.seconds:.1f} s (≤ {_SLOWEST:.0f};"
        f" {spent.work:.1f} s of processor time), {spent.memory:.0f} MB (≤ {_MOST_MEMORY:.0f})"
    )
    return 1 if missed or not kept else 0


def _kinds(count: int) -> int:
    """How many bars were missed."""
    began, missed = time.monotonic(), 0
    print(f"{'candidate':<26}{'rows':>6}{'gates':>7}{'approved':>9}   bar")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for kind, bar, keeps in BARS:
            found = many(kind, count, pool)
            missed += not keeps(found)
            print(row(kind, bar, found, kept=keeps(found)), flush=True)
    print(f"{time.monotonic() - began:.0f} s")
    return missed


if __name__ == "__main__":
    sys.exit(main())
