"""Answers go to their askers, whatever the batches are made of."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

from serving.batcher import Batcher
from serving.budget import Budget
from serving.columns import Rows
from serving.line import Answered, Expired, Failed, Outcome, OutOfMemory
from serving.pace import Pace

POISON = -1.0
GIANT = -3.0
EXIT = -2.0
DEADLINE = 10.0


class GatedModel:
    """Answers each row with its own number; refuses poison; waits at a gate when told to."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.seen: list[list[float]] = []
        self.memory = 1_000_000  # rows

    def predict(self, rows: Rows) -> list[Any]:
        self.entered.set()
        assert self.gate.wait(DEADLINE)
        values: list[Any] = rows[:, 0].tolist()
        self.seen.append(values)
        if len(values) > self.memory or GIANT in values:
            raise MemoryError("no room")
        if POISON in values:
            raise ValueError("poison")
        if EXIT in values:
            sys.exit("enough")
        return values


class Bench:
    """A batcher whose caller's side is this thread."""

    def __init__(
        self,
        *,
        max_batch: int = 8,
        max_queued: int = 1000,
        max_bytes: int = 2**30,
        pace: Pace | None = None,
    ) -> None:
        self.model = GatedModel()
        self.posted: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.sizes: list[int] = []
        self.outcomes: dict[str, Outcome] = {}
        self.now = 0.0
        self.batcher = Batcher(
            predict=self.model.predict,
            post=self.posted.put,
            pace=pace or Pace((max_batch,)),
            bytes_queued=Budget(max_bytes),
            max_queued=max_queued,
            observe=lambda batch: self.sizes.append(batch.rows) if batch.rows else None,
            clock=lambda: self.now,
            stall_seconds=60.0,
        )

    def submit(
        self, name: str, *values: float, client: str = "", expires: float = float("inf")
    ) -> Any:
        rows = np.array([[value] for value in values], dtype=np.float32)
        return self.batcher.submit(
            rows,
            lambda outcome: self.outcomes.update({name: outcome}),
            client=client,
            expires=expires,
        )

    def until(self, answers: int) -> None:
        while len(self.outcomes) < answers:
            self.posted.get(timeout=DEADLINE)()


def test_whatever_waits_becomes_one_batch_and_each_gets_its_own_answer() -> None:
    bench = Bench()
    for number in range(6):
        bench.submit(str(number), float(number), float(number) + 0.5)

    bench.batcher.start()
    bench.until(6)

    assert bench.outcomes == {str(n): Answered([float(n), n + 0.5]) for n in range(6)}
    assert bench.sizes == [8, 4]


def test_a_thousand_requests_from_many_threads_get_their_own_answers() -> None:
    bench = Bench(max_batch=16, max_queued=100_000)
    bench.batcher.start()
    random = np.random.default_rng(1)
    requests = {
        str(index): [float(index * 10 + k) for k in range(random.integers(1, 6))]
        for index in range(1000)
    }

    for name, values in requests.items():
        bench.submit(name, *values)
    bench.until(1000)

    assert bench.outcomes == {name: Answered(values) for name, values in requests.items()}
    assert max(len(values) for values in bench.model.seen) <= 16
    assert bench.batcher.waiting == 0


def test_a_free_model_never_waits_for_a_batch_to_fill() -> None:
    bench = Bench(max_batch=32)
    bench.batcher.start()

    bench.submit("alone", 1.0)
    bench.until(1)

    assert bench.sizes == [1]


def test_poison_fails_only_its_own_request() -> None:
    bench = Bench()
    for number in range(8):
        bench.submit(str(number), POISON if number == 5 else float(number))

    bench.batcher.start()
    bench.until(8)

    assert bench.outcomes.pop("5") == Failed("ValueError: poison")
    assert bench.outcomes == {str(n): Answered([float(n)]) for n in range(8) if n != 5}


def test_a_request_larger_than_a_batch_goes_through_in_slices() -> None:
    bench = Bench(max_batch=4)

    bench.submit("large", *(float(number) for number in range(11)))
    bench.batcher.start()
    bench.until(1)

    assert bench.outcomes == {"large": Answered([float(number) for number in range(11)])}
    assert [len(values) for values in bench.model.seen] == [4, 4, 3]


