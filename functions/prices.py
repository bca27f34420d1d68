"""What SageMaker asks for an hour of training, as data: of one region, as of one day.

Another region, a later change or a type that is missing is written in `[training.budget] prices`.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

CURRENCY = "USD"
REGION = "us-east-1"
AS_OF = date(2025, 5, 1)
"""P4 and P5 became cheaper in June 2025: until they are overridden, their estimate is too high."""

SPOT_DISCOUNT = 0.0
"""What an estimate takes off for managed spot: nothing. SageMaker names no price for it beforehand,
only a bound (up to 90 %), and a reservation that might be too small would be none. What a job has
cost is counted by its billable seconds, in which the discount is."""

HOURLY: Mapping[str, float] = MappingProxyType(
    {
        "ml.m5.large": 0.115,
        "ml.m5.xlarge": 0.23,
        "ml.m5.2xlarge": 0.461,
        "ml.m5.4xlarge": 0.922,
        "ml.m5.12xlarge": 2.765,
        "ml.m5.24xlarge": 5.53,
        "ml.c5.xlarge": 0.204,
        "ml.c5.2xlarge": 0.408,
        "ml.c5.4xlarge": 0.816,
        "ml.c5.9xlarge": 1.836,
        "ml.c5.18xlarge": 3.672,
        "ml.g4dn.xlarge": 0.7364,
        "ml.g4dn.2xlarge": 0.94,
        "ml.g4dn.4xlarge": 1.505,
        "ml.g4dn.8xlarge": 2.72,
        "ml.g4dn.12xlarge": 4.89,
        "ml.g4dn.16xlarge": 5.44,
        "ml.g5.xlarge": 1.408,
        "ml.g5.2xlarge": 1.515,
        "ml.g5.4xlarge": 2.03,
        "ml.g5.8xlarge": 3.06,
        "ml.g5.12xlarge": 7.09,
        "ml.g5.16xlarge": 5.12,
        "ml.g5.24xlarge": 10.18,
        "ml.g5.48xlarge": 20.36,
        "ml.g6.2xlarge": 1.222,
        "ml.g6.12xlarge": 5.752,
        "ml.g6.16xlarge": 4.246,
        "ml.g6.24xlarge": 8.344,
        "ml.p3.2xlarge": 3.825,
        "ml.p3.8xlarge": 14.688,
        "ml.p3.16xlarge": 28.152,
        "ml.p4d.24xlarge": 37.688,
        "ml.p5.48xlarge": 113.068,
        "ml.trn1.32xlarge": 28.497,
    }
)
"""USD for an hour of one instance on demand."""


def hourly(instance: str, own: Mapping[str, float]) -> float | None:
    """The price of an hour, the user's own first; None when nobody knows it."""
    return own.get(instance, HOURLY.get(instance))


def estimate(hourly: float, *, seconds: float, count: int, spot: bool) -> float:
    """The most that a job of `count` instances may cost that ends within `seconds`."""
    return cost(hourly * (1 - SPOT_DISCOUNT if spot else 1), seconds=seconds, count=count)


def cost(hourly: float, *, seconds: float, count: int) -> float:
    """What so many seconds of `count` instances cost, to a hundredth of a cent."""
    return round(hourly * count * seconds / 3600, 4)
