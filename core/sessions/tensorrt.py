"""TensorRT engines on the GPU, through the named-tensor API that 8.5 to 11 share.

Everything here runs on the thread that made the session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.cuda import CudaContext, open_context
from core.errors import EnginebayError, ModelError
from core.sessions.base import Arrays, Session, Timing, check_inputs
from core.sessions.buffers import Buffers
from core.sessions.output_allocator import output_allocator
from core.sessions.tensorrt_layers import Runs, layer_json, profiled_runs, profiling_context
from core.sessions.tensorrt_specs import read_specs, unreadable_tensor
from core.tensorrt_library import Library, LogLine, deserialize, load_library, refusal
from core.tensorrt_plugins import load_plugin
from core.tensors import Shape, numpy_dtype, size_bytes
from core.translator import Circumstances

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
        self._engine: Any = None
        self._context: Any = None
        self._cuda: CudaContext | None = None
        self._host_arrays: Arrays = {}
        self._allocators: dict[str, Any] = {}
        self._late_axes: dict[str, set[int]] = {}  # of outputs, known only when it has run
        self._bound: object = None
        cuda = open_context(device)  # proves CUDA before TensorRT is touched
        self._cuda = cuda
        self._buffers = Buffers(cuda)
        try:
            self._seen = Circumstances(
                file=name,
                plan_version=plan_version,
                plan_compute_capability=plan_compute_capability,
                gpu=cuda.device.name(),
                compute_capability=cuda.compute_capability,
            )
            self._library = load_library(module)
            for path, sha256 in plugins:
                load_plugin(self._library, path, sha256, self._seen)
            note("loading the engine")
            self._engine = deserialize(
                self._library,
                plan,
                name,
                allow_native_code=allow_native_code,
                seen=self._seen_now(),
            )
            if getattr(self._engine, "has_implicit_batch_dimension", False):
                raise ModelError(
                    "implicit-batch",
                    f"{name} was built with an implicit batch, which TensorRT 10 removed.",
                    "Build it again from its ONNX with an explicit batch.",
                )
            specs = read_specs(self._library, self._engine)
            self.inputs = tuple(spec for spec in specs if spec.mode == "input")
            self.outputs = tuple(spec for spec in specs if spec.mode == "output")
            self.unreadable = unreadable_tensor(self._engine, specs)
            note("setting the engine up")
            with self._library.tape.capture() as lines:
                self._context = self._engine.create_execution_context()
            if self._context is None:
                raise self._refusal(lines, f"{name} cannot be set up")
            self._stream = cuda.stream()
            self._events = [cuda.event() for _ in range(4)]
        except BaseException:
            self.close()
            raise
        label = {"tensorrt": "TensorRT", "tensorrt_lean": "TensorRT lean"}
        module_name = label.get(self._library.module, "TensorRT dispatch")
        self.runtime = f"{module_name} {self._library.version} ({self._seen.gpu})"

    def _seen_now(self) -> Circumstances:
        room = self._live_cuda().room()
        return replace(self._seen, free_bytes=None if room is None else room[0])

    def _refusal(self, lines: Sequence[LogLine], what: str) -> EnginebayError:
        return refusal(self._library, lines, what, self._seen_now())

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
        cuda = self._live_cuda()
        if self.unreadable is not None:
            raise ModelError(
                "io-format",
                f"{self._name} cannot be run here: {self.unreadable}.",
                "Build it with linear input and output formats of a numpy type.",
            )
        self._bind(inputs)
        start, uploaded, computed, downloaded = self._events
        driver, stream = cuda.driver, self._stream
        device = self._buffers.device
        staged = {name: self._buffers.stage(name, array) for name, array in inputs.items()}
        with cuda.errors(_UPLOADING):
            start.record(stream)
            for name, array in staged.items():
                if name in device:
                    driver.memcpy_htod_async(device[name], _bytes(array), stream)
            uploaded.record(stream)
        with self._library.tape.capture() as lines, cuda.errors(_RUNNING):
            done = self._context.execute_async_v3(stream.handle)
            computed.record(stream)
        if not done:
            self._bound = None
            with cuda.errors(_RUNNING):
                stream.synchronize()
            for allocator in self._allocators.values():
                if allocator.error is not None:
                    raise allocator.error
            raise self._refusal(lines, f"{self._name} failed to run")
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
        return outputs, timing

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
            self._live_cuda().driver.memcpy_dtoh_async(_bytes(array), memory, self._stream)
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
        self._bound = None
        cuda, context = self._live_cuda(), self._context
        with self._library.tape.capture() as lines, cuda.errors("binding the tensors"):
            good = self._set_profile()
            for name, array in inputs.items() if good else ():
                if name in host:
                    good &= self._bind_shape_tensor(name, array)
                else:
                    good &= context.set_input_shape(name, array.shape)
                    good &= self._bind_memory(name, array.nbytes, is_input=True)
            good = good and self._infer_shapes()
            self._output_shapes: dict[str, tuple[int, ...]] = {}
            for spec in self.outputs if good else ():
                good &= self._bind_output(spec.name, spec.dtype, spec.location == "host")
        if not good:
            raise self._refusal(lines, f"{self._name} refuses these input shapes")
        self._bound = key

    def _infer_outputs(
        self, shapes: Mapping[str, tuple[int, ...]], values: Mapping[str, np.ndarray]
    ) -> dict[str, Shape | None]:
        host = {spec.name: spec for spec in self.inputs if spec.location == "host"}
        cuda, context = self._live_cuda(), self._context
        if not host.keys() <= values.keys():
            return {spec.name: spec.shape for spec in self.outputs}
        arrays = check_inputs(tuple(host.values()), {name: values[name] for name in host})
        self._bound = None  # whatever comes of it, the next run binds everything anew
        with self._library.tape.capture() as lines, cuda.errors("working out the output shapes"):
            good = self._set_profile()
            for name, shape in shapes.items() if good else ():
                if name in host:
                    good &= self._bind_shape_tensor(name, arrays[name])
                else:
                    good &= context.set_input_shape(name, shape)
            good = good and self._infer_shapes()
        if not good:
            raise self._refusal(lines, f"{self._name} refuses these input shapes")
        found = {spec.name: self._shape_before_run(spec.name) for spec in self.outputs}
        return {
            name: tuple(int(dim) if dim >= 0 else None for dim in shape)
            for name, shape in found.items()
        }

    def _bind_shape_tensor(self, name: str, values: np.ndarray) -> bool:
        self._host_arrays[name] = values.copy()
        return bool(self._context.set_tensor_address(name, self._host_arrays[name].ctypes.data))

    def _set_profile(self) -> bool:
        if self._context.active_optimization_profile == self.profile:
            return True
        try:
            self._context.set_optimization_profile_async(self.profile, self._stream.handle)
        except RuntimeError:  # its way of refusing; the log has the reason
            return False
        self._stream.synchronize()
        return True

    def _infer_shapes(self) -> bool:
        try:
            return not self._context.infer_shapes()
        except RuntimeError:  # as above
            return False

    def _bind_output(self, name: str, dtype: str, on_host: bool) -> bool:
        shape = self._shape_before_run(name)
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

    def _shape_before_run(self, name: str) -> tuple[int, ...]:
        """An output's shape, with -1 for what depends on the data.

        After a run the context tells the last run's dimensions there (8.6): which ones they are
        is remembered from before the first.
        """
        shape = tuple(int(dim) for dim in self._context.get_tensor_shape(name))
        late = {axis for axis, dim in enumerate(shape) if dim < 0}
        late = self._late_axes.setdefault(name, late)
        return tuple(-1 if axis in late else dim for axis, dim in enumerate(shape))

    def _bind_memory(self, name: str, size: int, *, is_input: bool) -> bool:
        address = self._buffers.reserve(name, size, is_input=is_input)
        return bool(self._context.set_tensor_address(name, address))

    def layer_json(self) -> str:
        """What the engine tells of its layers; see core.sessions.tensorrt_layers.layer_json."""
        self._live_cuda()
        return layer_json(self._library, self._engine, self._context, self._name)

    def time_layers(
        self, inputs: Mapping[str, np.ndarray], runs: int, stop: Callable[[], bool]
    ) -> tuple[Runs, bool]:
        """Time layers in runs on an execution context of their own; see profiled_runs."""
        self._live_cuda()
        arrays = self._checked(inputs)
        kept, self._bound = self._context, None
        self._context, profiler = profiling_context(
            self._library, self._engine, self._name, self._refusal
        )
        try:
            return profiled_runs(lambda: self._execute(arrays), profiler, runs, stop)
        finally:
            self._context, self._bound = kept, None

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
        self._context = None
        self._engine = None
        for allocator in self._allocators.values():
            allocator.release()
        self._allocators.clear()
        self._buffers.free()
        self._events = []
        self._stream = None
        self._cuda = None
        cuda.close()


def _bytes(array: np.ndarray) -> np.ndarray:
    """The array's memory as bytes: pycuda cannot take ml_dtypes' types."""
    return array.reshape(-1).view(np.uint8)
