"""A whole benchmark of an opened model: what was asked for, in order, with what the GPU did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from core.benchmark.best_lanes import best_lanes
from core.benchmark.checks import (
    check_for_model,
    check_options,
    left_out_mark,
    readable_pictures,
)
from core.benchmark.end_to_end import measure_end_to_end
from core.benchmark.inputs import described, plan_benchmark, with_choices
from core.benchmark.lane_measurement import Way, is_on_gpu, measure_way
from core.benchmark.listener import Listener
from core.benchmark.machine import machine_facts
from core.benchmark.sweep import failed, find_best, measure_sweep, pipelined_way
from core.benchmark.telemetry import Telemetry
from core.benchmark.trust import trust_marks
from core.benchmark.values import (
    MEASUREMENTS,
    BenchmarkOptions,
    BenchmarkResult,
    Mark,
    Measurement,
    MeasurementName,
)
from core.errors import Cancelled, EnginebayError, ImageError, ModelError, out_of_memory
from core.folder_run import LANES
from core.model import Model
from core.modelfile import fingerprint
from core.sessions.lanes import LaneOptions


def run_benchmark(
    model: Model,
    options: BenchmarkOptions,
    listener: Listener,
    stop: Callable[[], bool],
    *,
    sha256: str | None = None,
) -> BenchmarkResult:
    """Measure an open model, on the thread that owns it; its choices are as before afterwards.

    Options that cannot be measured are refused before anything is. Where one measurement fails
    and another does not, the failed one is in the result without samples, with a mark that says
    why.

    Args:
        model: nobody uses it meanwhile.
        options: what to measure, and how.
        listener: told how it goes.
        stop: asked some 20 times a second, also on other threads; once it gives True the result
            has the samples so far and is marked incomplete.
        sha256: the model file's, where it is known; else it is hashed here.

    Raises:
        InputError: for options that make no sense or do not fit the model.
        ImageError: where end to end alone is asked for, and no picture can be read; a mark says
            so where some can.
        EnginebayError: if the model cannot be measured at all.
    """
    check_options(options)
    with _choices_kept(model):
        with_choices(model, options)
        check_for_model(model, options)
        options, refused = readable_pictures(options, listener, stop)
        return _Benchmark(model, options, listener, stop, refused).run(sha256)


@contextmanager
def _choices_kept(model: Model) -> Iterator[None]:
    kept = model.recipe, model.fills, model.shapes, model.session.pinned_profile
    try:
        yield
    finally:
        model.recipe, model.fills, model.shapes, profile = kept
        model.session.pin_profile(profile)


class _Benchmark:
    """One benchmark while it runs."""

    def __init__(
        self,
        model: Model,
        options: BenchmarkOptions,
        listener: Listener,
        stop: Callable[[], bool],
        refused: tuple[ImageError, ...],
    ) -> None:
        self._refused = refused
        self._model = model
        self._options = options
        self._listener = listener
        self._stop = stop
        self._telemetry = Telemetry(on_reading=listener.reading)
        self._measurements: list[Measurement] = []
        self._tried: list[Measurement] = []
        self._first_error: EnginebayError | None = None

    def run(self, sha256: str | None) -> BenchmarkResult:
        taken_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        facts = self._model_facts(sha256)
        self._listener.phase("Looking at the machine", None)
        machine = machine_facts()
        with self._telemetry:
            try:
                self._measure_all()
            except EnginebayError as error:  # the GPU is lost, and with it what was still to come
                self._first_error = self._first_error or error
        if self._first_error is not None and not any(
            len(one.samples.rows) for one in (*self._measurements, *self._tried)
        ):
            raise self._first_error
        every = (*self._measurements, *self._tried)
        return BenchmarkResult(
            model=facts,
            machine=machine,
            options=self._options,
            measurements=tuple(self._measurements),
            telemetry=self._telemetry.readings,
            tried=tuple(self._tried),
            taken_at=taken_at,
            is_complete=not self._stop()
            and self._first_error is None
            and all(one.is_complete for one in every if len(one.samples.rows)),
        )

    def _measure_all(self) -> None:
        """Everything that was asked for, in the order of MEASUREMENTS; the sweep comes last.

        Raises:
            EnginebayError: with `fatal` set, once the GPU is lost.
        """
        options, best = self._options, None
        for name in MEASUREMENTS:
            if name == "pipelined" and options.find_best and not self._stop():
                best, tried = find_best(self._model, options, self._listener, self._stop)
                self._tried += tried
            if name in options.measurements and not self._stop():
                used = self._measure(name, best)
                best = used if name == "pipelined" else best
        if (options.sweep or options.sweep_sizes) and not self._stop():
            self._tried += measure_sweep(self._model, options, best, self._listener, self._stop)

    def _measure(self, name: MeasurementName, best: Way | None) -> Way:
        """Make one measurement; gives how it was made.

        Raises:
            EnginebayError: with `fatal` set, once the GPU is lost.
        """
        model, options = self._model, self._options
        way = best or pipelined_way(model, options)
        if name != "pipelined":
            way = Way(name, 1, options.graph and name == "one-at-a-time", options.batch)
        before = len(self._telemetry.readings)
        try:
            if name == "end-to-end":
                if self._refused and not options.images:
                    raise self._refused[0]
                one = measure_end_to_end(
                    model, options, self._folder_lanes(best), self._listener, self._stop
                )
            elif name == "pipelined" and options.contexts is None:
                one, way = self._with_fewer(way)
            else:
                one = measure_way(model, options, way, self._listener, self._stop)
        except (EnginebayError, MemoryError) as error:
            known = out_of_memory(error) if isinstance(error, MemoryError) else error
            self._first_error = self._first_error or known
            self._measurements.append(failed(model, options, way, known))
            if known.fatal:
                raise known from None
            return way
        readings = self._telemetry.readings[before:]
        marks = trust_marks(one, readings, on_gpu=is_on_gpu(model))
        if name == "end-to-end":
            marks = (*left_out_mark(self._refused, len(options.images)), *marks)
        self._measurements.append(replace(one, marks=(*one.marks, *marks)))
        return way

    def _folder_lanes(self, best: Way | None) -> LaneOptions:
        """As a run over a folder has them, but for what was asked for or has just been found."""
        options = self._options
        if best is None and options.contexts is None:
            try:
                found = best_lanes(self._model, self._tell_hashing)
            except Cancelled:  # as the measurement notices at once
                found = LANES
            return replace(found, graph=found.graph and options.graph)
        way = best or pipelined_way(self._model, options)
        return LaneOptions(count=way.contexts, graph=way.graph)

    def _with_fewer(self, way: Way) -> tuple[Measurement, Way]:
        """Measure with the contexts that nobody asked for, or as many as there is room for.

        A mark says so: engines from before TensorRT 10 mostly have room for one.
        """
        refusal: EnginebayError | None = None
        while True:
            try:
                one = measure_way(self._model, self._options, way, self._listener, self._stop)
            except EnginebayError as error:
                if error.kind != "contexts" or way.contexts == 1:
                    raise
                refusal = refusal or error
                way = replace(way, contexts=way.contexts - 1)
                continue
            if refusal is not None:
                one = replace(one, marks=(Mark("contexts", refusal.message, refusal.hint),))
            return one, way

    def _tell_hashing(self, fraction: float | None, text: str) -> None:
        if self._stop():
            raise Cancelled
        self._listener.phase(text, fraction)

    def _model_facts(self, sha256: str | None) -> dict[str, Any]:
        file = self._model.file
        inputs = plan_benchmark(self._model, self._options.batch)
        try:
            sha256 = fingerprint(file.path, self._tell_hashing) if sha256 is None else sha256
        except Cancelled:
            sha256 = None
        except OSError as error:
            raise ModelError(
                "unreadable",
                f"{file.path} cannot be read: {error.strerror or error}.",
                "Check the disk.",
            ) from None
        return {
            "path": str(file.path),
            "name": file.path.name,
            "sha256": sha256,
            "kind": file.kind,
            "runtime": self._model.session.runtime,
            "inputs": described(self._model, inputs),
        }
