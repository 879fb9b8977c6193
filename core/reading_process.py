"""One process that reads pictures: started, talked to, ended. core.reading_child is its side.

It is this Python running that module and not one of multiprocessing's, which would run the main
script again in each: one of a user's that reads a folder without a guard, too.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any

from core.paths import ROOT, python_path

END_S = 1.0
"""For processes to end; one that hangs on a network's disk is left to the system."""

_KEPT = {"MALLOC_TRIM_THRESHOLD_": str(1 << 28), "MALLOC_MMAP_THRESHOLD_": str(1 << 25)}
"""Makes glibc keep a picture's memory for the next one: to get it from the system again and again
took a third of the time of a 1280 x 720 JPEG. See mallopt(3); others ignore it."""

_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""NumPy's and OpenCV's OpenBLAS would each start a thread for every core, in every process."""


class ReadingProcess:
    """A child and the pipe to it.

    Attributes:
        pipe: for multiprocessing.connection.wait.
        is_ready: whether it has said so; for who listens to it.
        pid: the child's.
    """

    def __init__(self, where: str, inherited: Iterable[int]) -> None:
        """Start it.

        Args:
            where: its memory is, see core.reading_slots.
            inherited: descriptors that it needs for that.

        Raises:
            OSError: if it cannot be started.
        """
        self.is_ready = False
        self.pipe, theirs = multiprocessing.Pipe()
        try:
            self._child = _popen(theirs.fileno(), where, inherited)
        finally:
            theirs.close()  # or the child's end would not be heard of
        self.pid = self._child.pid

    def send(self, message: object) -> None:
        """Send it; that the child has ended is told by received()."""
        with contextlib.suppress(OSError):
            self.pipe.send(message)

    def received(self) -> Any:
        """Wait for a message; None once the child has ended."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            return None

    def kill(self) -> None:
        """End it at once; does not wait for that."""
        self._child.kill()

    def wait(self, limit_s: float) -> None:
        """Wait for its end, for so long at most."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(max(limit_s, 0))


def end_processes(processes: Iterable[ReadingProcess]) -> None:
    """Kill processes, and wait END_S for them."""
    for process in processes:
        process.kill()
    limit = time.monotonic() + END_S
    for process in processes:
        process.wait(limit - time.monotonic())


def _popen(handle: int, where: str, inherited: Iterable[int]) -> subprocess.Popen[bytes]:
    more: dict[str, Any]
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
        more = {"startupinfo": startup, "creationflags": subprocess.CREATE_NO_WINDOW}
    else:
        more = {"pass_fds": (handle, *inherited), "start_new_session": True}
    return subprocess.Popen(
        [sys.executable, "-m", "core.reading_child", str(handle), where],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=os.environ | _KEPT | _ONE_THREAD | {"PYTHONPATH": python_path()},
        **more,
    )
