"""What a deployment takes the training takes, and what it refuses is refused there too."""

import tomllib
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.definition import (
    MOST_CLASSES,
    Definition,
    DefinitionError,
    definition_from,
)
from functions.judgement import deciding, scores
from training import config as of_training
from training.config import Bound, Config
from training.failure import ConfigError
from training.scores import names

SMALLEST = "[data]\nfeatures = ['x_*']\nclasses = 3\n"

GOOD = {
    "smallest": SMALLEST,
    "names beside patterns": "[data]\nfeatures = ['b', 'x_*', 'a']\nclasses = 2\n",
    "another target": SMALLEST + "target = 'digit'\n",
    "csv": SMALLEST + "format = 'csv'\n",
    "jsonl": SMALLEST + "format = 'jsonl'\n",
    "the most classes": f"[data]\nfeatures = ['x']\nclasses = {MOST_CLASSES}\n",
    "a range": SMALLEST + "[data.range]\n'x_*' = [-1, 1.5]\nx_0 = [0, 0]\n",
    "every hyperparameter": SMALLEST
    + "[training.hyperparameters]\nepochs = 1\nbatch_size = 2\nlearning_rate = 1\n"
    + "weight_decay = 0\ncheckpoint_every = 3\nthreads = 4\n",
    "a metric": SMALLEST + "[evaluation]\nmetric = 'f1_macro'\n",
    "the recall of a class": SMALLEST + "[evaluation]\nmetric = 'recall_2'\n",
    "a metric of probabilities": SMALLEST + "[evaluation]\nmetric = 'auroc'\n",
    "slices": SMALLEST + "[evaluation]\nslices = ['region', 'x_0']\nmax_leak = 1\n",
    "a confidence": SMALLEST + "[gates]\nconfidence = 0.99\nmax_drop = 0.01\n",
    "what only a deployment reads": SMALLEST + "[rollout]\nsteps = [100]\n",
}


def hyper(line: str) -> str:
    return f"{SMALLEST}[training.hyperparameters]\n{line}\n"


BAD = {
    "nothing": "",
    "no features": "[data]\nclasses = 3\n",
    "no classes": "[data]\nfeatures = ['x']\n",
    "one class": "[data]\nfeatures = ['x']\nclasses = 1\n",
    "too many classes": f"[data]\nfeatures = ['x']\nclasses = {MOST_CLASSES + 1}\n",
    "broken classes": "[data]\nfeatures = ['x']\nclasses = 3.0\n",
    "classes in words": "[data]\nfeatures = ['x']\nclasses = '3'\n",
    "classes that are true": "[data]\nfeatures = ['x']\nclasses = true\n",
    "an empty list": "[data]\nfeatures = []\nclasses = 3\n",
    "a nameless feature": "[data]\nfeatures = ['']\nclasses = 3\n",
    "a number for a feature": "[data]\nfeatures = ['x', 1]\nclasses = 3\n",
    "a word for a list": "[data]\nfeatures = 'x'\nclasses = 3\n",
    "its own target": "[data]\nfeatures = ['x_*', 'label']\nclasses = 3\n",
    "its own named target": "[data]\nfeatures = ['a', 'b']\ntarget = 'b'\nclasses = 3\n",
    "a nameless target": SMALLEST + "target = ''\n",
    "a number for a target": SMALLEST + "target = 7\n",
    "an unknown format": SMALLEST + "format = 'xlsx'\n",
    "a falling range": SMALLEST + "[data.range]\nx = [1, 0]\n",
    "half a range": SMALLEST + "[data.range]\nx = [1]\n",
    "a range of words": SMALLEST + "[data.range]\nx = ['0', '1']\n",
    "an endless range": SMALLEST + "[data.range]\nx = [0, inf]\n",
    "a range of nothing": SMALLEST + "[data.range]\nx = [nan, 1]\n",
    "an unknown hyperparameter": hyper("epoch = 3"),
    "no epochs": hyper("epochs = 0"),
    "broken epochs": hyper("epochs = 3.0"),
    "endless epochs": hyper("epochs = 100000000000000000000"),
    "epochs in words": hyper("epochs = '3'"),
    "epochs that are true": hyper("epochs = true"),
    "no batch": hyper("batch_size = 0"),
    "no learning": hyper("learning_rate = 0"),
    "learning backwards": hyper("learning_rate = -0.1"),
    "learning nothing": hyper("learning_rate = nan"),
    "learning without end": hyper("learning_rate = inf"),
    "decay backwards": hyper("weight_decay = -0.1"),
    "no checkpoints": hyper("checkpoint_every = 0"),
    "no threads": hyper("threads = 0"),
    "too many threads": hyper("threads = 100000"),
    "an unknown metric": SMALLEST + "[evaluation]\nmetric = 'acuracy'\n",
    "a metric that falls": SMALLEST + "[evaluation]\nmetric = 'log_loss'\n",
    "a metric nothing compares": SMALLEST + "[evaluation]\nmetric = 'auprc'\n",
    "a word for slices": SMALLEST + "[evaluation]\nslices = 'region'\n",
    "a nameless slice": SMALLEST + "[evaluation]\nslices = ['']\n",
    "too many slices": SMALLEST + f"[evaluation]\nslices = {['x'] * 51}\n",
    "a leak of more than all": SMALLEST + "[evaluation]\nmax_leak = 1.5\n",
    "a leak of nothing": SMALLEST + "[evaluation]\nmax_leak = nan\n",
    "certainty": SMALLEST + "[gates]\nconfidence = 1\n",
    "a coin for confidence": SMALLEST + "[gates]\nconfidence = 0.4\n",
    "the recall of no class": SMALLEST + "[evaluation]\nmetric = 'recall_3'\n",
    "a number for a metric": SMALLEST + "[evaluation]\nmetric = 1\n",
    "a word for a table": "data = 'x'\n",
    "no table of hyperparameters": SMALLEST + "[training]\nhyperparameters = 3\n",
}


