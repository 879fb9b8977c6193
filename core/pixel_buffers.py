"""Page-locked memory for pictures of any size, for threads that read them."""

from __future__ import annotations

import bisect
import math
import threading
from collections import deque
from collections.abc import Iterable

import numpy as np

from core.cuda import CudaContext, PinnedArray
from core.errors import CudaError

_STEP = 1 << 20  # bytes; sizes are rounded up to it, so that alike pictures share buffers
_MOST_MISSING = 64  # buffers that one replenish() makes
_BYTE = np.dtype(np.uint8)


class PixelBuffers:
    """Page-locked buffers, lent as arrays to any thread and reused once nobody holds them.

    Only CUDA's owner can page-lock memory: another thread that finds no buffer gets ordinary
    memory, slower and never wrong, and replenish() makes good what was missing.
    """

    def __init__(self, cuda: CudaContext, limit_bytes: int = 256_000_000) -> None:
        """Belongs to CUDA's owner, who closes it.

        Args:
            cuda: the owner's context.
            limit_bytes: of page-locked memory, at most.
        """
        self._cuda = cuda
        self._limit = limit_bytes
        self._owner = threading.get_ident()
        self._lock = threading.Lock()
        self._buffers: list[PinnedArray] = []  # the smallest first
        self._memory: set[int] = set()  # ids of their arrays' bases
        self._missing: deque[int] = deque(maxlen=_MOST_MISSING)  # sizes asked for in vain
        self._next = 0  # where take() begins: after the last one taken, the others are lent later

    def take(self, shape: tuple[int, ...]) -> np.ndarray:
        """A uint8 array that is the caller's until it drops it and every view of it. Any thread."""
        size = math.prod(shape)
        with self._lock:
            count = len(self._buffers)
            for turn in range(count):
                place = (self._next + turn) % count
                buffer = self._buffers[place]
                if buffer.array.nbytes >= size and not buffer.is_lent:
                    self._next = place + 1
                    return buffer.view(shape, _BYTE)
            if threading.get_ident() == self._owner:
                grown = self._grow(size)
                if grown is not None:
                    return grown.view(shape, _BYTE)
            else:
                self._missing.append(size)
        return np.empty(shape, np.uint8)

    def replenish(self) -> None:
        """Page-lock as many buffers as were missing since the last time; the owner's thread."""
        if not self._missing:  # a glance without the lock: the next call sees what this one misses
            return
        with self._lock:
            sizes = sorted(self._missing, reverse=True)
            self._missing.clear()
            for size in sizes:
                if self._grow(size) is None:
                    return

    def adopt(self, memory: Iterable[np.ndarray]) -> None:
        """Own page-locked memory of somebody else's, who keeps it pinned until close(), too.

        Args:
            memory: the bases of all arrays in it.
        """
        with self._lock:
            self._memory.update(map(id, memory))

    def owns(self, array: np.ndarray) -> bool:
        """True when the array lies in one of these buffers, or in adopted memory. Any thread."""
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        with self._lock:
            return id(base) in self._memory

    def close(self) -> None:
        """Unpin every buffer, on the owner's thread; lent arrays stay valid."""
        with self._lock:
            for buffer in self._buffers:
                buffer.close()
            self._buffers.clear()
            self._memory.clear()
            self._limit = 0

    def _grow(self, size: int) -> PinnedArray | None:
        """One buffer more, giving idle smaller ones up for it where the limit is reached."""
        size = -(-max(size, 1) // _STEP) * _STEP
        held = sum(one.array.nbytes for one in self._buffers)
        for buffer in [one for one in self._buffers if one.array.nbytes < size]:
            if held + size <= self._limit:
                break
            if not buffer.is_lent:
                held -= buffer.array.nbytes
                self._buffers.remove(buffer)
                self._memory.discard(id(buffer.memory))
                buffer.close()
        if held + size > self._limit:
            return None
        try:
            buffer = PinnedArray(self._cuda, size)
        except CudaError as error:
            if error.fatal:
                raise
            self._limit = held  # the system page-locks no more
            return None
        bisect.insort(self._buffers, buffer, key=lambda one: one.array.nbytes)
        self._memory.add(id(buffer.memory))
        return buffer
