"""A lane of a TensorRT engine: an execution context with stream, buffers and graph of its own.

Everything here runs on the thread that made the session.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.cuda import CudaContext, PinnedArray
from core.cuda_graph import Graph, GraphEvents, NotCaptured, capture, graph_driver
from core.errors import EnginebayError
from core.sessions.buffers import as_bytes
from core.sessions.lanes import Lane, LaneOptions, QueryTimes
from core.sessions.output_allocator import output_allocator
from core.sessions.tensorrt_context import LateAxes, infer_shapes, set_profile
from core.tensorrt_library import Library
from core.tensors import TensorSpec, numpy_dtype, size_bytes

_RUNNING = "running the engine"
_STAGES = 4  # events: begin, copied in, computed, copied out


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What lanes need of a session."""

    name: str  # the file's, for messages
    cuda: CudaContext
    library: Library
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    profile: int
    late_axes: LateAxes
    refusal: Callable[[Any, str], EnginebayError]  # from TensorRT's log lines


class Origin:
    """The moment from which lanes' times count; recorded for both kinds of events."""

    def __init__(self, cuda: CudaContext) -> None:
        stream = cuda.stream()
        self.plain = cuda.event()
        self.plain.record(stream)
        self.graph: GraphEvents | None = None
        if graph_driver() is not None:
            self.graph = GraphEvents(1)
            self.graph.record(0, stream, external=False)
        stream.synchronize()


