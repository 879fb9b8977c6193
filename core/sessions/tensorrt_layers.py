"""What an engine tells of its layers, and times each: TensorRT's inspector and profiler.

Everything here runs on the thread of the session whose engine it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from core.errors import Cancelled, EnginebayError, ModelError
from core.sessions.layer_timing import LEAST_RUNS, WARM_UP_RUNS, never, repeat
from core.tensorrt_library import Library, LogLine

Runs = list[list[tuple[str, float]]]
"""Of each run (layer's name, milliseconds), in the order in which the layers ran."""


def layer_json(library: Library, engine: Any, context: Any, name: str) -> str:
    """The engine inspector's JSON, with the dimensions that the context has.

    The inspector holds Python's lock all the while, some hundred milliseconds for large engines.

    Raises:
        ModelError: kind "no-inspector" on the lean and dispatch runtimes. Asking there would leave
            the engine broken (seen with 10.16), so it is not asked.
    """
    if library.module != "tensorrt":
        raise ModelError(
            "no-inspector",
            f"{library.module} runs {name}, but cannot tell its layers.",
            "Install the full tensorrt package, or open what trtexec wrote with --exportLayerInfo.",
        )
    inspector = engine.create_engine_inspector()
    if inspector is None:
        raise ModelError(
            "no-inspector",
            f"TensorRT {library.version} gives no inspector for {name}.",
            "Restart Enginebay, or open what trtexec wrote with --exportLayerInfo.",
        )
    inspector.execution_context = context
    return str(inspector.get_engine_information(library.trt.LayerInformationFormat.JSON))


def profiling_context(
    library: Library,
    engine: Any,
    name: str,
    refusal: Callable[[Sequence[LogLine], str], EnginebayError],
) -> tuple[Any, Any]:
    """An execution context of its own with a profiler, and the profiler.

    The profiler's `times` grow by one (layer's name, milliseconds) a layer and run. It must live
    longer than the context.

    Raises:
        ModelError: kind "no-profiler", where the module has none.
        EnginebayError: what `refusal` makes of TensorRT's log, where it gives no context.
    """
    if not hasattr(library.trt, "IProfiler"):
        raise ModelError(
            "no-profiler",
            f"{library.module} cannot time layers.",
            "Install the full tensorrt package.",
        )
    with library.tape.capture() as lines:
        context = engine.create_execution_context()
    if context is None:
        raise refusal(lines, f"{name} cannot be set up to time its layers")
    profiler = _profiler(library.trt)
    context.profiler = profiler
    return context, profiler


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
        profiler: what profiling_context gave.
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
