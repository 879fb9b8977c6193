"""The only user of pycuda: the primary context, its owner thread, and memory with known owners.

TensorRT uses the device's primary context, so that is the one retained here. Everything in this
module belongs to the thread that opened the context; any other thread gets WrongThreadError
before CUDA is touched.
"""

from __future__ import annotations

import ctypes
import functools
import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from core.errors import (
    CudaError,
    MachineError,
    WrongThreadError,
    context_lost,
    is_context_lost,
)
from core.machine import no_driver_error, no_gpu_error
from core.native import preload

_local = threading.local()


def open_context(device: int = 0) -> CudaContext:
    """The calling thread's CUDA context, opened on first use; close() once for each open.

    Raises:
        MachineError: if pycuda, the driver or a GPU is missing or does not work.
    """
    context: CudaContext | None = getattr(_local, "context", None)
    if context is None:
        context = CudaContext(device)
        _local.context = context
    context._opened += 1
    return context


class CudaContext:
    """The device's primary context, current on the thread that made this object."""

    def __init__(self, device: int = 0) -> None:
        self._owner = threading.get_ident()
        self._opened = 0
        _start_driver_without_gil(device)
        try:
            import pycuda.driver as driver
        except ImportError as error:
            raise MachineError(
                "no-pycuda",
                f"pycuda cannot be imported: {error}.",
                "Install it with the CUDA toolkit present: pip install pycuda.",
            ) from None
        self.driver: Any = driver
        try:
            driver.init()
            if driver.Device.count() == 0:
                raise no_gpu_error()
            self.device: Any = driver.Device(device)
            self._context: Any = self.device.retain_primary_context()
            self._context.push()
        except driver.Error as error:
            raise MachineError(
                "cuda-init",
                f"CUDA does not start: {error}.",
                "Check that nvidia-smi works, and that the driver is as new as the CUDA that "
                "pycuda was built with.",
            ) from None
        try:
            with self.errors("starting CUDA"):
                driver.mem_alloc(256).free()  # proves it, before TensorRT relies on it
        except CudaError:
            self._leave()
            raise

    @property
    def compute_capability(self) -> str:
        """The device's, "8.9"."""
        self.check_thread()
        major, minor = self.device.compute_capability()
        return f"{major}.{minor}"

    def check_thread(self) -> None:
        """Refuse any thread but the owner.

        Raises:
            WrongThreadError: on another thread.
        """
        if threading.get_ident() != self._owner:
            raise WrongThreadError(
                "CUDA was called from a thread that does not own the context. Send a request to "
                "the InferenceThread instead."
            )

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Check the thread, and turn pycuda's exceptions into CudaError.

        Args:
            doing: what is going on, for the message ("copying the input").
        """
        self.check_thread()
        try:
            yield
        except self.driver.MemoryError:
            room = self.room()
            free = room and f": {room[0] / 1e9:.2f} of {room[1] / 1e9:.2f} GB are free"
            raise CudaError(
                "out-of-memory",
                f"The GPU ran out of memory while {doing}{free or ''}.",
                "Close other programs that use the GPU, or use a smaller batch or shape.",
            ) from None
        except self.driver.Error as error:
            raise self.translated(str(error), doing) from None

    def room(self) -> tuple[int, int] | None:
        """Free and total bytes of the device; None where even that cannot be asked any more."""
        try:
            return self.free_memory()
        except self.driver.Error:
            return None

    def translated(self, text: str, doing: str) -> CudaError:
        """An error of pycuda's, by its text, as ours."""
        if is_context_lost(text):
            return context_lost(text, doing, details=text)
        return CudaError(
            "cuda", f"CUDA failed while {doing}: {text}.", "See the log panel.", details=text
        )

    def free_memory(self) -> tuple[int, int]:
        """Free and total bytes of the device."""
        self.check_thread()
        free, total = self.driver.mem_get_info()
        return int(free), int(total)

    def stream(self) -> Any:
        """A stream that does not wait for the default stream (CU_STREAM_NON_BLOCKING)."""
        self.check_thread()
        return self.driver.Stream(1)

    def event(self) -> Any:
        """An event for timing and waiting."""
        self.check_thread()
        return self.driver.Event()

    def waiting_event(self, *, sleeps: bool) -> Any:
        """An event to wait for, without a time; the waiting thread sleeps or, as is usual, spins.

        CUDA spins unless there are more contexts than processors (CU_CTX_SCHED_AUTO).
        """
        self.check_thread()
        flags = self.driver.event_flags
        return self.driver.Event(flags.DISABLE_TIMING | (flags.BLOCKING_SYNC if sleeps else 0))

    def allocate(self, size: int, doing: str) -> Any:
        """Device memory of at least one byte; int() gives its address, free() returns it."""
        with self.errors(doing):
            return self.driver.mem_alloc(max(size, 1))

    def clear(self, address: int, size: int, stream: Any) -> None:
        """Queue zeros into device memory."""
        with self.errors("clearing memory"):
            self.driver.memset_d8_async(address, 0, size, stream)

    def load_module(self, ptx: bytes) -> Any:
        """The kernels of a PTX program, compiled by the driver: get_function(name) gives one.

        Whoever launches a kernel keeps its module.
        """
        with self.errors("loading a kernel"):
            return self.driver.module_from_buffer(ptx + b"\0")  # the driver reads up to the zero

    def pin(self, array: np.ndarray) -> Callable[[], None]:
        """Page-lock an array's memory where it is; gives the function that undoes it.

        WORKAROUND(pycuda 2026.1): its register_host_memory crashes the process with NumPy 2, so
        the driver is called by hand.
        """
        self.check_thread()
        address = ctypes.c_void_p(array.ctypes.data)
        status = _library().cuMemHostRegister_v2(address, ctypes.c_size_t(array.nbytes), 0)
        if status != 0:
            raise CudaError(
                "cuda",
                f"CUDA cannot page-lock {array.nbytes:,} bytes of memory (error {status}).",
                "Close other programs, or raise the limit on locked memory (ulimit -l).",
            )
        return lambda: _library().cuMemHostUnregister(address)

    def close(self) -> None:
        """Undo one open; the last one gives the context back. Free everything else before."""
        self.check_thread()
        self._opened -= 1
        if self._opened > 0:
            return
        _local.context = None
        self._leave()

    def _leave(self) -> None:
        self._context.pop()
        self._context.detach()


