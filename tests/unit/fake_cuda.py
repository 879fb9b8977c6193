"""A stand-in for pycuda.driver: device memory in numpy arrays, and a stream that is really late.

Work queued on a stream happens at synchronize() and not before, so code that forgets to wait, or
that reuses or frees a buffer while a copy is under way, gives wrong numbers here too. What a
program does wrong (no current context, freed memory, a host buffer that died) raises.
"""

from __future__ import annotations

import ctypes
import enum
import itertools
import struct
import sys
import threading
import time
import weakref
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import core.cuda
import core.cuda_graph

_ALIGNMENT = 256


class Error(Exception):
    """pycuda.driver.Error."""


class LogicError(Error):
    """A call that CUDA refuses."""


class LaunchError(Error):
    """Work that failed on the GPU."""


class OutOfMemoryError(Error):
    """pycuda.driver.MemoryError."""


class FakeCuda:
    """One GPU and its driver, with everything that tests look at or turn.

    Attributes:
        journal: what happened, in order, in words.
        memory: live device memory by address.
        uploads: host address and size of every copy to the device.
        pinned: page-locked host memory, size by address.
        threads: the threads that called the driver.
        largest: allocations above this many bytes run out of memory.
        kernel_error: text of the error that the next work on a stream ends with, or "".
        pin_status: what page-locking gives; 0 is success.
        streams: live streams by handle.
        kernels: what a kernel's launch does, by name: a function of its arguments.
        module_error: text of the error that loading a module ends with, or "".
        launches: names of the kernels launched.
    """

    total_bytes = 80_000_000_000
    free_bytes = 12_340_000_000

    def __init__(self) -> None:
        self.journal: list[str] = []
        self.memory: dict[int, np.ndarray] = {}
        self.uploads: list[tuple[int, int]] = []
        self.pinned: dict[int, int] = {}
        self.threads: set[int] = set()
        self.largest = 1 << 40
        self.kernel_error = ""
        self.pin_status = 0
        self.kernels: dict[str, Callable[..., None]] = {}
        self.module_error = ""
        self.launches: list[str] = []
        self.context_stack: list[Context] = []
        self.streams: weakref.WeakValueDictionary[int, Stream] = weakref.WeakValueDictionary()
        self.device_count = 1
        self.init_error = ""
        self._addresses = itertools.count(0x7F00_0000_0000, 1 << 24)
        self._handles = itertools.count(1)

    def module(self) -> ModuleType:
        """pycuda.driver."""
        driver = ModuleType("pycuda.driver")
        driver.__spec__ = ModuleSpec("pycuda.driver", None)
        names: dict[str, Any] = {
            "Error": Error,
            "LogicError": LogicError,
            "LaunchError": LaunchError,
            "MemoryError": OutOfMemoryError,
            "init": self._init,
            "Device": self._device_class(),
            "mem_alloc": self._mem_alloc,
            "mem_get_info": self._mem_get_info,
            "Stream": lambda flags=0: Stream(self, flags),
            "Event": lambda flags=0: Event(self, flags),
            "event_flags": EventFlags,
            "memcpy_htod": self._memcpy_htod,
            "memcpy_htod_async": self._memcpy_htod_async,
            "memcpy_dtoh_async": self._memcpy_dtoh_async,
            "module_from_buffer": self._module_from_buffer,
        }
        for name, value in names.items():
            setattr(driver, name, value)
        return driver

    def called(self) -> None:
        """Note a driver call; it needs a current context."""
        self.threads.add(threading.get_ident())
        if not self.context_stack:
            raise LogicError("call failed: invalid device context")

    def device_bytes(self, address: int, size: int) -> np.ndarray:
        """Live device memory, for copies and kernels."""
        for start, found in self.memory.items():
            if start <= int(address) and int(address) + size <= start + found.size:
                return found[int(address) - start :][:size]
        raise LaunchError("cuStreamSynchronize failed: an illegal memory access was encountered")

    def is_pinned(self, address: int, size: int) -> bool:
        """True when host memory lies in page-locked memory."""
        return any(
            start <= address and address + size <= start + length
            for start, length in self.pinned.items()
        )

    def _init(self) -> None:
        if self.init_error:
            raise LogicError(self.init_error)

    def _device_class(self) -> Any:
        gpu = self

        class Device:
            def __init__(self, index: int) -> None:
                self.index = index

            @staticmethod
            def count() -> int:
                return gpu.device_count

            def name(self) -> str:
                return "Fake GPU"

            def compute_capability(self) -> tuple[int, int]:
                return 8, 9

            def retain_primary_context(self) -> Context:
                gpu.journal.append("context retained")
                return Context(gpu)

        return Device

    def _mem_alloc(self, size: int) -> DeviceAllocation:
        self.called()
        if any(stream.captured is not None for stream in self.streams.values()):
            raise LogicError("cuMemAlloc failed: operation not permitted when stream is capturing")
        assert size > 0, "cuMemAlloc refuses 0 bytes"
        if size > self.largest:
            raise OutOfMemoryError("cuMemAlloc failed: out of memory")
        address = next(self._addresses)
        self.memory[address] = np.full(size, 0xAB, np.uint8)
        return DeviceAllocation(self, address, size)

    def _mem_get_info(self) -> tuple[int, int]:
        self.called()
        return self.free_bytes, self.total_bytes

    def _memcpy_htod(self, target: Any, source: np.ndarray) -> None:
        self.called()
        host = _HostRange(source)
        self._copy(self.device_bytes(int(target), host.size), host.bytes())

    def _memcpy_htod_async(self, target: Any, source: np.ndarray, stream: Stream) -> None:
        self.called()
        host = _HostRange(source)
        self.uploads.append((host.address, host.size))
        stream.enqueue(lambda: self._copy(self.device_bytes(int(target), host.size), host.bytes()))

    def _memcpy_dtoh_async(self, target: np.ndarray, source: Any, stream: Stream) -> None:
        self.called()
        host = _HostRange(target)
        stream.enqueue(lambda: self._copy(host.bytes(), self.device_bytes(int(source), host.size)))

    def _module_from_buffer(self, image: bytes) -> Module:
        self.called()
        assert image.endswith(b"\0"), "the driver would read on"
        if self.module_error:
            raise LogicError(self.module_error)
        return Module(self, image.decode())

    @staticmethod
    def _copy(target: np.ndarray, source: np.ndarray) -> None:
        target[:] = source


