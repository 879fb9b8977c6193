"""How far a run over many pictures is, and its rows given out in order while it goes on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Literal, TypeVar

from core.result_rows import ResultRow

_TICK_S = 0.1  # how often a wait for other threads asks whether to go on

T = TypeVar("T")
Row = Future[ResultRow] | ResultRow
"""A row, or the reading of outputs that gives it."""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run over many pictures is."""

    done: int
    failed: int  # of those done
    total: int | None  # None while nobody knows
    seconds: float  # since it began

    @property
    def images_per_s(self) -> float:
        """Pictures a second, from the first on."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds that are left at this speed; None where nobody knows."""
        if self.total is None or not self.done:
            return None
        return max(self.total - self.done, 0) * self.seconds / self.done


Report = Callable[[RunProgress], None]
"""Told after each picture, and ten times a second while none is ready; may raise Cancelled."""


@dataclass(frozen=True, slots=True)
class RunWay:
    """How the pictures of a run go through the model.

    Attributes:
        contexts: queries in flight come from so many execution contexts.
        graph: whether lanes use CUDA graphs.
        prepared_on_gpu: whether the GPU prepares the pictures.
        wait: how the host waits for the GPU.
        reading_processes: so many processes read the pictures; 0 where threads do.
    """

    contexts: int = 1
    graph: bool = False
    prepared_on_gpu: bool = False
    wait: Literal["spin", "blocking"] = "spin"
    reading_processes: int = 0


class Teller:
    """Counts rows, tells of them, and waits without going deaf. One thread's."""

    def __init__(self, total: int | None, report: Report) -> None:
        self.done = self.failed = 0
        self._total = total
        self._report = report
        self._begin = 0.0

    @property
    def left(self) -> int | None:
        """Pictures that are still to come; None while nobody knows."""
        return None if self._total is None else self._total - self.done

    def start(self) -> None:
        """Start the clock, and tell of it."""
        self._begin = time.perf_counter()
        self.tell()

    def tell(self) -> None:
        """Say how far it is; raises what the report raises."""
        seconds = time.perf_counter() - self._begin
        self._report(RunProgress(self.done, self.failed, self._total, seconds))

    def awaited(self, future: Future[T]) -> T:
        """What comes out, asking meanwhile whether to go on."""
        while True:
            try:
                return future.result(timeout=_TICK_S)
            except FutureTimeoutError:
                if future.done():
                    return future.result()  # or raises, where the work itself timed out
                self.tell()

    def given_out(self, rows: deque[Row], kept: int) -> Iterator[ResultRow]:
        """The oldest rows, as far as they are there; those above `kept` are waited for."""
        while rows and (len(rows) > kept or is_done(rows[0])):
            first = rows.popleft()
            row = first if isinstance(first, ResultRow) else self.awaited(first)
            self.done += 1
            self.failed += row.error is not None
            yield row
            self.tell()


def is_done(row: Row) -> bool:
    """Whether a row is there."""
    return isinstance(row, ResultRow) or row.done()
