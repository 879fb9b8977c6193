"""One way in: whatever holds layers, as a table."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from core.errors import EnginebayError, MachineError
from core.layers.hints import with_hints
from core.layers.inspector import read_layer_json
from core.layers.json_text import MAX_BYTES, kind_of_json, parse_json, read_json_file
from core.layers.onnx_layers import read_onnx_layers
from core.layers.profile import read_profile_json, with_times
from core.layers.values import LayerTable
from core.modelfile import ModelFile, read_model_file
from core.opening import OpenOptions, Progress, no_progress, open_session
from core.sessions.layer_timing import never

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
    stop: Callable[[], bool] = never,
    progress: Progress = no_progress,
) -> LayerTable:
    """The layers of an engine, an ONNX or trtexec's exportLayerInfo, with hints.

    Args:
        path: the file; what it is, its content says.
        profile: a file of trtexec's exportProfile, for the times.
        timed: True runs the model to time its layers, on the calling thread.
        options: how a model is opened.
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
        table = _of_model(file, timed, options, stop, progress)
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
        times = read_profile_json(read_json_file(profile), Path(profile).name)
        table = with_times(table, times)
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


def _of_model(
    file: ModelFile,
    timed: bool,
    options: OpenOptions | None,
    stop: Callable[[], bool],
    progress: Progress,
) -> LayerTable:
    if file.kind == "onnx":
        if not timed:
            return read_onnx_layers(file)
        from core.layers.onnx_times import time_onnx_layers

        return time_onnx_layers(file, options, stop=stop, progress=progress)
    from core.layers.engine_layers import read_engine_layers, time_engine_layers
    from core.sessions.tensorrt import TensorRTSession

    try:
        session = open_session(file, options, progress)
    except MachineError as error:
        hint = f"{error.hint} {_HOW_WITHOUT_GPU}"
        raise MachineError(error.kind, error.message, hint, details=error.details) from None
    with session:
        assert isinstance(session, TensorRTSession)  # what an engine is opened as
        table = read_engine_layers(session)
        if timed:
            progress(None, "Timing the layers")
            table = time_engine_layers(session, table, stop=stop)
        return table
