"""An engine's tensor table, read through calls that TensorRT 8.5 to 11 share."""

from __future__ import annotations

import math
import warnings
from typing import Any

from core.errors import ModelError
from core.tensorrt_library import Library
from core.tensors import TENSORRT_DTYPES, Profile, TensorSpec, bits_of


def read_specs(library: Library, engine: Any) -> list[TensorSpec]:
    """Every input and output in the engine's order."""
    trt = library.trt
    specs = []
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        is_input = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
        on_host = engine.get_tensor_location(name) == trt.TensorLocation.HOST
        number = int(engine.get_tensor_dtype(name))
        shape = tuple(int(dim) if dim >= 0 else None for dim in engine.get_tensor_shape(name))
        dynamic = is_input and (on_host or None in shape)
        specs.append(
            TensorSpec(
                name=name,
                mode="input" if is_input else "output",
                dtype=TENSORRT_DTYPES.get(number, f"unknown ({number})"),
                shape=shape,
                location="host" if on_host else "device",
                format=_format_text(engine, name),
                profiles=_profiles(engine, name, on_host) if dynamic else (),
            )
        )
    return specs


def unreadable_tensor(engine: Any, specs: list[TensorSpec]) -> str | None:
    """Why the engine cannot be fed from or read into numpy arrays; None when it can."""
    for spec in specs:
        if engine.get_tensor_vectorized_dim(spec.name) >= 0:
            return f"tensor {spec.name!r} has the vectorised format {spec.format!r}"
        bits = bits_of(spec.dtype)
        if bits is None or bits < 8:
            return f"tensor {spec.name!r} has dtype {spec.dtype}"
    return None


def unreadable_error(name: str, reason: str) -> ModelError:
    """What to say where an engine with such a tensor shall run."""
    return ModelError(
        "io-format",
        f"{name} cannot be run here: {reason}.",
        "Build it with linear input and output formats of a numpy type.",
    )


def require_explicit_batch(engine: Any, name: str) -> None:
    """Refuse an engine whose batch is no dimension of its tensors.

    Raises:
        ModelError: kind "implicit-batch".
    """
    with warnings.catch_warnings():  # 10.x calls the question itself deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        is_implicit = getattr(engine, "has_implicit_batch_dimension", False)
    if is_implicit:
        raise ModelError(
            "implicit-batch",
            f"{name} was built with an implicit batch, which TensorRT 10 removed.",
            "Build it again from its ONNX with an explicit batch.",
        )


def _format_text(engine: Any, name: str) -> str:
    """TensorRT's description; "linear" for the plain layout."""
    text = str(engine.get_tensor_format_desc(name))
    return "linear" if "kLINEAR" in text or "linear" in text.lower() else text


def _profiles(engine: Any, name: str, on_host: bool) -> tuple[Profile, ...]:
    profiles = []
    for index in range(engine.num_optimization_profiles):
        if on_host:
            limits = _profile_values(engine, index, name)
        else:
            limits = engine.get_tensor_profile_shape(name, index)
        # TensorRT 8.6 gives one value of a shape tensor however many it has: then none is shown.
        count = math.prod(engine.get_tensor_shape(name)) if on_host else None
        if limits and len(limits) == 3 and count in (None, len(limits[0])):
            profiles.append(Profile(*(tuple(int(dim) for dim in limit) for limit in limits)))
    return tuple(profiles)


def _profile_values(engine: Any, index: int, name: str) -> Any:
    """Limits of a shape tensor's values. The call's keywords are swapped, so by position."""
    if hasattr(engine, "get_tensor_profile_values"):
        return engine.get_tensor_profile_values(index, name)
    if hasattr(engine, "get_profile_shape_input"):  # 8.5 and 8.6
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it has no successor there
            return engine.get_profile_shape_input(index, name)
    return None
