"""A lane: one query slot of an opened model, to be started again and again on inputs in place.

What the benchmark and a run over many pictures drive: each lane has its own execution context,
stream and buffers, so several queries can be in flight.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np


class QueryTimes(NamedTuple):
    """Milliseconds of one finished query, on the device's clock since the lanes were made.

    All NaN for a query that was not timed.
    """

    start: float  # of the copy in
    host_to_device: float
    waited: float  # after the copy in, until the engine began
    compute: float
    device_to_host: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOptions:
    """How lanes run."""

    count: int = 1  # execution contexts
    depth: int = 1  # queries queued on each context, each with its own page-locked arrays
    graph: bool = True  # a CUDA graph where the engine can be captured
    transfers: bool = True  # False: inputs are copied in once, before the first query
    wait: Literal["spin", "blocking"] = "spin"
    timed: bool = True  # False: times() gives NaN, and nothing is spent on it
    timed_every: int = 1  # at least one in k: events cost what not all short queries can bear
    share_copies: bool = False  # inputs of all contexts one after another on one stream
    feeds: bool = True  # False: the inputs' device memory is filled by someone else on the stream


UNTIMED = QueryTimes(*(float("nan"),) * 5)


class Lane(ABC):
    """Made, used and closed on one thread. start() and wait() alternate.

    Attributes:
        graph: whether a CUDA graph is really used.
        why_no_graph: why not, where one was asked for.
        device_bytes: of the device memory that it allocated, without the runtime's own.
        clock_origin: where its times count from, in seconds of time.perf_counter; None where they
            are on a clock of the device's own.
        first_run_ms: wall time of the run that the lane was set up by; None where it needed none.
    """

    graph: bool = False
    why_no_graph: str = ""
    device_bytes: int = 0
    clock_origin: float | None = None
    first_run_ms: float | None = None

    @abstractmethod
    def input(self, name: str) -> np.ndarray:
        """The input's array, to be filled between wait() and start(); always the same memory.

        With LaneOptions.feeds off an engine's lane has none.
        """

    @abstractmethod
    def start(self) -> None:
        """Start a query; returns as soon as it is on its way."""

    @abstractmethod
    def wait(self) -> None:
        """Wait until the query is done and its outputs are there.

        Raises:
            CudaError, ModelError: if it failed.
        """

    @abstractmethod
    def times(self) -> QueryTimes:
        """Of the last finished query."""

    @abstractmethod
    def outputs(self) -> Mapping[str, np.ndarray]:
        """Of the last finished query; views that the next start() overwrites."""

    def interrupt(self) -> None:  # noqa: B027 - not every runtime can
        """Ask a query to end early, from any thread; wait() then raises Cancelled.

        A runtime that cannot be interrupted finishes it; that is what this one does.
        """

    @abstractmethod
    def close(self) -> None:
        """Free what it holds. May be called twice."""
