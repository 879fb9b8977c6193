"""When the stages of a query began and ended: CUDA events, recorded by hand or by a graph."""

from __future__ import annotations

from typing import Any, Protocol

from core.cuda import CudaContext
from core.cuda_graph import GraphEvents

BEGIN, COPIED_IN, COMPUTING, COMPUTED, COPIED_OUT = range(5)
STAGES = 5


class StageEvents(Protocol):
    """STAGES events, by pycuda or by cuda-bindings: CUDA alone cannot tell time between the two."""

    def record(self, index: int, stream: Any, *, external: bool = False) -> None:
        """Record one; `external` inside a capture."""

    def between(self, first: int, second: int) -> float:
        """Milliseconds from one to another; both have happened."""

    def since_origin(self, origin: Origin, index: int) -> float:
        """Milliseconds from the origin to one."""

    def close(self) -> None:
        """Free them."""


class PlainEvents:
    """pycuda's."""

    def __init__(self, cuda: CudaContext) -> None:
        self._events = [cuda.event() for _ in range(STAGES)]

    def record(self, index: int, stream: Any, *, external: bool = False) -> None:
        """Record one; never inside a capture."""
        assert not external
        self._events[index].record(stream)

    def between(self, first: int, second: int) -> float:
        """Milliseconds from one to another; both have happened."""
        return float(self._events[first].time_till(self._events[second]))

    def since_origin(self, origin: Origin, index: int) -> float:
        """Milliseconds from the origin to one."""
        return float(origin.plain.time_till(self._events[index]))

    def close(self) -> None:
        """Free them."""
        self._events = []


class RecordedEvents(GraphEvents):
    """cuda-bindings', which a graph can record.

    Raises:
        NotCaptured: where it is not installed.
    """

    def __init__(self) -> None:
        super().__init__(STAGES)

    def since_origin(self, origin: Origin, index: int) -> float:
        """Milliseconds from the origin to one."""
        assert origin.graph is not None
        return self.since(origin.graph, index)


class Origin:
    """The moment from which lanes' times count; recorded for both kinds of events."""

    def __init__(self, cuda: CudaContext) -> None:
        stream = cuda.stream()
        self.plain = cuda.event()
        self.plain.record(stream)
        self.graph: GraphEvents | None = None
        if GraphEvents.are_there():
            self.graph = GraphEvents(1)
            self.graph.record(0, stream)
        stream.synchronize()
