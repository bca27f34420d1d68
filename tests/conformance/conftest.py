"""One AWS for all checks; what costs money on a real account is asked for with one variable."""

import os
from collections.abc import Iterator

import pytest

from tests.conformance.target import Target, chosen


@pytest.fixture(scope="session")
def aws() -> Iterator[Target]:
    with chosen() as target:
        yield target


@pytest.fixture(autouse=True)
def _what_is_asked_for(request: pytest.FixtureRequest) -> None:
    """`costs`: needs money on an account. `embedded`: cannot be asked of an account at all."""
    real = os.environ.get("SLUICE_CONFORMANCE") == "aws"
    if real and request.node.get_closest_marker("embedded"):
        pytest.skip("only the embedded AWS can be asked this")
    paid = os.environ.get("SLUICE_CONFORMANCE_COSTS") == "yes"
    if real and not paid and request.node.get_closest_marker("costs"):
        pytest.skip("costs money: set SLUICE_CONFORMANCE_COSTS=yes")


@pytest.fixture
def alarm(aws: Target) -> Iterator[str]:
    """An alarm that nobody has set off."""
    cloudwatch, name = aws.client("cloudwatch"), aws.name("alarm")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="conformance",
        MetricName=name,
        Statistic="Sum",
        Period=3600,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    yield name
    cloudwatch.delete_alarms(AlarmNames=[name])
