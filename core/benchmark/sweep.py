"""Several ways to run a model, one after another: for the best of them, and for a curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from core.benchmark.convention import convention
from core.benchmark.lane_measurement import Way, default_contexts, is_on_gpu, measure_way
from core.benchmark.listener import Listener
from core.benchmark.samples import COLUMNS, Samples
from core.benchmark.statistics import images_per_s
from core.benchmark.values import ARRANGED, Arrangement, BenchmarkOptions, Mark, Measurement
from core.errors import EnginebayError, out_of_memory
from core.model import Model

MOST_TRIED = 4
"""Contexts, or threads on the CPU."""

OTHER_ARRANGEMENTS: tuple[Arrangement, ...] = ("shared-copies", "queued-ahead")

TRY_S = 1.0
"""How long each way is tried for the best."""


def find_best(
    model: Model, options: BenchmarkOptions, listener: Listener, stop: Callable[[], bool]
) -> tuple[Way | None, list[Measurement]]:
    """Try 1 to MOST_TRIED contexts, each with and without graph; short measurements.

    On a GPU the best of them, and one context more, are then tried in the other arrangements.

    A way that the runtime refuses is among the tried with a mark that says why.

    Args:
        model: with its choices made.
        options: checked.
        listener: told of each.
        stop: whether to end early.

    Returns:
        The way with the most images a second, None where none ran; and all that were tried.

    Raises:
        EnginebayError: with `fatal` set, once the GPU is lost.
    """
    graphs = (True, False) if is_on_gpu(model) and options.graph else (False,)
    short = replace(
        options,
        duration_s=min(options.duration_s, TRY_S),
        warm_up_ms=min(options.warm_up_ms, 200.0),
    )
    tried: list[Measurement] = []
    best: tuple[float, Way] | None = None

    def attempt(way: Way) -> Measurement:
        nonlocal best
        one = try_way(model, short, replace(way, tried_by="find-best"), listener, stop)
        tried.append(one)
        rate = images_per_s(one)
        if rate is not None and one.is_complete and (best is None or rate > best[0]):
            best = rate, way
        return one

    for graph in graphs:
        for contexts in range(1, MOST_TRIED + 1):
            if stop():
                break
            one = attempt(Way("pipelined", contexts, graph, options.batch))
            if graph and one.is_complete and not one.graph:
                break  # it cannot be captured: that is the same as without
    if best is not None and is_on_gpu(model) and options.transfers:
        way = best[1]
        for contexts in (way.contexts, min(way.contexts + 1, MOST_TRIED)):
            for arrangement in OTHER_ARRANGEMENTS:
                if not stop():
                    attempt(replace(way, contexts=contexts, arrangement=arrangement))
    return None if best is None else best[1], tried


def measure_sweep(
    model: Model,
    options: BenchmarkOptions,
    way: Way | None,
    listener: Listener,
    stop: Callable[[], bool],
) -> list[Measurement]:
    """Measure each batch and each size of the options' sweep, pipelined.

    Args:
        model: with its choices made.
        options: checked.
        way: of find_best; None for the options' own.
        listener: told of each.
        stop: whether to end early.

    Raises:
        EnginebayError: with `fatal` set, once the GPU is lost.
    """
    way = replace(way or pipelined_way(model, options), tried_by="sweep")
    found = []
    for one in (
        *(replace(way, batch=batch) for batch in options.sweep),
        *(replace(way, size_wh=size) for size in options.sweep_sizes),
    ):
        if stop():
            break
        found.append(try_way(model, options, one, listener, stop))
    return found


def pipelined_way(model: Model, options: BenchmarkOptions) -> Way:
    """How the options, or else the defaults, run the pipelined measurement."""
    contexts = options.contexts or default_contexts(model)
    return Way("pipelined", contexts, options.graph, options.batch)


def try_way(
    model: Model,
    options: BenchmarkOptions,
    way: Way,
    listener: Listener,
    stop: Callable[[], bool],
) -> Measurement:
    """As measure_way; where that fails, no samples and a mark that says why.

    Raises:
        EnginebayError: with `fatal` set, once the GPU is lost.
    """
    try:
        return measure_way(model, options, way, listener, stop)
    except (EnginebayError, MemoryError) as error:
        known = out_of_memory(error) if isinstance(error, MemoryError) else error
        if known.fatal:
            raise known from None
        return failed(model, options, way, known)


def failed(model: Model, options: BenchmarkOptions, way: Way, error: EnginebayError) -> Measurement:
    """A measurement that gave nothing."""
    on_gpu = is_on_gpu(model)
    return Measurement(
        name=way.name,
        convention=convention(
            way.name,
            transfers=options.transfers,
            contexts=way.contexts,
            graph=way.graph,
            wait=options.wait,
            on_gpu=on_gpu,
            arranged=ARRANGED[way.arrangement],
        ),
        samples=Samples(np.empty((0, len(COLUMNS)))),
        batch=way.batch or 1,
        contexts=way.contexts,
        graph=way.graph and on_gpu,
        transfers=options.transfers,
        arrangement=way.arrangement,
        tried_by=way.tried_by,
        size_wh=way.size_wh,
        marks=(Mark(FAILED, error.message, error.hint),),
        is_complete=False,
    )


FAILED = "failed"
"""The kind of the mark of a measurement that could not be made."""
