"""Pictures that processes read into page-locked memory, as threads would, but without one GIL.

Of the threads' time little is reading: they wait for each other's Python.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.errors import CudaError
from core.placement import Placement
from core.reading_child import READY, TOO_LARGE, Answer, Order
from core.reading_process import END_S, ReadingProcess, end_processes
from core.reading_slots import ReadingSlots, slot_size
from core.result_rows import RowError

logger = logging.getLogger(__name__)

MOST_PROCESSES = 16
"""As many as there are cores, and no more."""

_AHEAD = 3  # pictures that a process has at a time, so that it never waits for its next one
_FEWEST_SLOTS = 1.25  # for each process
_PAUSE_S = 0.002  # between two looks at the pipes: less than _AHEAD take, and answers come together
_LONGEST_PATH = 1_000  # characters: messages both ways fit into the pipe, so that no side waits
_JUDGED, _MOST_LARGE = 64, 0.25  # after so many answers: the share that may be too large


@dataclass(frozen=True, slots=True)
class Staged:
    """A picture that a reader made ready: its pixels, or the input's row where it is placed."""

    data: np.ndarray
    placement: Placement | None
    size_wh: tuple[int, int]
    ms: float  # of reading and preparing


Reading = Future[Staged | RowError]
Pin = Callable[[np.ndarray], Callable[[], None]]
"""Page-locks an array's memory, and gives what undoes it: core.cuda.CudaContext.pin."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    path: str
    future: Reading


class ReadingProcesses:
    """Processes that read pictures; made, asked and closed by one thread, the owner's.

    They start in the background. Once all are there, and memory for them, state is "reserved": the
    owner calls take_over(), and may submit() from then on, while state is "reading". It becomes
    "over" when they can read no more; what was submitted is read by `read_here` then, as is what
    they give back.

    Attributes:
        slots: their memory.
        state: how far they are; changes on another thread at any time.
    """

    def __init__(
        self,
        count: int,
        limit_bytes: int,
        most_bytes: int,
        largest: Callable[[], int],
        held: int,
        read_here: Callable[[str, Reading], None],
    ) -> None:
        """Start the processes; returns at once.

        Args:
            count: how many.
            limit_bytes: of memory, at most.
            most_bytes: larger pictures are left to `read_here`.
            largest: asked once they are there, on another thread: bytes of the largest picture
                to be expected; larger ones are left, too.
            held: pictures that the owner holds on to besides those it waits for; for them there
                is as much memory again, at most.
            read_here: reads a picture in this process and fulfils its future; called on any
                thread, and returns at once.

        Raises:
            OSError: if the system has no memory to share.
        """
        self.slots = ReadingSlots()
        self.state: Literal["starting", "reserved", "reading", "over"] = "starting"
        self._count = count
        self._limit = limit_bytes
        self._most_bytes = most_bytes
        self._largest = largest
        self._held = held
        self._read_here = read_here
        self._lock = threading.Lock()  # guards all that follows, and the slots
        self._processes: list[ReadingProcess] = []  # those that live
        self._ended: list[ReadingProcess] = []
        self._asked: dict[ReadingProcess, dict[int, _Asked]] = {}  # by slot
        self._pending: deque[_Asked] = deque()
        self._most_asked = 0  # pictures that a process has at a time
        self._answers = self._too_large = 0
        self._is_closed = self._has_heard = self._is_unpinned = False
        self._unpin: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._work, name="reading-processes", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> int:
        """How many processes there are."""
        with self._lock:
            return len(self._processes)

    def take_over(self, pin: Pin) -> bool:
        """Page-lock the memory and let processes read; on the owner's thread.

        Returns:
            False where that fails: they are over.

        Raises:
            CudaError: with `fatal` set, if the GPU is lost.
        """
        slots = self.slots
        try:
            folder = str(Path.cwd())
            self._unpin = pin(slots.whole)
        except OSError as error:
            self._give_up(f"the working folder is gone: {error}")
            return False
        except CudaError as error:
            if error.fatal:
                raise
            self._give_up(f"their memory is not page-locked: {error.message}")
            return False
        order: Order = (folder, slots.slot_bytes, len(slots.arrays), self._most_bytes)
        with self._lock:
            for process in self._processes:
                process.send(order)
            if self.state == "reserved":
                self.state = "reading"
        return self.state == "reading"

    def submit(self, path: str) -> Reading:
        """Have a picture read; one that cannot be is a RowError. On the owner's thread."""
        asked = _Asked(str(path), Future())  # not of the user's own type, which the child lacks
        with self._lock:
            if self.state == "reading" and len(path) <= _LONGEST_PATH:
                self._pending.append(asked)
                self._give_out()
            else:
                self._read_here(asked.path, asked.future)
        return asked.future

    def hurry(self, future: Reading) -> None:
        """Have a picture read that is waited for, also where all slots are held.

        On the owner's thread, once the pictures before it are there.
        """
        with self._lock:
            self._give_out()
            if self._pending and self._pending[0].future is future:
                self._read_here(self._pending.popleft().path, future)

    def close(self) -> None:
        """End the processes and unpin their memory, on the owner's thread; what is lent stays."""
        with self._lock:
            self._is_closed = True
            self.state = "over"
            self._ended += self._processes
            self._processes = []
            self._pending.clear()
        end_processes(self._ended)
        self._thread.join(END_S)  # it hears of their end
        if self._unpin is not None:
            self._unpin()
            self._unpin = None
        with self._lock:
            self._is_unpinned = True
            self._let_go()

    def _let_go(self) -> None:
        """Close what is open, once nothing uses it: the owner nor the thread. The lock is held."""
        if self._has_heard and self._is_unpinned:
            for process in self._ended:
                process.pipe.close()
            self.slots.close()

    def _work(self) -> None:
        """A thread of its own; it outlives close() where a process hangs, or the system does."""
        self._start_and_hear()
        with self._lock:
            self._has_heard = True
            self._let_go()

    def _start_and_hear(self) -> None:
        """Start the processes and hear their answers."""
        try:
            while self._start():
                pass
        except OSError as error:
            self._give_up(f"they cannot be started: {error}")
        while True:
            with self._lock:
                pipes: dict[Any, ReadingProcess] = {one.pipe: one for one in self._processes}
            if not pipes:
                return
            heard = [pipes[pipe] for pipe in wait(list(pipes))]
            self._hear([(process, process.received()) for process in heard])
            if self.state == "starting":
                self._reserve()
            time.sleep(_PAUSE_S)

    def _start(self) -> bool:
        """Start one; False once there are enough."""
        with self._lock:
            if self._is_closed or len(self._processes) == self._count:
                return False
            self._processes.append(ReadingProcess(self.slots.where, self.slots.inherited))
            self._asked[self._processes[-1]] = {}
            return True

    def _reserve(self) -> None:
        """Once all processes are ready, take their memory from the system."""
        with self._lock:
            count = len(self._processes)
            if not count or not all(process.is_ready for process in self._processes):
                return
        size = slot_size(self._largest())
        slots = (self._limit + min(self._held * size, self._limit)) // size
        # One for each process to read into, and some for what is read and waits for its turn.
        free = slots - self._held
        if free < count * _FEWEST_SLOTS:
            self._give_up(f"there is no room for pictures of {size:,} bytes")
            return
        try:
            self.slots.reserve(size, slots)
        except OSError as error:
            self._give_up(f"the system has no {size * slots:,} bytes to share: {error}")
            return
        with self._lock:
            self._most_asked = min(free // count, _AHEAD)
            if self.state == "starting":
                self.state = "reserved"

    def _hear(self, messages: list[tuple[ReadingProcess, Any]]) -> None:
        """Fulfil what processes answer, and give out more."""
        done: list[tuple[Reading, Staged | RowError]] = []
        with self._lock:
            if self._is_closed:
                return
            for process, message in messages:
                if message is None:
                    self._lose(process)
                elif message == READY:
                    process.is_ready = True
                else:
                    asked = self._asked[process].pop(message[0])
                    found = self._found(message)
                    if found is None:
                        self._read_here(asked.path, asked.future)
                    else:
                        done.append((asked.future, found))
            self._give_out()
        for future, found in done:
            future.set_result(found)

    def _found(self, answer: Answer) -> Staged | RowError | None:
        """What a process read; None where that is to be done here. The lock is held."""
        number, what, ms, error = answer
        self._answers += 1
        if isinstance(what, tuple):
            data = self.slots.lend(number, what)
            return Staged(data, None, (what[1], what[0]), ms)
        self.slots.give_back(number)
        if error is not None:
            return RowError(*error)
        self._too_large += what == TOO_LARGE
        if self._answers >= _JUDGED and self._too_large > _MOST_LARGE * self._answers:
            self._stop("too many pictures are larger than those before")
        return None

    def _give_out(self) -> None:
        """Give waiting pictures to processes that have too few. The lock is held."""
        while self._pending:
            process = min(self._processes, key=lambda one: len(self._asked[one]))
            if len(self._asked[process]) >= self._most_asked:
                return
            number = self.slots.take()
            if number is None:
                return
            asked = self._asked[process][number] = self._pending.popleft()
            process.send((number, asked.path))

    def _lose(self, process: ReadingProcess) -> None:
        """A process has ended: its pictures are read here. The lock is held."""
        self._processes.remove(process)
        self._ended.append(process)
        if self.state != "over":
            logger.info("a process that reads pictures ended; %d are left", len(self._processes))
        for number, asked in self._asked[process].items():
            self.slots.give_back(number)
            self._read_here(asked.path, asked.future)
        self._asked[process].clear()
        if not self._processes:
            self._stop("none of them is left")

    def _give_up(self, reason: str) -> None:
        """End the processes before they read anything."""
        with self._lock:
            self._stop(reason)
            for process in self._processes:
                process.kill()

    def _stop(self, reason: str) -> None:
        """Read all that is still to come here. The lock is held."""
        if self.state == "over":
            return
        self.state = "over"
        logger.info("pictures are read by threads, not by processes: %s", reason)
        for asked in self._pending:
            self._read_here(asked.path, asked.future)
        self._pending.clear()