class _HostRange:
    """Host memory as a GPU sees it: an address, kept alive by nobody."""

    def __init__(self, array: np.ndarray) -> None:
        assert array.flags.c_contiguous
        memoryview(array)  # pycuda takes the buffer; ml_dtypes' types refuse to give theirs
        self.address, self.size = array.ctypes.data, array.nbytes
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        self._owner = weakref.ref(owner)

    def bytes(self) -> np.ndarray:
        assert self._owner() is not None, "a host buffer was freed before its copy was done"
        kind = ctypes.c_uint8 * self.size
        return np.ctypeslib.as_array(kind.from_address(self.address))


class Context:
    """The primary context."""

    def __init__(self, gpu: FakeCuda) -> None:
        self._gpu = gpu

    def push(self) -> None:
        self._gpu.journal.append("context pushed")
        self._gpu.context_stack.append(self)

    def pop(self) -> None:
        self._gpu.journal.append("context popped")
        self._gpu.context_stack.pop()

    def detach(self) -> None:
        self._gpu.journal.append("context detached")


class DeviceAllocation:
    """cuMemAlloc's memory."""

    def __init__(self, gpu: FakeCuda, address: int, size: int) -> None:
        self._gpu, self._address, self.size = gpu, address, size

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        self._gpu.called()
        if self._gpu.memory.pop(self._address, None) is None:
            raise LogicError("cuMemFree failed: invalid argument")
        self._gpu.journal.append("memory freed")


class DriverLibrary:
    """libcuda, as ctypes sees it: the calls that core.cuda makes by hand."""

    def __init__(self, gpu: FakeCuda) -> None:
        self._gpu = gpu

    def cuMemHostRegister_v2(
        self, address: ctypes.c_void_p, size: ctypes.c_size_t, flags: int
    ) -> int:
        self._gpu.called()
        if self._gpu.pin_status == 0:
            assert address.value is not None
            assert address.value not in self._gpu.pinned
            self._gpu.pinned[address.value] = size.value
        return self._gpu.pin_status

    def cuMemHostUnregister(self, address: ctypes.c_void_p) -> int:
        self._gpu.called()
        assert address.value is not None
        del self._gpu.pinned[address.value]
        self._gpu.journal.append("memory unpinned")
        return 0


