"""How long the runs of one model took: the first apart, for it is slower than those to come."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.results import Stages, TestResult

_KEPT = 500  # runs, for the plot and the percentiles


class RunHistory:
    """The stages of the first run, and of the warm ones after it."""

    def __init__(self) -> None:
        self.warm: deque[Stages] = deque(maxlen=_KEPT)
        self.first: Stages | None = None

    def add(self, result: TestResult) -> None:
        """Keep a run's times."""
        if result.is_first:
            self.first = result.stages
        else:
            self.warm.append(result.stages)

    def clear(self) -> None:
        """Forget them: another model is opened."""
        self.warm.clear()
        self.first = None
