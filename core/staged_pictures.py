"""Pictures of a run made ready for the GPU, read by threads or, in long runs, by processes."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import InvalidStateError, ThreadPoolExecutor

import numpy as np

from core.errors import EnginebayError, out_of_memory
from core.gpu_preprocess import GpuPreprocessor
from core.images import Image, read_image
from core.kernel_parameters import row_bytes, row_shape
from core.placement import Placement
from core.preprocess import prepare_into
from core.reading_processes import MOST_PROCESSES, Pin, Reading, ReadingProcesses, Staged
from core.recipes import Recipe
from core.result_rows import RowError
from core.tensors import numpy_dtype

logger = logging.getLogger(__name__)

WORTH_PICTURES = 2_000
"""So many have to be left for processes: until they are there, threads read some 1,000."""

WORTH_CORES = 4
"""So many are needed for processes: a few threads seldom wait for each other's GIL."""

Read = Callable[[str], Image]


def process_count(cores: int) -> int:
    """How many processes read: one core is this process's, which feeds the GPU and hears them.

    Of 16 cores an H100's machine read 2,000 pictures a second with 16, and 3,000 with 15.
    """
    return min(cores - 1, MOST_PROCESSES)


class Stager:
    """Has pictures read into page-locked memory; belongs to the thread that owns CUDA.

    Attributes:
        seen_bytes: of the largest picture so far.
    """

    def __init__(
        self,
        recipe: Recipe,
        preprocessor: GpuPreprocessor,
        read: Read,
        readers: ThreadPoolExecutor,
        *,
        most_bytes: int,
    ) -> None:
        """Read on threads at first.

        Args:
            recipe: how pictures are prepared.
            preprocessor: whose memory they are read into; it is closed after this.
            read: reads a picture, on several threads at once.
            readers: threads to read on.
            most_bytes: larger pictures than it are prepared by the readers; 0 where all are.
        """
        self.seen_bytes = row_bytes(recipe)
        self._seen_pixels = 0  # of those, what the GPU prepares: rows do not go into slots
        self._recipe = recipe
        self._preprocessor = preprocessor
        self._read = read
        self._is_files = read is read_image
        self._readers = readers
        self._most_bytes = most_bytes
        self._reading: ReadingProcesses | None = None

    @property
    def processes(self) -> int:
        """How many processes read; 0 where threads do."""
        reading = self._reading
        return reading.alive if reading is not None and reading.state == "reading" else 0

    def start_processes(self, left: int | None, held: int, limit_bytes: int) -> None:
        """Start reading processes in the background, where they are worth it.

        Args:
            left: pictures to come; None where nobody knows.
            held: pictures whose memory is still held once they are fed to the GPU.
            limit_bytes: of memory, at most.
        """
        cores = os.cpu_count() or 1
        is_long = left is None or left >= WORTH_PICTURES
        # Another reader may be anything: a test's, or one that counts.
        if not self._is_files or not self._most_bytes or not is_long:
            return
        if cores < WORTH_CORES:
            return
        try:
            self._reading = ReadingProcesses(
                process_count(cores),
                limit_bytes,
                self._most_bytes,
                lambda: self._seen_pixels,
                held,
                self._read_here,
            )
        except OSError as error:
            logger.info("pictures are read by threads, not by processes: %s", error)

    def take_over(self, pin: Pin) -> bool:
        """True once, when processes are ready and have taken over from the threads.

        Args:
            pin: page-locks their memory.

        Raises:
            CudaError: with `fatal` set, if the GPU is lost.
        """
        processes = self._reading
        if processes is None or processes.state != "reserved" or not processes.take_over(pin):
            return False
        self._preprocessor.adopt(processes.slots.arrays)
        return True

    def begin(self, path: str) -> Reading:
        """Have a picture made ready; what fails is a RowError."""
        if self._reading is not None and self._reading.state == "reading":
            return self._reading.submit(path)
        return self._readers.submit(self._stage, path)

    def hurry(self, future: Reading) -> None:
        """Say that a picture is waited for; all before it must be there."""
        if self._reading is not None and not future.done():
            self._reading.hurry(future)

    def close(self) -> None:
        """End the processes; nothing is uploaded from their memory any more."""
        if self._reading is not None:
            self._reading.close()

    def _read_here(self, path: str, future: Reading) -> None:
        """Read what a process did not. Any thread."""
        try:
            self._readers.submit(self._stage_into, path, future)
        except RuntimeError as error:  # the system gives no thread: who waits shall not for ever
            with contextlib.suppress(InvalidStateError):
                future.set_exception(error)

    def _stage_into(self, path: str, future: Reading) -> None:
        """Runs on a reader's thread."""
        try:
            future.set_result(self._stage(path))
        except BaseException as error:  # noqa: BLE001 - raised by who waits, as with a pool's own
            future.set_exception(error)

    def _stage(self, path: str) -> Staged | RowError:
        """Read a picture into page-locked memory. Runs on a reader's thread."""
        begin = time.perf_counter()
        try:
            image = read_image(path, self._place) if self._is_files else self._read(path)
            pixels, placement = image.pixels, None
            if pixels.nbytes <= self._most_bytes:
                data = self._preprocessor.staged(pixels)
            else:
                data, placement = self._prepared(pixels)
        except EnginebayError as error:
            return RowError.of(error)
        except MemoryError as error:
            return RowError.of(out_of_memory(error))
        # Two threads may both write: a smaller size is right again with the next picture.
        self.seen_bytes = max(self.seen_bytes, data.nbytes)
        if placement is None:
            self._seen_pixels = max(self._seen_pixels, data.nbytes)
        return Staged(data, placement, image.size_wh, (time.perf_counter() - begin) * 1000)

    def _place(self, shape: tuple[int, int, int]) -> np.ndarray:
        """Where a picture's pixels go: page-locked, if the GPU prepares it."""
        if math.prod(shape) > self._most_bytes:
            return np.empty(shape, np.uint8)
        return self._preprocessor.pixel_buffer(shape)

    def _prepared(self, pixels: np.ndarray) -> tuple[np.ndarray, Placement]:
        recipe = self._recipe
        data = self._preprocessor.pixel_buffer((row_bytes(recipe),))
        row = data.view(numpy_dtype(recipe.dtype)).reshape(row_shape(recipe))
        return data, prepare_into(row, pixels, recipe)
