"""Inputs that any model takes, made up: zeros, ones, and seeded random values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.errors import InputError
from core.input_shapes import profile_of, resolve_shapes
from core.sessions.base import Arrays
from core.tensors import TensorSpec, numpy_dtype, shape_text

Shape = tuple[int, ...]


def zeros(specs: tuple[TensorSpec, ...]) -> Arrays:
    """Zeros for each input; free dimensions become the first profile's optimum, or 1."""
    shapes = resolve_shapes(specs, {})
    return {spec.name: zeros_for(spec, shapes[spec.name]) for spec in specs}


def zeros_for(spec: TensorSpec, shape: Shape, profile: int = 0) -> np.ndarray:
    """Zeros for one input; see filled."""
    return filled(spec, shape, profile, np.zeros)


def ones_for(spec: TensorSpec, shape: Shape, profile: int = 0) -> np.ndarray:
    """Ones for one input; see filled."""
    return filled(spec, shape, profile, np.ones)


def random_for(
    spec: TensorSpec, shape: Shape, profile: int = 0, *, seed: tuple[int, ...]
) -> np.ndarray:
    """Random values for one input, the same for the same seed; see filled.

    Floats lie in 0..1, integers are 0 or 1, which are valid indices nearly everywhere.
    """
    generator = np.random.default_rng(seed)

    def draw(shape: Shape, dtype: np.dtype) -> np.ndarray:
        if dtype.kind in "biu":
            return generator.integers(0, 2, shape).astype(dtype)
        return generator.random(shape).astype(dtype)

    return filled(spec, shape, profile, draw)


def filled(
    spec: TensorSpec, shape: Shape, profile: int, fill: Callable[[Shape, np.dtype], np.ndarray]
) -> np.ndarray:
    """An array of the input's dtype as `fill` makes it from a shape and a dtype.

    A shape tensor gets the profile's optimum instead: its values are dimensions, and others would
    be refused, or crash TensorRT (8.6, in infer_shapes). Strings are empty.

    Raises:
        InputError: kind "shape-values", for a shape tensor whose limits are not known: TensorRT
            8.6 does not tell them.
        MemoryError: if no address space holds it.
        TypeError: for a dtype without a numpy form.
    """
    if spec.location == "host":
        if not spec.profiles:
            raise InputError(
                "shape-values",
                f"The values of shape tensor {spec.name!r} are dimensions, and nothing tells which "
                "it may have.",
                f"Give them: in the Inputs panel, or by --input {spec.name}=2,3.",
            )
        optimum = profile_of(spec, profile).opt
        return np.array(optimum, numpy_dtype(spec.dtype)).reshape(shape)
    if spec.dtype == "string":
        return np.full(shape, "", dtype=object)
    try:
        return fill(shape, numpy_dtype(spec.dtype))
    except ValueError as error:  # numpy's word on what no address space holds
        raise MemoryError(f"{spec.name}: {shape_text(shape)}: {error}") from None