class TensorRTLane(Lane):
    """One execution context with its stream, device memory and page-locked arrays.

    Attributes:
        stream: pycuda's; with LaneOptions.feeds off, fill device_address(name) on it.
    """

    def __init__(
        self,
        engine: Engine,
        context: Any,
        shapes: Mapping[str, tuple[int, ...]],
        values: Mapping[str, np.ndarray],
        options: LaneOptions,
        origin: Origin,
    ) -> None:
        """Bind an execution context to shapes, run it once, and capture it where asked for.

        Args:
            engine: what the context is of.
            context: a TensorRT execution context that nobody else uses meanwhile.
            shapes: of the inputs.
            values: of the shape tensors among them.
            options: how it runs.
            origin: from when times count.

        Raises:
            CudaError, ModelError: if the memory is not enough, or the engine refuses the shapes.
        """
        self._engine = engine
        self._cuda = engine.cuda
        self._context = context
        self._options = options
        self._origin = origin
        self._arrays: dict[str, np.ndarray] = {}
        self._device: dict[str, Any] = {}
        self._pinned: list[PinnedArray] = []
        self._allocators: dict[str, Any] = {}
        self._graph: Graph | None = None
        self._graph_events: GraphEvents | None = None
        self.stream = self._cuda.stream()
        self._events = [self._cuda.event() for _ in range(_STAGES)]
        self._finished: Any = None
        if options.wait == "blocking":
            self._finished = self._cuda.blocking_event()
        try:
            self._bind(shapes, values)
            self._plan_copies()
            self._start_plainly()
            self.wait()
            if options.graph:
                self._capture()
        except BaseException:
            self.close()
            raise

    def input(self, name: str) -> np.ndarray:
        """The input's page-locked array."""
        return self._arrays[name]

    def outputs(self) -> Mapping[str, np.ndarray]:
        """By name; the next start() overwrites them."""
        return {spec.name: self._arrays[spec.name] for spec in self._engine.outputs}

    def device_address(self, name: str) -> int:
        """Where a tensor lies in the device's memory."""
        return int(self._device[name])

    def start(self) -> None:
        """Launch the graph, or queue the copies and the engine."""
        if self._graph is not None:
            self._graph.launch()
        else:
            self._start_plainly()
        if self._finished is not None:
            self._finished.record(self.stream)

    def wait(self) -> None:
        """Wait for the stream, spinning or asleep."""
        try:
            if self._finished is None:
                self.stream.synchronize()
            else:
                self._finished.synchronize()
        except self._cuda.driver.Error as error:
            raise self._cuda.translated(str(error), _RUNNING) from None

    def times(self) -> QueryTimes:
        """By CUDA events."""
        marks = self._graph_events
        if marks is not None:
            assert self._origin.graph is not None
            return QueryTimes(
                marks.since(self._origin.graph, 0),
                marks.between(0, 1),
                marks.between(1, 2),
                marks.between(2, 3),
            )
        begin, copied_in, computed, copied_out = self._events
        return QueryTimes(
            self._origin.plain.time_till(begin),
            begin.time_till(copied_in),
            copied_in.time_till(computed),
            computed.time_till(copied_out),
        )

    def _bind(
        self, shapes: Mapping[str, tuple[int, ...]], values: Mapping[str, np.ndarray]
    ) -> None:
        engine, context, cuda = self._engine, self._context, self._cuda
        with engine.library.tape.capture() as lines, cuda.errors("binding the tensors"):
            good = set_profile(context, engine.profile, self.stream)
            for spec in engine.inputs if good else ():
                if spec.location == "host":
                    self._arrays[spec.name] = np.array(values[spec.name], numpy_dtype(spec.dtype))
                    address = self._arrays[spec.name].ctypes.data
                    good &= bool(context.set_tensor_address(spec.name, address))
                else:
                    good &= bool(context.set_input_shape(spec.name, shapes[spec.name]))
                    good &= self._give_memory(spec, shapes[spec.name])
            good = good and infer_shapes(context)
            for spec in engine.outputs if good else ():
                good &= self._bind_output(spec)
        if not good:
            raise engine.refusal(lines, f"{engine.name} refuses these input shapes")

    def _bind_output(self, spec: TensorSpec) -> bool:
        shape = self._engine.late_axes.shape(self._context, spec.name)
        if any(dim < 0 for dim in shape):  # known only when it has run
            allocator = output_allocator(self._engine.library.trt, self._cuda)
            self._allocators[spec.name] = allocator
            return bool(self._context.set_output_allocator(spec.name, allocator))
        if spec.location == "host":
            self._arrays[spec.name] = np.zeros(shape, numpy_dtype(spec.dtype))
            address = self._arrays[spec.name].ctypes.data
            return bool(self._context.set_tensor_address(spec.name, address))
        return self._give_memory(spec, shape)

    def _give_memory(self, spec: TensorSpec, shape: tuple[int, ...]) -> bool:
        size = size_bytes(spec.dtype, shape) or 0
        doing = f"reserving {size:,} bytes for tensor {spec.name!r}"
        memory = self._device[spec.name] = self._cuda.allocate(size, doing)
        self.device_bytes += size
        pinned = PinnedArray(self._cuda, size)
        self._pinned.append(pinned)
        self._arrays[spec.name] = array = pinned.view(shape, numpy_dtype(spec.dtype))
        array.reshape(-1).view(np.uint8)[...] = 0
        return bool(self._context.set_tensor_address(spec.name, int(memory)))

    def _plan_copies(self) -> None:
        """Which memory is copied where, worked out once: a query has no time for it."""
        uploads = self._options.transfers and self._options.feeds
        self._uploads = [
            (self._device[spec.name], as_bytes(self._arrays[spec.name]))
            for spec in self._engine.inputs
            if uploads and spec.name in self._device
        ]
        self._downloads = [
            (as_bytes(self._arrays[spec.name]), self._device[spec.name])
            for spec in self._engine.outputs
            if self._options.transfers and spec.name in self._device
        ]

    def _start_plainly(self) -> None:
        events, stream = self._events, self.stream
        timed = self._options.timed
        try:
            with self._engine.library.tape.capture() as lines:
                good = self._put(lambda index: timed and events[index].record(stream))
                for name in self._allocators if good else ():
                    self._download_late(name)
        except self._cuda.driver.Error as error:
            raise self._cuda.translated(str(error), _RUNNING) from None
        if not good:
            self.wait()
            for allocator in self._allocators.values():
                if allocator.error is not None:
                    raise allocator.error
            raise self._engine.refusal(lines, f"{self._engine.name} failed to run")

    def _put(self, mark: Callable[[int], object]) -> bool:
        """Queue the copies and the engine, with a mark before, between and after them."""
        driver, stream = self._cuda.driver, self.stream
        mark(0)
        for memory, array in self._uploads:
            driver.memcpy_htod_async(memory, array, stream)
        mark(1)
        if not self._context.execute_async_v3(stream.handle):
            return False
        mark(2)
        for array, memory in self._downloads:
            driver.memcpy_dtoh_async(array, memory, stream)
        mark(3)
        return True

    def _download_late(self, name: str) -> None:
        """An output whose shape is known only now; execute_async_v3 waited for it."""
        allocator = self._allocators[name]
        spec = next(spec for spec in self._engine.outputs if spec.name == name)
        array = self._arrays[name] = np.empty(allocator.shape, numpy_dtype(spec.dtype))
        if array.nbytes and self._options.transfers:
            memory = allocator.memory
            self._cuda.driver.memcpy_dtoh_async(as_bytes(array), memory, self.stream)

    def _capture(self) -> None:
        if self._allocators:
            self.why_no_graph = "Output shapes depend on the data, which no graph can follow."
            return
        if self._arrays.keys() != self._device.keys():
            self.why_no_graph = "Shape tensors lie in the host's memory, which no graph reads."
            return
        events: GraphEvents | None = None
        try:
            events = GraphEvents(_STAGES)
            record = events.record
            timed = self._options.timed
            with self._engine.library.tape.capture():
                graph = capture(
                    self._cuda,
                    self.stream,
                    lambda: self._put(lambda index: timed and record(index, self.stream)),
                )
            self._graph, self._graph_events, self.graph = graph, events, True
            graph.launch()
            self.wait()
        except NotCaptured as reason:
            self.why_no_graph = str(reason)
            if events is not None:
                events.close()

    def close(self) -> None:
        """Free graph, context and memory, in this order."""
        self._cuda.check_thread()
        with contextlib.suppress(EnginebayError):  # a lost context has no work
            self.wait()
        if self._graph is not None:
            self._graph.close()
            self._graph = None
        if self._graph_events is not None:
            self._graph_events.close()
            self._graph_events = None
        self._context = None
        for allocator in self._allocators.values():
            allocator.release()
        self._allocators.clear()
        for memory in self._device.values():
            with contextlib.suppress(self._cuda.driver.Error):  # a lost context has no memory
                memory.free()
        self._device.clear()
        for pinned in self._pinned:
            pinned.close()
        self._pinned.clear()
