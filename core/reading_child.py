"""A process that reads pictures for another one: the child's side of core.reading_processes.

It imports nothing of CUDA, TensorRT or Qt, and ends when its pipe does.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from core.errors import EnginebayError, out_of_memory
from core.images import import_libraries, read_image
from core.reading_slots import map_memory

READY = "ready"
"""The first message: all is imported."""

AGAIN = "again"
"""In an answer, of a picture that the parent has to read itself: too large for its slot, or what
went wrong is no error of a picture's."""

TOO_LARGE = "too-large"


class _TooLargeError(BaseException):
    """Ends the reading of a picture before it is decoded; no Exception, or it would be damage."""


Order = tuple[str, int, int, int]
"""The working folder, a slot's bytes, how many there are, and the most bytes that a picture may
have."""

Asked = tuple[int, str]
"""A slot's number, and the picture to read into it."""

Answer = tuple[int, tuple[int, ...] | str | None, float, tuple[str, str, str] | None]
"""A slot's number; the shape of what is in it, or why the parent shall read; milliseconds; or the
kind, message and hint of the picture's error."""


def main(arguments: list[str]) -> None:
    """Say READY, take an Order, then answer each Asked.

    Args:
        arguments: the pipe's handle, and where the memory is.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the parent's
    handle, where = arguments
    connection = _connection(int(handle))
    try:
        import_libraries()
        import cv2

        cv2.setNumThreads(1)  # every core has a process of its own
        connection.send(READY)
        folder, slot_bytes, count, most_bytes = connection.recv()
        os.chdir(folder)
        memory = np.frombuffer(map_memory(where, slot_bytes * count), np.uint8)
        slots = memory.reshape(count, slot_bytes)
        while True:
            asked: Asked = connection.recv()
            number, path = asked
            connection.send(_answer(number, path, slots[number], most_bytes))
    except (EOFError, OSError):  # the parent has gone, or the memory cannot be had
        return


def _connection(handle: int) -> Any:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(handle)
    return Connection(handle)


def _answer(number: int, path: str, slot: np.ndarray, most_bytes: int) -> Answer:
    """Read a picture into its slot."""
    begin = time.perf_counter()
    most = min(slot.nbytes, most_bytes)

    def place(shape: tuple[int, int, int]) -> np.ndarray:
        size = math.prod(shape)
        if size > most:
            raise _TooLargeError
        return slot[:size].reshape(shape)

    try:
        pixels = read_image(path, place).pixels
    except _TooLargeError:
        return number, TOO_LARGE, 0.0, None
    except EnginebayError as error:
        return number, None, 0.0, (error.kind, error.message, error.hint)
    except MemoryError as error:
        known = out_of_memory(error)
        return number, None, 0.0, (known.kind, known.message, known.hint)
    except Exception:  # noqa: BLE001 - a mistake of ours is raised where someone sees it
        return number, AGAIN, 0.0, None
    if pixels.nbytes > most:
        return number, TOO_LARGE, 0.0, None
    if pixels.ctypes.data != slot.ctypes.data:
        np.copyto(slot[: pixels.nbytes].reshape(pixels.shape), pixels)
    return number, pixels.shape, (time.perf_counter() - begin) * 1000, None


if __name__ == "__main__":
    main(sys.argv[1:])
