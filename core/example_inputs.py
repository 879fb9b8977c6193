"""Inputs that any model takes, made up: zeros, and seeded random values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.sessions.base import Arrays
from core.tensors import TensorSpec, numpy_dtype, shape_text

_SEED = 0

Shape = tuple[int, ...]


def zeros(specs: tuple[TensorSpec, ...]) -> Arrays:
    """Zeros for each input; free dimensions become the first profile's optimum, or 1."""
    return {spec.name: _made(spec, lambda shape, dtype: np.zeros(shape, dtype)) for spec in specs}


def random(specs: tuple[TensorSpec, ...]) -> Arrays:
    """Seeded random values for each input; shapes as in zeros().

    Floats lie in 0..1, integers are 0 or 1, which are valid indices nearly everywhere.
    """
    generator = np.random.default_rng(_SEED)

    def draw(shape: Shape, dtype: np.dtype) -> np.ndarray:
        if dtype.kind in "biu":
            return generator.integers(0, 2, shape).astype(dtype)
        return generator.random(shape).astype(dtype)

    return {spec.name: _made(spec, draw) for spec in specs}


def _made(spec: TensorSpec, fill: Callable[[Shape, np.dtype], np.ndarray]) -> np.ndarray:
    optimum = spec.profiles[0].opt if spec.profiles else (1,) * len(spec.shape)
    if spec.location == "host" and spec.profiles:  # a shape tensor: values within the profile
        return np.array(optimum, numpy_dtype(spec.dtype)).reshape([dim or 1 for dim in spec.shape])
    shape = tuple(
        other if dim is None else dim for dim, other in zip(spec.shape, optimum, strict=True)
    )
    if spec.dtype == "string":
        return np.full(shape, "", dtype=object)
    try:
        return fill(shape, numpy_dtype(spec.dtype))
    except ValueError as error:  # numpy's word on what no address space holds
        raise MemoryError(f"{spec.name}: {shape_text(shape)}: {error}") from None
