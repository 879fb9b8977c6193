"""What came out of a build, told truthfully: size, tensors, real precision, and a first run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.building.first_run import EngineRun, FirstRun, compare_with_onnx, run_engine
from core.building.options import BuildOptions
from core.building.real_precision import RealPrecision, real_precision, untold
from core.building.tolerances import tolerance_for
from core.errors import EnginebayError
from core.layers.inspector import read_layer_json
from core.layers.values import LayerTable
from core.modelfile import read_model_file
from core.modelfile.engines import read_engine_file
from core.opening import OpenOptions, Progress, no_progress
from core.paths import DEMO_PICTURE
from core.sessions.base import NO_WEIGHTS
from core.tensors import TensorSpec, bytes_text, profiles_text, shape_text
from core.text import one_line

_MOST_TENSORS = 16
_STRIPPED = "it was built without its weights; refit it first."


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is known of an engine after its build.

    Attributes:
        engine_bytes: size of its file.
        tensors: inputs, then outputs; () where it could not be opened here.
        precision: what it runs in.
        first_run: beside the ONNX; None where that was not asked for.
        notes: what could not be looked at, and why.
        trouble: what went wrong when it was tried.
    """

    engine_bytes: int
    tensors: tuple[TensorSpec, ...]
    precision: RealPrecision
    first_run: FirstRun | None = None
    notes: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """All of it for people, one line each."""
        told = [f"The engine has {bytes_text(self.engine_bytes)}."]
        told += [_tensor_text(spec) for spec in self.tensors[:_MOST_TENSORS]]
        if len(self.tensors) > _MOST_TENSORS:
            told.append(f"And {len(self.tensors) - _MOST_TENSORS:,} tensors more.")
        told += self.precision.sentences
        if self.first_run is not None:
            told += self.first_run.sentences()
        return (*told, *self.notes)

    def warnings(self) -> tuple[str, ...]:
        """What must not be overlooked."""
        run = () if self.first_run is None else self.first_run.warnings()
        return (*self.trouble, *self.precision.warnings, *run)

    def as_json(self) -> dict[str, Any]:
        """The object `truth` of `enginebay build --json` and of a side-car."""
        return {
            "engine_bytes": self.engine_bytes,
            "tensors": [spec.as_json() for spec in self.tensors],
            "precision": self.precision.as_json(),
            "first_run": None if self.first_run is None else self.first_run.as_json(),
            "sentences": list(self.sentences()),
            "warnings": list(self.warnings()),
        }


def tell_truth(
    onnx: Path,
    engine: Path,
    options: BuildOptions,
    layer_json: str = "",
    *,
    opening: OpenOptions | None = None,
    picture: Path | None = DEMO_PICTURE,
    compare: bool = True,
    progress: Progress = no_progress,
) -> Truth:
    """Look at an engine that was just built.

    It is opened, run once and closed, and then the ONNX is run on the CPU on the same input. Where
    that cannot be done here, or the engine was stripped of its weights, the truth says so. Call it
    on a thread that owns no CUDA context.

    Args:
        onnx: what it was built from.
        engine: what was built.
        options: the build's; strongly_typed also where the TensorRT is so by itself.
        layer_json: the engine inspector's JSON, where the build asked it; else it is asked here.
        opening: how the engine is opened: plugins, consent to native code.
        picture: what an image input gets, by default a bundled one; None, or where the model
            takes no picture, gives it seeded random values.
        compare: False leaves the first run out.
        progress: see core.opening.Progress; may raise core.errors.Cancelled.

    Raises:
        ModelFileError: if one of the files cannot be read, or the engine is none.
        CudaError: fatal, if the engine took the CUDA context with it.
    """
    file, source = read_engine_file(engine), read_model_file(onnx)
    notes: list[str] = []
    trouble: list[str] = []
    table = _table(layer_json, notes)
    run: EngineRun | None = None
    # Without its weights an engine computes nothing that could be compared.
    is_stripped = options.strip_weights
    if is_stripped:
        trouble.append(NO_WEIGHTS)
    if compare and not is_stripped:
        try:
            run = run_engine(
                file,
                opening or OpenOptions(),
                picture=picture,
                onnx=source,
                wants_layers=table is None or untold(table) > 0,
                progress=progress,
            )
        except EnginebayError as error:
            if error.fatal:
                raise
            trouble.append(f"The engine could not be tried: {error.message} {error.hint}")
    if run is not None:
        # An engine whose shapes are set tells more: of free ones the build may know no formats.
        if run.layers is not None and (table is None or untold(run.layers) < untold(table)):
            table = run.layers
        notes += run.notes
    weights = None if source.onnx is None else source.onnx.graph.weights_bytes
    precision = real_precision(
        table,
        options.precision,
        strongly_typed=options.strongly_typed,
        onnx_weight_bytes=weights,
        has_details=options.profiling_verbosity == "detailed",
    )
    first = None
    if run is not None:
        tolerance = tolerance_for(precision, options.precision)
        first = compare_with_onnx(run, source, tolerance, progress)
    elif compare:
        note = _STRIPPED if is_stripped else "the engine did not run."
        first = FirstRun(verdict="not-compared", note=note)
    return Truth(
        engine_bytes=file.size_bytes,
        tensors=() if run is None else run.specs,
        precision=precision,
        first_run=first,
        notes=tuple(notes),
        trouble=tuple(trouble),
    )


def _table(layer_json: str, notes: list[str]) -> LayerTable | None:
    """The layers that the build told; None where it told none that can be read."""
    if not layer_json.strip():
        return None
    try:
        return read_layer_json(layer_json, "The engine's layer information", source="engine")
    except EnginebayError as error:
        notes.append(f"{error.message} The engine's layers are not known from the build.")
        return None


def _tensor_text(spec: TensorSpec) -> str:
    profiles = profiles_text(spec.profiles)
    limits = f", profiles {profiles}" if profiles else ""
    return (
        f"{spec.mode.capitalize()} {one_line(spec.name, 80)}: {spec.dtype} "
        f"{shape_text(spec.shape)}{limits}."
    )
