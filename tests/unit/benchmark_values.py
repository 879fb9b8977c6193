"""Measurements and results made up for tests, their numbers chosen to be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.benchmark.samples import Samples
from core.benchmark.values import BenchmarkOptions, BenchmarkResult, Measurement, Reading

SHA = "ab" * 32


def samples_of(
    compute: Sequence[float] | np.ndarray,
    *,
    h2d: float = 0.25,
    d2h: float = 0.125,
    enqueue: float = 0.0625,
    gap: float = 0.0,
    lanes: int = 1,
) -> Samples:
    """One query after another: copy in, compute, copy out, then a gap; wall is all but the gap."""
    spans = np.asarray(compute, np.float64)
    lengths = spans + h2d + d2h
    starts = np.concatenate([[0.0], np.cumsum(lengths + gap)[:-1]]) if len(spans) else spans
    rows = np.column_stack(
        [
            starts,
            starts + enqueue,
            starts,
            starts + h2d,
            starts + h2d,
            starts + h2d + spans,
            starts + h2d + spans,
            starts + lengths,
            lengths,
            np.arange(len(spans)) % lanes,
        ]
    )
    return Samples(rows.reshape(-1, 10))


def a_measurement(samples: Samples | None = None, **more: Any) -> Measurement:
    """Pipelined on one context with transfers, unless told otherwise."""
    values: dict[str, Any] = {
        "name": "pipelined",
        "convention": "with transfers, 1 context, no CUDA graph, spin wait",
        "samples": samples_of([1.0] * 200) if samples is None else samples,
        "batch": 1,
        "contexts": 1,
        "graph": False,
        "transfers": True,
    }
    return Measurement(**(values | more))


def a_result(*measurements: Measurement, **more: Any) -> BenchmarkResult:
    """A whole benchmark of a model on one GPU."""
    values: dict[str, Any] = {
        "model": {
            "path": "models/a.engine",
            "name": "a.engine",
            "sha256": SHA,
            "kind": "tensorrt-plan",
            "runtime": "tensorrt 10.3.0 (NVIDIA H200)",
            "inputs": {"images": [1, 3, 4, 4]},
        },
        "machine": {
            "cpu": "A CPU",
            "cores": 8,
            "gpu": "NVIDIA H200",
            "driver": "570.86",
            "versions": {"tensorrt": "10.3.0"},
        },
        "options": BenchmarkOptions(),
        "measurements": measurements or (a_measurement(),),
        "telemetry": (Reading(at_ms=0.0, sm_clock_mhz=1980.0),),
        "taken_at": "2026-01-02T03:04:05+00:00",
    }
    return BenchmarkResult(**(values | more))
