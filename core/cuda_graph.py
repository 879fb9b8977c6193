"""CUDA graphs: work recorded once from a stream, then started by one call.

pycuda has no calls for graphs, so NVIDIA's cuda-bindings makes them, on pycuda's streams. Without
it everything works but graphs. All of it belongs to the thread that owns the CUDA context.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import Any

from core.cuda import CudaContext
from core.errors import CudaError

NO_BINDINGS = (
    "NVIDIA's cuda-bindings is not installed, and pycuda has no calls for graphs: "
    "pip install cuda-bindings."
)
_EXTERNAL = 1  # CU_EVENT_RECORD_EXTERNAL: the event becomes a node that records at each launch


@functools.cache
def graph_driver() -> Any | None:
    """cuda.bindings.driver, or None where it is not installed or has no driver to load."""
    try:
        from cuda.bindings import driver

        driver.cuDriverGetVersion()  # only a call finds out whether there is a driver to load
    except (ImportError, OSError, RuntimeError):
        return None
    return driver


class NotCaptured(Exception):  # noqa: N818 - no error: the work runs without a graph
    """The work cannot become a graph; the text says why."""


class Graph:
    """Recorded work, ready to start. Keep alive what it was recorded with."""

    def __init__(self, driver: Any, executable: Any, stream: Any) -> None:
        self._driver = driver
        self._executable = executable
        self._stream = stream
        self._launch = driver.cuGraphLaunch

    def launch(self) -> None:
        """Start the work on the stream it was recorded from.

        Raises:
            CudaError: if CUDA refuses.
        """
        (status,) = self._launch(self._executable, self._stream)
        if status:
            raise CudaError("cuda", f"CUDA cannot start a graph: {status.name}.", "See the log.")

    def close(self) -> None:
        """Free it. May be called twice."""
        if self._executable is not None:
            self._driver.cuGraphExecDestroy(self._executable)
            self._executable = None


def capture(cuda: CudaContext, stream: Any, record: Callable[[], bool]) -> Graph:
    """Record a graph from what `record` puts on the stream, in thread-local mode.

    Thread-local, as global capture breaks other threads' CUDA calls (trtexec does so too,
    samples/common/sampleInference.cpp). The work must have run once before: its first run sets
    things up in ways that cannot be captured.

    Args:
        cuda: the context.
        stream: pycuda's; nothing may be under way on it.
        record: puts the work on the stream; False when that failed. It may not allocate, free,
            wait or ask an event.

    Raises:
        NotCaptured: with the reason; the stream then is as it was.
    """
    cuda.check_thread()
    driver = graph_driver()
    if driver is None:
        raise NotCaptured(NO_BINDINGS)
    handle = driver.CUstream(stream.handle)
    mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    collects = gc.isenabled()
    gc.disable()  # what it frees might be device memory, which would end the capture
    try:
        (status,) = driver.cuStreamBeginCapture(handle, mode)
        if status:
            raise NotCaptured(f"CUDA refuses to capture: {status.name}.")
        reason = ""
        try:
            if not record():
                reason = "The engine refuses to be captured."
        except (cuda.driver.Error, CudaError) as error:
            reason = f"The work cannot be captured: {error}."
        status, graph = driver.cuStreamEndCapture(handle)
    finally:
        if collects:
            gc.enable()
    if status and not reason:
        reason = f"The capture ended with {status.name}."
    if not reason:
        status, executable = driver.cuGraphInstantiate(graph, 0)
        if status:
            reason = f"CUDA cannot make a graph of it: {status.name}."
    if graph is not None and int(graph):
        driver.cuGraphDestroy(graph)
    if reason:
        raise NotCaptured(reason)
    return Graph(driver, executable, handle)


class GraphEvents:
    """Events that a graph records at each launch, and the milliseconds between them."""

    def __init__(self, count: int) -> None:
        driver = graph_driver()
        if driver is None:
            raise NotCaptured(NO_BINDINGS)
        self._driver: Any = driver
        self._events = [_done(driver.cuEventCreate(0)) for _ in range(count)]

    @staticmethod
    def are_there() -> bool:
        """Whether cuda-bindings is installed."""
        return graph_driver() is not None

    def record(self, index: int, stream: Any, *, external: bool = False) -> None:
        """Record an event; `external` inside a capture."""
        flags = _EXTERNAL if external else 0
        handle = self._driver.CUstream(stream.handle)
        _done(self._driver.cuEventRecordWithFlags(self._events[index], handle, flags))

    def between(self, first: int, second: int) -> float:
        """Milliseconds from one to another; both have happened."""
        begin, end = self._events[first], self._events[second]
        return float(_done(self._driver.cuEventElapsedTime(begin, end)))

    def since(self, origin: GraphEvents, index: int) -> float:
        """Milliseconds since another's first event."""
        begin, end = origin._events[0], self._events[index]
        return float(_done(self._driver.cuEventElapsedTime(begin, end)))

    def close(self) -> None:
        """Free them. May be called twice."""
        for event in self._events:
            self._driver.cuEventDestroy(event)
        self._events = []


def _done(answer: tuple[Any, ...]) -> Any:
    """What a call gave, once its status is good."""
    status, *values = answer
    if status:
        raise CudaError("cuda", f"CUDA failed while timing: {status.name}.", "See the log.")
    return values[0] if values else None
