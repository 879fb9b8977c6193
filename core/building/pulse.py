"""What the build's child tells of TensorRT's log and phases while it works."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from core.child_process import Parent

_INTERVAL_S = 0.25
_LIBRARY_LOG = "core.tensorrt_library"
# Lines that come by the thousand and say nothing to a person.
_NOISE = re.compile(r"^(?:\s|-{3,}|\*{3,}|={3,}|tactic|skipping tactic)", re.IGNORECASE)


class _Pulse(logging.Handler):
    """Counts lines of TensorRT's log, which come from its own threads, and tells the parent."""

    def __init__(self, parent: Parent) -> None:
        super().__init__()
        self._parent = parent
        self._count = 0
        self._last = ""
        self._next = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line; logging calls this under the handler's lock."""
        self._count += 1
        if record.levelno >= logging.WARNING and sys.stderr is not None:
            # A crash leaves nothing but this. Without a handler Python's last resort would print
            # it, but we are one.
            with contextlib.suppress(OSError, ValueError):  # a pipe that nobody reads any more
                sys.stderr.write(f"{record.getMessage()}\n")
                sys.stderr.flush()
        if record.levelno >= logging.INFO:
            text = record.getMessage()
            if text.strip() and not _NOISE.match(text):
                self._last = text[:400]
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _INTERVAL_S
            self._parent.say({"lines": self._count, "last": self._last})
            self._count = 0


@contextlib.contextmanager
def pulse(parent: Parent) -> Iterator[None]:
    """Tell the parent of TensorRT's log during the block, four times a second at most."""
    log, handler = logging.getLogger(_LIBRARY_LOG), _Pulse(parent)
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)


def monitor(trt: Any, parent: Parent) -> Any:
    """An IProgressMonitor that tells the parent of TensorRT's phases (TensorRT 10 and newer)."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Called from the builder's own threads; it must not raise, and True means go on."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._lock = threading.Lock()
            self._open: dict[str, list[int]] = {}  # steps done and in all, innermost last
            self._next = 0.0

        def phase_start(self, phase: str, _parent: str | None, steps: int) -> None:
            with self._lock:
                self._open[phase] = [0, steps]
                self._tell()

        def step_complete(self, phase: str, step: int) -> bool:
            with self._lock:
                if phase in self._open:
                    self._open[phase][0] = step + 1  # steps count from 0
                now = time.monotonic()
                if now >= self._next:
                    self._next = now + _INTERVAL_S
                    self._tell()
            return True

        def phase_finish(self, phase: str) -> None:
            with self._lock:
                self._open.pop(phase, None)
                self._tell()

        def _tell(self) -> None:
            if not self._open:
                parent.say({"phase": None})
                return
            phase, (step, steps) = list(self._open.items())[-1]
            parent.say({"phase": phase, "step": step, "steps": steps})

    return Monitor()
