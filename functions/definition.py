"""What a user writes in `model.toml`: every key checked, unknown names refused with a hint.

What is accepted here is accepted by the training and the evaluation too, with the same defaults:
a mistake costs a line at deploy time and not a job.
"""

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from events.words import is_model_name
from functions import prices
from functions.judgement import Evaluation, Gates, deciding, scores
from functions.names import digest_of
from functions.sections import Dollars, Instance, Pause, Seconds, Section, Text
from functions.strategy import GOLDEN_FILE, LONGEST_GOLDEN, Fault, Rollout, Watch


class DefinitionError(ValueError):
    """A `model.toml` that cannot be used; the message says where and what to write instead."""

    code = "BAD_DEFINITION"


def _rising(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise ValueError(f"{list(span)} falls; write [low, high]")
    return span


_LONGEST_TRAINING = 5 * 86400
"""SageMaker lets an account train no longer unless its quota is raised; 28 days are the end."""
_GUARDS = frozenset({"checkpoint", "max_wait", "cooldown", "max_running", "stop_after", "budget"})
"""Keys of `[training]` that decide when a job runs, and nothing of what comes out of it."""
MOST_CLASSES = 1000
_MANY = 100_000
Span = Annotated[tuple[float, float], AfterValidator(_rising)]


class Data(Section):
    """`[data]`: what a drop must look like."""

    format: Literal["parquet", "csv", "jsonl"] = "parquet"
    """Of drops and holdouts. CSV has a header and commas, JSON lines one object each; UTF-8."""
    features: tuple[Text, ...] = Field(min_length=1)
    """Column names, or shell patterns such as `pixel_*`, whose columns come in natural order:
    `pixel_2` before `pixel_10`."""
    target: Text = "label"
    """The column with the labels; never a feature."""
    classes: int = Field(ge=2, le=MOST_CLASSES)
    """Labels are the integers 0 … classes-1."""
    range: dict[str, Span] = Field(default_factory=dict)
    """Lowest and highest value of the feature columns that match a name or pattern."""
    complete_within: Seconds = 1800
    """From the first object of a drop to its manifest or `_SUCCESS`; then it is INCOMPLETE."""

    @model_validator(mode="after")
    def _learns_from_others_than_its_target(self) -> "Data":
        if self.target in self.features:
            raise ValueError(f"target {self.target!r} is among the features; take it out there")
        return self


class Hyperparameters(Section):
    """`[training.hyperparameters]`: how the built-in training learns."""

    epochs: int = Field(default=30, ge=1, le=_MANY)
    """Passes over the dataset."""
    batch_size: int = Field(default=64, ge=1, le=_MANY)
    """Rows per step."""
    micro_batch: int = Field(default=0, ge=0, le=_MANY)
    """Rows on the device at once; gradients are summed up to `batch_size`. 0: what fits."""
    headroom: float = Field(default=0.1, ge=0, le=0.9)
    """Share of the GPU's memory that the search for `micro_batch` leaves free."""
    learning_rate: float = Field(default=0.003, gt=0)
    """The highest: it rises to it and falls to zero."""
    weight_decay: float = Field(default=0.01, ge=0)
    """AdamW's."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Of the learning rate after its rise."""
    warm_up: float = Field(default=0.05, ge=0, le=1)
    """Share of all steps in which the learning rate rises."""
    clip_norm: float = Field(default=0.0, ge=0)
    """Longer gradients are cut to this length; 0: never."""
    ema: float = Field(default=0.0, ge=0, le=0.99999)
    """Decay of the moving average of the weights, which is then what is kept; 0: none."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the computing, never of the kept weights; auto: bfloat16 on a GPU that has it."""
    compile: bool = False
    """By torch.compile, where that is measured to be faster; the choice is told in the log."""
    not_finite: Literal["stop", "skip"] = "stop"
    """What a batch does whose loss is no number: end the job, or leave the weights alone."""
    checkpoint_every: int = Field(default=5, ge=1, le=_MANY)
    """Epochs between two checkpoints."""
    checkpoint_seconds: int = Field(default=300, ge=1, le=_MANY)
    """The longest time between two checkpoints, inside an epoch too."""
    in_memory: int = Field(default=2048, ge=1, le=_MANY)
    """MiB of rows that are held in memory; a larger dataset is streamed from its files."""
    threads: int = Field(default=1, ge=1, le=1024)
    """On a CPU; one gives the same bits on any number of cores."""


class Budget(Section):
    """`[training.budget]`: what training jobs may cost, in USD; without a limit nobody is held up.

    Before a job is asked for, the most that it may cost is reserved; after its end its real cost
    takes the place of that.
    """

    per_run: Dollars | None = None
    """Over all attempts of a run; then it ends as OVER_BUDGET."""
    per_day: Dollars | None = None
    """Of a model, by the day in UTC; runs wait for the next day as OVER_BUDGET."""
    prices: dict[Instance, Dollars] = Field(default_factory=dict)
    """USD an hour by instance type, where `functions/prices.py` has another one or none."""


class Training(Section):
    """`[training]`: where, how long, how often and at what cost."""

    instances: tuple[Instance, ...] = Field(default=("ml.g5.xlarge",), min_length=1)
    """In the order of preference: where there is no capacity, the next one is asked for."""
    max_runtime: Seconds = Field(default=3600, ge=1, le=_LONGEST_TRAINING)
    """At least one second, at most five days."""
    spot: bool = True
    """Managed spot: cheaper, may be interrupted, and goes on from the last checkpoint."""
    checkpoint: bool = True
    """Keep checkpoints in S3, from which an interrupted job goes on; spot is refused without."""
    max_wait: Seconds = 86400
    """How long a run waits for capacity, over all `instances`; then it ends as NO_CAPACITY."""
    cooldown: Pause = 0
    """From one training's begin to the next: of the drops meanwhile the newest waits (COOLDOWN),
    the others are SUPERSEDED."""
    max_running: int = Field(default=4, ge=1, le=_MANY)
    """Training jobs of the model at a time; the next ones wait as TOO_MANY_RUNNING."""
    stop_after: int = Field(default=2, ge=0, le=100)
    """So many candidates in a row that the gate refuses: further drops wait as NOT_HELPING for
    `sluice train`, for other code or keys, or for a drop with a fifth more rows. 0: never."""
    budget: Budget = Budget()
    hyperparameters: Hyperparameters = Hyperparameters()

    @model_validator(mode="after")
    def _goes_on_when_interrupted(self) -> "Training":
        if self.spot and not self.checkpoint:
            raise ValueError(
                "spot = true without checkpoints: an interrupted job would begin anew;"
                " set checkpoint = true or spot = false"
            )
        return self

    @model_validator(mode="after")
    def _fits_its_budget(self) -> "Training":
        limits = [(f"per_{of}", getattr(self.budget, f"per_{of}")) for of in ("run", "day")]
        for name, limit in limits:
            if limit is not None:
                self._may_cost(limit, name)
        return self

    def _may_cost(self, limit: float, name: str) -> None:
        hourly = self.hourly()
        for instance in self.instances:
            if instance not in hourly:
                raise ValueError(
                    f"[budget] {name} with {instance}, whose price nobody knows here;"
                    f' write [training.budget.prices] "{instance}" = USD an hour'
                )
            if (most := self.cost_at(hourly[instance])) > limit:
                raise ValueError(
                    f"[budget] {name} = {limit:g} is less than one job may cost:"
                    f" {instance} for max_runtime comes to {most:.2f} USD"
                )

    def hourly(self) -> dict[str, float]:
        """USD an hour by instance type, as far as prices are known."""
        known = {each: prices.hourly(each, self.budget.prices) for each in self.instances}
        return {each: price for each, price in known.items() if price is not None}

    def dearest(self) -> float:
        """The most that one job may cost on any of its instance types; those unpriced cost 0."""
        return max((self.cost_at(price) for price in self.hourly().values()), default=0.0)

    def cost_at(self, hourly: float) -> float:
        """The most that one job may cost at this price."""
        return prices.estimate(hourly, seconds=self.max_runtime, count=1, spot=self.spot)


class Serving(Section):
    """`[serving]`: hardware and the latency objective."""

    hardware: Literal["gpu", "cpu"] = "gpu"
    """With `gpu` the endpoint gets the machine image whose driver the serving image needs."""
    instances: tuple[Instance, ...] = Field(default=("ml.g5.xlarge",), min_length=1)
    """In the order of preference: where the quota of one is used up, the next one is asked for, for
    champion and challenger alike."""
    count: int = Field(default=1, ge=1, le=_MANY)
    """Instances of a variant at its beginning; a champion that was scaled out keeps its own."""
    max_batch: int = Field(default=32, ge=1, le=1024)
    """Rows that are computed together at most."""
    latency: Seconds = 0.25
    """The slowest acceptable p99 of the model's answer."""


class Definition(Section):
    """A whole `model.toml`."""

    data: Data
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    gates: Gates = Gates()
    serving: Serving = Serving()
    rollout: Rollout = Rollout()
    watch: Watch = Watch()

    @model_validator(mode="after")
    def _judged_by_known_scores(self) -> "Definition":
        known = scores(self.data.classes)
        asked = [("evaluation.metric", self.evaluation.metric, deciding(self.data.classes))]
        asked += [("gates.min", name, known) for name in self.gates.min]
        wrong = next((each for each in asked if each[1] not in each[2]), None)
        if wrong is not None:
            where, name, known = wrong
            by_name = [score for score in known if not score.startswith("recall_")]
            all_of_them = f"{', '.join(by_name)}, recall_min, recall_0 … {known[-1]}"
            hint = _meant(name, known) or f"known here: {all_of_them}"
            raise ValueError(f"[{where}]: unknown score {name!r}; {hint}")
        return self

    @property
    def digest(self) -> str:
        """Identity of what shapes a candidate: data, training and evaluation, not the rollout."""
        shaping = self.model_dump(
            mode="json",
            include={"data", "training", "evaluation"},
            exclude={"training": set(_GUARDS)},
        )
        return digest_of(shaping)


class Deployed(BaseModel):
    """A model as a stage knows it: its definition and the code that trains it."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    model: str
    definition: Definition
    code_uri: str
    code: str
    """Digest of the code's zip."""


def read_definition(folder: Path) -> Definition:
    """The definition in `folder`/model.toml; raises DefinitionError."""
    path = folder / "model.toml"
    if not is_model_name(folder.name):
        raise DefinitionError(
            f"{folder}: {folder.name!r} is no model name; use at most 24 of a-z, 0-9 and '-',"
            " starting with a letter"
        )
    try:
        table = tomllib.loads(path.read_bytes().decode())
        faults = tuple(_take_golden(folder, table))
        return definition_from(table, where=str(path), also=faults)
    except FileNotFoundError:
        raise DefinitionError(f"{path}: no such file; a model needs a model.toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{path}: not valid TOML: {error}") from error


def _take_golden(folder: Path, table: dict[str, Any]) -> Iterator[Fault]:
    """The golden requests of the file beside `model.toml`, put into its table."""
    rollout = table.setdefault("rollout", {})
    named = rollout.get("golden") if isinstance(rollout, dict) else None
    path = folder / (named if isinstance(named, str) and named else GOLDEN_FILE)
    if not named and not path.is_file():
        return
    try:
        text = path.read_text("utf-8")
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    except OSError as error:
        yield "rollout.golden", f"{path}: {error.strerror}; write it, or leave the key out"
    except ValueError as error:
        yield "rollout.golden", f"{path}: not a JSON object a line: {error}"
    else:
        if len(text) > LONGEST_GOLDEN:
            yield "rollout.golden", f"{path}: {len(text)} characters; {LONGEST_GOLDEN} are the most"
        rollout["requests"] = lines


def definition_from(
    table: Mapping[str, Any], *, where: str, also: Sequence[Fault] = ()
) -> Definition:
    """Check a parsed `model.toml`; raises DefinitionError with every fault and its remedy."""
    given = {key: _fixed(value) for key, value in table.items()}
    faults = [*also, *_apart(given), *_together(given)]
    if faults:
        raise DefinitionError(f"{where}: {_all_of(faults)}")
    return Definition.model_validate(given)


def _all_of(faults: Sequence[Fault]) -> str:
    said = [f"[{key}]: {remedy}" if key else remedy for key, remedy in faults]
    if len(said) == 1:
        return said[0]
    return f"{len(said)} faults: " + "; ".join(f"({n}) {one}" for n, one in enumerate(said, 1))


def _apart(given: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with single keys and sections."""
    try:
        Definition.model_validate(given)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            path = tuple(str(part) for part in each["loc"])
            unknown = each["type"] == "extra_forbidden"
            remedy = each["msg"].removeprefix("Value error, ")
            yield ".".join(path), _nearest(path) if unknown else remedy


def _together(given: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with `[rollout]` on the instances of `[serving]`, each sound by itself."""
    try:
        rollout = Rollout.model_validate(given.get("rollout", {}))
        serving = Serving.model_validate(given.get("serving", {}))
    except ValidationError:
        return
    for key, said in rollout.faults(serving.instances, serving.count):
        yield f"rollout.{key}", said


def _fixed(value: object) -> object:
    """TOML's arrays as what they become."""
    match value:
        case list():
            return tuple(_fixed(one) for one in value)
        case dict():
            return {key: _fixed(one) for key, one in value.items()}
        case _:
            return value


def _nearest(path: tuple[str, ...]) -> str:
    """What may have been meant by the unknown key at `path`."""
    known = _keys_at(path[:-1])
    hint = _meant(path[-1], known) or f"known here: {', '.join(sorted(known))}"
    return f"unknown key {path[-1]!r}; {hint}"


def _meant(name: str, known: Iterable[str]) -> str | None:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else None


def _keys_at(path: tuple[str, ...]) -> list[str]:
    section: type[BaseModel] = Definition
    for part in path:
        inner = section.model_fields[part].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        section = inner
    return list(section.model_fields)
