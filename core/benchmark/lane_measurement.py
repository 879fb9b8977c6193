"""One measurement of a model on lanes: one at a time, or pipelined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.benchmark.convention import convention
from core.benchmark.inputs import make_arrays, plan_benchmark
from core.benchmark.listener import Listener
from core.benchmark.loop import MOST_QUERIES, measure
from core.benchmark.swept import size_text
from core.benchmark.values import (
    ARRANGED,
    Arrangement,
    BenchmarkOptions,
    Mark,
    Measurement,
    MeasurementName,
    TriedBy,
)
from core.model import Model
from core.sessions.interrupting import interrupting
from core.sessions.lanes import LaneOptions

GPU_CONTEXTS = 3
"""Copy in, compute and copy out of three queries overlap; more bring nothing more (measured)."""

CPU_THREADS = 2
"""A second run fills what the first leaves idle between operators, see core.sessions.onnx_lanes."""

TIMED_EVERY = 32
"""Of the shortest queries on a GPU one in so many is timed by events, which cost it some 10 us."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a measurement runs: what find_best and a sweep vary."""

    name: MeasurementName
    contexts: int
    graph: bool
    batch: int | None  # as BenchmarkOptions.batch
    arrangement: Arrangement = "apart"
    tried_by: TriedBy = ""
    size_wh: tuple[int, int] | None = None  # of the picture; None as the recipe and shapes say


def default_contexts(model: Model) -> int:
    """How many queries are in flight where nobody says."""
    return GPU_CONTEXTS if is_on_gpu(model) else CPU_THREADS


def is_on_gpu(model: Model) -> bool:
    """Whether the model runs on a GPU; an ONNX does not."""
    return model.file.kind != "onnx"


def measure_way(
    model: Model,
    options: BenchmarkOptions,
    way: Way,
    listener: Listener,
    stop: Callable[[], bool],
) -> Measurement:
    """Measure a model in one way; without marks.

    Args:
        model: with its choices made; nobody runs it meanwhile.
        options: checked; what `way` has is not heeded.
        way: how.
        listener: told of samples and of how far it is.
        stop: asked some 20 times a second whether to end early; also on another thread.

    Raises:
        EnginebayError, MemoryError: if it cannot run so.
    """
    text = f"Measuring {_words(way, is_on_gpu(model))}"
    listener.phase(f"{text}: setting up", None)
    inputs = plan_benchmark(model, way.batch, way.size_wh)
    arrays = make_arrays(model, inputs, options.seed)
    wanted = LaneOptions(
        count=way.contexts,
        depth=2 if way.arrangement == "queued-ahead" else 1,
        graph=way.graph,
        transfers=options.transfers,
        wait=options.wait,
        timed_every=1 if options.time_all else TIMED_EVERY,
        share_copies=way.arrangement == "shared-copies",
    )
    on_host = {spec.name for spec in model.inputs if spec.location == "host"}
    values = {name: arrays[name] for name in on_host}
    lanes = model.session.lanes(inputs.plan.shapes, wanted, values)
    try:
        for lane in lanes:
            for name in arrays.keys() - on_host:
                lane.input(name)[...] = arrays[name]

        def tell(rows: np.ndarray, fraction: float | None) -> bool:
            if len(rows):
                listener.samples(way.name, rows)
            listener.phase(f"{text}: warming up" if fraction is None else text, fraction)
            return stop()

        listener.phase(f"{text}: warming up", None)
        with interrupting(lanes, stop):
            measured = measure(lanes, options, tell)
        has_graph = any(lane.graph for lane in lanes)
        return Measurement(
            name=way.name,
            convention=convention(
                way.name,
                transfers=options.transfers,
                contexts=way.contexts,
                graph=has_graph,
                wait=options.wait,
                on_gpu=is_on_gpu(model),
                arranged=ARRANGED[way.arrangement],
            ),
            samples=measured.samples,
            batch=inputs.batch,
            contexts=way.contexts,
            graph=has_graph,
            transfers=options.transfers,
            first_run_ms=lanes[0].first_run_ms or measured.first_run_ms,
            device_memory_bytes=sum(lane.device_bytes for lane in lanes) or None,
            why_no_graph=next((lane.why_no_graph for lane in lanes if lane.why_no_graph), ""),
            arrangement=way.arrangement,
            tried_by=way.tried_by,
            size_wh=way.size_wh,
            is_complete=measured.is_complete,
            marks=_full_mark() if measured.is_full else (),
        )
    finally:
        for lane in lanes:
            lane.close()


def _full_mark() -> tuple[Mark, ...]:
    return (
        Mark(
            "cut-short",
            f"It ended after {MOST_QUERIES:,} queries, before its time was over.",
            "Measure for a shorter time.",
        ),
    )


def _words(way: Way, on_gpu: bool) -> str:
    if way.name == "one-at-a-time":
        return "one at a time"
    what = "context" if on_gpu else "thread"
    text = f"{way.name}, {way.contexts} {what}{'s' * (way.contexts > 1)}"
    if on_gpu and way.graph:
        text += " with graph"
    if way.arrangement != "apart":
        text += f", {ARRANGED[way.arrangement]}"
    if way.size_wh is not None:
        text += f", {size_text(way.size_wh)}"
    return text if way.batch is None else f"{text}, batch {way.batch}"
