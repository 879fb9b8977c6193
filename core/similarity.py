"""How alike pictures are to a model that embeds them: the cosines between their vectors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from core.predictions import Embedding
from core.results import TestResult
from core.tasks import embed

MOST_KEPT = 256
"""Pictures whose vectors EmbeddingMemory keeps, at most; the latest."""

MOST_BYTES = 16_000_000
"""Of larger vectors it keeps fewer, so that comparing takes milliseconds; two at least."""

Vector = np.ndarray | None
"""(d,) float32; None where a number in it is NaN or infinite."""


class Similarity(NamedTuple):
    """How alike a picture is to another one.

    `cosine` is -1..1; None where one of the vectors has no direction: `why` then says so.
    """

    source: str  # the other
    cosine: float | None
    why: str = ""

    def as_json(self) -> dict[str, object]:
        """An entry of `similarities` in `enginebay run --json`."""
        cosine = None if self.cosine is None else round(self.cosine, 6)
        answer: dict[str, object] = {"path": self.source, "cosine": cosine}
        return answer | {"why": self.why} if self.why else answer


def is_embedded(result: TestResult) -> bool:
    """Whether a run's output was read as an embedding."""
    return result.guess.task == embed.TASK


def vector_of(result: TestResult) -> Vector:
    """The vector of a run that is_embedded."""
    found = (one.values for one in result.predictions if isinstance(one, Embedding))
    return next(found, None)


def why_no_direction(vector: Vector, whose: str = "its") -> str:
    """Why a vector can be compared with no other; "" where it can."""
    if vector is None:
        return f"not every number of {whose} vector is finite"
    return "" if vector.any() else f"every number of {whose} vector is 0"


def similarities(vector: Vector, previous: Sequence[tuple[str, Vector]]) -> tuple[Similarity, ...]:
    """How alike a picture is to others, the most alike first, those without a cosine last.

    Args:
        vector: the picture's.
        previous: name and vector of each other picture; those of another size, made by another
            model, are left out.
    """
    own, found = _direction(vector), []
    for source, other in previous:
        if other is not None and vector is not None and other.shape != vector.shape:
            continue
        direction = _direction(other)
        if own is None or direction is None:
            why = why_no_direction(other) or why_no_direction(vector, "this picture's")
            found.append(Similarity(source, None, why))
        else:
            found.append(Similarity(source, float(np.clip(own @ direction, -1, 1))))
    return tuple(sorted(found, key=lambda one: 2.0 if one.cosine is None else -one.cosine))


def similarities_in_turn(
    results: Sequence[TestResult],
) -> list[tuple[Similarity, ...] | None]:
    """For each run how alike it is to those before it; None where it is no embedding."""
    found: list[tuple[Similarity, ...] | None] = []
    previous: list[tuple[str, Vector]] = []
    for result in results:
        if not is_embedded(result):
            found.append(None)
            continue
        vector = vector_of(result)
        found.append(similarities(vector, previous))
        previous.append((result.source, vector))
    return found


class EmbeddingMemory:
    """The vectors of the latest pictures, one each, that can be compared with one another.

    Those are of one model, recipe, choice of the other inputs, output and size: a run that
    differs in any of these begins anew. How outputs are read changes no vector, and forgets none.
    """

    def __init__(self) -> None:
        self._made_by: tuple[object, ...] = ()
        self._vectors: OrderedDict[str, Vector] = OrderedDict()  # the latest last

    def __len__(self) -> int:
        return len(self._vectors)

    def forget(self) -> None:
        """Forget every picture."""
        self._vectors.clear()

    def compare(
        self, result: TestResult, serial: int, *, keep: bool = True
    ) -> tuple[Similarity, ...]:
        """How alike a run's picture is to the others; () where the output is no embedding.

        Args:
            result: the run.
            serial: which model it ran on.
            keep: False for what no later picture is to be compared with.
        """
        if not is_embedded(result):
            return ()
        made_by = (serial, *_made_by(result))
        if made_by != self._made_by:
            self.forget()
            self._made_by = made_by
        vector, source = vector_of(result), result.source
        found = similarities(
            vector, [(name, one) for name, one in self._vectors.items() if name != source]
        )
        if keep:
            self._vectors[source] = vector
            self._vectors.move_to_end(source)
            self._drop_oldest()
        return found

    def _drop_oldest(self) -> None:
        size = sum(one.nbytes for one in self._vectors.values() if one is not None)
        while len(self._vectors) > MOST_KEPT or (size > MOST_BYTES and len(self._vectors) > 2):
            _, oldest = self._vectors.popitem(last=False)
            size -= 0 if oldest is None else oldest.nbytes


def _made_by(result: TestResult) -> tuple[object, ...]:
    """All that vectors must share to be compared, but for the model."""
    recipe = result.recipe
    if recipe is not None:  # without words about it
        recipe = replace(recipe, evidence="", certainty="guess")
        if recipe.resize == "none":  # then the size is the picture's
            recipe = replace(recipe, size_wh=(1, 1))
    outputs = tuple((name, array.shape) for name, array in result.outputs.items())
    return recipe, tuple(result.origins.items()), outputs


def _direction(vector: Vector) -> np.ndarray | None:
    """(d,) float64 of length 1."""
    if vector is None or not vector.any():
        return None
    values = vector.astype(np.float64)
    values /= np.abs(values).max()  # so that the smallest numbers' squares are no zeros
    return values / float(np.linalg.norm(values))
