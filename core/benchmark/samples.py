"""When each query of a measurement began and ended, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COLUMNS = (
    "start_enqueue",
    "end_enqueue",
    "start_h2d",
    "end_h2d",
    "start_compute",
    "end_compute",
    "start_d2h",
    "end_d2h",
    "wall",
    "lane",
)
"""Of Samples.rows. The first eight are those of trtexec's --exportTimes, in its order."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """The queries of one measurement, in the order in which they were started.

    Attributes:
        rows: (N, 10) float64, see COLUMNS. The first eight are milliseconds since the
            measurement's start: enqueue times on the host's clock, the others on CUDA events
            (on the CPU all on the host's clock; without copies their start is their end), NaN for
            queries that were not timed on the device. `wall`
            is the host's milliseconds from starting the query to having its outputs, NaN where
            that was not measured; `lane` counts from 0.
        measured: how many queries there were, where of many only every k-th is kept here; None
            where the rows are all.
    """

    rows: np.ndarray
    measured: int | None = None

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    @property
    def queries(self) -> int:
        """How many queries were measured: more than the rows where not all of them are kept."""
        return len(self.rows) if self.measured is None else self.measured

    def column(self, name: str) -> np.ndarray:
        """One column of COLUMNS, (N,)."""
        column: np.ndarray = self.rows[:, COLUMNS.index(name)]
        return column

    def _span(self, stage: str) -> np.ndarray:
        span: np.ndarray = self.column(f"end_{stage}") - self.column(f"start_{stage}")
        return span

    @property
    def enqueue(self) -> np.ndarray:
        """(N,) milliseconds that the host spent starting each query."""
        return self._span("enqueue")

    @property
    def host_to_device(self) -> np.ndarray:
        """(N,) milliseconds of copying the inputs."""
        return self._span("h2d")

    @property
    def compute(self) -> np.ndarray:
        """(N,) milliseconds of the model itself."""
        return self._span("compute")

    @property
    def device_to_host(self) -> np.ndarray:
        """(N,) milliseconds of copying the outputs."""
        return self._span("d2h")

    @property
    def latency(self) -> np.ndarray:
        """(N,) milliseconds: the three stages' sum, as trtexec has it; no wall time."""
        total: np.ndarray = self.host_to_device + self.compute + self.device_to_host
        return total
