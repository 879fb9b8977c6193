"""An execution context bound to shapes: its stream, its device memory, its output allocators.

Everything here runs on the thread that made the session.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from core.sessions.loaded_engine import LoadedEngine
from core.sessions.output_allocator import output_allocator
from core.sessions.tensorrt_context import infer_shapes, set_profile
from core.tensors import TensorSpec, numpy_dtype, size_bytes


class BoundContext:
    """Lanes share one where several queries are queued on the same execution context.

    Attributes:
        context: TensorRT's.
        stream: pycuda's.
        device: pycuda allocations by tensor name.
        shapes: of the tensors in `device`.
        host: arrays of the tensors that TensorRT reads or writes in the host's memory.
        allocators: of outputs whose shape only a run can tell.
    """

    def __init__(
        self,
        engine: LoadedEngine,
        context: Any,
        shapes: Mapping[str, tuple[int, ...]],
        values: Mapping[str, np.ndarray],
        profile: int,
    ) -> None:
        """Bind.

        Args:
            engine: what the context is of.
            context: a TensorRT execution context that nobody else uses meanwhile.
            shapes: of the inputs.
            values: of the shape tensors among them.
            profile: the optimization profile that the shapes fit in.

        Raises:
            CudaError, ModelError: if the memory is not enough, or the engine refuses the shapes.
        """
        self._cuda = engine.cuda
        self._lanes = 0
        self.context = context
        self.device: dict[str, Any] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.host: dict[str, np.ndarray] = {}
        self.allocators: dict[str, Any] = {}
        self.stream = self._cuda.stream()
        try:
            with engine.library.tape.capture() as lines, engine.cuda.errors("binding the tensors"):
                good = self._bind(engine, shapes, values, profile)
            if not good:
                raise engine.refusal(lines, f"{engine.name} refuses these input shapes")
        except BaseException:
            self.close()
            raise

    def _bind(
        self,
        engine: LoadedEngine,
        shapes: Mapping[str, tuple[int, ...]],
        values: Mapping[str, np.ndarray],
        profile: int,
    ) -> bool:
        context = self.context
        good = set_profile(context, profile, self.stream)
        for spec in engine.inputs if good else ():
            if spec.location == "host":
                good &= self._bind_host(spec, np.array(values[spec.name], numpy_dtype(spec.dtype)))
            else:
                good &= bool(context.set_input_shape(spec.name, shapes[spec.name]))
                good &= self._bind_device(spec, shapes[spec.name])
        good = good and infer_shapes(context)
        for spec in engine.outputs if good else ():
            shape = engine.late_axes.shape(context, spec.name)
            if any(dim < 0 for dim in shape):  # known only when it has run
                allocator = output_allocator(engine.library.trt, self._cuda)
                self.allocators[spec.name] = allocator
                good &= bool(context.set_output_allocator(spec.name, allocator))
            elif spec.location == "host":
                good &= self._bind_host(spec, np.zeros(shape, numpy_dtype(spec.dtype)))
            else:
                good &= self._bind_device(spec, shape)
        return good

    def _bind_host(self, spec: TensorSpec, array: np.ndarray) -> bool:
        self.host[spec.name] = array
        return bool(self.context.set_tensor_address(spec.name, array.ctypes.data))

    def _bind_device(self, spec: TensorSpec, shape: tuple[int, ...]) -> bool:
        size = size_bytes(spec.dtype, shape) or 0
        doing = f"reserving {size:,} bytes for tensor {spec.name!r}"
        memory = self.device[spec.name] = self._cuda.allocate(size, doing)
        self.shapes[spec.name] = shape
        return bool(self.context.set_tensor_address(spec.name, int(memory)))

    def enter(self) -> None:
        """A lane begins to use it."""
        self._lanes += 1

    def leave(self) -> None:
        """A lane has ended; the last one closes it."""
        self._lanes -= 1
        if self._lanes == 0:
            self.close()

    def close(self) -> None:
        """Free what it holds, once the stream is idle. May be called twice."""
        self._cuda.check_thread()
        with contextlib.suppress(self._cuda.driver.Error):  # a lost context has no work
            self.stream.synchronize()
        self.context = None
        for allocator in self.allocators.values():
            allocator.release()
        self.allocators.clear()
        for memory in self.device.values():
            with contextlib.suppress(self._cuda.driver.Error):  # nor any memory
                memory.free()
        self.device.clear()
