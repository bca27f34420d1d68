"""Nag's findings fail the synth unless they are acknowledged with a reason."""

from pathlib import Path

import aws_cdk as cdk_
import aws_cdk.aws_iam as iam
import aws_cdk.aws_s3 as s3
import pytest

from cdk.guard import GuardError, acknowledge, guard
from cdk.stages import DEV
from tests.infra.conftest import app, stack


def test_the_whole_stack_passes(tmp_path: Path) -> None:
    within = app(tmp_path)
    made = stack(within, "dev", tmp_path)
    guard(within, made, stage=DEV)

    within.synth()


def test_a_bucket_that_allows_plain_http_does_not_pass(tmp_path: Path) -> None:
    within = app(tmp_path)
    made = stack(within, "dev", tmp_path)
    s3.Bucket(made, "Open")
    guard(within, made, stage=DEV)

    with pytest.raises(RuntimeError, match="alidation"):
        within.synth()


def test_a_rule_is_not_acknowledged_without_a_reason() -> None:
    with pytest.raises(GuardError, match="at least 20 characters"):
        acknowledge(cdk_.Stack(), {"S1": "because"})


def test_a_call_that_takes_no_resource_is_acknowledged_only_where_it_is_known(
    tmp_path: Path,
) -> None:
    within = app(tmp_path)
    made = stack(within, "dev", tmp_path)
    made.handlers["gate_model"].role.add_to_policy(
        iam.PolicyStatement(actions=["cloudwatch:GetMetricData"], resources=["*"])
    )
    guard(within, made, stage=DEV)

    with pytest.raises(RuntimeError, match="alidation"):
        within.synth()