class PinnedArray:
    """Page-locked host memory whose array outlives the pinning.

    The memory is numpy's own and only registered with CUDA, so an array handed out stays valid
    after close(); pycuda's own pinned arrays would be freed with the context.

    Attributes:
        array: (size,) uint8.
        address: where it begins.
    """

    def __init__(self, context: CudaContext, size: int) -> None:
        page = 4096
        self.memory = np.empty(max(size, 1) + page, np.uint8)
        start = -self.memory.ctypes.data % page
        self.array = self.memory[start : start + max(size, 1)]
        self.address: int = self.array.ctypes.data
        self._unpin = context.pin(self.array)
        self._idle_references = sys.getrefcount(self.memory)

    def view(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """The memory as an array; numpy makes `memory` the base of every view of it."""
        count = math.prod(shape) * dtype.itemsize
        return self.array[:count].view(dtype).reshape(shape)

    @property
    def is_lent(self) -> bool:
        """True while someone holds a view made by view(), or a view of one."""
        return sys.getrefcount(self.memory) > self._idle_references

    def close(self) -> None:
        """Unpin, on the owner thread. Views stay valid as ordinary memory."""
        self._unpin()


class PinnedPool:
    """A few page-locked buffers of one size, lent as arrays and reused once nobody holds them.

    So a result needs no copy out of a shared buffer, and is still never overwritten while it is
    held. Beyond `limit` buffers on loan, take() gives ordinary memory: slower, never wrong. So it
    does once the system page-locks no more, which only the first buffer raises for.
    """

    def __init__(self, context: CudaContext, size: int, limit: int = 4) -> None:
        self._context = context
        self._limit = limit
        self._buffers: list[PinnedArray] = []
        self.size = size

    def take(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array that is the caller's until it drops it and every view of it."""
        for buffer in self._buffers:
            if not buffer.is_lent:
                return buffer.view(shape, dtype)
        if len(self._buffers) >= self._limit:
            return np.empty(shape, dtype)
        try:
            self._buffers.append(PinnedArray(self._context, self.size))
        except CudaError:
            if not self._buffers:
                raise
            self._limit = len(self._buffers)
            return np.empty(shape, dtype)
        return self._buffers[-1].view(shape, dtype)

    def owns(self, array: np.ndarray) -> bool:
        """True when the array's memory is one of this pool's buffers, from its start."""
        address = array.ctypes.data
        return any(buffer.address == address for buffer in self._buffers)

    def close(self) -> None:
        """Unpin every buffer; lent arrays stay valid."""
        for buffer in self._buffers:
            buffer.close()
        self._buffers.clear()


def _start_driver_without_gil(device: int) -> None:
    """Start the driver and the primary context through ctypes, which releases the GIL.

    pycuda holds it in cuInit, and the window would stand still for 0.1 s and more. The retained
    context is kept for the life of the process: starting it again costs 0.2 s each time.

    Raises:
        MachineError: kind "no-driver" or "no-gpu".
    """
    global _driver_started
    if _driver_started:
        return
    try:
        library = _library()
    except OSError:
        raise no_driver_error() from None
    status = library.cuInit(0)
    if status == 100:  # CUDA_ERROR_NO_DEVICE
        raise no_gpu_error()
    if status == 0:
        handle = ctypes.c_void_p()
        library.cuDevicePrimaryCtxRetain(ctypes.byref(handle), device)
        _driver_started = True
    # Any other status: pycuda meets it again and says it in words.


_driver_started = False


@functools.cache
def _library() -> ctypes.CDLL:
    """The driver, for the few calls that pycuda makes badly or not at all."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    preload(name)
    return ctypes.CDLL(name)
