"""The benchmark of an ONNX on the CPU against a bare ONNX Runtime loop, in the same process.

    python -m tests.benchmarks.onnx_benchmark [ONNX]

Short rounds of both take turns on the same random input; the bare loop runs on a session of its
own with ONNX Runtime's default options. All queries of each are pooled and their percentiles
compared: target 1.03 at most. On a machine that does other work as well the lower ones tell more.
Prints JSON; times are milliseconds a query.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from core.benchmark.inputs import make_arrays, plan_benchmark
from core.benchmark.listener import Silent
from core.benchmark.run import run_benchmark
from core.benchmark.statistics import latency_of
from core.benchmark.values import BenchmarkOptions
from core.model import Model
from core.modelfile import read_model_file
from core.opening import OpenOptions
from core.paths import DEMO_MODEL

ROUNDS, ROUND_S, WARM_UP_S = 60, 0.2, 0.05
PERCENTILES = (10, 25, 50)


def bare(session: Any, feeds: dict[str, np.ndarray]) -> np.ndarray:
    """Milliseconds of each query of a loop that does nothing but run."""
    names = [one.name for one in session.get_outputs()]
    warm = time.perf_counter() + WARM_UP_S
    while time.perf_counter() < warm:
        session.run(names, feeds)
    times: list[float] = []
    gc.collect()
    gc.disable()
    end = time.perf_counter() + ROUND_S
    while True:
        begin = time.perf_counter()
        session.run(names, feeds)
        done = time.perf_counter()
        times.append((done - begin) * 1000)
        if done >= end:
            break
    gc.enable()
    return np.array(times)


def benchmark(model: Model) -> np.ndarray:
    """Milliseconds of each query as the program measures them."""
    options = BenchmarkOptions(
        measurements=("one-at-a-time",), duration_s=ROUND_S, warm_up_ms=WARM_UP_S * 1000
    )
    [one] = run_benchmark(model, options, Silent(), lambda: False, sha256="").measurements
    return latency_of(one)


def measure(path: Path) -> dict[str, Any]:
    """Percentiles of both, and their ratios."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ours: list[np.ndarray] = []
    theirs: list[np.ndarray] = []
    with Model.of(read_model_file(path), OpenOptions(spin=True)) as model:
        feeds = make_arrays(model, plan_benchmark(model, None), BenchmarkOptions().seed)
        for index in range(ROUNDS):
            if index % 2:
                ours.append(benchmark(model))
                theirs.append(bare(session, feeds))
            else:
                theirs.append(bare(session, feeds))
                ours.append(benchmark(model))
    found = np.percentile(np.concatenate(ours), PERCENTILES)
    expected = np.percentile(np.concatenate(theirs), PERCENTILES)
    names = [f"p{one}" for one in PERCENTILES]

    def named(values: np.ndarray) -> dict[str, float]:
        return dict(zip(names, values.round(4).tolist(), strict=True))

    return {
        "model": path.name,
        "queries": [len(np.concatenate(ours)), len(np.concatenate(theirs))],
        "benchmark_ms": named(found),
        "bare_loop_ms": named(expected),
        "ratio": named(found / expected),
    }


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO_MODEL), indent=2))
