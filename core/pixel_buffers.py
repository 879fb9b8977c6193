"""Page-locked memory for pictures of any size, for threads that read them."""

from __future__ import annotations

import math
import threading

import numpy as np

from core.cuda import CudaContext, PinnedArray
from core.errors import CudaError

_STEP = 1 << 20  # bytes; sizes are rounded up to it, so that alike pictures share buffers
_BYTE = np.dtype(np.uint8)


class PixelBuffers:
    """Page-locked buffers, lent as arrays to any thread and reused once nobody holds them.

    Only CUDA's owner can page-lock memory: another thread that finds no buffer gets ordinary
    memory, slower and never wrong, and replenish() makes good what was missing.
    """

    def __init__(self, cuda: CudaContext, limit_bytes: int = 512_000_000) -> None:
        """Belongs to CUDA's owner, who closes it.

        Args:
            cuda: the owner's context.
            limit_bytes: of page-locked memory, at most.
        """
        self._cuda = cuda
        self._limit = limit_bytes
        self._owner = threading.get_ident()
        self._lock = threading.Lock()
        self._buffers: list[PinnedArray] = []
        self._missing: list[int] = []  # sizes that were asked for in vain

    def take(self, shape: tuple[int, ...]) -> np.ndarray:
        """A uint8 array that is the caller's until it drops it and every view of it. Any thread."""
        size = math.prod(shape)
        with self._lock:
            view = self._idle(shape, size)
            if view is not None:
                return view
            if threading.get_ident() == self._owner and self._grow(size):
                return self._buffers[-1].view(shape, _BYTE)
            self._missing.append(size)
        return np.empty(shape, np.uint8)

    def replenish(self) -> None:
        """Page-lock as many buffers as were missing since the last time; the owner's thread."""
        if not self._missing:  # a glance without the lock: the next call sees what this one misses
            return
        with self._lock:
            missing, self._missing = self._missing, []
            for size in sorted(missing, reverse=True):
                if not self._grow(size):
                    return

    def owns(self, array: np.ndarray) -> bool:
        """True when the array lies wholly in one of these buffers."""
        begin = array.ctypes.data
        with self._lock:
            return any(
                one.address <= begin and begin + array.nbytes <= one.address + one.array.nbytes
                for one in self._buffers
            )

    def close(self) -> None:
        """Unpin every buffer, on the owner's thread; lent arrays stay valid."""
        with self._lock:
            for buffer in self._buffers:
                buffer.close()
            self._buffers.clear()
            self._limit = 0

    def _idle(self, shape: tuple[int, ...], size: int) -> np.ndarray | None:
        """A view of the smallest idle buffer that holds it."""
        fits = [one for one in self._buffers if one.array.nbytes >= size and not one.is_lent]
        if not fits:
            return None
        return min(fits, key=lambda one: one.array.nbytes).view(shape, _BYTE)

    def _grow(self, size: int) -> bool:
        """One buffer more, giving idle smaller ones up for it where the limit is reached."""
        size = -(-max(size, 1) // _STEP) * _STEP
        held = sum(one.array.nbytes for one in self._buffers)
        for buffer in [one for one in self._buffers if one.array.nbytes < size]:
            if held + size <= self._limit:
                break
            if not buffer.is_lent:
                held -= buffer.array.nbytes
                buffer.close()
                self._buffers.remove(buffer)
        if held + size > self._limit:
            return False
        try:
            self._buffers.append(PinnedArray(self._cuda, size))
        except CudaError as error:
            if error.fatal:
                raise
            self._limit = held  # the system page-locks no more
            return False
        return True
