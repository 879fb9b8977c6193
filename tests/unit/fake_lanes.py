"""Lanes on a clock of their own: each query takes a given time, and nothing is waited for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from core.errors import Cancelled
from core.sessions.lanes import UNTIMED, Lane, QueryTimes


class Clock:
    """Seconds that pass only when someone lets them; every look takes none."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class FakeLane(Lane):
    """A query takes `seconds` from its start; all lanes run at once, as on a large GPU.

    Attributes:
        log: shared by lanes: ("start" or "wait", lane number), in their order.
    """

    def __init__(
        self,
        number: int,
        clock: Clock,
        log: list[tuple[str, int]],
        seconds: float = 0.010,
        *,
        timed_every: int = 1,
        timed_from: int = 0,
    ) -> None:
        self.number, self.clock, self.log, self.seconds = number, clock, log, seconds
        self.is_in_flight = False
        self.was_closed = False
        self.cancel_at: float | None = None
        self.timed_every, self._turn = timed_every, timed_from
        self._array = np.zeros(3, np.float32)
        self._start = 0.0

    def input(self, name: str) -> np.ndarray:
        return self._array

    def start(self) -> None:
        assert not self.is_in_flight, "start and wait alternate"
        self.is_in_flight = True
        self._turn += 1
        self.log.append(("start", self.number))
        self._start = self.clock.now

    def wait(self) -> None:
        assert self.is_in_flight, "start and wait alternate"
        self.log.append(("wait", self.number))
        self.clock.now = max(self.clock.now, self._start + self.seconds)
        if self.cancel_at is not None and self.clock.now >= self.cancel_at:
            raise Cancelled
        self.is_in_flight = False

    def times(self) -> QueryTimes:
        if self._turn % self.timed_every:
            return UNTIMED
        # The device's clock began at 90 s; copying takes a fifth each way.
        part = self.seconds * 1000 / 5
        return QueryTimes((self._start - 90) * 1000, part, 0.0, 3 * part, part)

    def outputs(self) -> Mapping[str, np.ndarray]:
        return {}

    def close(self) -> None:
        self.was_closed = True
