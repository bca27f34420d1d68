"""How true to AWS each operation is: the table behind `docs/embedded-aws.md`.

One module per service, named as boto3 names the service (dashes as underscores), with
`OPERATIONS`: every operation that is answered, with its fidelity. What the service model knows and
the table does not is not there, and says so when it is called.
"""

from dataclasses import dataclass
from typing import Literal

PAGE = "docs/embedded-aws.md"
Level = Literal["exact", "partial"]


@dataclass(frozen=True)
class Fidelity:
    """`difference` is what AWS does and we do not, in one line; empty when there is nothing."""

    level: Level
    difference: str = ""


EXACT = Fidelity("exact")


def partial(difference: str) -> Fidelity:
    """An operation that differs from AWS's, and how."""
    return Fidelity("partial", difference)
