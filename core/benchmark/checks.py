"""Whether what is asked of a benchmark can be measured; seen to before anything is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from core.benchmark.inputs import plan_benchmark
from core.benchmark.listener import Listener
from core.benchmark.swept import size_text
from core.benchmark.values import MEASUREMENTS, BenchmarkOptions, Mark
from core.errors import ImageError, InputError
from core.images import read_image
from core.model import Model
from core.recipe_check import MAX_SIDE
from core.text import counted

MOST_CONTEXTS = 16
LONGEST_S = 24 * 3600.0
MOST_ITERATIONS = 100_000_000
"""Each is 80 bytes of samples."""
LARGEST_BATCH = 2**31 - 1
"""A dimension of TensorRT's had 32 bits up to TensorRT 9."""


def check_options(options: BenchmarkOptions) -> None:
    """Check what can be checked without a model.

    Raises:
        InputError: kind "benchmark-options", with the number and what it may be.
    """
    unknown = [name for name in options.measurements if name not in MEASUREMENTS]
    if unknown:
        raise _bad(f"There is no measurement {unknown[0]!r}.", f"Give {', '.join(MEASUREMENTS)}.")
    if not (options.measurements or options.sweep or options.sweep_sizes):
        raise _bad("Nothing is to be measured.", f"Give any of {', '.join(MEASUREMENTS)}.")
    if not (math.isfinite(options.duration_s) and 0 < options.duration_s <= LONGEST_S):
        raise _bad(
            f"A duration of {options.duration_s:g} s is none to measure for.",
            "Give more than 0 seconds, and at most a day (86,400).",
        )
    if not 1 <= options.iterations <= MOST_ITERATIONS:
        raise _bad(
            f"{options.iterations:,} iterations are none to measure.",
            f"Give 1 to {MOST_ITERATIONS:,}.",
        )
    if not (math.isfinite(options.warm_up_ms) and 0 <= options.warm_up_ms <= LONGEST_S * 1000):
        raise _bad(
            f"A warm-up of {options.warm_up_ms:,.12g} ms is none.",
            "Give 0 milliseconds or more, and at most a day.",
        )
    if not 0 <= options.warm_up_runs <= MOST_ITERATIONS:
        raise _bad(
            f"{options.warm_up_runs:,} runs are no warm-up.", f"Give 0 to {MOST_ITERATIONS:,}."
        )
    if options.contexts is not None and not 1 <= options.contexts <= MOST_CONTEXTS:
        raise _bad(
            f"{options.contexts} contexts (threads on the CPU) cannot be measured.",
            f"Give 1 to {MOST_CONTEXTS}; a GPU is busy with 3.",
        )
    if options.wait not in ("spin", "blocking"):
        raise _bad(f"There is no way to wait called {options.wait!r}.", "Give spin or blocking.")
    for batch in (options.batch, *options.sweep):
        if batch is not None and batch < 1:
            raise _bad(f"A batch of {batch} is none.", "Give 1 or more.")
        if batch is not None and batch > LARGEST_BATCH:
            raise _bad("Such a large batch is none.", f"Give 1 to {LARGEST_BATCH:,}.")
    for size in options.sweep_sizes:
        if not all(1 <= side <= MAX_SIDE for side in size):
            raise _bad(
                f"A picture of {size_text(size)} pixels is none.",
                f"Give 1 to {MAX_SIDE:,} pixels a side, width before height.",
            )
    if "end-to-end" in options.measurements and not options.images:
        raise _bad("End to end needs pictures, and none is given.", "Give one image file or more.")


def check_for_model(model: Model, options: BenchmarkOptions) -> None:
    """Check whether every measurement fits the model, whose choices are made.

    Raises:
        InputError: for a batch, a size or a shape that does not fit, naming the limits.
        EnginebayError: why the model takes no picture, for end to end.
    """
    for batch in (options.batch, *options.sweep):
        plan_benchmark(model, batch)
    for size in options.sweep_sizes:
        plan_benchmark(model, options.batch, size)
    if "end-to-end" in options.measurements and model.recipe is None:
        assert model.recipe_problem is not None
        raise model.recipe_problem


def readable_pictures(
    options: BenchmarkOptions, listener: Listener, stop: Callable[[], bool]
) -> tuple[BenchmarkOptions, tuple[ImageError, ...]]:
    """Read every picture of an end-to-end measurement once, whole.

    One that is missing or damaged is found before anything is measured; and the disk is not what
    is measured later, where the system's memory holds them all.

    Args:
        options: checked.
        listener: told how far it is.
        stop: asked before each picture; once it gives True nothing more is read.

    Returns:
        The options with the pictures that can be read, and why the others cannot.
    """
    if "end-to-end" not in options.measurements:
        return options, ()
    found, refused = [], []
    for index, path in enumerate(options.images):
        if stop():
            return options, ()
        listener.phase("Reading the pictures", index / len(options.images))
        try:
            read_image(path)
        except ImageError as error:
            refused.append(error)
        else:
            found.append(path)
    return replace(options, images=tuple(found)), tuple(refused)


def left_out_mark(refused: Sequence[ImageError], count: int) -> tuple[Mark, ...]:
    """What is to be said of a measurement on `count` pictures without these; () for none."""
    if not refused:
        return ()
    more = f" (and {len(refused) - 1:,} more)" if len(refused) > 1 else ""
    return (
        Mark(
            LEFT_OUT,
            f"{len(refused):,} of {counted(count + len(refused), 'picture')} could not be read and "
            f"did not take part: {refused[0].message}{more}",
            refused[0].hint or "Leave it out, or put a whole one in its place.",
        ),
    )


LEFT_OUT = "left-out"
"""The kind of that mark."""


def _bad(message: str, hint: str) -> InputError:
    return InputError("benchmark-options", message, hint)
