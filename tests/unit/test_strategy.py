"""How traffic may be moved, and what is refused before anything changes."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.definition import DefinitionError, definition_from, read_definition
from functions.strategy import Guardrail
from tests.builders import a_definition

SMALLEST = {"data": {"features": ["*"], "classes": 2}}
GUARDED: dict[str, Any] = {"strategy": "guardrail"}


def refusal(*, count: int = 4, instances: tuple[str, ...] = ("ml.g5.xlarge",), **keys: Any) -> str:
    serving = {"count": count, "instances": list(instances)}
    with pytest.raises(DefinitionError) as caught:
        definition_from(SMALLEST | {"serving": serving, "rollout": keys}, where="model.toml")
    return str(caught.value).removeprefix("model.toml: ")


def guarded(**keys: Any) -> str:
    return refusal(**GUARDED, guardrail=keys)


def test_all_at_once_is_one_step() -> None:
    assert a_definition(rollout={"strategy": "all_at_once"}).rollout.stairs == (100,)
    assert a_definition(rollout={"steps": [10, 100]}).rollout.stairs == (10, 100)


@pytest.mark.parametrize("name", ["shadow", "experiment"])
def test_a_strategy_that_is_not_there_yet_is_refused_by_its_name(name: str) -> None:
    assert refusal(strategy=name) == (
        f'[rollout.strategy]: {name!r} is not there yet; write strategy = "stepped"'
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"steps": [50, 5, 100]}, "[rollout.steps]: steps must rise from at least 1 to 100"),
        ({"steps": [5, 120]}, "[rollout.steps]: steps must rise from at least 1 to 100"),
        ({"dry_run": ["accuracy"]}, "[rollout.dry_run.0]: Input should be 'errors', 'refused'"),
        ({"bake": "4d"}, "[rollout.bake]: 4 bakes are longer than the 15 days"),
        ({"strategy": "all_at_once", "steps": [5, 100]}, "[rollout.steps]: of strategy = "),
        ({"guardrail": {"size": 20}}, "[rollout.guardrail]: of strategy = "),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_key(keys: dict[str, Any], said: str) -> None:
    assert refusal(**keys).startswith(said)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"size": 51}, "size]: canary takes 1 to 50 percent, not 51"),
        ({"type": "linear", "size": 9}, "size]: linear takes 10 to 50 percent, not 9"),
        ({"type": "rolling", "size": 4}, "size]: rolling takes 5 to 50 percent, not 4"),
        ({"size": 0}, "size]: Input should be greater than or equal to 1"),
        ({"size": 3, "unit": "instances"}, "size]: 3 of 4 instances are more than 50 percent"),
        ({"type": "linear", "size": 51, "unit": "instances"}, "size]: 51 of 4 instances are more"),
        ({"wait": 3601}, "wait]: Input should be less than or equal to 3600"),
        ({"termination_wait": "2h"}, "termination_wait]: Input should be less than or equal"),
        ({"timeout": 599}, "timeout]: Input should be greater than or equal to 600"),
        ({"timeout": "9h"}, "timeout]: Input should be less than or equal to 28800"),
        ({"wait": "10m", "timeout": "10m"}, "timeout]: 600 s are no more than the waits"),
        ({"type": "rolling", "termination_wait": 1}, "termination_wait]: rolling ends old"),
        ({"typ": "linear"}, "typ]: unknown key 'typ'; did you mean 'type'?"),
    ],
)
def test_a_guardrail_out_of_the_limits_of_aws_is_refused(keys: dict[str, Any], said: str) -> None:
    assert guarded(**keys).startswith(f"[rollout.guardrail.{said}")


def test_a_guardrail_that_sagemaker_would_drop_without_a_word_is_refused() -> None:
    assert refusal(instances=("ml.inf1.xlarge",), **GUARDED) == (
        "[rollout.strategy]: guardrail on ml.inf1.xlarge (archived by AWS): SageMaker silently"
        " drops its guardrails there and updates all at once, without a bake;"
        ' write strategy = "stepped"'
    )


def test_one_instance_cannot_be_divided() -> None:
    assert "guardrail moves whole instances, and one cannot be divided" in refusal(
        count=1, **GUARDED
    )


def test_all_faults_are_told_at_once_each_with_its_key() -> None:
    table = SMALLEST | {
        "rollout": {"steps": [5, 120], "bake": "soon", "dry_run": ["accuracy"]},
        "serving": {"max_batch": 0},
        "wach": {},
    }

    with pytest.raises(DefinitionError) as caught:
        definition_from(table, where="model.toml")

    said = str(caught.value)
    assert said.startswith("model.toml: 5 faults: (1) [")
    keys = ["serving.max_batch", "rollout.steps", "rollout.bake", "rollout.dry_run.0", "wach"]
    assert [key for key in keys if f"[{key}]: " not in said] == []


def test_a_rollout_and_another_section_err_at_the_same_time() -> None:
    table = SMALLEST | {"rollout": {"bake": "9d"}, "watch": {"keep_warm": "0s"}}

    with pytest.raises(DefinitionError, match=r"2 faults: .*watch.keep_warm.*rollout.bake"):
        definition_from(table, where="model.toml")


@given(
    st.builds(
        Guardrail,
        type=st.sampled_from(["canary", "linear", "rolling"]),
        size=st.integers(1, 60),
        unit=st.sampled_from(["percent", "instances"]),
    ),
    st.integers(2, 40),
)
def test_what_is_accepted_moves_no_more_than_half_at_once(plan: Guardrail, count: int) -> None:
    if not [*plan.faults(count)]:
        assert plan.at_once(count) * 2 <= count
        assert plan.moves(count) >= 2


def test_a_wider_move_takes_no_more_of_them() -> None:
    moves = [Guardrail(type="linear", size=size).moves(10) for size in range(10, 51, 10)]

    assert moves == [10, 5, 4, 3, 2]
    assert all(a >= b for a, b in pairwise(moves))


def written(folder: Path, golden: str | None, *, named: str = "") -> Path:
    folder.mkdir()
    key = f'[rollout]\ngolden = "{named}"\n' if named else ""
    (folder / "model.toml").write_text(f'[data]\nfeatures = ["*"]\nclasses = 2\n{key}')
    if golden is not None:
        (folder / (named or "golden.jsonl")).write_text(golden)
    return folder


@pytest.mark.parametrize("named", ["", "known.jsonl"])
def test_golden_requests_are_read_from_the_file_beside_the_definition(
    tmp_path: Path, named: str
) -> None:
    line = '{"instance": [1, 2.5], "prediction": 1}\n'

    rollout = read_definition(written(tmp_path / "digits", 2 * line, named=named)).rollout

    assert rollout.questions(None) == ([[1, 2.5], [1, 2.5]], (1, 1))


def test_without_golden_requests_the_first_rows_of_the_dataset_are_asked(tmp_path: Path) -> None:
    rollout = read_definition(written(tmp_path / "digits", None)).rollout

    assert rollout.questions({"instances": [[0.0]]}) == ([[0.0]], ())
    assert rollout.questions(None) == ([], ())


@pytest.mark.parametrize(
    ("golden", "named", "said"),
    [
        (None, "known.jsonl", "[rollout.golden]: "),
        ("{", "", "[rollout.golden]: "),
        ("\n" * 4097, "", "[rollout.golden]: "),
        ('{"instance": [1]}', "", "[rollout.requests.0.prediction]: "),
        ('{"instance": [], "prediction": 1}', "", "[rollout.requests.0.instance]: "),
    ],
)
def test_a_golden_file_that_cannot_be_used_is_told_before_anything_changes(
    tmp_path: Path, golden: str | None, named: str, said: str
) -> None:
    with pytest.raises(DefinitionError, match=re.escape(said)):
        read_definition(written(tmp_path / "digits", golden, named=named))
