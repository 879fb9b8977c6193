"""The lanes that a run over many pictures gets: how many there is room and time for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, cast

from core.batching import BatchPlan
from core.errors import CudaError, EnginebayError, ModelError
from core.model import Model
from core.recipes import Recipe
from core.sessions.lanes import LaneOptions
from core.sessions.tensorrt_lane import TensorRTLane
from core.tensors import size_bytes

logger = logging.getLogger(__name__)

LONGEST_QUERY_S = 0.03
"""Where a run takes longer, its copies are no loss, and a cancellation would have to wait for all
that are in flight: such a model gets no lanes."""

OUTPUT_BYTES = 256_000_000
"""The outputs that are being read while their lanes wait."""

WAIT: Literal["blocking"] = "blocking"
"""Asleep while a query is waited for: readers need every core."""

_DEPTH = 4  # lanes of a context: two with queries on their way, two with outputs being read
_SET_UP_S = 0.2  # a cancellation has to wait for it; each lane runs twice at first


def output_bytes(
    model: Model, recipe: Recipe, plan: BatchPlan, shape: tuple[int, ...]
) -> int | None:
    """The size of a query's outputs; None where lanes cannot give them, or not by picture.

    Args:
        model: of a TensorRT engine with one input.
        recipe: its recipe.
        plan: pictures in a query.
        shape: of the input.

    Raises:
        CudaError: with `fatal` set, if the GPU is lost.
    """
    session = model.session
    if any(spec.location == "host" for spec in (*session.inputs, *session.outputs)):
        return None
    try:
        shapes = session.output_shapes({recipe.input: shape})
    except EnginebayError as error:
        if error.fatal:
            raise
        return None
    size = 0
    for spec in session.outputs:
        found = shapes[spec.name]
        if found is None or None in found:
            return None  # depends on what is in the picture
        if plan.size > 1 and found[:1] != shape[:1]:
            return None
        size += size_bytes(spec.dtype, found) or 0
    return size


def make_lanes(
    model: Model,
    shapes: dict[str, tuple[int, ...]],
    wanted: LaneOptions,
    query_s: float,
    output_bytes: int,
) -> Sequence[TensorRTLane]:
    """Lanes on as many of the contexts as there is room for; () where there is none for any.

    Args:
        model: of a TensorRT engine.
        shapes: of its inputs.
        wanted: how many contexts, and whether graphs are used.
        query_s: how long a run takes, seconds.
        output_bytes: the size of a query's outputs.

    Raises:
        CudaError: with `fatal` set, if the GPU is lost.
    """
    for count in range(wanted.count, 0, -1):
        fitting = min(_SET_UP_S / (2 * max(query_s, 1e-6)), OUTPUT_BYTES / max(output_bytes, 1))
        depth = min(max(int(fitting / count), 1 if count > 1 else 2), _DEPTH)
        options = replace(wanted, count=count, depth=depth, feeds=False, timed=False, wait=WAIT)
        try:
            return cast(Sequence[TensorRTLane], model.session.lanes(shapes, options))
        except (ModelError, CudaError) as error:
            if error.fatal:
                raise
            logger.info("no %d lanes for many pictures: %s", count, error.message)
    return ()
