"""Percentiles as the field reports them."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank, without interpolation, as trtexec computes it.

    Source: samples/common/sampleReporting.cpp, findPercentile: the element
    max(n - 1 - int((1 - p / 100) * n), 0) of the sorted values.
    """
    ordered = sorted(values)
    count = len(ordered)
    return ordered[max(count - 1 - int((1 - percent / 100) * count), 0)]
