"""An engine's launch as a CUDA graph, once it has run a few times with the same shapes."""

from __future__ import annotations

from typing import Any

from core.cuda import CudaContext
from core.cuda_graph import Graph, NotCaptured, capture
from core.tensorrt_library import Library

_PLAIN_RUNS = 2
"""Runs with the same shapes before a graph is made: one picture is not worth it."""


class EngineGraph:
    """Starts an execution context on a stream: plainly at first, then as a graph.

    The graph saves the launch of each kernel; copies are not in it, as their host memory differs
    from run to run. An engine that cannot be captured, and any where cuda-bindings is missing,
    goes on plainly. Belongs to the thread that owns CUDA.

    Attributes:
        why_not: why there is no graph, once one was tried.
    """

    def __init__(self, cuda: CudaContext, library: Library, context: Any, stream: Any) -> None:
        self._cuda = cuda
        self._library = library
        self._context = context
        self._stream = stream
        self._runs = 0
        self._graph: Graph | None = None
        self.why_not = ""

    @property
    def is_made(self) -> bool:
        """Whether the next launch is a graph's."""
        return self._graph is not None

    def launch(self) -> bool:
        """Start the engine; False where TensorRT refuses."""
        self._runs += 1
        if self._graph is not None:
            self._graph.launch()
            return True
        return bool(self._context.execute_async_v3(self._stream.handle))

    def settle(self) -> None:
        """Make the graph where it is time to; once the stream is idle."""
        if self._runs != _PLAIN_RUNS:
            return
        stream = self._stream
        try:
            with self._library.tape.capture():
                self._graph = capture(
                    self._cuda,
                    stream,
                    lambda: bool(self._context.execute_async_v3(stream.handle)),
                )
        except NotCaptured as reason:
            self.why_not = str(reason)

    def drop(self) -> None:
        """What it was made of holds no more: shapes or addresses have changed."""
        self._runs = 0
        self.why_not = ""
        if self._graph is not None:
            self._graph.close()
            self._graph = None
