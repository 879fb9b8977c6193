"""How a build goes, in what can be known: never a fraction, as TensorRT tells none.

A measured build of 111 s had one stretch of 110 s without a call of TensorRT's own monitor, so
what is shown is the phase, the time, and the pulse of the log.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.text import one_line

_WINDOW_S = 5.0  # over which the log's lines are counted
_LONGEST_LINE = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProgress:
    """One moment of a build.

    Attributes:
        phase: what is done, in words: ours, or TensorRT's own phase where it tells it.
        step: of TensorRT's phase, how many steps are done; None where nobody knows.
        steps: how many that phase has.
        elapsed_s: since the build began.
        lines_per_s: of TensorRT's log, over the last seconds: it lives.
        last_line: the log's last telling line, or "".
        expected_s: how long the last build of this ONNX took here; None where there was none.
    """

    phase: str
    step: int | None = None
    steps: int | None = None
    elapsed_s: float = 0.0
    lines_per_s: float = 0.0
    last_line: str = ""
    expected_s: float | None = None

    @property
    def text(self) -> str:
        """All of it on one line."""
        steps = "" if self.step is None else f", step {self.step} of {self.steps}"
        expected = "" if self.expected_s is None else f", the last build took {self.expected_s:.0f}"
        pulse = f"; log: {self.lines_per_s:.0f} lines/s" if self.lines_per_s else ""
        last = f": {self.last_line}" if self.last_line else ""
        return f"{self.phase}{steps} ({self.elapsed_s:.0f} s{expected}{pulse}){last}"


class ProgressOf:
    """Puts together what a build's child says, on the thread that waits for it."""

    def __init__(
        self, expected_s: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Use an estimate from earlier builds, and a clock in seconds."""
        self._expected_s = expected_s
        self._clock = clock
        self._phase: tuple[str, int, int] | None = None
        self._counts: deque[tuple[float, int]] = deque()
        self._last_line = ""
        self._doing = ""

    def hear(self, said: dict[str, Any]) -> None:
        """Take in what the child says; see core.building.pulse."""
        if "phase" in said:
            self._phase = None if said["phase"] is None else (
                one_line(str(said["phase"]), 80), int(said["step"]), int(said["steps"])
            )  # fmt: skip
        if "lines" in said:
            self._counts.append((self._clock(), int(said["lines"])))
            self._last_line = one_line(str(said["last"]), _LONGEST_LINE)

    def at(self, doing: str, elapsed_s: float) -> BuildProgress:
        """How it goes now."""
        if doing != self._doing:  # what we do ourselves ends TensorRT's phase
            self._doing, self._phase = doing, None
        now = self._clock()
        while self._counts and self._counts[0][0] < now - _WINDOW_S:
            self._counts.popleft()
        lines = sum(count for _, count in self._counts)
        name, step, steps = self._phase or (None, None, None)
        return BuildProgress(
            phase=doing if name is None else f"{doing}: {name}",
            step=step,
            steps=steps,
            elapsed_s=elapsed_s,
            lines_per_s=lines / max(1.0, min(_WINDOW_S, elapsed_s)),
            last_line=self._last_line,
            expected_s=self._expected_s,
        )