def deployed(text: str) -> Definition | None:
    try:
        return definition_from(tomllib.loads(text), where="model.toml")
    except DefinitionError:
        return None


def trained(text: str) -> Config | None:
    try:
        return Config.parse(text.encode())
    except ConfigError:
        return None


def told(definition: Definition) -> Config:
    """What a training shall know, by what a deployment knows."""
    data, hyperparameters = definition.data, definition.training.hyperparameters
    return Config(
        format=data.format,
        features=data.features,
        target=data.target,
        classes=data.classes,
        bounds=tuple(Bound(pattern, low, high) for pattern, (low, high) in data.range.items()),
        recipe=of_training.Recipe(**hyperparameters.model_dump()),
        metric=definition.evaluation.metric,
        slices=definition.evaluation.slices,
        max_leak=definition.evaluation.max_leak,
        confidence=definition.gates.confidence,
    )


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_a_deployment_takes_means_the_same_to_the_training(text: str) -> None:
    definition = deployed(text)

    assert definition is not None
    assert trained(text) == told(definition)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_the_training_would_refuse_is_refused_by_the_deployment(text: str) -> None:
    assert (deployed(text), trained(text)) == (None, None)


@given(
    name=st.sampled_from(list(asdict(of_training.Recipe()))) | st.text("abc_", max_size=3),
    value=st.integers(-2, 2_000_000).map(str)
    | st.floats(-1, 2).map(repr)
    | st.sampled_from(["inf", "-inf", "nan", "true", "'1'", "[]"]),
)
def test_both_judge_any_hyperparameter_alike(name: str, value: str) -> None:
    text = hyper(f"'{name}' = {value}")

    assert (deployed(text) is None) == (trained(text) is None)


@given(classes=st.integers(-1, 1100), metric=st.sampled_from(["accuracy", "recall_7", "f1"]))
def test_both_judge_any_number_of_classes_alike(classes: int, metric: str) -> None:
    text = f"[data]\nfeatures = ['x']\nclasses = {classes}\n[evaluation]\nmetric = '{metric}'\n"

    assert (deployed(text) is None) == (trained(text) is None)


@pytest.mark.parametrize("classes", [2, 3, 12])
def test_the_scores_a_gate_may_ask_for_are_those_the_evaluation_tells(classes: int) -> None:
    assert scores(classes) == names(classes)
    assert set(scores(classes)) - set(deciding(classes)) == {"auprc"}


def test_both_know_the_same_most_classes() -> None:
    assert MOST_CLASSES == of_training.MOST_CLASSES
