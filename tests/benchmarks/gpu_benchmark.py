"""The benchmark of an engine on the GPU against bare loops of driver calls, in the same process.

    python -m tests.benchmarks.gpu_benchmark ENGINE

The engine has one input. Targets, all as ratios:

- one at a time: p50 at most 0.40 of the original guide's own class, and at most 1.02 of a loop
  that does nothing but launch a captured graph (copy in, run, copy out) and wait;
- pipelined with transfers: at least 0.97 of what the input copy alone allows, or of compute
  alone, whichever is lower: one input copy takes so long by events, so many fit into a second.
  Printed beside: of copies queued one behind another with nothing else going on, which hides what
  starting one takes; and of those while as many outputs go the other way, which is all that any
  arrangement of whole queries can reach;
- the reported parts agree within 0.02 with events recorded apart from the program's code.

The bare loops make their own graphs, streams and events through pycuda and cuda-bindings.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from core import Model
from core.benchmark.inputs import plan_benchmark
from core.benchmark.lane_measurement import Way, measure_way
from core.benchmark.listener import Silent
from core.benchmark.run import run_benchmark
from core.benchmark.statistics import latency_of, summary, throughput_per_s
from core.benchmark.sweep import find_best
from core.benchmark.values import BenchmarkOptions, Measurement
from core.sessions.tensorrt import TensorRTSession
from core.tensors import numpy_dtype
from tests.benchmarks.session_call import GuideEngine

ROUNDS, CALLS = 5, 1000


class Bare:
    """The engine with nothing around it: pinned buffers, one stream, and graphs of it."""

    def __init__(self, session: TensorRTSession, shape: tuple[int, ...]) -> None:
        import pycuda.driver as cuda
        from cuda.bindings import driver

        self.cuda, self.driver = cuda, driver
        assert session._engine is not None
        engine = session._engine.trt_engine
        self.context = engine.create_execution_context()
        self.stream = cuda.Stream(1)
        self.handle = driver.CUstream(self.stream.handle)
        self.context.set_input_shape(session.inputs[0].name, shape)
        self.pairs: dict[str, list[tuple[np.ndarray, Any]]] = {"input": [], "output": []}
        for spec in (*session.inputs, *session.outputs):
            dims = tuple(self.context.get_tensor_shape(spec.name))
            host = cuda.pagelocked_empty(dims, numpy_dtype(spec.dtype))
            host[...] = 0
            device = cuda.mem_alloc(host.nbytes)
            self.context.set_tensor_address(spec.name, int(device))
            self.pairs[spec.mode].append((host, device))

    def copy_in(self) -> None:
        for host, device in self.pairs["input"]:
            self.cuda.memcpy_htod_async(device, host, self.stream)

    def compute(self) -> None:
        self.context.execute_async_v3(self.stream.handle)

    def copy_out(self) -> None:
        for host, device in self.pairs["output"]:
            self.cuda.memcpy_dtoh_async(host, device, self.stream)

    def all(self) -> None:
        self.copy_in()
        self.compute()
        self.copy_out()

    def graph(self, work: Callable[[], None]) -> Any:
        work()
        self.stream.synchronize()
        mode = self.driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        assert not self.driver.cuStreamBeginCapture(self.handle, mode)[0]
        work()
        status, graph = self.driver.cuStreamEndCapture(self.handle)
        assert not status
        status, executable = self.driver.cuGraphInstantiate(graph, 0)
        assert not status
        return executable

    def parts(self, calls: int) -> list[float]:
        """Medians of copy in, compute and copy out, by events, in milliseconds."""
        rows = []
        events = [self.cuda.Event() for _ in range(4)]
        for _ in range(calls):
            events[0].record(self.stream)
            self.copy_in()
            events[1].record(self.stream)
            self.compute()
            events[2].record(self.stream)
            self.copy_out()
            events[3].record(self.stream)
            self.stream.synchronize()
            rows.append([a.time_till(b) for a, b in itertools.pairwise(events)])
        return [float(part) for part in np.median(np.array(rows), axis=0)]


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def p50(call: Callable[[], object], calls: int) -> float:
    times = []
    with no_garbage_collection():
        for _ in range(calls):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


def rate(start: Callable[[], object], wait: Callable[[], object], calls: int) -> float:
    """Calls a second, all queued and then awaited."""
    for _ in range(50):
        start()
    wait()
    begin = time.perf_counter()
    for _ in range(calls):
        start()
    wait()
    return calls / (time.perf_counter() - begin)


def copy_rate(bare: Bare, calls: int) -> float:
    """Input copies a second that the bus allows, by ctypes, the barest call there is."""
    [(host, device)] = bare.pairs["input"]
    library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    copy = library.cuMemcpyHtoDAsync_v2
    copy.argtypes = [ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    arguments = (int(device), host.ctypes.data, host.nbytes, bare.stream.handle)
    return rate(lambda: copy(*arguments), bare.stream.synchronize, calls)


def copy_rate_beside_outputs(bare: Bare, calls: int) -> float:
    """Input copies a second while as many output copies go the other way."""
    driver, back = bare.cuda, bare.cuda.Stream(1)
    [(host, device)] = bare.pairs["input"]

    def start() -> None:
        driver.memcpy_htod_async(device, host, bare.stream)
        for output, memory in bare.pairs["output"]:
            driver.memcpy_dtoh_async(output, memory, back)

    def wait() -> None:
        bare.stream.synchronize()
        back.synchronize()

    return rate(start, wait, calls)


def ours(model: Model, **options: Any) -> Measurement:
    """One measurement as the program makes it."""
    wanted = BenchmarkOptions(**{"duration_s": 1.0, "warm_up_ms": 200.0, **options})
    return run_benchmark(model, wanted, Silent(), never, sha256="").measurements[0]


def never() -> bool:
    return False


def percentile_50(values: np.ndarray) -> float:
    found = summary(values)
    assert found is not None
    return found.p50


def measure(path: Path) -> dict[str, object]:
    """Milliseconds, rates and ratios."""
    with Model.open(path) as model:
        session = model.session
        assert isinstance(session, TensorRTSession)
        [spec] = session.inputs
        shape = plan_benchmark(model, None).plan.shapes[spec.name]
        offset = model.file.plan_offset
        guide = GuideEngine(session, path.read_bytes()[offset:], shape)
        image = np.random.default_rng(0).random(shape).astype(numpy_dtype(spec.dtype))
        bare = Bare(session, shape) if _has_room(session) else None
        found: dict[str, Any] = {"shape": shape}
        if bare is not None:
            found |= _against_bare(model, bare, guide, image)
        return found


def _has_room(session: TensorRTSession) -> bool:
    """Whether the engine gives a second context: those of 8.x may have room for one a profile."""
    return not session.inputs[0].profiles


def _turn(
    model: Model, bare: Bare, computing: Any, options: BenchmarkOptions, way: Way
) -> dict[str, float]:
    """What the bus and the engine allow, and the pipelined measurement: each a second."""

    def compute() -> None:
        bare.driver.cuGraphLaunch(computing, bare.handle)

    found = {
        "copies_by_events": 1000 / bare.parts(500)[0],
        "copies": copy_rate(bare, 3000),
        "computes": rate(compute, bare.stream.synchronize, 3000),
        "copies_beside_outputs": copy_rate_beside_outputs(bare, 3000),
    }
    piped = measure_way(model, options, way, Silent(), never)
    return found | {"pipelined": throughput_per_s(piped.samples) or 0.0}


def _against_bare(
    model: Model, bare: Bare, guide: GuideEngine, image: np.ndarray
) -> dict[str, Any]:
    whole, alone = bare.graph(bare.all), bare.graph(bare.compute)
    launch, synchronize = bare.driver.cuGraphLaunch, bare.driver.cuStreamSynchronize

    def run_graph() -> None:
        launch(whole, bare.handle)
        synchronize(bare.handle)

    rounds: dict[str, list[float]] = {"guide": [], "bare": [], "ours": []}
    single = ("one-at-a-time",)
    for _ in range(ROUNDS):
        rounds["guide"].append(p50(lambda: guide.infer(image), CALLS))
        rounds["bare"].append(p50(run_graph, CALLS))
        rounds["ours"].append(
            percentile_50(latency_of(ours(model, measurements=single, duration_s=0.4)))
        )
    medians = {name: statistics.median(times) for name, times in rounds.items()}
    options = BenchmarkOptions(duration_s=1.0, warm_up_ms=200.0)
    way, tried = find_best(model, options, Silent(), never)
    assert way is not None
    # What the bus lets in varies from second to second.
    turns = [_turn(model, bare, alone, options, way) for _ in range(ROUNDS)]
    rates = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}

    def of_limit(*limits: str) -> list[float]:
        return [turn["pipelined"] / min(turn[one] for one in limits) for turn in turns]

    limited = of_limit("copies_by_events", "computes")
    apart = bare.parts(2000)
    plain = ours(model, measurements=single, graph=False).samples
    reported = [
        percentile_50(plain.host_to_device),
        percentile_50(plain.compute),
        percentile_50(plain.device_to_host),
    ]
    again = bare.parts(2000)
    apart = [(a + b) / 2 for a, b in zip(apart, again, strict=True)]
    return {
        "one_at_a_time_ms": {name: round(value, 4) for name, value in medians.items()},
        "ratio_to_guide": round(medians["ours"] / medians["guide"], 3),
        "ratio_to_bare_graph": round(medians["ours"] / medians["bare"], 3),
        **{f"{name}_per_s": round(value) for name, value in rates.items()},
        "pipelined_as": f"{way.contexts} contexts, graph: {way.graph}, inputs {way.arrangement}",
        "ratio_to_limit": round(statistics.median(limited), 3),
        "ratios_to_limit": [round(one, 3) for one in limited],
        "ratio_to_queued_copies": round(statistics.median(of_limit("copies", "computes")), 3),
        "ratio_to_copies_beside_outputs": round(
            statistics.median(of_limit("copies_beside_outputs", "computes")), 3
        ),
        "tried_per_s": {
            one.convention.split(";")[0]: round(throughput_per_s(one.samples) or 0) for one in tried
        },
        "parts_apart_ms": [round(part, 4) for part in apart],
        "parts_reported_ms": [round(part, 4) for part in reported],
        "parts_ratio": [round(a / b, 3) for a, b in zip(reported, apart, strict=True)],
        "whole_ratio": round(sum(reported) / sum(apart), 3),
    }


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1])), indent=2))
