"""What an engine tells of its layers, and times each: TensorRT's inspector and profiler.

Everything here runs on the thread of the session whose engine it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from core.errors import Cancelled, ModelError
from core.sessions.lanes import LaneOptions
from core.sessions.layer_timing import LEAST_RUNS, WARM_UP_RUNS, never, repeat
from core.sessions.loaded_engine import LoadedEngine
from core.sessions.stage_events import Origin
from core.sessions.tensorrt_bound import BoundContext
from core.sessions.tensorrt_inspector import inspector_json
from core.sessions.tensorrt_lane import TensorRTLane
from core.tensorrt_library import Library

Runs = list[list[tuple[str, float]]]
"""Of each run (layer's name, milliseconds), in the order in which the layers ran."""


def layer_json(engine: LoadedEngine, context: Any) -> str:
    """The engine inspector's JSON, with the dimensions that the context has.

    Raises:
        ModelError: kind "no-inspector" on the lean and dispatch runtimes. Asking there would leave
            the engine broken (seen with 10.16), so it is not asked.
    """
    library, name = engine.library, engine.name
    if library.module != "tensorrt":
        raise ModelError(
            "no-inspector",
            f"{library.module} runs {name}, but cannot tell its layers.",
            "Install the full tensorrt package, or open what trtexec wrote with --exportLayerInfo.",
        )
    text = inspector_json(library, engine.trt_engine, context)
    if text is None:
        raise ModelError(
            "no-inspector",
            f"TensorRT {library.version} gives no inspector for {name}.",
            "Restart Enginebay, or open what trtexec wrote with --exportLayerInfo.",
        )
    return text


def layer_profiler(library: Library) -> Any:
    """A profiler whose `times` grow by one (layer's name, milliseconds) a layer and run.

    Raises:
        ModelError: kind "no-profiler", where the module has none.
    """
    if not hasattr(library.trt, "IProfiler"):
        raise ModelError(
            "no-profiler",
            f"{library.module} cannot time layers.",
            "Install the full tensorrt package.",
        )
    return _profiler(library.trt)


def _profiler(trt: Any) -> Any:
    """A profiler of the module's own base class."""

    class LayerProfiler(trt.IProfiler):  # type: ignore[misc]
        """Called by TensorRT inside execute_async_v3, on this thread; it must not raise."""

        def __init__(self) -> None:
            trt.IProfiler.__init__(self)
            self.times: list[tuple[str, float]] = []

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            """One layer of one run."""
            self.times.append((layer_name, ms))

    return LayerProfiler()


def timed_layers(
    engine: LoadedEngine,
    inputs: Mapping[str, np.ndarray],
    profile: int,
    runs: int = LEAST_RUNS,
    stop: Callable[[], bool] = never,
) -> tuple[Runs, bool]:
    """Time the layers of an engine.

    Args:
        engine: nobody may have an execution context on the same profile, of which there is room
            for one up to TensorRT 9.
        inputs: one checked array for every input.
        profile: the optimization profile that they fit in.
        runs: see core.sessions.layer_timing.repeat.
        stop: likewise.

    Returns, raises:
        As profiled_runs; CudaError, ModelError where the engine cannot be run.
    """
    profiler = layer_profiler(engine.library)
    context = engine.new_context()
    context.profiler = profiler
    shapes = {name: array.shape for name, array in inputs.items()}
    options = LaneOptions(graph=False, timed=False)
    bound = BoundContext(engine, context, shapes, inputs, profile)
    lane = TensorRTLane(engine, bound, options, Origin(engine.cuda))
    del context, bound  # the lane's, and gone with it: before the profiler
    try:
        for spec in engine.inputs:
            if spec.location == "device":
                lane.input(spec.name)[...] = inputs[spec.name]

        def run() -> None:
            lane.start()
            lane.wait()

        return profiled_runs(run, profiler, runs, stop)
    finally:
        lane.close()


def profiled_runs(
    run: Callable[[], object],
    profiler: Any,
    runs: int = LEAST_RUNS,
    stop: Callable[[], bool] = never,
) -> tuple[Runs, bool]:
    """Run again and again on a context that has the profiler; the first runs are not counted.

    Args:
        run: one run, done when it returns: execute_async_v3 waits while a profiler is attached and
            `enqueue_emits_profile` is True, its default.
        profiler: what layer_profiler gave.
        runs: see core.sessions.layer_timing.repeat.
        stop: likewise.

    Returns:
        The runs' times, and whether there were as many as wanted.

    Raises:
        Cancelled: if it is stopped before the first run that counts.
    """
    done: Runs = []

    def timed() -> None:
        profiler.times.clear()
        run()
        done.append(list(profiler.times))

    for _ in range(WARM_UP_RUNS):
        if stop():
            raise Cancelled
        run()
    _, is_complete = repeat(timed, runs=runs, stop=stop)
    return done, is_complete
