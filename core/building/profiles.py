"""Whether optimization profiles fit a model's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.building.options import ShapeLimits
from core.errors import ModelError
from core.modelfile import GraphValue
from core.tensors import Profile, Shape, shape_text
from core.text import one_line


@dataclass(frozen=True, slots=True)
class InputShape:
    """An input, as far as profiles care.

    Attributes:
        name: the tensor's.
        shape: None where not even its rank is known.
        takes_values: True for a shape tensor, whose limits are of its values; None where only
            TensorRT's parser will tell.
    """

    name: str
    shape: Shape | None
    takes_values: bool | None = False

    @property
    def is_free(self) -> bool:
        """Whether a profile has to set it."""
        return bool(self.takes_values) or (self.shape is not None and None in self.shape)


def inputs_of(values: Sequence[GraphValue]) -> tuple[InputShape, ...]:
    """A graph's inputs. A short list of whole numbers may turn out to be a shape tensor."""
    found = []
    for one in values:
        is_short = one.shape is not None and len(one.shape) < 2
        perhaps = None if is_short and one.dtype in ("int32", "int64") else False
        found.append(InputShape(one.name, one.shape, perhaps))
    return tuple(found)


def used_profiles(
    profiles: Sequence[ShapeLimits], inputs: Sequence[InputShape]
) -> tuple[ShapeLimits, ...]:
    """The profiles, or () where every shape is fixed: trtexec refuses them then.

    "Static model does not take explicit shapes" (NVIDIA/TensorRT, sampleEngines.cpp).
    """
    is_fixed = all(not one.is_free and one.takes_values is False and one.shape for one in inputs)
    return () if is_fixed else tuple(profiles)


def check_profiles(profiles: Sequence[ShapeLimits], inputs: Sequence[InputShape]) -> None:
    """Nothing, if every profile fits the inputs and sets all that is free.

    Raises:
        ModelError: kinds "unknown-input", "bad-profile" and "no-profile", for the first fault.
    """
    by_name = {one.name: one for one in inputs}
    for number, profile in enumerate(profiles):
        where = f"Profile {number}" if len(profiles) > 1 else "The profile"
        for name, limits in profile.items():
            if name not in by_name:
                raise ModelError(
                    "unknown-input",
                    f"The model has no input {one_line(name)!r}.",
                    f"Its inputs are: {', '.join(sorted(map(one_line, by_name)))}.",
                )
            _check_limits(f"{where} of {one_line(name)!r}", limits, by_name[name])
    for one in inputs:
        lacking = [number for number, profile in enumerate(profiles) if one.name not in profile]
        if one.is_free and (lacking or not profiles):
            what = f"shape {shape_text(one.shape)}" if one.shape is not None else "a free shape"
            what = "values that decide shapes" if one.takes_values else what
            leaves = f"profile {lacking[0]} leaves it out" if profiles else "there is no profile"
            name = one_line(one.name)
            raise ModelError(
                "no-profile",
                f"Input {name!r} has {what}, and {leaves}.",
                "Give its smallest, usual and largest shape: "
                f"--minShapes={name}:... --optShapes={name}:... --maxShapes={name}:...",
            )


_MOST = 2**31 - 1
"""A dimension has 32 bits up to TensorRT 9 (NvInferRuntimeCommon.h, Dims32)."""


def _check_limits(where: str, limits: Profile, one: InputShape) -> None:
    ranks = {len(limits.min), len(limits.opt), len(limits.max)}
    if len(ranks) != 1:
        raise _bad(where, "minimum, optimum and maximum have not the same number of dimensions")
    for low, high, words in (
        (limits.min, limits.opt, ("minimum", "optimum")),
        (limits.opt, limits.max, ("optimum", "maximum")),
    ):
        for axis, (a, b) in enumerate(zip(low, high, strict=True)):
            if a > b:
                raise _bad(
                    where, f"the {words[0]} {a} is over the {words[1]} {b} in dimension {axis}"
                )
    if one.takes_values is not False or one.shape is None:
        return
    if len(one.shape) != len(limits.opt):
        raise _bad(
            where,
            f"it has {len(limits.opt)} dimensions, and the model's {shape_text(one.shape)} has "
            f"{len(one.shape)}",
        )
    for axis, dim in enumerate(one.shape):
        low_dim, high_dim = limits.min[axis], limits.max[axis]
        if low_dim < 0:
            raise _bad(where, f"dimension {axis} is below 0")
        if limits.opt[axis] < 1 and dim != 0:
            raise _bad(where, f"the optimum of dimension {axis} is 0, which is no data at all")
        if high_dim > _MOST:
            raise _bad(where, f"the maximum {high_dim:,} of dimension {axis} is over {_MOST:,}")
        if dim is not None and not low_dim == dim == high_dim:
            raise _bad(where, f"dimension {axis} is fixed to {dim} by the model")


def _bad(where: str, why: str) -> ModelError:
    return ModelError(
        "bad-profile",
        f"{where} does not hold together: {why}.",
        "Minimum, optimum and maximum must not decrease in any dimension, and keep the "
        "dimensions that the model fixes.",
    )
