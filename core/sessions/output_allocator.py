"""Memory for outputs whose shape is known only when the engine has run."""

from __future__ import annotations

from typing import Any

from core.cuda import CudaContext
from core.errors import CudaError


def output_allocator(trt: Any, cuda: CudaContext) -> Any:
    """An allocator for one data-dependent output, of the module's own base class."""

    class OutputAllocator(trt.IOutputAllocator):  # type: ignore[misc]
        """Called by TensorRT inside execute_async_v3, on this thread; it must not raise."""

        def __init__(self) -> None:
            trt.IOutputAllocator.__init__(self)
            self.memory: Any = None
            self.capacity = 0
            self.shape: tuple[int, ...] = ()
            self.error: CudaError | None = None

        def reallocate_output(self, tensor_name: str, memory: int, size: int, align: int) -> int:
            """TensorRT up to 9, and the fallback from 10 on. Device allocations are aligned."""
            self.error = None
            if size > self.capacity:
                self.release()
                try:
                    doing = f"reserving {size:,} bytes for tensor {tensor_name!r}"
                    self.memory = cuda.allocate(size, doing)
                except CudaError as error:
                    self.error = error
                    return 0
                self.capacity = size
            return int(self.memory) if self.memory is not None else 0

        def reallocate_output_async(
            self, tensor_name: str, memory: int, size: int, align: int, stream: int
        ) -> int:
            """TensorRT 10 and newer. Runs are awaited one by one, so nothing uses the old."""
            return self.reallocate_output(tensor_name, memory, size, align)

        def notify_shape(self, tensor_name: str, shape: Any) -> None:
            """The output's shape, before execute_async_v3 returns."""
            self.shape = tuple(int(dim) for dim in shape)

        def release(self) -> None:
            """Free the memory."""
            if self.memory is not None:
                self.memory.free()
            self.memory, self.capacity = None, 0

    return OutputAllocator()
