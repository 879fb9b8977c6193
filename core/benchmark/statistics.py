"""A measurement's samples as few numbers: what each of them means is said here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.benchmark.samples import Samples
from core.benchmark.values import Measurement
from core.percentiles import rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A column of samples in its own unit, milliseconds mostly.

    The percentiles are values of the column (nearest rank, core.percentiles); so p50 of an even
    number of samples is the lower of the middle two, and the median their mean. trtexec reports
    the median.

    Attributes:
        cov: coefficient of variation in percent: population standard deviation by the mean; 0
            where the mean is 0.
    """

    min: float
    mean: float
    median: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float
    cov: float

    def as_json(self) -> dict[str, float]:
        """What the commands' JSON has of it."""
        return {
            "min": self.min,
            "mean": self.mean,
            "p50": self.p50,
            "p90": self.p90,
            "p95": self.p95,
            "p99": self.p99,
            "max": self.max,
        }


def summary(values: np.ndarray) -> Summary | None:
    """Summarize a column; what is not finite was not measured and does not count.

    Args:
        values: (N,) floats, in any order.

    Returns:
        None where nothing was measured.
    """
    ordered = np.asarray(values, np.float64)
    ordered = np.sort(ordered[np.isfinite(ordered)])
    count = len(ordered)
    if not count:
        return None
    mean = float(ordered.mean())

    def at(percent: float) -> float:
        return float(ordered[rank(count, percent)])

    return Summary(
        min=float(ordered[0]),
        mean=mean,
        median=float(ordered[(count - 1) // 2] + ordered[count // 2]) / 2,
        p50=at(50),
        p90=at(90),
        p95=at(95),
        p99=at(99),
        max=float(ordered[-1]),
        cov=float(ordered.std()) / mean * 100 if mean else 0.0,
    )


def throughput_per_s(samples: Samples) -> float | None:
    """Queries a second: their number by the span from the first copy in to the last copy out.

    As trtexec's "Throughput" (sampleReporting.cpp, printPerformanceReport). Where not all queries
    were timed on the device, the span is the host's: from starting the first to having the last.
    End to end, where many pictures are on their way as it begins and as it ends, it is those that
    were done since the measurement's start by the time until the last of them was. A query of
    several pictures counts once; see images_per_s.

    Returns:
        None where there are no samples or their times were not measured.
    """
    begins, ends = samples.column("start_h2d"), samples.column("end_d2h")
    known = np.isfinite(begins) & np.isfinite(ends)
    enqueued = np.isfinite(samples.column("start_enqueue"))
    if not enqueued.any():  # end to end
        begins = np.zeros(len(ends))
    elif not known.all() and np.isfinite(samples.column("wall")).all():
        begins = samples.column("start_enqueue")
        ends = begins + samples.column("wall")
        known = np.isfinite(ends)
    if not known.any():
        return None
    span_ms = float(ends[known].max() - begins[known].min())
    return samples.queries / span_ms * 1000 if span_ms > 0 else None


def images_per_s(measurement: Measurement) -> float | None:
    """Queries a second times the pictures in each; None as throughput_per_s."""
    rate = throughput_per_s(measurement.samples)
    return None if rate is None else rate * measurement.batch


def latency_of(measurement: Measurement) -> np.ndarray:
    """(N,) milliseconds that a query took, as the measurement's name defines it.

    One at a time and end to end it is the wall time that the host saw (the column `wall`);
    pipelined it is copy in + compute + copy out by the device's events (`Samples.latency`), as
    trtexec computes it: waiting in the queue is not in it.
    """
    if measurement.name == "pipelined":
        return measurement.samples.latency
    return measurement.samples.column("wall")
