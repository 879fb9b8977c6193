"""Memory that reading processes write pictures into: shared with them, cut into slots.

It has no name that could outlive the program, so nothing is left behind, however that ends.
"""

from __future__ import annotations

import mmap
import os
import secrets
import sys
import tempfile

import numpy as np

_STEP = 1 << 20  # bytes; a slot's size is rounded up to it
_FOLDER = "/dev/shm"


def slot_size(largest: int) -> int:
    """A slot's bytes, for pictures of at most so many."""
    return -(-max(largest, 1) // _STEP) * _STEP


def map_memory(where: str, size: int) -> mmap.mmap:
    """The whole of the memory, in another process than the one that reserved it.

    Args:
        where: what ReadingSlots.where says; a descriptor has been inherited.
        size: bytes.

    Raises:
        OSError: if the system does not give it.
    """
    if sys.platform == "win32":
        return mmap.mmap(-1, size, tagname=where)
    # All pages at once: one by one, each process would be slow at its first picture in each slot.
    flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
    return mmap.mmap(int(where), size, flags=flags)


class ReadingSlots:
    """The memory, and who has which slot. Not guarded: one thread at a time.

    A slot is given to a process by take(), lent as an array by lend(), and free again once nobody
    holds that array or a view of it.

    Attributes:
        where: for map_memory.
        arrays: (slot_bytes,) uint8 for each slot, the base of everything lent; none before
            reserve().
        slot_bytes: of each slot.
    """

    def __init__(self) -> None:
        """Make memory of no size yet, so that processes can inherit it.

        Raises:
            OSError: if the system has none to share.
        """
        self._file: int | None = None
        if sys.platform == "win32":
            self.where = f"enginebay-{secrets.token_hex(16)}"
        else:
            self._file = _nameless_file()
            self.where = str(self._file)
        self.slot_bytes = 0
        self.arrays: list[np.ndarray] = []
        self._memory: mmap.mmap | None = None
        self._given: list[bool] = []
        self._idle_references = 0
        self._next = 0  # the search begins where the last one ended

    @property
    def inherited(self) -> tuple[int, ...]:
        """Descriptors that another process must inherit."""
        return () if self._file is None else (self._file,)

    @property
    def whole(self) -> np.ndarray:
        """All of the memory: (size,) uint8."""
        assert self._memory is not None
        return np.frombuffer(self._memory, np.uint8)

    def reserve(self, slot_bytes: int, count: int) -> None:
        """Take the memory from the system.

        Raises:
            OSError: if there is not so much.
        """
        size = slot_bytes * count
        if sys.platform == "win32":
            self._memory = mmap.mmap(-1, size, tagname=self.where)
        else:
            assert self._file is not None
            _reserve(self._file, size)
            self._memory = mmap.mmap(self._file, size)
        self.slot_bytes = slot_bytes
        self.arrays = [
            np.frombuffer(self._memory, np.uint8, slot_bytes, number * slot_bytes)
            for number in range(count)
        ]
        self._given = [False] * count
        self._idle_references = self._references(0)

    def take(self) -> int | None:
        """A free slot's number, for a process; None where there is none."""
        count = len(self.arrays)
        for turn in range(count):
            number = (self._next + turn) % count
            if not self._given[number] and self._references(number) == self._idle_references:
                self._given[number] = True
                self._next = number + 1
                return number
        return None

    def lend(self, number: int, shape: tuple[int, ...]) -> np.ndarray:
        """What a process wrote into its slot, as an array; the process has it no longer."""
        self._given[number] = False
        view: np.ndarray = self.arrays[number][: shape[0] * shape[1] * shape[2]].reshape(shape)
        return view

    def give_back(self, number: int) -> None:
        """A process has this slot no longer, and wrote nothing."""
        self._given[number] = False

    def close(self) -> None:
        """Keep no hold of the memory: it goes with the last array that is lent."""
        self.arrays = []
        self._memory = None
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _references(self, number: int) -> int:
        return sys.getrefcount(self.arrays[number])


def _nameless_file() -> int:
    """A descriptor of memory; memfd_create's is not bound by the size of /dev/shm."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("enginebay-pictures")
    with tempfile.TemporaryFile(dir=_FOLDER) as file:  # a Python built for an old C library
        return os.dup(file.fileno())


def _reserve(file: int, size: int) -> None:
    """Give a file its size, and take memory for all of it.

    Sharing more than there is would kill the program later (SIGBUS), when a picture is written:
    containers often have 64 MB.
    """
    if not hasattr(os, "posix_fallocate"):
        raise OSError("shared memory cannot be reserved on this system")
    os.posix_fallocate(file, 0, size)
