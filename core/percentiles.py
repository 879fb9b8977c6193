"""Percentiles as the field reports them."""

from __future__ import annotations

from collections.abc import Sequence


def rank(count: int, percent: float) -> int:
    """Where the percentile stands among `count` > 0 sorted values, counted from 0.

    Nearest rank as trtexec has it: max(n - 1 - int((1 - p / 100) * n), 0), by TensorRT's
    samples/common/sampleReporting.cpp, findPercentile. Computed without its rounding: 10 % of 10
    values is one value, where a binary 1 - 0.9 gives 0.9999999999999998 of one.
    """
    return max(count - 1 - int((100 - percent) * count / 100), 0)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value at the nearest rank, without interpolation; see rank()."""
    return sorted(values)[rank(len(values), percent)]