def test_too_much_waiting_is_refused_until_some_of_it_is_answered() -> None:
    bench = Bench(max_queued=4)
    bench.model.gate.clear()
    bench.batcher.start()

    assert bench.submit("a", 1.0, 2.0, 3.0) is not None
    assert bench.submit("b", 4.0, 5.0) is None
    assert bench.submit("c", 6.0) is not None

    bench.model.gate.set()
    bench.until(2)
    assert bench.submit("d", *(float(number) for number in range(9))) is not None


def test_what_nobody_waits_for_any_more_is_not_computed() -> None:
    bench = Bench()
    bench.submit("gone", 1.0).abandon()
    bench.submit("here", 2.0)

    bench.batcher.start()
    bench.until(1)

    assert bench.outcomes == {"here": Answered([2.0])}
    assert bench.model.seen == [[2.0]]
    assert bench.sizes == [1]
    assert bench.batcher.waiting == 0


def test_abandoning_while_the_model_works_gives_nobody_a_wrong_answer() -> None:
    bench = Bench()
    bench.model.gate.clear()
    items = [bench.submit(str(number), float(number)) for number in range(4)]
    bench.batcher.start()

    items[1].abandon()
    bench.model.gate.set()
    bench.until(3)

    assert bench.outcomes == {str(n): Answered([float(n)]) for n in (0, 2, 3)}


def test_a_stop_still_answers_everything_submitted_before() -> None:
    bench = Bench(max_batch=2)
    for number in range(7):
        bench.submit(str(number), float(number))
    bench.batcher.start()

    assert bench.batcher.stop(timeout=DEADLINE)
    bench.until(7)

    assert len(bench.outcomes) == 7


def test_a_model_that_hangs_is_told() -> None:
    bench = Bench()
    bench.model.gate.clear()
    bench.submit("a", 1.0)
    bench.batcher.start()

    assert not bench.batcher.stop(timeout=0.0)

    bench.model.gate.set()
    bench.until(1)


def test_a_batcher_that_never_started_stops_at_once() -> None:
    assert Bench().batcher.stop(timeout=0.0)


@pytest.mark.parametrize("poisoned", [(0,), (7,), (0, 7), (1, 2, 3), tuple(range(8))])
def test_any_number_of_poisoned_requests_fail_alone(poisoned: tuple[int, ...]) -> None:
    bench = Bench()
    for number in range(8):
        bench.submit(str(number), POISON if number in poisoned else float(number))

    bench.batcher.start()
    bench.until(8)

    failed = {name for name, outcome in bench.outcomes.items() if isinstance(outcome, Failed)}
    assert failed == {str(number) for number in poisoned}


def test_a_model_that_wants_to_exit_fails_its_request_and_the_next_is_answered() -> None:
    bench = Bench()
    bench.batcher.start()
    bench.submit("exits", EXIT)
    bench.until(1)
    bench.submit("next", 1.0)
    bench.until(2)

    assert bench.outcomes == {"exits": Failed("SystemExit: enough"), "next": Answered([1.0])}
    assert bench.batcher.fault() is None


def test_a_model_too_long_at_one_batch_is_a_fault_until_it_comes_back() -> None:
    bench = Bench()
    bench.model.gate.clear()
    bench.batcher.start()
    bench.submit("slow", 1.0)
    assert bench.model.entered.wait(DEADLINE)

    bench.now = 60.0
    assert bench.batcher.fault() is None
    bench.now = 61.0
    assert bench.batcher.fault() == "the model is at one batch for more than 60 s"

    bench.model.gate.set()
    bench.until(1)
    assert bench.batcher.fault() is None


def test_an_idle_model_is_no_fault_however_long() -> None:
    bench = Bench()
    bench.batcher.start()

    bench.now = 10_000.0

    assert bench.batcher.fault() is None


def test_a_model_thread_that_is_gone_is_a_fault() -> None:
    bench = Bench()
    assert bench.batcher.fault() == "the model's thread is not there"

    bench.batcher.start()
    assert bench.batcher.fault() is None

    bench.batcher.stop(timeout=DEADLINE)
    assert bench.batcher.fault() == "the model's thread is not there"


def numbers(count: int) -> list[float]:
    return [float(number) for number in range(count)]


def test_requests_are_cut_so_that_every_batch_is_full() -> None:
    bench = Bench(max_batch=4)
    for name, size in (("a", 3), ("b", 3), ("c", 3), ("d", 3)):
        bench.submit(name, *numbers(size))

    bench.batcher.start()
    bench.until(4)

    assert bench.sizes == [4, 4, 4]
    assert bench.outcomes == {name: Answered(numbers(3)) for name in "abcd"}


