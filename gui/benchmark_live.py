"""What a running benchmark has told so far, kept so that drawing it never costs more.

Samples come by the thousand a second for as long as the user likes, and a plot has some hundred
pixels: the samples' extremes are kept for a fixed number of columns, and the latest samples whole.
Nothing of Qt is in here.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from core.benchmark.values import MeasurementName
from gui.benchmark_shown import latency_of_rows, started_s

if TYPE_CHECKING:
    from core.benchmark.values import Reading

COLUMNS = 1024  # of an envelope: more than the plot has pixels on most screens
RECENT = 4096  # samples, for the histogram and the percentiles while it runs
READINGS = 1200  # NVML tells some five a second; older ones are then thinned out


class Chunk(NamedTuple):
    """Some more queries of a measurement: (n, 10) float64, see core.benchmark.samples.COLUMNS."""

    name: MeasurementName
    rows: np.ndarray


class Feed:
    """What the benchmark's thread tells the window's, which looks in once a frame.

    The thread calls phase(), samples() and reading(): the listener of core.benchmark.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chunks: deque[Chunk] = deque()
        self._readings: deque[Reading] = deque()
        self._phase: tuple[str, float | None] = ("Starting", None)
        self.disturbed: set[str] = set()  # measurements during which the window ran the model

    def phase(self, text: str, fraction: float | None) -> None:
        """Say what goes on. Runs on the benchmark's thread, like the two below."""
        self._phase = (text, fraction)

    def samples(self, name: str, rows: np.ndarray) -> None:
        """Pass on (n, 10) float64 of a measurement."""
        with self._lock:
            self._chunks.append(Chunk(cast(MeasurementName, name), rows))

    def reading(self, reading: Reading) -> None:
        """Pass on what NVML told."""
        with self._lock:
            self._readings.append(reading)

    @property
    def doing(self) -> tuple[str, float | None]:
        """What goes on, and how far it is: 0 to 1, or None where nobody can know."""
        return self._phase

    def take(self) -> tuple[list[Chunk], list[Reading]]:
        """What has come since the last time."""
        with self._lock:
            chunks, readings = list(self._chunks), list(self._readings)
            self._chunks.clear()
            self._readings.clear()
        return chunks, readings


class Envelope:
    """The least and greatest value in each of COLUMNS equal spans of time.

    When time runs past the last column, neighbours are joined and a column stands for twice as
    long. Adding costs what the new samples cost, whatever there is already.
    """

    def __init__(self, width_s: float = 0.002) -> None:
        self.width_s = width_s  # of a column
        self._low = np.full(COLUMNS, np.inf)
        self._high = np.full(COLUMNS, -np.inf)

    def add(self, time_s: np.ndarray, value: np.ndarray) -> None:
        """Add samples: (n,) seconds, not negative, and (n,) values. NaN are left out."""
        good = np.isfinite(value) & np.isfinite(time_s) & (time_s >= 0)
        time_s, value = time_s[good], value[good]
        if not len(value):
            return
        last = float(time_s.max())
        while last >= self.width_s * COLUMNS:
            self._join()
        column = (time_s / self.width_s).astype(np.intp)
        np.minimum.at(self._low, column, value)
        np.maximum.at(self._high, column, value)

    def _join(self) -> None:
        half = COLUMNS // 2
        low = self._low.reshape(half, 2).min(axis=1)
        high = self._high.reshape(half, 2).max(axis=1)
        self._low = np.concatenate([low, np.full(half, np.inf)])
        self._high = np.concatenate([high, np.full(half, -np.inf)])
        self.width_s *= 2

    def line(self) -> tuple[np.ndarray, np.ndarray]:
        """Seconds and values, (2 x filled columns,) each: down and up again in every column."""
        filled = np.flatnonzero(self._high >= self._low)
        return (
            np.repeat((filled + 0.5) * self.width_s, 2),
            np.stack([self._low[filled], self._high[filled]], axis=1).reshape(-1),
        )


def thinned(time: np.ndarray, value: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples in ascending order of time made few: the extremes of `columns` equal counts.

    Args:
        time: (N,), ascending.
        value: (N,).
        columns: how many at most; 2 x columns points come back, all N where they are fewer.
    """
    count = len(value)
    if count <= 2 * columns:
        return time, value
    starts = np.linspace(0, count, columns, endpoint=False).astype(np.intp)
    low = np.minimum.reduceat(value, starts)
    high = np.maximum.reduceat(value, starts)
    return np.repeat(time[starts], 2), np.stack([low, high], axis=1).reshape(-1)


class Live:
    """A running benchmark as the pictures draw it. Only the window's thread touches it.

    Attributes:
        name: of the measurement that runs, "" before the first sample.
        count: its samples so far.
        envelope: of its latency, milliseconds over seconds.
        readings: of the whole benchmark, bounded.
        version: counts what has come, so that nothing is drawn twice.
    """

    def __init__(self) -> None:
        self.name: MeasurementName | str = ""
        self.count = 0
        self.version = 0
        self.envelope = Envelope()
        self.readings: list[Reading] = []
        self._recent = np.empty(RECENT)
        self._known = 0
        self._last_end_s = 0.0

    def take(self, feed: Feed) -> None:
        """Take in what the thread has told since the last time."""
        chunks, readings = feed.take()
        if chunks or readings:
            self.version += 1
        self.readings += readings
        if len(self.readings) > READINGS:
            self.readings = self.readings[::2]
        for chunk in chunks:
            self._add(chunk)

    def _add(self, chunk: Chunk) -> None:
        if not len(chunk.rows):
            return
        time_s = started_s(chunk.rows)
        end_s = float(time_s[-1])
        # A sweep's measurements have one name; each one's time begins anew.
        if chunk.name != self.name or end_s < self._last_end_s:
            self.name, self.count, self._known = chunk.name, 0, 0
            self.envelope = Envelope()
        self._last_end_s = end_s
        latency = latency_of_rows(chunk.name, chunk.rows)
        self.envelope.add(time_s, latency)
        self.count += len(latency)
        known = latency[np.isfinite(latency)]  # not every query is timed
        kept = known[-RECENT:]
        first = self._known + len(known) - len(kept)
        self._recent[np.arange(first, first + len(kept)) % RECENT] = kept
        self._known += len(known)

    @property
    def recent(self) -> np.ndarray:
        """The latest latencies of the running measurement, at most RECENT, in no order."""
        return self._recent[: min(self._known, RECENT)]

    @property
    def per_second(self) -> float:
        """Queries a second so far; 0 before there are any."""
        return self.count / self._last_end_s if self._last_end_s > 0 else 0.0
