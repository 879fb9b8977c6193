"""TensorRT engines on the GPU, through the named-tensor API that 8.5 to 11 share.

Everything here runs on the thread that made the session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.cuda import CudaContext, open_context
from core.errors import ModelError
from core.sessions.base import NO_WEIGHTS, Arrays, Session, Timing
from core.sessions.buffers import Buffers, as_bytes
from core.sessions.engine_graph import EngineGraph
from core.sessions.input_check import check_inputs
from core.sessions.lanes import LaneOptions
from core.sessions.loaded_engine import LoadedEngine
from core.sessions.output_allocator import output_allocator
from core.sessions.tensorrt_context import infer_shapes, set_profile
from core.sessions.tensorrt_lane import TensorRTLane
from core.sessions.tensorrt_lanes import make_lanes
from core.sessions.tensorrt_layers import Runs, layer_json, timed_layers
from core.tensorrt_library import Library
from core.tensors import Shape, numpy_dtype, size_bytes

_UPLOADING, _RUNNING = "copying the input to the GPU", "running the engine"


class TensorRTSession(Session):
    """A TensorRT engine with one execution context, its stream and its buffers.

    Attributes:
        unreadable: why the engine cannot be fed from or read into numpy arrays, or None.
    """

    def __init__(
        self,
        plan: bytes | memoryview,
        name: str,
        *,
        allow_native_code: bool = False,
        plugins: Sequence[tuple[Path, str]] = (),
        module: str | None = None,
        device: int = 0,
        plan_version: str | None = None,
        plan_compute_capability: str | None = None,
        note: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """Load an engine.

        Args:
            plan: the plan's bytes, without any prefix.
            name: the file's name, for messages.
            allow_native_code: True runs the native code that a plan embeds.
            plugins: plugin libraries to load before, with the SHA-256 that each must have.
            module: one of core.machine.TENSORRT_MODULES; default the best installed.
            device: CUDA device index.
            plan_version: the TensorRT that built the engine, as its header says; for messages.
            plan_compute_capability: the GPU that it was built on, likewise.
            note: told what begins now.

        Raises:
            MachineError: if CUDA or TensorRT does not start.
            ModelError: if TensorRT refuses the engine.
            CudaError: if the GPU has not memory enough, or its context is lost.
        """
        super().__init__()
        self._name = name
        self._engine: LoadedEngine | None = None
        self._context: Any = None
        self._cuda: CudaContext | None = None
        self._host_arrays: Arrays = {}
        self._allocators: dict[str, Any] = {}
        self._bound: object = None
        self._graph: EngineGraph | None = None
        self._lanes: list[TensorRTLane] = []
        cuda = open_context(device)  # proves CUDA before TensorRT is touched
        self._cuda = cuda
        self._buffers = Buffers(cuda)
        try:
            engine = self._engine = LoadedEngine(
                cuda,
                plan,
                name,
                allow_native_code=allow_native_code,
                plugins=plugins,
                module=module,
                plan_version=plan_version,
                plan_compute_capability=plan_compute_capability,
                note=note,
            )
            self.inputs, self.outputs = engine.inputs, engine.outputs
            self.unreadable = engine.unreadable
            self.cautions = (NO_WEIGHTS,) if engine.lacks_weights else ()
            self._library = engine.library
            note("setting the engine up")
            self._stream = cuda.stream()
            self._events = [cuda.event() for _ in range(4)]
            self._live_context()
        except BaseException:
            self.close()
            raise
        self.runtime = engine.runtime

    def _live_context(self) -> Any:
        """The execution context, made anew where it was given up for a while."""
        if self._context is None:
            engine = self._live_engine()
            self._context = engine.new_context()
            self._graph = EngineGraph(engine.cuda, engine.library, self._context, self._stream)
        return self._context

    def _drop_context(self) -> None:
        self._unbind()
        self._graph = None
        self._context = None

    def _live_engine(self) -> LoadedEngine:
        self._live_cuda()
        assert self._engine is not None  # as long as CUDA is
        return self._engine

    @property
    def uses_graph(self) -> bool:
        """Whether run() starts a CUDA graph by now."""
        return self._graph is not None and self._graph.is_made

    @property
    def library(self) -> Library:
        """The TensorRT module in use."""
        return self._library

    def input_buffer(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A page-locked array to fill and give to run(); the caller's until it drops it."""
        self._live_cuda()
        spec = self._input_spec(name)
        pool = self._buffers.pool(name, size_bytes(spec.dtype, shape) or 0, is_input=True)
        return pool.take(shape, numpy_dtype(spec.dtype))

    def _execute(self, inputs: Arrays) -> tuple[Arrays, Timing]:
        cuda, engine = self._live_cuda(), self._live_engine()
        engine.require_runnable()
        self._bind(inputs)
        start, uploaded, computed, downloaded = self._events
        driver, stream = cuda.driver, self._stream
        device = self._buffers.device
        staged = {name: self._buffers.stage(name, array) for name, array in inputs.items()}
        with cuda.errors(_UPLOADING):
            start.record(stream)
            for name, array in staged.items():
                if name in device:
                    driver.memcpy_htod_async(device[name], as_bytes(array), stream)
            uploaded.record(stream)
        with self._library.tape.capture() as lines, cuda.errors(_RUNNING):
            assert self._graph is not None
            done = self._graph.launch()
            computed.record(stream)
        if not done:
            self._unbind()
            with cuda.errors(_RUNNING):
                stream.synchronize()
            for allocator in self._allocators.values():
                if allocator.error is not None:
                    raise allocator.error
            raise self._live_engine().refusal(lines, f"{self._name} failed to run")
        with cuda.errors(_RUNNING):
            outputs = {spec.name: self._download(spec.name) for spec in self.outputs}
            downloaded.record(stream)
            stream.synchronize()
            for name in outputs.keys() & self._host_arrays.keys():
                outputs[name] = outputs[name].copy()
            timing = Timing(
                clock="cuda-events",
                host_to_device_ms=start.time_till(uploaded),
                compute_ms=uploaded.time_till(computed),
                device_to_host_ms=computed.time_till(downloaded),
            )
            if not self._allocators and not self._host_arrays:  # else the host takes part
                self._graph.settle()
        return outputs, timing

    def _unbind(self) -> None:
        """Nothing holds any more that was bound: shapes, addresses, the graph made of them."""
        for lane in self._lanes:  # one of them borrows the context
            lane.close()
        self._lanes = []
        self._bound = None
        if self._graph is not None:
            self._graph.drop()

    def _make_lanes(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        options: LaneOptions,
        values: Mapping[str, np.ndarray],
    ) -> list[TensorRTLane]:
        engine = self._live_engine()
        engine.require_runnable()
        self._unbind()
        self._lanes = make_lanes(
            engine, self._live_context(), shapes, values, self.profile, options
        )
        return self._lanes

    def _download(self, name: str) -> np.ndarray:
        """Queue the copy of an output; its array is complete once the stream is."""
        if name in self._host_arrays:
            return self._host_arrays[name]  # TensorRT writes it itself, by the stream's end
        allocator = self._allocators.get(name)
        spec = next(spec for spec in self.outputs if spec.name == name)
        dtype = numpy_dtype(spec.dtype)
        if allocator is None:
            array = self._buffers.take(name, self._output_shapes[name], dtype)
            memory = self._buffers.device[name]
        else:
            array = np.empty(allocator.shape, dtype)
            memory = allocator.memory
        if array.nbytes:
            self._live_cuda().driver.memcpy_dtoh_async(as_bytes(array), memory, self._stream)
        return array

    def _bind(self, inputs: Arrays) -> None:
        """Give the context its shapes and addresses; nothing to do while they stay the same."""
        host = {spec.name for spec in self.inputs if spec.location == "host"}
        key = (
            self.profile,
            tuple(array.shape for array in inputs.values()),
            tuple(inputs[name].tobytes() for name in sorted(host)),
        )
        if key == self._bound:
            return
        self._unbind()
        cuda, context = self._live_cuda(), self._live_context()
        with self._library.tape.capture() as lines, cuda.errors("binding the tensors"):
            good = set_profile(context, self.profile, self._stream)
            for name, array in inputs.items() if good else ():
                if name in host:
                    good &= self._bind_shape_tensor(name, array)
                else:
                    good &= context.set_input_shape(name, array.shape)
                    good &= self._bind_memory(name, array.nbytes, is_input=True)
            good = good and infer_shapes(context)
            self._output_shapes: dict[str, tuple[int, ...]] = {}
            for spec in self.outputs if good else ():
                good &= self._bind_output(spec.name, spec.dtype, spec.location == "host")
        if not good:
            raise self._live_engine().refusal(lines, f"{self._name} refuses these input shapes")
        self._bound = key

    def _infer_outputs(
        self, shapes: Mapping[str, tuple[int, ...]], values: Mapping[str, np.ndarray]
    ) -> dict[str, Shape | None]:
        host = {spec.name: spec for spec in self.inputs if spec.location == "host"}
        cuda, context = self._live_cuda(), self._live_context()
        if not host.keys() <= values.keys():
            return {spec.name: spec.shape for spec in self.outputs}
        arrays = check_inputs(tuple(host.values()), {name: values[name] for name in host})
        self._unbind()  # the next run binds everything anew
        with self._library.tape.capture() as lines, cuda.errors("working out the output shapes"):
            good = set_profile(context, self.profile, self._stream)
            for name, shape in shapes.items() if good else ():
                if name in host:
                    good &= self._bind_shape_tensor(name, arrays[name])
                else:
                    good &= context.set_input_shape(name, shape)
            good = good and infer_shapes(context)
        if not good:
            raise self._live_engine().refusal(lines, f"{self._name} refuses these input shapes")
        found = {
            spec.name: self._live_engine().late_axes.shape(context, spec.name)
            for spec in self.outputs
        }
        return {
            name: tuple(int(dim) if dim >= 0 else None for dim in shape)
            for name, shape in found.items()
        }

    def _bind_shape_tensor(self, name: str, values: np.ndarray) -> bool:
        self._host_arrays[name] = values.copy()
        return bool(self._context.set_tensor_address(name, self._host_arrays[name].ctypes.data))

    def _bind_output(self, name: str, dtype: str, on_host: bool) -> bool:
        shape = self._live_engine().late_axes.shape(self._context, name)
        if any(dim < 0 for dim in shape):  # known only when it has run
            if name not in self._allocators:
                self._allocators[name] = output_allocator(self._library.trt, self._live_cuda())
            return bool(self._context.set_output_allocator(name, self._allocators[name]))
        self._output_shapes[name] = shape
        if on_host:
            self._host_arrays[name] = np.zeros(shape, numpy_dtype(dtype))
            address = self._host_arrays[name].ctypes.data
            return bool(self._context.set_tensor_address(name, address))
        return self._bind_memory(name, size_bytes(dtype, shape) or 0, is_input=False)

    def _bind_memory(self, name: str, size: int, *, is_input: bool) -> bool:
        address = self._buffers.reserve(name, size, is_input=is_input)
        return bool(self._context.set_tensor_address(name, address))

    def layer_json(self) -> str:
        """What the engine tells of its layers; see core.sessions.tensorrt_layers.layer_json."""
        return layer_json(self._live_engine(), self._live_context())

    def time_layers(
        self, inputs: Mapping[str, np.ndarray], runs: int, stop: Callable[[], bool]
    ) -> tuple[Runs, bool]:
        """Time layers in runs of their own; see core.sessions.tensorrt_layers.timed_layers."""
        engine = self._live_engine()
        arrays = self._checked(inputs)
        self._drop_context()  # up to TensorRT 9 a profile has room for one
        return timed_layers(engine, arrays, self.profile, runs, stop)

    def _live_cuda(self) -> CudaContext:
        if self._cuda is None:
            raise ModelError("closed", f"{self._name} is closed.", "Open it again.")
        self._cuda.check_thread()
        return self._cuda

    def close(self) -> None:
        """Free everything in the order that TensorRT needs: context, engine, then memory."""
        if self._cuda is None:
            return
        cuda = self._cuda
        cuda.check_thread()
        self._drop_context()
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        for allocator in self._allocators.values():
            allocator.release()
        self._allocators.clear()
        self._buffers.free()
        self._events = []
        self._stream = None
        self._cuda = None
        cuda.close()
