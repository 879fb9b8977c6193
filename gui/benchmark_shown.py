"""A benchmark's result made ready to be drawn, so that the window's thread only draws it.

show_result() sorts and counts up to millions of samples; it runs on the benchmark's thread or on
that of its files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.benchmark.samples import Samples
from core.benchmark.statistics import Summary, latency_of, summary, throughput_per_s
from core.benchmark.swept import size_text
from core.benchmark.values import ARRANGED, Measurement

if TYPE_CHECKING:
    from core.benchmark.values import BenchmarkResult, MeasurementName

_BINS = 80
_TAIL = 1.5  # the histogram ends at this many times p99 where a few samples are far beyond


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """(bins,) counts between (bins + 1,) edges in milliseconds; `beyond` samples are greater."""

    counts: np.ndarray
    edges: np.ndarray
    beyond: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """One measurement, ready to be drawn.

    Attributes:
        label: its name, and for one that was tried what was tried.
        is_tried: whether it is one of a sweep, or of the search for the best.
        latency: its percentiles, milliseconds; None where there is no sample.
        time_s: (N,) float64, when each query was started, ascending.
        latency_ms: (N,) float64, likewise.
        histogram: of the latency; None where there is no sample.
        stages: mean milliseconds of copy in, compute, copy out, and the rest of the wall time.
        queries_per_s, images_per_s: over the span.
    """

    measurement: Measurement
    label: str
    is_tried: bool
    latency: Summary | None
    time_s: np.ndarray
    latency_ms: np.ndarray
    histogram: Histogram | None
    stages: tuple[float, float, float, float]
    queries_per_s: float
    images_per_s: float


@dataclass(frozen=True, slots=True, eq=False)
class ShownResult:
    """A result and all of its measurements: the named ones first, then those that were tried."""

    result: BenchmarkResult
    items: tuple[Shown, ...]

    def like(self, other: Shown) -> Shown | None:
        """The measurement to lay over another's: of its name; of what was tried, of its setting."""
        return next((one for one in self.items if _key(one) == _key(other)), None)


def _key(shown: Shown) -> tuple[object, ...]:
    one = shown.measurement
    setting = (one.tried_by, one.batch, one.size_wh, one.contexts, one.graph, one.arrangement)
    return one.name, shown.is_tried, *(setting if shown.is_tried else ())


def latency_of_rows(name: MeasurementName, rows: np.ndarray) -> np.ndarray:
    """(n,) milliseconds of (n, 10) rows of a measurement, as its definition has it."""
    one = Measurement(
        name=name,
        convention="",
        samples=Samples(rows),
        batch=1,
        contexts=1,
        graph=False,
        transfers=True,
    )
    return latency_of(one)


def started_s(rows: np.ndarray) -> np.ndarray:
    """(n,) seconds at which the queries of (n, 10) rows were started, as far as that is known."""
    enqueued, copied = rows[:, 0], rows[:, 2]  # end to end nobody sees the enqueuing
    started: np.ndarray = np.where(np.isfinite(enqueued), enqueued, copied) / 1000
    return started


def show_result(result: BenchmarkResult) -> ShownResult:
    """Compute all that is drawn of a result. A million samples take a second; on any thread."""
    named = [_show(one, is_tried=False) for one in result.measurements]
    return ShownResult(result, (*named, *(_show(one, is_tried=True) for one in result.tried)))


def _show(measurement: Measurement, *, is_tried: bool) -> Shown:
    samples = measurement.samples
    latency = latency_of(measurement)
    started = started_s(samples.rows)
    known = np.isfinite(latency) & np.isfinite(started)
    latency, started = latency[known], started[known]
    order = np.argsort(started, kind="stable")
    found = summary(latency)
    queries = throughput_per_s(samples) or 0.0
    return Shown(
        measurement=measurement,
        label=_label(measurement, is_tried=is_tried),
        is_tried=is_tried,
        latency=found,
        time_s=started[order],
        latency_ms=latency[order],
        histogram=None if found is None else histogram_of(latency, found.p99),
        stages=_stages(samples, found),
        queries_per_s=queries,
        images_per_s=queries * measurement.batch,
    )


def _label(one: Measurement, *, is_tried: bool) -> str:
    if not is_tried:
        return one.name
    what = "sweep" if one.tried_by == "sweep" else "tried"
    graph = ", graph" if one.graph else ""
    size = f"{size_text(one.size_wh)}, " if one.size_wh else ""
    arranged = ARRANGED.get(one.arrangement, one.arrangement)
    return f"{what}: batch {one.batch}, {size}{one.contexts}x{graph}{arranged and f', {arranged}'}"


def _stages(samples: Samples, latency: Summary | None) -> tuple[float, float, float, float]:
    parts = []
    for column in (samples.host_to_device, samples.compute, samples.device_to_host):
        found = summary(column)
        parts.append(0.0 if found is None else found.mean)
    rest = 0.0 if latency is None else latency.mean - sum(parts)
    # Pipelined latency is the three stages' sum, and differs by rounding alone.
    rest = rest if latency is not None and rest > latency.mean * 1e-6 else 0.0
    return parts[0], parts[1], parts[2], rest


def histogram_of(latency_ms: np.ndarray, p99: float) -> Histogram:
    """A histogram of (N,) finite latencies, N > 0; a far tail is only counted."""
    low, high = float(latency_ms.min()), float(latency_ms.max())
    if high - low > 2 * (_TAIL * p99 - low):
        high = _TAIL * p99
    if not high > low:  # one value: a bar around it
        half = abs(low) * 0.01 or 0.5
        low, high = low - half, high + half
    counts, edges = np.histogram(latency_ms, bins=_BINS, range=(low, high))
    return Histogram(counts, edges, len(latency_ms) - int(counts.sum()))
