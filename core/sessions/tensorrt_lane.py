"""A lane of a TensorRT engine: one query in flight, with its page-locked arrays and its graph.

Everything here runs on the thread that made the session.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from core.cuda import PinnedArray
from core.cuda_graph import Graph, NotCaptured, capture
from core.errors import EnginebayError
from core.sessions.buffers import as_bytes
from core.sessions.lanes import UNTIMED, Lane, LaneOptions, QueryTimes
from core.sessions.loaded_engine import LoadedEngine
from core.sessions.stage_events import (
    BEGIN,
    COMPUTED,
    COMPUTING,
    COPIED_IN,
    COPIED_OUT,
    Origin,
    PlainEvents,
    RecordedEvents,
    StageEvents,
)
from core.sessions.tensorrt_bound import BoundContext
from core.tensors import numpy_dtype, size_bytes

_RUNNING = "running the engine"
_EVENTS_MS, _EVENTS_SHARE = 0.01, 0.002
"""What the events of a query take, some 10 us, and the share of the time that they may cost: where
queries are short, not all are timed."""


class TensorRTLane(Lane):
    """Page-locked arrays and a graph on a bound context, which other lanes may queue behind.

    It puts copy in, engine and copy out on one stream, as one graph; or it copies in on a stream
    that all lanes share, where one copy follows another and nothing else waits. Which fills the
    bus better depends on the machine.

    Attributes:
        bound: its execution context. With LaneOptions.feeds off, whoever feeds it fills
            device_address(name) on bound.stream before start().
    """

    def __init__(
        self,
        engine: LoadedEngine,
        bound: BoundContext,
        options: LaneOptions,
        origin: Origin,
        copies: Any = None,
    ) -> None:
        """Run once, and capture that where asked for.

        Args:
            engine: what runs.
            bound: where.
            options: how.
            origin: from when times count.
            copies: the stream that lanes share for copying in; None for the context's own.

        Raises:
            CudaError, ModelError: if the memory is not enough, or the engine fails.
        """
        self._engine = engine
        self._cuda = engine.cuda
        self._options = options
        self._origin = origin
        self._graphs: dict[bool, Graph] = {}  # by whether it records events
        self._copies = copies
        self._every = options.timed_every if options.timed else 0
        self._turn = 0
        self._is_timed = options.timed
        self._pinned: list[PinnedArray] = []
        self.bound = bound
        bound.enter()
        self._is_open = True
        self._arrays = dict(bound.host)
        self._stream = bound.stream
        self._events: StageEvents = PlainEvents(self._cuda)
        self._finished = self._cuda.waiting_event(sleeps=options.wait == "blocking")
        self._arrived = self._cuda.waiting_event(sleeps=False)  # a shared copy
        # A lane alone on its stream waits for that, which is one call less.
        self._waits_for_stream = options.depth == 1 and options.wait == "spin"
        try:
            self._pin()
            begin = time.perf_counter()
            self._start_plainly()
            self._finished.record(self._stream)
            self.wait()
            self.first_run_ms = (time.perf_counter() - begin) * 1000
            if options.graph:
                self._capture()
            self._time_no_more_than_is_cheap()
        except BaseException:
            self.close()
            raise

    def input(self, name: str) -> np.ndarray:
        """The input's page-locked array; there is none with LaneOptions.feeds off."""
        return self._arrays[name]

    def outputs(self) -> Mapping[str, np.ndarray]:
        """By name; the next start() overwrites them."""
        return {spec.name: self._arrays[spec.name] for spec in self._engine.outputs}

    def device_address(self, name: str) -> int:
        """Where a tensor lies in the device's memory."""
        return int(self.bound.device[name])

    def start(self) -> None:
        """Launch the graph, or queue the copies and the engine."""
        if self._once:
            self._copy_in_once()
        self._turn += 1
        self._is_timed = self._every > 0 and self._turn % self._every == 0
        if self._graphs:
            self._copy_in()
            self._graphs[self._is_timed].launch()
        else:
            self._start_plainly()
        if not self._waits_for_stream:
            self._finished.record(self._stream)

    def wait(self) -> None:
        """Wait for the query, spinning or asleep."""
        try:
            if self._waits_for_stream:
                self._stream.synchronize()
            else:
                self._finished.synchronize()
        except self._cuda.driver.Error as error:
            raise self._cuda.translated(str(error), _RUNNING) from None

    def times(self) -> QueryTimes:
        """By CUDA events."""
        if not self._is_timed:
            return UNTIMED
        events = self._events
        waited, computing = 0.0, COPIED_IN
        if self._copies is not None:
            waited, computing = events.between(COPIED_IN, COMPUTING), COMPUTING
        return QueryTimes(
            events.since_origin(self._origin, BEGIN),
            events.between(BEGIN, COPIED_IN),
            waited,
            events.between(computing, COMPUTED),
            events.between(COMPUTED, COPIED_OUT),
        )

    def _pin(self) -> None:
        """Page-locked arrays for every tensor, and what is copied where, worked out once."""
        bound, options = self.bound, self._options
        dtypes = {spec.name: spec.dtype for spec in (*self._engine.inputs, *self._engine.outputs)}
        fed_elsewhere = set() if options.feeds else {spec.name for spec in self._engine.inputs}
        for name, shape in bound.shapes.items():
            size = size_bytes(dtypes[name], shape) or 0
            self.device_bytes += size
            if name in fed_elsewhere:  # nobody would fill it
                continue
            pinned = PinnedArray(self._cuda, size)
            self._pinned.append(pinned)
            self._arrays[name] = pinned.view(shape, numpy_dtype(dtypes[name]))
            pinned.array[...] = 0
        self._uploads = [
            (bound.device[spec.name], as_bytes(self._arrays[spec.name]))
            for spec in self._engine.inputs
            if options.transfers and options.feeds and spec.name in bound.device
        ]
        self._once = options.feeds and not options.transfers
        self._downloads = [
            (as_bytes(self._arrays[spec.name]), bound.device[spec.name])
            for spec in self._engine.outputs
            if options.transfers and spec.name in bound.device
        ]

    def _start_plainly(self) -> None:
        stream = self._stream
        try:
            self._copy_in()
            with self._engine.library.tape.capture() as lines:
                good = self._put(self._events, external=False)
                for name in self.bound.allocators if good else ():
                    self._download_late(name)
        except self._cuda.driver.Error as error:
            raise self._cuda.translated(str(error), _RUNNING) from None
        if not good:
            with contextlib.suppress(self._cuda.driver.Error):
                stream.synchronize()
            for allocator in self.bound.allocators.values():
                if allocator.error is not None:
                    raise allocator.error
            raise self._engine.refusal(lines, f"{self._engine.name} failed to run")

    def _copy_in(self) -> None:
        """Copy in on the shared stream, where there is one."""
        if self._copies is None:
            return
        events, copies = self._events, self._copies
        if self._is_timed:
            events.record(BEGIN, copies)
        self._upload(copies)
        if self._is_timed:
            events.record(COPIED_IN, copies)
        self._arrived.record(copies)
        self._stream.wait_for_event(self._arrived)

    def _copy_in_once(self) -> None:
        """What inputs hold as the first query starts is what all queries get."""
        self._once = False
        for spec in self._engine.inputs:
            if spec.name in self.bound.device:
                array = as_bytes(self._arrays[spec.name])
                self._cuda.driver.memcpy_htod_async(
                    self.bound.device[spec.name], array, self._stream
                )
        self._stream.synchronize()

    def _upload(self, stream: Any) -> None:
        for memory, array in self._uploads:
            self._cuda.driver.memcpy_htod_async(memory, array, stream)

    def _put(self, events: StageEvents, *, external: bool) -> bool:
        """Queue what the lane's own stream does, with the events in between."""
        driver, stream = self._cuda.driver, self._stream

        def mark(index: int) -> None:
            if self._is_timed:
                events.record(index, stream, external=external)

        if self._copies is None:
            mark(BEGIN)
            self._upload(stream)
            mark(COPIED_IN)
        else:
            mark(COMPUTING)
        if not self.bound.context.execute_async_v3(stream.handle):
            return False
        mark(COMPUTED)
        for array, memory in self._downloads:
            driver.memcpy_dtoh_async(array, memory, stream)
        mark(COPIED_OUT)
        return True

    def _download_late(self, name: str) -> None:
        """An output whose shape is known only now; execute_async_v3 waited for it."""
        allocator = self.bound.allocators[name]
        spec = next(spec for spec in self._engine.outputs if spec.name == name)
        array = self._arrays[name] = np.empty(allocator.shape, numpy_dtype(spec.dtype))
        if array.nbytes and self._options.transfers:
            memory = allocator.memory
            self._cuda.driver.memcpy_dtoh_async(as_bytes(array), memory, self._stream)

    def _capture(self) -> None:
        if self.bound.allocators:
            self.why_no_graph = "Output shapes depend on the data, which no graph can follow."
            return
        if self.bound.host:
            self.why_no_graph = "Shape tensors lie in the host's memory, which no graph reads."
            return
        events: RecordedEvents | None = None
        kinds = {self._every > 0, self._every == 1}  # with events, without, or of both
        try:
            events = recorded = RecordedEvents()
            for self._is_timed in kinds:
                with self._engine.library.tape.capture():
                    self._graphs[self._is_timed] = capture(
                        self._cuda, self._stream, lambda: self._put(recorded, external=True)
                    )
        except NotCaptured as reason:
            self.why_no_graph = str(reason)
            self._close_graphs()
            if events is not None:
                events.close()
            return
        self._events.close()
        self._events, self.graph = events, True
        for self._is_timed in kinds:
            self._copy_in()
            self._graphs[self._is_timed].launch()  # its first launch takes longer
            self._stream.synchronize()

    def _time_no_more_than_is_cheap(self) -> None:
        if self._every > 1:
            begin = time.perf_counter()
            self.start()
            self.wait()
            query_ms = (time.perf_counter() - begin) * 1000
            enough = math.ceil(_EVENTS_MS / (_EVENTS_SHARE * query_ms))
            self._every = min(self._every, enough)

    def _close_graphs(self) -> None:
        for graph in self._graphs.values():
            graph.close()
        self._graphs.clear()

    def close(self) -> None:
        """Free the graph, then the bound context, then the arrays' locks."""
        self._cuda.check_thread()
        if not self._is_open:
            return
        self._is_open = False
        with contextlib.suppress(self._cuda.driver.Error, EnginebayError):
            self._stream.synchronize()  # a lost context has no work
        self._close_graphs()
        self._events.close()
        self.bound.leave()
        for pinned in self._pinned:
            pinned.close()
        self._pinned.clear()
