"""A `model.toml` is checked key by key, and whoever errs is told what to write."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.definition import (
    Definition,
    DefinitionError,
    Deployed,
    definition_from,
    read_definition,
)
from functions.sections import seconds
from tests.builders import a_definition, a_deployed

DIGITS = Path(__file__).parents[2] / "models" / "digits"
SMALLEST = {"data": {"features": ["*"], "classes": 2}}


def refusal(**sections: Any) -> str:
    with pytest.raises(DefinitionError) as caught:
        definition_from(SMALLEST | sections, where="model.toml")
    return str(caught.value)


def test_a_file_of_three_lines_is_a_whole_definition() -> None:
    definition = definition_from(SMALLEST, where="model.toml")

    assert definition.rollout.steps == (5, 25, 50, 100)
    assert definition.gates.approval == "auto"
    assert definition.training.spot


def test_the_example_in_the_repository_is_read() -> None:
    definition = read_definition(DIGITS)

    assert definition.data.classes == 10
    assert definition.data.range == {"pixel_*": (0, 16)}
    assert definition.evaluation.metric in definition.gates.min


def test_without_a_word_on_it_nothing_costs_waits_or_stops_more_than_it_must() -> None:
    training = definition_from(SMALLEST, where="model.toml").training

    assert (training.cooldown, training.max_running, training.stop_after) == (0, 4, 2)
    assert (training.budget.per_run, training.budget.per_day) == (None, None)


def test_when_a_run_begins_and_what_it_may_cost_does_not_make_it_another_run() -> None:
    guards = {
        "checkpoint": False,
        "spot": True,
        "cooldown": "1h",
        "max_running": 1,
        "max_wait": "2h",
        "stop_after": 0,
        "budget": {"per_day": 9.0, "prices": {"ml.g5.xlarge": 1.5}},
    }
    plain = definition_from(SMALLEST | {"training": {"spot": False}}, where="x")
    guarded = definition_from(SMALLEST | {"training": guards | {"spot": False}}, where="x")

    assert plain.digest == guarded.digest


def test_spot_without_checkpoints_is_refused() -> None:
    assert refusal(training={"checkpoint": False}) == (
        "model.toml: [training]: spot = true without checkpoints: an interrupted job would begin"
        " anew; set checkpoint = true or spot = false"
    )


@pytest.mark.parametrize("limit", ["per_run", "per_day"])
def test_a_budget_needs_a_price_of_every_instance_type(limit: str) -> None:
    unknown = {"instances": ["ml.g5.xlarge", "ml.q9.huge"], "budget": {limit: 50.0}}
    told = {**unknown, "budget": {limit: 50.0, "prices": {"ml.q9.huge": 12}}}

    assert refusal(training=unknown) == (
        f"model.toml: [training]: [budget] {limit} with ml.q9.huge, whose price nobody knows here;"
        ' write [training.budget.prices] "ml.q9.huge" = USD an hour'
    )
    assert definition_from(SMALLEST | {"training": told}, where="x").training.dearest() == 12


def test_a_budget_that_no_job_could_ever_fit_is_refused() -> None:
    said = refusal(training={"budget": {"per_day": 1.0}, "max_runtime": "2h"})

    assert said == (
        "model.toml: [training]: [budget] per_day = 1 is less than one job may cost:"
        " ml.g5.xlarge for max_runtime comes to 2.82 USD"
    )


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"rollot": {}},
            "model.toml: [rollot]: unknown key 'rollot'; did you mean 'rollout'?",
        ),
        (
            {"rollout": {"stepps": [100]}},
            "model.toml: [rollout.stepps]: unknown key 'stepps'; did you mean 'steps'?",
        ),
        (
            {"watch": {"zzz": 1}},
            "model.toml: [watch.zzz]: unknown key 'zzz'; known here: keep_warm",
        ),
        (
            {"training": {"hyperparameters": {"epoch": 3}}},
            "model.toml: [training.hyperparameters.epoch]: unknown key 'epoch';"
            " did you mean 'epochs'?",
        ),
        (
            {"evaluation": {"metric": "acuracy"}},
            "model.toml: [evaluation.metric]: unknown score 'acuracy'; did you mean 'accuracy'?",
        ),
        (
            {"gates": {"min": {"acuracy": 0.9}}},
            "model.toml: [gates.min]: unknown score 'acuracy'; did you mean 'accuracy'?",
        ),
        (
            {"gates": {"min": {"log_loss": 0.9}}},
            "model.toml: [gates.min]: unknown score 'log_loss'; known here: accuracy,"
            " balanced_accuracy, f1_macro, f1_weighted, auroc, auprc, recall_min,"
            " recall_0 … recall_1",
        ),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_known(
    sections: dict[str, Any], said: str
) -> None:
    assert refusal(**sections) == said


@pytest.mark.parametrize(
    ("sections", "where"),
    [
        ({"rollout": {"steps": []}}, "[rollout.steps]: "),
        ({"rollout": {"steps": [5, 50]}}, "[rollout.steps]: "),
        ({"rollout": {"steps": [50, 5, 100]}}, "[rollout.steps]: "),
        ({"rollout": {"steps": [0, 100]}}, "[rollout.steps]: "),
        ({"rollout": {"steps": [100, 100]}}, "[rollout.steps]: "),
        ({"rollout": {"bake": "soon"}}, "'soon' is not a duration"),
        ({"rollout": {"bake": "0s"}}, "[rollout.bake]: "),
        ({"rollout": {"bake": float("inf")}}, "[rollout.bake]: "),
        ({"rollout": {"bake": float("nan")}}, "[rollout.bake]: "),
        ({"watch": {"keep_warm": "9999999d"}}, "[watch.keep_warm]: "),
        ({"rollout": {"max_errors": 1.5}}, "[rollout.max_errors]: "),
        ({"rollout": {"min_requests": 0}}, "[rollout.min_requests]: "),
        ({"training": {"instances": []}}, "[training.instances]: "),
        ({"serving": {"instances": []}}, "[serving.instances]: "),
        ({"gates": {"approval": "anybody"}}, "[gates.approval]: "),
        ({"gates": {"max_drop": -0.1}}, "[gates.max_drop]: "),
        ({"gates": {"confidence": 1.0}}, "[gates.confidence]: "),
        ({"gates": {"min_rows": 0}}, "[gates.min_rows]: "),
        ({"gates": {"max": {"accuracy": 0.1}}}, "[gates.max]: unknown loss 'accuracy'; known here"),
        ({"gates": {"max": {"ece": -1.0}}}, "[gates.max.ece]: "),
        ({"evaluation": {"metric": "auprc"}}, "[evaluation.metric]: unknown score 'auprc'"),
        ({"evaluation": {"slices": [""]}}, "[evaluation.slices.0]: "),
        ({"evaluation": {"holdout": "../v1"}}, "[evaluation.holdout]: "),
        ({"data": {"features": []}}, "[data.features]: "),
        ({"data": {"features": ["*"], "classes": 1}}, "[data.classes]: "),
        ({"data": {"features": ["*"]}}, "[data.classes]: Field required"),
        ({"data": {"features": ["*"], "classes": 2, "range": {"*": [1]}}}, "[data.range.*"),
        ({"data": {"features": ["*"], "classes": 2, "range": {"*": [1, 0]}}}, "[data.range.*]: "),
        ({"data": {"features": ["label", "x"], "classes": 2}}, "'label' is among the features"),
        ({"training": {"max_runtime": "300ms"}}, "[training.max_runtime]: "),
        ({"training": {"max_runtime": "121h"}}, "[training.max_runtime]: "),
        ({"training": {"instances": ["g5.xlarge"]}}, "[training.instances.0]: "),
        ({"evaluation": {"max_runtime": "10d"}}, "[evaluation.max_runtime]: "),
        ({"evaluation": {"instance": "ml.m5"}}, "[evaluation.instance]: "),
        ({"gates": {"min": {"accuracy": 90}}}, "[gates.min.accuracy]: "),
        ({"gates": {"max_drop": 3}}, "[gates.max_drop]: "),
        ({"training": {"spot": "yes"}}, "[training.spot]: "),
        ({"training": {"cooldown": -1}}, "[training.cooldown]: "),
        ({"training": {"cooldown": "soon"}}, "[training.cooldown]: 'soon' is not a duration"),
        ({"training": {"max_running": 0}}, "[training.max_running]: "),
        ({"training": {"budget": {"per_day": 0}}}, "[training.budget.per_day]: "),
        ({"training": {"budget": {"per_week": 1}}}, "known here: per_day, per_run, prices"),
        ({"training": {"budget": {"prices": {"g5": 1}}}}, "[training.budget.prices.g5"),
    ],
)
def test_a_value_that_cannot_be_is_refused_where_it_stands(
    sections: dict[str, Any], where: str
) -> None:
    assert where in refusal(**sections)


@pytest.mark.parametrize(
    ("text", "value"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("50ms", 0.05), ("1.5h", 5400)],
)
def test_a_duration_is_written_as_people_say_it(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)
    assert seconds(value) == value


def test_a_folder_without_a_model_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()

    with pytest.raises(DefinitionError, match=r"model\.toml: no such file"):
        read_definition(tmp_path / "digits")


@pytest.mark.parametrize("text", [b"[data", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, text: bytes) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    (folder / "model.toml").write_bytes(text)

    with pytest.raises(DefinitionError, match="not valid TOML"):
        read_definition(folder)


@pytest.mark.parametrize("name", ["Digits", "a_b", "1st", "a" * 25])
def test_a_folder_that_may_not_name_a_model_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DefinitionError, match="is no model name"):
        read_definition(tmp_path / name)


@pytest.mark.parametrize(
    ("sections", "same"),
    [
        ({"rollout": {"steps": [100]}}, True),
        ({"gates": {"max_drop": 0.5}}, True),
        ({"serving": {"max_batch": 1}}, True),
        ({"watch": {"keep_warm": "1s"}}, True),
        ({"data": {"features": ["other"], "classes": 10}}, False),
        ({"training": {"max_runtime": "2h"}}, False),
        ({"evaluation": {"metric": "f1_macro"}}, False),
    ],
)
def test_only_what_shapes_a_candidate_counts_for_its_identity(
    sections: dict[str, Any], *, same: bool
) -> None:
    assert (a_definition(**sections).digest == a_definition().digest) is same


def test_durations_that_are_the_same_time_are_the_same_definition() -> None:
    minutes = a_definition(training={"max_runtime": "60m"})
    hour = a_definition(training={"max_runtime": "1h"})

    assert minutes.digest == hour.digest


@given(st.lists(st.integers(-5, 120), max_size=6))
def test_steps_that_are_accepted_rise_from_one_to_a_hundred(steps: list[int]) -> None:
    try:
        accepted = definition_from(SMALLEST | {"rollout": {"steps": steps}}, where="t")
    except DefinitionError:
        assert not (steps and steps == sorted(set(steps)) and steps[0] >= 1 and steps[-1] == 100)
    else:
        assert list(accepted.rollout.steps) == sorted(set(steps))
        assert steps[0] >= 1
        assert steps[-1] == 100


def test_every_class_has_a_recall_that_may_be_asked_for() -> None:
    definition = a_definition(evaluation={"metric": "recall_9"}, gates={"min": {"recall_0": 0.5}})

    assert definition.evaluation.metric == "recall_9"
    assert definition.gates.min == {"recall_0": 0.5}


def test_a_file_is_read_as_the_jobs_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    (folder / "model.toml").write_bytes(b"[data]\rfeatures = ['*']\rclasses = 2\r")

    with pytest.raises(DefinitionError, match="not valid TOML"):
        read_definition(folder)


def test_a_deployed_model_survives_its_parameter() -> None:
    deployed = a_deployed()

    assert Deployed.model_validate_json(deployed.model_dump_json()) == deployed
    assert isinstance(deployed.definition, Definition)
