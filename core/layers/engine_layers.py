"""The layers of an engine that is open, and what each costs on this GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from core.example_inputs import random_for
from core.input_shapes import resolve_shapes
from core.layers.inspector import read_layer_json
from core.layers.profile import profile_of_runs, with_times
from core.layers.values import LayerTable
from core.sessions.base import Arrays
from core.sessions.layer_timing import LEAST_RUNS, never
from core.sessions.tensorrt import TensorRTSession


def read_engine_layers(
    session: TensorRTSession, inputs: Mapping[str, np.ndarray] | None = None
) -> LayerTable:
    """Ask the engine inspector, on the session's thread; the next run binds its shapes anew.

    Args:
        session: an open engine.
        inputs: arrays to show dimensions for, by name; by default of the profile's optimum. With
            none at all free dimensions stay unknown.

    Raises:
        InputError: if a shape does not fit.
        ModelError: kind "no-inspector" on TensorRT's lean and dispatch runtimes; else if TensorRT
            refuses.
    """
    arrays = _at_the_optimum(session) if inputs is None else inputs
    if arrays:
        host = {spec.name: arrays[spec.name] for spec in session.inputs if spec.location == "host"}
        session.output_shapes({name: one.shape for name, one in arrays.items()}, host)
    text = session.layer_json()
    return read_layer_json(
        text, "The engine's layer information", source="engine", profile=session.profile
    )


def time_engine_layers(
    session: TensorRTSession,
    table: LayerTable,
    inputs: Mapping[str, np.ndarray] | None = None,
    *,
    runs: int = LEAST_RUNS,
    stop: Callable[[], bool] = never,
) -> LayerTable:
    """Time each layer by TensorRT's profiler, in runs of their own, on the session's thread.

    Args:
        session: an open engine.
        table: what read_engine_layers gave for it.
        inputs: arrays by name; by default random ones of the profile's optimum.
        runs: at least so many, and for a second at least; the first few are not counted.
        stop: asked between runs; True ends it.

    Raises:
        InputError, ModelError, CudaError: as running does.
        EnginebayError: kind "profile-mismatch", if TensorRT times layers that it did not list.
        Cancelled: if it is stopped before the first run.
    """
    arrays = _at_the_optimum(session) if inputs is None else inputs
    timed, is_complete = session.time_layers(arrays, runs, stop)
    return with_times(table, profile_of_runs(timed, is_complete=is_complete))


def _at_the_optimum(session: TensorRTSession) -> Arrays:
    profile = session.pinned_profile if session.pinned_profile is not None else session.profile
    shapes = resolve_shapes(session.inputs, {}, profile, symbols=session.symbols)
    return {
        spec.name: random_for(spec, shapes[spec.name], profile, seed=(0, index))
        for index, spec in enumerate(session.inputs)
    }
