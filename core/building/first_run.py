"""The first run of an engine that was just built, beside its ONNX on the same input.

The engine goes first, as its profiles decide the shapes; then it is closed, and only then is the
ONNX opened: both never need memory at the same time. Works on whatever thread it is called on,
which owns the CUDA context meanwhile.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.building.agreement import Agreement, agreement
from core.building.differences import OutputDifference, compare_outputs, percentage
from core.building.tolerances import Tolerance
from core.errors import EnginebayError, ImageError, InputError, ModelError
from core.layers.reading import layers_of
from core.layers.values import LayerTable
from core.model import Model
from core.modelfile import ModelFile
from core.opening import OpenOptions, Progress, no_progress, open_session
from core.predictions import Prediction
from core.results import TestResult
from core.sessions.base import Arrays
from core.tasks import Reading, decode
from core.tensors import TensorSpec, bytes_text, numpy_dtype

RunVerdict = Literal["agrees", "differs", "not-compared"]

MOST_WEIGHTS = 8_000_000_000
"""Bytes of an ONNX's weights; a larger one is not loaded on the CPU to be compared with."""


@dataclass(frozen=True, slots=True, eq=False)
class EngineRun:
    """What an engine did with one input; arrays by tensor name, none in the session's memory."""

    inputs: Arrays
    outputs: Arrays
    specs: tuple[TensorSpec, ...]  # inputs, then outputs
    source: str  # what the input was, for people
    is_picture: bool
    reading: Reading
    task: str  # that its outputs were read as
    predictions: tuple[Prediction, ...]
    layers: LayerTable | None  # None where they could not be asked
    notes: tuple[str, ...] = ()  # what was not as it was wished


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRun:
    """How an engine and its ONNX compare on one input.

    Attributes:
        verdict: "agrees" where every output that can be compared is within the tolerance, and
            the predictions agree where they tell something.
        source: what the input was, for people.
        tolerance: what it was judged by.
        outputs: one by one.
        predictions: what both see, where the input was a picture and the task is known.
        note: why nothing was compared.
    """

    verdict: RunVerdict
    source: str = ""
    tolerance: Tolerance | None = None
    outputs: tuple[OutputDifference, ...] = ()
    predictions: Agreement | None = None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """The object `first_run` of a truth."""
        return {
            "verdict": self.verdict,
            "input": self.source,
            "tolerance": None if self.tolerance is None else self.tolerance.as_json(),
            "outputs": [one.as_json() for one in self.outputs],
            "predictions": None if self.predictions is None else self.predictions.as_json(),
            "note": self.note,
        }

    def sentences(self) -> tuple[str, ...]:
        """For people."""
        if self.verdict == "not-compared":
            return (f"The engine was not compared with its ONNX: {self.note}",)
        assert self.tolerance is not None  # it was compared
        apart = ""
        if compared := [one for one in self.outputs if one.largest_relative is not None]:
            most = max(one.most_relative or 0.0 for one in compared)
            largest = max(one.largest_relative or 0.0 for one in compared)
            apart = (
                f": 99 of 100 values are at most {percentage(most)} apart, the furthest "
                f"{percentage(largest)}"
            )
        verdict = (
            "gives what its ONNX gives"
            if self.verdict == "agrees"
            else "does not give what its ONNX gives"
        )
        told = [
            f"On {self.source} the engine {verdict}{apart} (tolerance for "
            f"{self.tolerance.words()})."
        ]
        told += [
            f"Output {one.name!r}: {one.why}." for one in self.outputs if one.verdict != "within"
        ]
        if self.predictions is not None:
            told.append(self.predictions.sentence)
        return tuple(told)

    def warnings(self) -> tuple[str, ...]:
        """What must not be overlooked."""
        if self.verdict != "differs":
            return ()
        spoilt = next((one for one in self.outputs if one.verdict == "not-finite"), None)
        if spoilt is not None:
            return (
                f"The engine's output {spoilt.name!r} is spoilt: {spoilt.why}. FP16 overflow is "
                "the usual cause: build with BF16 or FP32, or keep the layers at fault in FP32.",
            )
        return (
            "The engine's outputs are further from the ONNX's than its precision explains. Do not "
            "trust it before you know why: build it in FP32 and compare again.",
        )


