"""A build on its way through the queue, and what it tells meanwhile."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from core.building import BuildOptions, BuildProgress
    from gui.build_thread import Built
    from gui.problem import Problem

State = Literal["waiting", "building", "done", "failed", "cancelled"]

MOST_LINES = 2_000
"""Of a build's log; older ones are forgotten."""


class Feed:
    """What a running build tells: written on the build's thread, read on the GUI's.

    Attributes:
        has_engine: the engine is whole and in its place; what is left is to look at it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: BuildProgress | None = None
        self._doing = ""
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._begun: float | None = None
        self._ended: float | None = None
        self._told = 0.0
        self._version = 0
        self.has_engine = False

    def begin(self) -> None:
        """The build has its turn."""
        with self._lock:
            self._begun = self._told = time.monotonic()

    def end(self) -> None:
        """The build is over, however it ended."""
        with self._lock:
            self._ended = time.monotonic()

    def watch(self, progress: BuildProgress) -> None:
        """One moment of the build; a new phase, and a new line of TensorRT's, are kept."""
        with self._lock:
            before, self._now, self._doing = self._now, progress, ""
            if progress.lines_per_s:
                self._told = time.monotonic()
            if before is None or progress.phase != before.phase:
                self._add(progress.phase)
            if progress.last_line and (before is None or progress.last_line != before.last_line):
                self._add(progress.last_line)

    def tell(self, text: str) -> None:
        """What goes on before or after TensorRT's part."""
        with self._lock:
            if text and text != self._doing:
                self._doing, self._now = text, None
                self._add(text)

    def log(self, lines: Iterable[str]) -> None:
        """Lines of TensorRT's log that are known at the end."""
        with self._lock:
            for line in lines:
                self._add(line)

    def _add(self, line: str) -> None:
        self._told = time.monotonic()
        begun = self._begun or self._told
        self._lines.append(f"{self._told - begun:8.1f} s  {line.rstrip()}")
        self._version += 1

    @property
    def now(self) -> tuple[BuildProgress | None, str]:
        """What TensorRT does, and what we do ourselves, one of the two."""
        with self._lock:
            return self._now, self._doing

    @property
    def lines(self) -> tuple[int, list[str]]:
        """A number that grows with every line, and the latest lines."""
        with self._lock:
            return self._version, list(self._lines)

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began, or that it took; 0 while it waits."""
        with self._lock:
            if self._begun is None:
                return 0.0
            return (self._ended or time.monotonic()) - self._begun

    @property
    def silent_s(self) -> float:
        """Seconds since anything new came, the pulse of the log too."""
        with self._lock:
            return 0.0 if self._begun is None else time.monotonic() - self._told


@dataclass(eq=False)
class Build:
    """One build of the queue.

    Attributes:
        number: counts the builds of this window from 1.
        state: see State.
        feed: what it tells; another one with each try.
        built: what came out, once it is done.
        problem: why it failed.
        is_parsed: TensorRT's parser has taken the model.
        allow_native_code: the user said yes to its plugin libraries.
        is_ending: it was asked to end and has not yet.
    """

    number: int
    onnx: Path
    target: Path
    options: BuildOptions
    state: State = "waiting"
    feed: Feed = field(default_factory=Feed)
    built: Built | None = None
    problem: Problem | None = None
    is_parsed: bool = False
    allow_native_code: bool = False
    is_ending: bool = False

    @property
    def has_engine(self) -> bool:
        """Whether it is over and its engine can be opened."""
        return self.is_over and self.feed.has_engine

    @property
    def needs_consent(self) -> bool:
        """Whether it failed because nobody said yes to its plugin libraries."""
        return self.problem is not None and self.problem.kind == "needs-consent"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it by itself."""
        return self.state in ("done", "failed", "cancelled")


def time_text(seconds: float) -> str:
    """A duration as 0:07, 12:30 or 1:02:03."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
