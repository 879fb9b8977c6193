"""Ready-made results of benchmarks, and a child process that does what a test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from core.benchmark.samples import Samples
from core.benchmark.values import (
    BenchmarkOptions,
    BenchmarkResult,
    Mark,
    Measurement,
    MeasurementName,
    Reading,
)
from core.errors import EnginebayError

NOISY = Mark("noisy", "The times differ by 9 %.", "Lock the clocks, and measure again.")


def rows_of(count: int, ms: float = 2.0, *, begin: int = 0, wall_more: float = 0.25) -> np.ndarray:
    """(count, 10) queries one after another: copies of 0.5 and 0.25 ms around the computing.

    Every query takes `ms` (and `wall_more` on the host's clock), each hundredth one twice as long.
    """
    index = np.arange(begin, begin + count)
    compute = np.where(index % 100 == 99, 2 * ms - 0.75, ms - 0.75)
    step = 3 * ms
    start = index * step
    rows = np.zeros((count, 10))
    rows[:, 0], rows[:, 1] = start, start + 0.1
    rows[:, 2], rows[:, 3] = start, start + 0.5
    rows[:, 4], rows[:, 5] = start + 0.5, start + 0.5 + compute
    rows[:, 6], rows[:, 7] = rows[:, 5], rows[:, 5] + 0.25
    rows[:, 8] = rows[:, 7] - rows[:, 2] + wall_more
    return rows


def measurement(
    name: MeasurementName = "pipelined", *, ms: float = 2.0, count: int = 1000, **others: Any
) -> Measurement:
    """A measurement of rows_of()."""
    values: dict[str, Any] = {
        "convention": "with transfers, 1 context, CUDA graph, spin wait",
        "batch": 1,
        "contexts": 1,
        "graph": True,
        "transfers": True,
    }
    return Measurement(name=name, samples=Samples(rows_of(count, ms)), **{**values, **others})


def readings(count: int = 60) -> tuple[Reading, ...]:
    """What a GPU tells that grows warm."""
    return tuple(
        Reading(
            at_ms=100.0 * at,
            utilization=min(100.0, 10.0 * at),
            sm_clock_mhz=1980.0 - at,
            memory_clock_mhz=2619.0,
            power_w=90.0 + 5 * min(at, 30),
            temperature_c=40.0 + at / 4,
            memory_used_bytes=1_500_000_000,
        )
        for at in range(count)
    )


def result(
    *measurements: Measurement,
    sha256: str = "0" * 64,
    taken_at: str = "2026-11-24T10:00:00+00:00",
    options: BenchmarkOptions | None = None,
    **others: Any,
) -> BenchmarkResult:
    """A result of some measurements; by default one at a time and pipelined."""
    model = {
        "path": "/models/best.engine",
        "name": "best.engine",
        "sha256": sha256,
        "kind": "tensorrt-plan",
        "runtime": "TensorRT 10.3.0",
        "inputs": {"images": [1, 3, 640, 640]},
    }
    machine = {
        "cpu": "Some CPU",
        "cores": 16,
        "gpu": "NVIDIA H100",
        "gpu_compute_capability": "9.0",
        "driver": "550.54",
        "os": "Linux",
        "versions": {"tensorrt": "10.3.0", "onnxruntime": "1.20.0"},
    }
    return BenchmarkResult(
        model=model,
        machine=machine,
        options=options or BenchmarkOptions(),
        measurements=measurements or (measurement("one-at-a-time"), measurement("pipelined")),
        taken_at=taken_at,
        **others,
    )


class FakeChild:
    """Stands in for core.benchmark.child.benchmark_in_child.

    Attributes:
        orders: what was asked for.
        result: what it gives when it is let go, or is asked to stop.
        error: what it raises instead.
        chunks: rows of "pipelined" that it tells of before, in hundreds.
        stopped: whether it was asked to stop.
    """

    def __init__(self, answer: BenchmarkResult | Callable[[Any], BenchmarkResult]) -> None:
        self.answer = answer
        self.orders: list[Any] = []
        self.error: EnginebayError | None = None
        self.chunks = 3
        self.stopped = False
        self.go = threading.Event()
        self.running = threading.Event()

    def __call__(self, order: Any, listener: Any, stop: Callable[[], bool]) -> BenchmarkResult:
        """Runs on the benchmark's thread."""
        self.orders.append(order)
        listener.phase("Measuring pipelined", 0.25)
        for at in range(self.chunks):
            listener.samples("pipelined", rows_of(100, begin=100 * at))
        for one in readings(5):
            listener.reading(one)
        self.running.set()
        while not self.go.is_set():
            if stop():
                self.stopped = True
                break
            time.sleep(0.005)
        if self.error is not None:
            raise self.error
        return self.answer(self) if callable(self.answer) else self.answer