def test_who_asks_for_one_row_does_not_wait_for_who_asks_for_a_thousand() -> None:
    bench = Bench(max_batch=8, max_queued=10_000)
    bench.submit("greedy", *numbers(1000), client="greedy")
    bench.submit("greedy too", *numbers(1000), client="greedy")
    bench.submit("modest", 1.0, client="modest")

    bench.batcher.start()
    bench.until(1)

    assert list(bench.outcomes) == ["modest"]
    assert sum(bench.sizes) <= 24
    bench.until(3)
    assert bench.outcomes["greedy too"] == Answered(numbers(1000))


def test_the_requests_of_one_client_are_answered_in_their_order() -> None:
    bench = Bench(max_batch=2)
    for index in range(20):
        bench.submit(str(index), float(index), client="one")

    bench.batcher.start()
    bench.until(20)

    assert list(bench.outcomes) == [str(index) for index in range(20)]


def test_one_client_alone_may_fill_the_queue_and_beside_others_not() -> None:
    alone, beside = Bench(max_queued=100), Bench(max_queued=100)
    beside.submit("other", 0.0, client="other")

    held = [
        sum(bench.submit("", 0.0, client="greedy") is not None for _ in range(200))
        for bench in (alone, beside)
    ]

    assert held[0] == 100
    assert 80 <= held[1] <= 90
    assert beside.submit("", 0.0, client="third") is not None


def test_bytes_that_wait_are_bounded_and_given_back() -> None:
    bench = Bench(max_bytes=40)
    assert bench.submit("a", *numbers(8)) is not None
    assert bench.submit("b", *numbers(3)) is None
    assert bench.submit("c", *numbers(2)) is not None

    bench.batcher.start()
    bench.until(2)

    assert bench.batcher.bytes_queued.taken == 0


def test_what_is_too_late_is_told_so_and_not_computed() -> None:
    bench = Bench()
    bench.now = 5.0
    bench.submit("late", 1.0, 2.0, expires=5.0)
    bench.submit("in time", 3.0, expires=5.1)

    bench.batcher.start()
    bench.until(2)

    assert bench.outcomes == {"late": Expired(), "in time": Answered([3.0])}
    assert bench.model.seen == [[3.0]]
    assert (bench.batcher.waiting, bench.batcher.bytes_queued.taken) == (0, 0)


def test_a_failed_request_is_told_so_once_and_its_rest_is_not_computed() -> None:
    bench = Bench(max_batch=4)
    bench.submit("poisoned", POISON, *numbers(11))
    bench.submit("next", 7.0)

    bench.batcher.start()
    bench.until(2)

    assert bench.outcomes == {"poisoned": Failed("ValueError: poison"), "next": Answered([7.0])}
    assert sum(map(len, bench.model.seen)) == 5
    assert (bench.batcher.waiting, bench.batcher.bytes_queued.taken) == (0, 0)


def test_a_batch_too_large_for_memory_is_computed_in_parts_and_the_next_is_smaller() -> None:
    bench = Bench(max_batch=16)
    bench.model.memory = 5
    bench.submit("many", *numbers(32))

    bench.batcher.start()
    bench.until(1)

    assert bench.outcomes == {"many": Answered(numbers(32))}
    assert bench.batcher.pace.limit == 4
    assert [len(values) for values in bench.model.seen[-4:]] == [4, 4, 4, 4]


def test_a_request_that_no_memory_is_enough_for_is_told_so_and_no_other() -> None:
    bench = Bench(max_batch=8)
    for index in range(8):
        bench.submit(str(index), GIANT if index == 3 else float(index))

    bench.batcher.start()
    bench.until(8)

    assert bench.outcomes.pop("3") == OutOfMemory("MemoryError: no room")
    assert bench.outcomes == {str(n): Answered([float(n)]) for n in range(8) if n != 3}
    assert bench.batcher.pace.limit == 4


def test_a_padded_model_sees_whole_buckets_and_nobody_gets_the_padding() -> None:
    bench = Bench(pace=Pace((1, 2, 4, 8), padded=True))
    for index in range(5):
        bench.submit(str(index), float(index))

    bench.batcher.start()
    bench.until(5)

    assert bench.model.seen == [[0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0]]
    assert bench.outcomes == {str(n): Answered([float(n)]) for n in range(5)}
