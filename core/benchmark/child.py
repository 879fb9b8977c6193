"""A benchmark in a process of its own: a window must not share Python's lock with the measuring."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.benchmark.checks import check_options
from core.benchmark.listener import Listener
from core.benchmark.order import (
    BenchmarkOrder,
    reading_from_json,
    text_rows,
    unpack_pieces,
)
from core.benchmark.values import BenchmarkResult
from core.child_process import ChildDied, run_child
from core.errors import Cancelled, ModelError

PATIENCE_S = 10.0
"""How long a child that was asked to stop may take: what hangs in native code never would."""


def benchmark_in_child(
    order: BenchmarkOrder, listener: Listener, stop: Callable[[], bool]
) -> BenchmarkResult:
    """As core.benchmark.run.run_benchmark in a child process; the calling thread waits.

    The result holds as many rows of each measurement as a kept one (core.benchmark.result_file).

    Args:
        order: what to measure.
        listener: told how it goes, on the calling thread.
        stop: asked some 20 times a second; once it gives True the child ends what it measures,
            and the result has the samples so far.

    Raises:
        EnginebayError: as run_benchmark, never fatal: it was the child's CUDA context; ModelError
            of kind "benchmark-crashed" if the child died.
        Cancelled: if it was to stop and there is no result: it was still opening the model, or
            hung.
    """
    check_options(order.options)
    name = Path(order.path).name
    rows: defaultdict[int, list[np.ndarray]] = defaultdict(list)
    asked_at: float | None = None
    is_open = False

    def hear(said: dict[str, Any]) -> None:
        nonlocal is_open
        if "rows" in said:
            listener.samples(said["name"], text_rows(said["rows"]))
        elif "reading" in said:
            listener.reading(reading_from_json(said["reading"]))
        elif "kept" in said:
            rows[said["index"]].append(text_rows(said["kept"]))
        elif "phase" in said:
            listener.phase(said["phase"], said["fraction"])
        else:
            is_open = said["is_open"]

    def tick(doing: str, _elapsed: float) -> None:
        nonlocal asked_at
        if asked_at is None and stop():
            asked_at = time.monotonic()
        if asked_at is None:
            if not is_open:
                listener.phase(doing, None)
        elif not is_open or time.monotonic() - asked_at > PATIENCE_S:
            raise Cancelled

    try:
        done = run_child(
            "core.benchmark.child_work",
            order.as_json(),
            tick,
            hear=hear,
            stop=lambda: asked_at is not None,
        )
    except ChildDied as death:
        raise ModelError(
            "benchmark-crashed",
            f"The benchmark of {name} died without a word to us. It ran in a process of its own, "
            "so nothing else is affected.",
            "The details have its last output. Often the GPU or the machine is out of memory: try "
            "fewer contexts or a smaller batch.",
            details=death.output,
        ) from None
    return unpack_pieces(done, rows)
