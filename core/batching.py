"""How many pictures a model takes in one run."""

from __future__ import annotations

from dataclasses import dataclass

from core.recipes import Recipe
from core.sessions import Session
from core.sessions.base import Arrays
from core.tensors import TensorSpec

ENGINE_BATCH = 8
"""Pictures in a run of an engine that takes several, where nobody asked for a number."""

CPU_BATCH = 4
"""The same on the CPU: a tenth faster than one by one on a small network, and 8 is no faster."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Pictures in a run.

    Attributes:
        size: how many, at most. Of several each has its own row of the input and of every
            output; a single one fills the whole input, as core.recipes.prepare does.
        ranges: the batch dimensions that the input takes, from and to; one for each profile.
        is_certain: False where only a run shows whether every output has a row for each picture.
    """

    size: int
    ranges: tuple[tuple[int, int], ...] = ((1, 1),)
    is_certain: bool = True

    def dimension(self, count: int) -> int:
        """The batch dimension of a run of so many pictures: more where the model needs more."""
        return min(max(count, low) for low, high in self.ranges if count <= high)


ONE_BY_ONE = BatchPlan(1)


def plan_batches(session: Session, recipe: Recipe, wanted: int | None = None) -> BatchPlan:
    """How many pictures go into a run.

    A fixed batch is taken whole. A free one is CPU_BATCH or ENGINE_BATCH, or what is wanted, within
    the profiles' limits.

    Args:
        session: the model.
        recipe: how a picture becomes its input.
        wanted: pictures in a run; None for the default.
    """
    spec = next(spec for spec in session.inputs if spec.name == recipe.input)
    if not recipe.layout.startswith("N"):
        return ONE_BY_ONE
    fixed = spec.shape[0]
    # Rows of something else than pictures, as of boxes found, have a dimension of their own.
    if any(not out.shape or out.shape[0] != fixed for out in session.outputs):
        return ONE_BY_ONE
    if fixed is not None:
        return BatchPlan(fixed, ((fixed, fixed),))
    ranges = _ranges(spec, recipe)
    default = ENGINE_BATCH if spec.profiles else CPU_BATCH
    most = max(high for _, high in ranges)
    return BatchPlan(min(default if wanted is None else wanted, most), ranges, is_certain=False)


def _ranges(spec: TensorSpec, recipe: Recipe) -> tuple[tuple[int, int], ...]:
    """The batch dimensions of the profiles that take the recipe's size."""
    fitting = [
        (one.min[0], one.max[0])
        for one in spec.profiles
        if all(
            low <= dim <= high
            for low, dim, high in zip(one.min[1:], recipe.shape[1:], one.max[1:], strict=True)
        )
    ]
    # Where none fits, the session says so, with the limits.
    return tuple(fitting) or ((1, 2**31 - 1),)


def is_alike(one_row: Arrays, alone: Arrays, dimension: int) -> bool:
    """True where a picture's row of a batch has the form of its outputs when it ran alone.

    Not so where the first dimension only happened to be the batch's: boxes found, say.

    Args:
        one_row: of core.batches.cut_batch.
        alone: the outputs of a run with that picture alone.
        dimension: the batch dimension of that run.
    """
    return all(
        alone[name].shape == (dimension, *array.shape[1:]) for name, array in one_row.items()
    )
