"""Who is told how a benchmark goes."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from core.benchmark.values import Reading


class Listener(Protocol):
    """Told at most some 20 times a second, on the thread that measures; readings on another."""

    def phase(self, text: str, fraction: float | None) -> None:
        """What goes on, and how far it is: 0 to 1, or None where nobody can know."""

    def samples(self, name: str, rows: np.ndarray) -> None:
        """More queries of a measurement: (n, 10) float64, see core.benchmark.samples.COLUMNS."""

    def reading(self, reading: Reading) -> None:
        """What NVML told."""


class Silent:
    """A listener that does nothing."""

    def phase(self, text: str, fraction: float | None) -> None:
        """See Listener."""

    def samples(self, name: str, rows: np.ndarray) -> None:
        """See Listener."""

    def reading(self, reading: Reading) -> None:
        """See Listener."""
