"""An engine's memory: a device buffer and a pool of page-locked ones for each tensor."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from core.cuda import CudaContext, PinnedPool

_RESULTS = 4  # results of one output that are held at a time without ordinary memory
_INPUTS, _INPUT_BYTES = 64, 128_000_000
"""An input's: core.folder_run has as many filled ahead of the model (LOOK_AHEAD_BYTES, and twice
LOOK_AHEAD), and each that is not page-locked would be copied once more."""


class Buffers:
    """Grown when a shape needs more, never shrunk. Belongs to the thread that owns CUDA.

    Attributes:
        device: pycuda allocations by tensor name.
    """

    def __init__(self, cuda: CudaContext) -> None:
        self._cuda = cuda
        self.device: dict[str, Any] = {}
        self._capacity: dict[str, int] = {}
        self._pools: dict[str, PinnedPool] = {}

    def reserve(self, name: str, size: int, *, is_input: bool) -> int:
        """Device memory and a pool of at least `size` bytes; gives the device address.

        Raises:
            CudaError: if the GPU has not memory enough.
        """
        if self._capacity.get(name, -1) < size:
            old = self.device.pop(name, None)
            if old is not None:
                old.free()
                del self._capacity[name]  # true also when the next line runs out of memory
            doing = f"reserving {size:,} bytes for tensor {name!r}"
            self.device[name] = self._cuda.allocate(size, doing)
            self._capacity[name] = size
        self.pool(name, size, is_input=is_input)
        return int(self.device[name])

    def pool(self, name: str, size: int, *, is_input: bool) -> PinnedPool:
        """The tensor's page-locked buffers, of at least `size` bytes each; inputs have more."""
        pool = self._pools.get(name)
        if pool is None or pool.size < size:
            if pool is not None:
                pool.close()
            limit = min(max(_INPUT_BYTES // max(size, 1), _RESULTS), _INPUTS)
            pool = PinnedPool(self._cuda, size, limit if is_input else _RESULTS)
            self._pools[name] = pool
        return pool

    def stage(self, name: str, array: np.ndarray) -> np.ndarray:
        """The array in page-locked memory: itself when it came from the pool."""
        pool = self._pools.get(name)
        if pool is None or pool.owns(array):
            return array
        buffer: np.ndarray = pool.take(array.shape, array.dtype)
        np.copyto(buffer, array)
        return buffer

    def take(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array of a pool that reserve() or pool() made."""
        return self._pools[name].take(shape, dtype)

    def free(self) -> None:
        """Give everything back; lent arrays stay valid."""
        for memory in self.device.values():
            with contextlib.suppress(self._cuda.driver.Error):  # a lost context has no memory
                memory.free()
        for pool in self._pools.values():
            pool.close()
        self.device.clear()
        self._capacity.clear()
        self._pools.clear()


def as_bytes(array: np.ndarray) -> np.ndarray:
    """The array's memory as bytes, for copies: pycuda cannot take ml_dtypes' types."""
    return array.reshape(-1).view(np.uint8)
