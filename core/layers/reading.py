"""One way in: whatever holds layers, as a table."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import EnginebayError, InputError, MachineError
from core.input_choices import Fill
from core.input_plan import fill_inputs, plan_inputs
from core.layers.hints import with_hints
from core.layers.inspector import read_layer_json
from core.layers.json_text import MAX_BYTES, kind_of_json, parse_json, read_json_file
from core.layers.onnx_layers import read_onnx_layers
from core.layers.onnx_times import time_onnx_layers
from core.layers.profile import with_file_times
from core.layers.values import LayerTable
from core.model import Model
from core.modelfile import ModelFile, read_model_file
from core.opening import OpenOptions, Progress, no_progress
from core.sessions.base import Arrays
from core.sessions.layer_timing import never

if TYPE_CHECKING:
    from core.sessions.tensorrt import TensorRTSession

_HOW_WITHOUT_GPU = (
    "Or let trtexec write them on a machine that runs the engine (--loadEngine=FILE "
    "--exportLayerInfo=layers.json --exportProfile=profile.json --profilingVerbosity=detailed), "
    "and open layers.json here."
)


def read_layers(
    path: str | os.PathLike[str],
    *,
    profile: str | os.PathLike[str] | None = None,
    timed: bool = False,
    options: OpenOptions | None = None,
    choose: Callable[[Model], None] = lambda _model: None,
    stop: Callable[[], bool] = never,
    progress: Progress = no_progress,
) -> LayerTable:
    """The layers of an engine, an ONNX or trtexec's exportLayerInfo, with hints.

    Args:
        path: the file; what it is, its content says.
        profile: a file of trtexec's exportProfile, for the times.
        timed: True runs the model to time its layers, on the calling thread.
        options: how a model is opened.
        choose: may choose the opened model's inputs and shapes; else free dimensions are as for
            a run on random input.
        stop: asked between runs; True ends the timing.
        progress: told what goes on.

    Raises:
        EnginebayError: if it holds no layers, the profile is not of it, or the model cannot run.
        Cancelled: if it is stopped before the first run.
    """
    if timed and profile is not None:
        raise EnginebayError(
            "two-times",
            "Times come from the profile or from runs, not from both.",
            "Leave one of them out.",
        )
    file = read_model_file(path)
    if is_model(file):
        table = _of_model(file, timed, options or OpenOptions(), choose, stop, progress)
    else:
        text = read_json_file(path)
        if not text.lstrip().startswith(("{", "[")):
            raise EnginebayError(
                "unknown",
                f"{file.path.name} is no TensorRT engine, no ONNX model and no JSON"
                f"{file.looks_like}.",
                "Open a model, or what trtexec wrote with --exportLayerInfo.",
            )
        table = read_layer_json(text, file.path.name)
        if timed:
            raise EnginebayError(
                "no-model",
                f"{file.path.name} holds layers, no model that could be run.",
                "Give the engine itself, or the profile that trtexec wrote (--profile).",
            )
    if profile is not None:
        table = with_file_times(table, read_json_file(profile), Path(profile).name)
    return with_hints(table)


def is_model(file: ModelFile) -> bool:
    """False for what may be JSON with layers; a damaged model is a model."""
    return file.kind not in ("unknown", "empty")


def is_layer_json(path: str | os.PathLike[str]) -> bool:
    """True for a readable file with the inspector's JSON: what the window opens as layers alone."""
    try:
        file = read_model_file(path)
        if is_model(file) or file.size_bytes > MAX_BYTES:
            return False
        return kind_of_json(parse_json(read_json_file(path), file.path.name)) == "layer-info"
    except EnginebayError:
        return False


def random_inputs(model: Model) -> Arrays:
    """Arrays for the model's inputs: what was chosen for them, else seeded random values.

    Raises:
        InputError, ImageError: if a choice does not fit.
    """
    plan = plan_inputs(
        model.session, model.recipe, model.fills, model.shapes, model.session.pinned_profile, 0
    )
    filled = fill_inputs(model.session, plan, model.fills, (), otherwise=Fill("random"))
    return filled.arrays


def layers_of(model: Model) -> LayerTable:
    """The layers of an opened model, without hints, on the thread that opened it.

    Raises:
        EnginebayError: as core.layers.engine_layers and core.layers.onnx_layers have it.
    """
    if model.file.kind == "onnx":
        return read_onnx_layers(model.file)
    from core.layers.engine_layers import read_engine_layers

    session = _engine_session(model)
    try:
        return read_engine_layers(session, random_inputs(model))
    except InputError as unknown:
        if unknown.kind != "shape-values":
            raise
        table = read_engine_layers(session, {})
        return replace(table, notes=(*table.notes, f"{unknown.message} {unknown.hint}"))


def timed_layers_of(
    model: Model,
    options: OpenOptions,
    *,
    stop: Callable[[], bool] = never,
    progress: Progress = no_progress,
) -> LayerTable:
    """The same with times, of runs on what random_inputs gives; an ONNX is opened once more.

    Args:
        model: the model.
        options: how it was opened.
        stop: asked between runs; True ends the timing.
        progress: told what goes on.

    Raises:
        EnginebayError: likewise, or if it cannot run on these inputs.
        Cancelled: if it is stopped before the first run.
    """
    inputs = random_inputs(model)
    if model.file.kind == "onnx":
        return time_onnx_layers(model.file, options, inputs, stop=stop, progress=progress)
    from core.layers.engine_layers import read_engine_layers, time_engine_layers

    session = _engine_session(model)
    table = read_engine_layers(session, inputs)
    progress(None, "Timing the layers")
    return time_engine_layers(session, table, inputs, stop=stop)


def _engine_session(model: Model) -> TensorRTSession:
    from core.sessions.tensorrt import TensorRTSession

    assert isinstance(model.session, TensorRTSession)  # what an engine is opened as
    return model.session


def _of_model(
    file: ModelFile,
    timed: bool,
    options: OpenOptions,
    choose: Callable[[Model], None],
    stop: Callable[[], bool],
    progress: Progress,
) -> LayerTable:
    if file.kind == "onnx" and not timed:  # needs no runtime
        return read_onnx_layers(file)
    try:
        opened = Model.of(file, options, progress)
    except MachineError as error:
        hint = error.hint if file.kind == "onnx" else f"{error.hint} {_HOW_WITHOUT_GPU}"
        raise MachineError(error.kind, error.message, hint, details=error.details) from None
    with opened as model:
        choose(model)
        if timed:
            return timed_layers_of(model, options, stop=stop, progress=progress)
        return layers_of(model)
