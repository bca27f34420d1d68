"""Faults on request: what may go wrong between a client and AWS, chosen at `/_local/faults`.

They live in memory alone: a new process begins without any.
"""

from local.faults.calls import Victims as Victims
from local.faults.faults import Faults as Faults
