"""Names are derived from what a thing is: the same cause, the same name, within AWS's limits."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.words import MODEL_PATTERN
from functions.names import (
    VARIANTS,
    Names,
    client_token,
    digest_of,
    other_variant,
    rollout_id,
    run_id,
)
from functions.places import Places
from tests.builders import NAMES, RUN

MODELS = st.from_regex(MODEL_PATTERN.strip("^$"), fullmatch=True)
RUNS = st.from_regex("[0-9a-f]{12}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
SAGEMAKER_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


def test_names_are_these() -> None:
    assert NAMES.endpoint("digits") == "sluice-dev-digits"
    assert NAMES.package_group("digits") == "sluice-dev-digits"
    assert NAMES.training_job("digits", RUN) == f"sluice-dev-digits-{RUN}-t1"
    assert NAMES.evaluation_job("digits", RUN, 2) == f"sluice-dev-digits-{RUN}-e2"
    assert NAMES.deployed_model("digits", 3) == "sluice-dev-digits-v3"
    assert NAMES.alarm("digits", "green", "5xx") == "sluice-dev-digits-green-5xx"
    assert NAMES.definition_parameter("digits") == "/sluice/dev/models/digits"
    assert rollout_id("sluice-dev-digits", 3) == "sluice-dev-digits-v3"


@given(model=MODELS, run=RUNS, attempt=st.integers(1, 99))
def test_every_name_is_one_that_sagemaker_takes(model: str, run: str, attempt: int) -> None:
    model = model.rstrip("-")

    for name in (
        NAMES.endpoint(model),
        NAMES.training_job(model, run, attempt),
        NAMES.evaluation_job(model, run, attempt),
        NAMES.deployed_model(model, attempt),
        NAMES.endpoint_config(model, {"blue": [1, run]}),
    ):
        assert SAGEMAKER_NAME.fullmatch(name), name


@given(model=MODELS, run=RUNS, attempt=st.integers(1, 99))
def test_a_job_leads_back_to_its_run(model: str, run: str, attempt: int) -> None:
    assert NAMES.run_of(NAMES.training_job(model, run, attempt)) == (model, run)
    assert NAMES.run_of(NAMES.evaluation_job(model, run, attempt)) == (model, run)
    assert NAMES.model_of(NAMES.endpoint(model)) == model


@pytest.mark.parametrize(
    "job",
    ["", "sluice-dev-digits", f"sluice-prod-digits-{RUN}-t1", f"x-sluice-dev-d-{RUN}-t1", RUN],
)
def test_somebody_elses_job_leads_nowhere(job: str) -> None:
    assert NAMES.run_of(job) is None


@pytest.mark.parametrize("endpoint", ["", "sluice-dev", "sluice-dev-", "sluice-prod-digits"])
def test_somebody_elses_endpoint_leads_nowhere(endpoint: str) -> None:
    assert NAMES.model_of(endpoint) is None


def test_a_prefix_is_taken_literally() -> None:
    assert Names("a.b").model_of("axb-digits") is None


@given(value=JSON)
def test_a_digest_does_not_depend_on_order_or_spacing(value: object) -> None:
    again = json.loads(json.dumps(value, indent=3), object_pairs_hook=_reversed)

    assert digest_of(again) == digest_of(value)


@given(one=JSON, other=JSON)
def test_different_values_have_different_digests(one: object, other: object) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

    assert (digest_of(one) == digest_of(other)) is same


def test_a_run_is_named_by_all_of_its_causes() -> None:
    causes = {"model": "digits", "dataset": "d", "config": "c", "code": "k"}
    others = {run_id(**(causes | {name: "other"})) for name in causes}

    assert re.fullmatch(r"[0-9a-f]{12}", run_id(**causes))
    assert len(others | {run_id(**causes)}) == 5


@given(parts=st.lists(st.text(max_size=30), max_size=4))
def test_a_client_token_is_one_that_aws_takes(parts: list[str]) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9-]{1,36}", client_token(*parts))


def test_a_configuration_is_named_by_what_stands_in_it_in_any_order() -> None:
    one = NAMES.endpoint_config("digits", {"blue": [1, "a"], "green": [2, "b"]})

    assert one == NAMES.endpoint_config("digits", {"green": [2, "b"], "blue": [1, "a"]})
    assert one != NAMES.endpoint_config("digits", {"blue": [2, "b"], "green": [1, "a"]})


def test_champion_and_challenger_take_turns() -> None:
    assert [other_variant(variant) for variant in VARIANTS] == ["green", "blue"]


def test_everything_of_a_run_lies_below_its_own_folder() -> None:
    places = Places("artifacts")

    assert places.dataset("digits", "d") == "s3://artifacts/datasets/digits/d"
    assert places.training("digits", "r") == "s3://artifacts/runs/digits/r/training"
    assert places.checkpoints("digits", "r") == "s3://artifacts/runs/digits/r/checkpoints"
    assert places.evaluation("digits", "r", 2) == "s3://artifacts/runs/digits/r/evaluation/2"


def _reversed(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return dict(reversed(pairs))
