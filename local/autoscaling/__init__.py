"""Application Auto Scaling: the instances of endpoint variants, by policies and by schedule."""

from local.autoscaling.service import AutoScaling

__all__ = ["AutoScaling"]
