"""How often a model is run to time its layers."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.errors import Cancelled

WARM_UP_RUNS = 3
"""The first runs load kernels and reserve memory; they are not counted."""
LEAST_RUNS = 10
LEAST_SECONDS = 1.0


def never() -> bool:
    """Do not stop."""
    return False


def repeat(
    run: Callable[[], object],
    *,
    runs: int = LEAST_RUNS,
    seconds: float | None = None,
    most: int = 1_000_000,
    stop: Callable[[], bool] = never,
) -> tuple[int, bool]:
    """Run again and again, until both `runs` and `seconds` are reached, or `most` runs.

    Args:
        run: one run.
        runs: at least so many.
        seconds: at least so long; LEAST_SECONDS by default.
        most: at most so many.
        stop: asked before each run; True ends it.

    Returns:
        How many runs there were, and whether they were as many as wanted.

    Raises:
        Cancelled: if it is stopped before the first run.
    """
    seconds = LEAST_SECONDS if seconds is None else seconds
    begin, done = time.perf_counter(), 0
    while done < most and (done < runs or time.perf_counter() - begin < seconds):
        if stop():
            if not done:
                raise Cancelled
            return done, False
        try:
            run()
        except Cancelled:  # interrupted
            if not done:
                raise
            return done, False
        done += 1
    return done, True
