"""Whether arrays and shapes fit a model's inputs: one check for every runtime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from core.errors import InputError
from core.tensors import TensorSpec, shape_text


def check_inputs(
    specs: tuple[TensorSpec, ...], inputs: Mapping[str, np.ndarray], profile: int = 0
) -> dict[str, np.ndarray]:
    """Check arrays against what a model needs, for every runtime alike.

    Args:
        specs: the model's inputs.
        inputs: arrays by name.
        profile: index of the optimization profile in use, for its limits.

    Returns:
        The arrays in the model's order, C-contiguous and in this machine's byte order (copied
        only where they were not).

    Raises:
        InputError: naming the tensor, what was expected and what was given.
    """
    check_names(specs, inputs)
    return {spec.name: _check(spec, np.asarray(inputs[spec.name]), profile) for spec in specs}


def check_names(specs: tuple[TensorSpec, ...], inputs: Mapping[str, object]) -> None:
    """Check that there is something for every input, and nothing else.

    Raises:
        InputError: kind "input-missing" or "input-extra".
    """
    names = [spec.name for spec in specs]
    missing = [name for name in names if name not in inputs]
    if missing:
        raise InputError(
            "input-missing",
            f"No array was given for input {missing[0]!r}.",
            f"The model needs: {', '.join(names)}.",
        )
    extra = [name for name in inputs if name not in names]
    if extra:
        raise InputError(
            "input-extra",
            f"The model has no input {extra[0]!r}.",
            f"Its inputs are: {', '.join(names)}.",
        )


def fitting_profile(
    specs: tuple[TensorSpec, ...], shapes: Mapping[str, tuple[int, ...]], current: int
) -> int:
    """The optimization profile that all shapes fit in: `current` if it does, else the first.

    Gives `current` when none fits, so that check_inputs names the limits that are broken.
    """
    count = max((len(spec.profiles) for spec in specs), default=0)
    for profile in sorted(range(count), key=lambda index: index != current):
        if all(
            spec.name not in shapes or not _outside(spec, shapes[spec.name], profile)
            for spec in specs
        ):
            return profile
    return current


def check_shape(spec: TensorSpec, shape: tuple[int, ...], profile: int, dtype: str = "") -> None:
    """Check a shape against an input's fixed dimensions and the limits of a profile.

    Args:
        spec: the input.
        shape: what it shall have.
        profile: index of the optimization profile.
        dtype: what was given with it, for the message.

    Raises:
        InputError: naming the input, what was expected and what was given.
    """
    given = f"{dtype} {shape_text(shape)}".strip()
    if len(shape) != len(spec.shape):
        raise misfit(spec, "rank", f"{len(spec.shape)} dimensions", given)
    for wanted, dim in zip(spec.shape, shape, strict=True):
        if dim < 0 or (wanted is not None and wanted != dim):
            raise misfit(spec, "shape", shape_text(spec.shape), given)
    for index in _outside(spec, shape, profile):
        limits = spec.profiles[profile]
        wanted_text = f"{shape_text(limits.min)} to {shape_text(limits.max)} (profile {profile})"
        given += f": dimension {index} takes {limits.min[index]} to {limits.max[index]}"
        raise misfit(spec, "profile", wanted_text, given)


def _outside(spec: TensorSpec, shape: tuple[int, ...], profile: int) -> list[int]:
    """The dimensions that lie outside the profile's limits; all where the rank is another."""
    if not spec.profiles or spec.location == "host":
        return []
    limits = spec.profiles[profile]
    if len(shape) != len(limits.min):
        return list(range(len(limits.min)))
    triples = zip(limits.min, shape, limits.max, strict=True)
    return [index for index, (low, dim, high) in enumerate(triples) if not low <= dim <= high]


def _check(spec: TensorSpec, array: np.ndarray, profile: int) -> np.ndarray:
    given = f"{array.dtype.name} {shape_text(array.shape)}"
    if spec.dtype == "string":
        if array.dtype.kind not in "OUS":
            raise misfit(spec, "dtype", "strings", given)
    elif array.dtype.name != spec.dtype:
        raise misfit(spec, "dtype", spec.dtype, given)
    check_shape(spec, array.shape, profile, array.dtype.name)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(array) if array.ndim else array


def misfit(spec: TensorSpec, what: str, expected: str, given: str) -> InputError:
    """What does not fit an input: its "rank", "shape", "dtype" or "profile"."""
    hint = f"Input {spec.name!r} takes {spec.dtype} {shape_text(spec.shape)}."
    if what == "profile" and len(spec.profiles) > 1:
        each = (f"{shape_text(one.min)} to {shape_text(one.max)}" for one in spec.profiles)
        hint += f" Its profiles take {', or '.join(each)}."
    return InputError(
        f"input-{what}",
        f"Input {spec.name!r} does not fit: expected {expected}, given {given}.",
        hint,
    )
