"""The loop that measures: queries on lanes, each started again as soon as its last one is done.

With one lane that is one query at a time; with several there are always as many in flight.
Python's part of a query is a clock read before and after each call, one comparison, and eight
numbers into a flat array: a microsecond or two, while the lanes' work goes on.
"""

from __future__ import annotations

import gc
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from core.benchmark.samples import COLUMNS, Samples
from core.benchmark.values import BenchmarkOptions
from core.errors import Cancelled
from core.sessions.lanes import Lane

TELL_S = 0.05
"""How often a listener is told, and whether to stop is asked."""

Tell = Callable[[np.ndarray, float | None], bool]
"""Told of new rows, (n, 10) as Samples.rows, and of how far it is, 0 to 1 (None while it warms
up); gives whether to stop."""

MOST_QUERIES = 10_000_000
"""A measurement ends there: a day at 10,000 a second would not fit into memory (72 bytes each)."""

_RAW = 9  # numbers of a query: begin, enqueued, done, lane, and QueryTimes


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a loop gave. The first run and the warm-up are not in the samples."""

    samples: Samples
    first_run_ms: float | None  # None where it was stopped before
    is_complete: bool
    is_full: bool  # ended by MOST_QUERIES


def measure(
    lanes: Sequence[Lane],
    options: BenchmarkOptions,
    tell: Tell,
    clock: Callable[[], float] = time.perf_counter,
) -> Measured:
    """Run queries until both the duration and the iterations are reached.

    Each lane runs once alone, then all of them without pause: first the warm-up, until its time
    and its count for each lane are reached, and at once what is kept: the queries that were
    started after it, also those still in flight at the end. Garbage is not collected meanwhile.

    Args:
        lanes: with their inputs in place, on the calling thread; none has a query in flight.
        options: warm-up, duration and iterations are heeded.
        tell: see Tell; called at most 20 times a second, on the calling thread.
        clock: seconds.

    Raises:
        EnginebayError: as Lane.wait. A lane that is interrupted ends the measurement instead.
    """
    course = _Course(options, len(lanes), tell, lanes[0].clock_origin)
    first_run_ms: float | None = None
    is_complete = False
    with _no_garbage_collection():
        try:
            for lane in lanes:
                begin = clock()
                lane.start()
                lane.wait()
                if lane is lanes[0]:
                    first_run_ms = (clock() - begin) * 1000
            is_complete = _run(lanes, course, clock)
        except Cancelled:
            pass
    course.tell_rest()
    return Measured(Samples(course.rows(0)), first_run_ms, is_complete, course.is_full)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _run(lanes: Sequence[Lane], course: _Course, clock: Callable[[], float]) -> bool:
    """The loop itself; False where it was stopped."""
    slots = [(index, lane.start, lane.wait, lane.times) for index, lane in enumerate(lanes)]
    begins, enqueued = [0.0] * len(slots), [0.0] * len(slots)
    record = course.raw.extend
    course.begin(clock())
    for index, start, _wait, _times in slots:
        begins[index] = clock()
        start()
        enqueued[index] = clock()
    while True:
        for index, start, wait, times in slots:
            wait()
            done = clock()
            record((begins[index], enqueued[index], done, index, *times()))
            if done >= course.next_look and not course.goes_on(done):
                for last, _start, wait, times in (*slots[index + 1 :], *slots[:index]):
                    wait()
                    record((begins[last], enqueued[last], clock(), last, *times()))
                return not course.is_stopped
            begins[index] = clock()
            start()
            enqueued[index] = clock()


class _Course:
    """How far a measurement is, looked at between queries only when `next_look` has come.

    Attributes:
        raw: the queries since the warm-up ended, in the order in which they were started. The
            first `_late` of them were started before that.
        next_look: on the loop's clock.
        is_stopped: whether `tell` asked to stop.
        is_full: whether MOST_QUERIES were reached.
    """

    def __init__(
        self,
        options: BenchmarkOptions,
        lanes: int,
        tell: Tell,
        clock_origin: float | None,
    ) -> None:
        self.raw = array("d")
        self.next_look = 0.0
        self.is_stopped = False
        self.is_full = False
        self._clock_origin = clock_origin
        self._device_origin: float | None = None  # milliseconds, once it is known
        self._options = options
        self._lanes = lanes
        self._tell = tell
        self._is_warm = False
        self._late = 0
        self._told = 0
        self._next_tell = 0.0
        self._begin = self._from = self._until = 0.0

    def begin(self, now: float) -> None:
        """The warm-up begins, or the measurement where there is none."""
        self._next_tell = now + TELL_S
        self._begin = self._from = now
        self._until = now + self._options.warm_up_ms / 1000
        if not self._options.warm_up_ms and not self._options.warm_up_runs:
            self._is_warm, self._until = True, now + self._options.duration_s
        self.next_look = min(self._until, self._next_tell)

    def goes_on(self, now: float) -> bool:
        """Whether another query shall be started; tells the listener where it is time to."""
        count = len(self.raw) // _RAW - self._late
        is_over = now >= self._until
        if not self._is_warm and is_over and count >= self._options.warm_up_runs * self._lanes:
            del self.raw[:]
            self._is_warm, self._late, self._from = True, self._lanes - 1, now
            self._until = now + self._options.duration_s
            is_over = now >= self._until
        elif self._is_warm and is_over and count >= self._options.iterations:
            return False
        if count >= MOST_QUERIES:
            self.is_full = True
            return False
        if now >= self._next_tell:
            self._next_tell = now + TELL_S
            self.is_stopped = self._tell(self._new_rows(), self._fraction(now, count))
            if self.is_stopped:
                return False
        # Past its time only the count is missing, which any query may complete.
        self.next_look = now if is_over else min(self._until, self._next_tell)
        return True

    def _fraction(self, now: float, count: int) -> float | None:
        if not self._is_warm:
            return None
        part = count / self._options.iterations
        return max(0.0, min(part, (now - self._from) / self._options.duration_s, 1.0))

    def _new_rows(self) -> np.ndarray:
        rows = self.rows(self._told)
        self._told += len(rows)
        return rows

    def tell_rest(self) -> None:
        """Tell of the rows that nobody was told of yet."""
        rows = self._new_rows()
        if len(rows):
            self._tell(rows, 1.0)

    def rows(self, begin: int) -> np.ndarray:
        """The kept queries from this one on, as Samples.rows; none while it warms up.

        Times count from when the warm-up began, as trtexec's do. A device's own clock is laid on
        the host's where the first kept query that it timed was started.
        """
        first = self._late * _RAW
        if not self._is_warm or len(self.raw) <= first:
            return np.empty((0, len(COLUMNS)))
        # A slice is a copy: a view would keep the array from growing.
        raw = np.frombuffer(self.raw[first + begin * _RAW :]).reshape(-1, _RAW)
        origin = self._origin(first)
        rows = np.empty((len(raw), len(COLUMNS)))
        rows[:, 0:2] = (raw[:, 0:2] - self._begin) * 1000
        rows[:, 2] = raw[:, 4] - origin
        rows[:, 3] = rows[:, 2] + raw[:, 5]
        rows[:, 4] = rows[:, 3] + raw[:, 6]
        rows[:, 5] = rows[:, 6] = rows[:, 4] + raw[:, 7]
        rows[:, 7] = rows[:, 6] + raw[:, 8]
        rows[:, 8] = (raw[:, 2] - raw[:, 0]) * 1000
        rows[:, 9] = raw[:, 3]
        return rows

    def _origin(self, first: int) -> float:
        """The device's time in milliseconds when the warm-up began; NaN while it timed nothing."""
        if self._clock_origin is not None:
            return (self._begin - self._clock_origin) * 1000
        if self._device_origin is None:
            raw = np.frombuffer(self.raw[first:]).reshape(-1, _RAW)
            timed = np.flatnonzero(np.isfinite(raw[:, 4]))
            if not len(timed):
                return float("nan")
            query = raw[timed[0]]
            self._device_origin = float(query[4] - (query[0] - self._begin) * 1000)
        return self._device_origin
