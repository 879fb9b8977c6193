"""Device memory for one picture that is prepared on the GPU, and what it is set up for."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.cuda import CudaContext
from core.placement import Placement

_STEP = 1 << 20  # bytes; device memory grows by it, so that it seldom has to


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """What a slot's next picture shares with its last, where size and recipe are the same."""

    key: Hashable
    placement: Placement
    kernel: Any
    grid: tuple[int, int, int]
    arguments: tuple[int, ...]  # after the addresses


class Slot:
    """A slot's device memory, and what is being copied into it.

    Attributes:
        device: pycuda allocations by name, "pixels" and "parameters".
        pixels: the host's picture, or CPU-made row.
        parameters: the host's kernel parameters.
        job: what the device's parameters are for.
    """

    def __init__(self, cuda: CudaContext) -> None:
        self._cuda = cuda
        self._capacity: dict[str, int] = {}
        self.device: dict[str, Any] = {}
        self.pixels: np.ndarray | None = None
        self.parameters: np.ndarray | None = None
        self.job: Job | None = None

    def reserve(self, name: str, size: int) -> None:
        """Device memory of at least this size."""
        if self._capacity.get(name, 0) >= size:
            return
        old = self.device.pop(name, None)
        if old is not None:
            del self._capacity[name]  # true also when there is no memory for the new one
            old.free()
        size = -(-size // _STEP) * _STEP
        self.device[name] = self._cuda.allocate(size, f"reserving {size:,} bytes for pictures")
        self._capacity[name] = size

    def free(self) -> None:
        """Give the device memory back."""
        for memory in self.device.values():
            with contextlib.suppress(self._cuda.driver.Error):  # a lost context has no memory
                memory.free()
        self.device.clear()
        self._capacity.clear()
        self.job = None