def run_engine(
    engine: ModelFile,
    options: OpenOptions,
    *,
    picture: Path | None,
    onnx: ModelFile | None = None,
    wants_layers: bool = False,
    progress: Progress = no_progress,
) -> EngineRun:
    """Open an engine, run it once and close it.

    Args:
        engine: the file.
        options: how it is opened.
        picture: what an image input gets; None, or where there is none, seeded random values.
        onnx: where its metadata comes from if the engine has none.
        wants_layers: whether its layers are asked for, too.
        progress: see core.opening.Progress.

    Raises:
        EnginebayError: as opening and running do.
    """
    if engine.metadata is None and onnx is not None:
        engine = replace(engine, metadata=onnx.metadata)
    with Model.of(engine, options, progress) as model:
        progress(None, f"Running {engine.path.name}")
        result: TestResult | None = None
        notes: tuple[str, ...] = ()
        if picture is not None and model.awaits_picture:
            try:
                result = model.test(picture)
            except (ImageError, InputError) as error:  # not the engine's fault
                notes = (
                    f"It was tried on random input instead of {picture.name}: {error.message}",
                )
        is_picture = result is not None
        result = result or model.test_random()
        layers = None
        if wants_layers:
            try:
                layers = layers_of(model)
            except EnginebayError as error:  # a lean runtime tells none
                if error.fatal:
                    raise
        return EngineRun(
            inputs={name: array.copy() for name, array in result.inputs.items()},
            outputs={name: array.copy() for name, array in result.outputs.items()},
            specs=(*model.inputs, *model.outputs),
            source=Path(result.source).name if is_picture else "seeded random input",
            is_picture=is_picture,
            reading=result.reading,
            task=result.guess.task,
            predictions=result.predictions,
            layers=layers,
            notes=notes,
        )


def compare_with_onnx(
    run: EngineRun, onnx: ModelFile, tolerance: Tolerance, progress: Progress = no_progress
) -> FirstRun:
    """Run the ONNX on the CPU on what an engine was run on, and compare.

    Never fails for what ONNX Runtime cannot do: FirstRun.note then says why.

    Args:
        run: the engine's; it is closed.
        onnx: the file that the engine was built from.
        tolerance: what counts as the same.
        progress: see core.opening.Progress; may raise Cancelled.
    """
    gc.collect()  # what the engine's session held in host memory
    weights = None if onnx.onnx is None else onnx.onnx.graph.weights_bytes
    if weights is not None and weights > MOST_WEIGHTS:
        return _not_compared(
            run,
            f"it has {bytes_text(weights)} of weights; above {bytes_text(MOST_WEIGHTS)} it is not "
            "run on the CPU.",
        )
    try:
        reference = _run_onnx(run.inputs, onnx, progress)
        predictions = _predictions(run, reference, tolerance)
    except EnginebayError as error:
        return _not_compared(run, error.message)
    except MemoryError:
        return _not_compared(run, "this machine has not enough memory to run the ONNX.")
    outputs = compare_outputs(reference, run.outputs, tolerance)
    verdicts = {one.verdict for one in outputs}
    if verdicts <= {"not-compared"}:
        why = "; ".join(f"{one.name}: {one.why}" for one in outputs) or "there are no outputs"
        return replace(_not_compared(run, f"{why}."), outputs=outputs)
    is_apart = bool(verdicts & {"outside", "not-finite"})
    disagrees = predictions is not None and predictions.agrees is False
    return FirstRun(
        verdict="differs" if is_apart or disagrees else "agrees",
        source=run.source,
        tolerance=tolerance,
        outputs=outputs,
        predictions=predictions,
    )


def _run_onnx(inputs: Arrays, onnx: ModelFile, progress: Progress) -> Arrays:
    """The ONNX's outputs; inputs in its own dtypes, as TensorRT narrows some (INT64 up to 8.6).

    Raises:
        EnginebayError: if it does not open or run, or has other inputs.
    """
    with open_session(onnx, OpenOptions(), progress) as session:
        names = {spec.name for spec in session.inputs}
        if names != set(inputs):
            raise ModelError(
                "other-inputs",
                f"the ONNX has the inputs {', '.join(sorted(names))}, the engine "
                f"{', '.join(sorted(inputs))}.",
                "Compare an engine with the ONNX that it was built from.",
            )
        progress(None, f"Running {onnx.path.name} on the CPU")
        given = {
            spec.name: np.ascontiguousarray(inputs[spec.name].astype(numpy_dtype(spec.dtype)))
            for spec in session.inputs
        }
        return {name: array.copy() for name, array in session.run(given).outputs.items()}


def _predictions(run: EngineRun, reference: Arrays, tolerance: Tolerance) -> Agreement | None:
    """What both see, with the engine's outputs read as they were; None for random input."""
    if not run.is_picture:
        return None
    decoded = decode(reference, run.reading)
    if decoded.guess.task != run.task:
        return Agreement(
            False,
            f"The ONNX's outputs read as {decoded.guess.task}, the engine's as {run.task}.",
        )
    threshold = run.reading.choices.score_threshold
    return agreement(
        decoded.predictions,
        run.predictions,
        threshold,
        pixels=tolerance.pixels,
        margin=tolerance.score,
    )


def _not_compared(run: EngineRun, note: str) -> FirstRun:
    return FirstRun(verdict="not-compared", source=run.source, note=note)
