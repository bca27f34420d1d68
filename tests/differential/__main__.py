"""`python -m tests.differential [SCENARIO …]`: scenarios in memory and on the embedded AWS."""

import argparse
import sys
import time

from tests.conformance.target import embedded
from tests.differential import in_memory
from tests.differential.embedded import IMAGES, Embedded
from tests.differential.scenarios import SCENARIOS, LedgerSeen, Scenario, differences


def on_the_embedded_aws(scenario: Scenario) -> LedgerSeen:
    """The ledger at the end, on an embedded AWS of its own."""
    with embedded("--image", IMAGES) as target:
        assert target.url is not None
        return Embedded(target.url, scenario).play()


def main() -> int:
    """Play them; 1 when two ledgers differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="all, when none is named")
    wanted = parser.parse_args().scenarios or list(SCENARIOS)
    wrong = 0
    for name in wanted:
        began = time.monotonic()
        found = differences(in_memory.play(SCENARIOS[name]), on_the_embedded_aws(SCENARIOS[name]))
        wrong += len(found)
        took = time.monotonic() - began
        verdict = f"{len(found)} differences" if found else "the same ledger"
        sys.stdout.write(f"{name}: {verdict} ({took:.0f} s)\n")
        sys.stdout.writelines(f"  {line}\n" for line in found)
        sys.stdout.flush()
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
