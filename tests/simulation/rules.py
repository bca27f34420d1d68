"""`python -m tests.simulation.rules [--examples 20000]`: worlds made step by step, which shrink.

What people, AWS and bad luck do is one rule each, in any order Hypothesis likes; after every rule
the invariants hold, and at the end the world comes to rest. A story that breaks one is told in the
fewest steps that still do.
"""

import argparse
import heapq
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from functions.registry import Approval
from tests.builders import MODEL
from tests.fakes.stage import SWEEP_EVERY
from tests.simulation.adapterpoints import MODES
from tests.simulation.chaos import Chaos, Fault, applies
from tests.simulation.world import World

SCORES = (0.95, 0.5, 0.96, 0.97, 0.98)
MOST_DROPS = 8
SOON = (1, 5, 15, 60, 600)
"""Minutes that may go by."""
LUCK = (
    Fault.EVENT_LOST,
    Fault.EVENT_TWICE,
    Fault.EVENT_LATE,
    Fault.SCHEDULE_LOST,
    Fault.JOB_FAILED,
    Fault.JOB_STOPPED,
    Fault.JOB_SHORT,
    Fault.SPOT_WAITED,
    Fault.JOB_DEAR,
    Fault.DEPLOY_SILENT,
    Fault.DEPLOY_FAILED,
    Fault.DEPLOY_SLOW,
    Fault.PROBE_BROKEN,
    Fault.BAD_IN_SERVICE,
)
"""What strikes at the next occasion."""


@dataclass
class Armed(Chaos):
    """No dice: each fault strikes once, at the occasion it was laid in wait for."""

    laid: list[Fault] = field(default_factory=list)
    at_calls: list[tuple[int, Fault]] = field(default_factory=list)
    """How many calls to let pass, and what strikes then."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.kinds = frozenset()

    def happens(self, fault: Fault, *, state: str = "") -> bool:
        if self.over or fault not in self.laid:
            return False
        self.laid.remove(fault)
        self.strikes(fault, state=state)
        return True

    def at_call(self, call: str) -> Fault | None:
        if self.over or not self.at_calls:
            return None
        (left, fault), *others = self.at_calls
        if left > 0:
            self.at_calls = [(left - 1, fault), *others]
            return None
        if not applies(fault, call):
            return None
        self.at_calls = others
        return fault


class SteppedWorld(World):
    """A world whose time goes by when it is told to."""

    def pass_time(self, time: timedelta) -> None:
        """Whatever is to happen within this time happens."""
        end = self.now + time
        if all(moment[-1] != self._tick for moment in self._moments):
            self.at(SWEEP_EVERY, "", self._tick)
        while self._moments and self._moments[0][0] <= end:
            self._pass_on()
        self.now = self.invariants.now = max(self.now, end)

    def run(self) -> str:
        """To its end, with the one row of sweeps that the end begins itself."""
        self._moments = [moment for moment in self._moments if moment[-1] != self._tick]
        heapq.heapify(self._moments)
        return super().run()

    def act(self, action: Callable[[], None]) -> None:
        """Something happens now."""
        self.at(timedelta(), "", action)
        self.pass_time(timedelta())


class WorldRules(RuleBasedStateMachine):
    """Anything that may happen to a world, with a handful of drops."""

    world: SteppedWorld
    chaos: Armed
    drops = 0

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        self.chaos = Armed(seed)
        self.world = SteppedWorld(self.chaos, tell=note)

    @precondition(lambda self: self.drops < MOST_DROPS)
    @rule(score=st.sampled_from(SCORES))
    def drops_data(self, score: float) -> None:
        name = self._next_drop(score)
        self._arrives(name, {"part-0.parquet": name.encode(), "_SUCCESS": b""})

    @precondition(lambda self: self.drops < MOST_DROPS)
    @rule(score=st.sampled_from(SCORES))
    def drops_in_pieces(self, score: float) -> None:
        name = self._next_drop(score)
        self._arrives(name, {"part-0.parquet": name.encode()}, files=None)
        self.world.pass_time(timedelta(minutes=1))
        self._arrives(name, {"_SUCCESS": b""})

    @precondition(lambda self: self.drops < MOST_DROPS)
    @rule()
    def drops_what_cannot_be_read(self) -> None:
        self._arrives(self._next_drop(0.5), {"part-0.parquet": b"bad", "_SUCCESS": b""})

    @rule(minutes=st.sampled_from(SOON))
    def time_goes_by(self, minutes: int) -> None:
        self.world.pass_time(timedelta(minutes=minutes))

    @precondition(lambda self: self._versions())
    @rule(age=st.integers(0, 2), word=st.sampled_from([Approval.APPROVED, Approval.REJECTED]))
    def a_person_decides(self, age: int, word: Approval) -> None:
        versions = self._versions()
        version = versions[max(0, len(versions) - 1 - age)]
        self.world.act(partial(self.world.decides, version, word))

    @precondition(lambda self: self._versions())
    @rule()
    def a_person_wants_the_newest_back(self) -> None:
        self.world.act(partial(self.world.asks_back, self._versions()[-1]))

    @rule()
    def a_person_trains_again(self) -> None:
        self.world.act(self.world.asks_for_runs)

    @rule(fault=st.sampled_from((*MODES, Fault.INTERLEAVED)), calls=st.integers(0, 12))
    def a_call_goes_wrong(self, fault: Fault, calls: int) -> None:
        self.chaos.at_calls.append((calls, fault))

    @rule(fault=st.sampled_from(LUCK))
    def bad_luck(self, fault: Fault) -> None:
        self.chaos.laid.append(fault)

    @rule(full=st.booleans())
    def capacity(self, *, full: bool) -> None:
        self.world.jobs.full = self.world.endpoints.full = full

    @rule()
    def prices_are_raised(self) -> None:
        self.world.act(self.world.raise_prices)

    @rule(minutes=st.sampled_from(SOON))
    def silence(self, minutes: int) -> None:
        self.world.quiet_until = self.world.now + timedelta(minutes=minutes)

    @invariant()
    def nothing_is_unsafe(self) -> None:
        self.world.invariants.meanwhile(serving=self.world.serving)

    def teardown(self) -> None:
        """The faults end, and all comes to rest; a story that is broken already has ended."""
        if sys.exc_info()[0] is None and hasattr(self, "world"):
            self.chaos.over = True
            self.world.jobs.full = self.world.endpoints.full = False
            self.world.run()

    def _versions(self) -> list[int]:
        return sorted(number for model, number in self.world.registry.versions if model == MODEL)

    def _next_drop(self, score: float) -> str:
        self.drops += 1
        name = f"drop-{self.drops}"
        self.world.accuracy[name] = score
        return name

    def _arrives(self, name: str, pieces: dict[str, bytes], *, files: int | None = 1) -> None:
        if files is not None:
            self.world.whole[name] = files
        self.world.act(partial(self.world.upload, name, pieces))


def played(examples: int, *, steps: int = 20, seeded: bool = True) -> None:
    """Raise what breaks, in its shortest story."""
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=seeded,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(WorldRules, settings=profile)


def main() -> int:
    """Play them; Hypothesis tells the shortest story that breaks one."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.rules", description=__doc__)
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=30, help="rules in a world at most")
    parser.add_argument("--same", action="store_true", help="the same worlds every time")
    wish = parser.parse_args()
    played(wish.examples, steps=wish.steps, seeded=wish.same)
    held = f"{wish.examples} worlds of up to {wish.steps} rules: every invariant held"
    sys.stdout.write(f"{held}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
