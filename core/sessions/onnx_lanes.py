"""Lanes of an ONNX model on the CPU: runs of one ONNX Runtime session, on threads of their own.

A single lane runs on the calling thread, inside wait(): it is a bare loop of `session.run`. Of
several lanes each has a thread, and all call `run` of the same session, which is made for that
(onnxruntime's InferenceSession::Run is const and thread-safe). They share its weights and its
intra-op threads, one for each core, and each brings its own calling thread: what one run leaves
idle between operators, another uses. So "threads" are runs in flight, as execution contexts are on
a GPU; they add no cores, and a model that keeps all cores busy alone gains nothing from more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from core.errors import Cancelled
from core.sessions.lanes import Lane, QueryTimes
from core.sessions.onnx import as_array, run_error
from core.tensors import TensorSpec, numpy_dtype

Shapes = Mapping[str, tuple[int, ...]]


class OnnxLane(Lane):
    """One run at a time, on the thread that calls wait()."""

    def __init__(
        self,
        session: Any,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        shapes: Shapes,
        origin: float,
    ) -> None:
        """Make the inputs' arrays, zeros; strings are empty.

        Args:
            session: onnxruntime's InferenceSession.
            inputs: the model's.
            outputs: the model's.
            shapes: of the inputs.
            origin: from when times count, by time.perf_counter.
        """
        import onnxruntime

        self._names = [spec.name for spec in outputs]
        self._feeds = {spec.name: _zeros(spec, shapes[spec.name]) for spec in inputs}
        self.clock_origin = self._origin = origin
        self._begin = self._end = origin
        self._values: list[Any] = []
        self._options: Any = onnxruntime.RunOptions()
        self._options.log_severity_level = 3  # as the session's own
        self._run: Any = session.run

    def input(self, name: str) -> np.ndarray:
        """The input's array."""
        return self._feeds[name]

    def start(self) -> None:
        """Nothing yet: the caller's thread is the one that computes."""

    def wait(self) -> None:
        """Run."""
        self._query()

    def _query(self) -> None:
        self._begin = time.perf_counter()
        try:
            self._values = self._run(self._names, self._feeds, self._options)
        except Exception as error:  # noqa: BLE001 - its exceptions share no other base
            if self._options.terminate:
                raise Cancelled from None
            raise run_error(error) from None
        self._end = time.perf_counter()

    def times(self) -> QueryTimes:
        """The run is all compute: nothing is copied."""
        begin, end = self._begin, self._end
        return QueryTimes((begin - self._origin) * 1000, 0.0, 0.0, (end - begin) * 1000, 0.0)

    def outputs(self) -> Mapping[str, np.ndarray]:
        """Arrays of their own, which no later query overwrites."""
        pairs = zip(self._names, self._values, strict=True)
        return {name: as_array(value) for name, value in pairs}

    def interrupt(self) -> None:
        """End the run after the operator that is running, and refuse later ones."""
        self._options.terminate = True

    def close(self) -> None:
        """Drop the arrays."""
        self._values = []


class ThreadedOnnxLane(OnnxLane):
    """One run at a time, on a thread of its own."""

    def __init__(
        self,
        session: Any,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        shapes: Shapes,
        origin: float,
    ) -> None:
        """As OnnxLane; starts the thread."""
        super().__init__(session, inputs, outputs, shapes, origin)
        # Plain locks: a handover costs a microsecond, a queue's or an event's many.
        self._asked, self._done = threading.Lock(), threading.Lock()
        self._asked.acquire()
        self._done.acquire()
        self._is_closing = self._is_running = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="onnx-lane", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            self._asked.acquire()
            if self._is_closing:
                return
            try:
                self._query()
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                self._error = error
            self._done.release()

    def start(self) -> None:
        """Let the thread run."""
        self._is_running = True
        self._asked.release()

    def wait(self) -> None:
        """Wait for the thread."""
        self._done.acquire()
        self._is_running = False
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def close(self) -> None:
        """End the thread, after interrupting a run that nobody waited for."""
        if self._thread.is_alive() and not self._is_closing:
            if self._is_running:
                self.interrupt()
                self._done.acquire()
            self._is_closing = True
            self._asked.release()
            self._thread.join()
        super().close()


def make_lanes(
    session: Any,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    shapes: Shapes,
    count: int,
) -> list[OnnxLane]:
    """As many lanes on one session; a single one has no thread. Arguments as OnnxLane."""
    kind = OnnxLane if count == 1 else ThreadedOnnxLane
    origin = time.perf_counter()
    return [kind(session, inputs, outputs, shapes, origin) for _ in range(count)]


def _zeros(spec: TensorSpec, shape: tuple[int, ...]) -> np.ndarray:
    if spec.dtype == "string":
        return np.full(shape, "", dtype=object)
    try:
        return np.zeros(shape, numpy_dtype(spec.dtype))
    except ValueError as error:  # numpy's word on what no address space holds
        raise MemoryError(f"{spec.name}: {shape}: {error}") from None