class Module:
    """PTX that the driver took."""

    def __init__(self, gpu: FakeCuda, ptx: str) -> None:
        self._gpu, self._ptx = gpu, ptx

    def get_function(self, name: str) -> Function:
        self._gpu.called()
        if f".entry {name}(" not in self._ptx:
            raise LogicError("cuModuleGetFunction failed: named symbol not found")
        return Function(self._gpu, name)


class Function:
    """A kernel; FakeCuda.kernels says what it does."""

    def __init__(self, gpu: FakeCuda, name: str) -> None:
        self._gpu, self._name = gpu, name
        self._format = ""

    def prepare(self, arguments: str) -> None:
        self._format = arguments

    def prepared_async_call(
        self,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        stream: Stream,
        *arguments: int,
    ) -> None:
        self._gpu.called()
        struct.pack(self._format, *arguments)
        self._gpu.launches.append(self._name)
        kernel = self._gpu.kernels[self._name]
        stream.enqueue(lambda: kernel(grid, block, *arguments))


class Stream:
    """Work in order, done at synchronize()."""

    def __init__(self, gpu: FakeCuda, flags: int) -> None:
        gpu.called()
        self._gpu, self.flags = gpu, flags
        self.handle = next(gpu._handles)
        self._queue: list[Callable[[], object]] = []
        self.captured: list[Callable[[], object]] | None = None  # while it is being captured
        gpu.streams[self.handle] = self

    def enqueue(self, work: Callable[[], object]) -> None:
        if self.captured is not None:
            self.captured.append(work)
        else:
            self._queue.append(work)

    def synchronize(self) -> None:
        self._gpu.called()
        if self.captured is not None:
            raise LogicError("cuStreamSynchronize failed: operation not permitted when capturing")
        while self._queue:
            self.work_off_one()

    def wait_for_event(self, event: Event) -> None:
        self._gpu.called()
        self.hold(event)

    def hold(self, event: Any) -> None:
        """Go on only once an event of another stream has happened."""

        def reach() -> None:
            while not event.has_happened:
                event.stream.work_off_one()

        self.enqueue(reach)

    def work_off_one(self) -> None:
        """The oldest work; what fails takes all that waits with it."""
        work, self._queue = self._queue[0], self._queue[1:]
        try:
            work()
        except BaseException:
            self._queue = []
            raise

    def __del__(self) -> None:
        self._gpu.journal.append("stream destroyed")


class EventFlags(enum.IntFlag):
    """pycuda.driver.event_flags."""

    DEFAULT = 0
    BLOCKING_SYNC = 1
    DISABLE_TIMING = 2


class Event:
    """A time on a stream."""

    def __init__(self, gpu: FakeCuda, flags: int = 0) -> None:
        gpu.called()
        self.flags = flags
        self._at: float | None = None
        self.stream: Stream | None = None

    def record(self, stream: Stream) -> None:
        self._at = None
        self.stream = stream
        stream.enqueue(self._happen)

    def synchronize(self) -> None:
        """Work up to here; what is queued behind it is still to come."""
        assert self.stream is not None
        while not self.has_happened:
            self.stream.work_off_one()

    @property
    def has_happened(self) -> bool:
        return self._at is not None

    def _happen(self) -> None:
        self._at = time.perf_counter()

    def time_till(self, later: Event) -> float:
        if self._at is None or later._at is None:
            raise LogicError("cuEventElapsedTime failed: device not ready")
        return (later._at - self._at) * 1000


def install(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """Put a fake GPU where core.cuda looks for one."""
    gpu = FakeCuda()
    package = ModuleType("pycuda")
    package.__spec__ = ModuleSpec("pycuda", None, is_package=True)
    package.__path__ = []
    driver = gpu.module()
    package.driver = driver  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pycuda", package)
    monkeypatch.setitem(sys.modules, "pycuda.driver", driver)
    monkeypatch.setattr(core.cuda, "_start_driver_without_gil", lambda device: None)
    monkeypatch.setattr(core.cuda, "_library", lambda: DriverLibrary(gpu))
    monkeypatch.setattr(core.cuda, "_local", threading.local())
    monkeypatch.setattr(core.cuda_graph, "graph_driver", lambda: None)
    return gpu
