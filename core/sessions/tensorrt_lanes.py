"""Several lanes of one TensorRT engine.

Everything here runs on the thread that made the session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.errors import CudaError, ModelError
from core.sessions.lanes import LaneOptions
from core.sessions.loaded_engine import LoadedEngine
from core.sessions.stage_events import Origin
from core.sessions.tensorrt_bound import BoundContext
from core.sessions.tensorrt_lane import TensorRTLane
from core.text import counted


def make_lanes(
    engine: LoadedEngine,
    first: Any,
    shapes: Mapping[str, tuple[int, ...]],
    values: Mapping[str, np.ndarray],
    profile: int,
    options: LaneOptions,
) -> list[TensorRTLane]:
    """As many lanes as the options ask for, or none and the reason.

    Of several on one context the first of each comes before the second of any, so that starting
    them in turn keeps every context busy.

    Args:
        engine: what they run.
        first: the session's own execution context: up to TensorRT 9 a second context on the same
            profile is refused, so the first lane borrows it.
        shapes: of the inputs.
        values: of the shape tensors among them.
        profile: the optimization profile that the shapes fit in.
        options: how they run.

    Raises:
        ModelError: kind "contexts" if the engine has no room for so many contexts.
        CudaError: if the memory is not enough.
    """
    missing = [
        one.name for one in engine.inputs if one.location == "host" and one.name not in values
    ]
    if missing:
        raise ModelError(
            "input-missing",
            f"No values were given for the shape tensor {missing[0]!r}.",
            "Choose its values first: the shapes depend on them.",
        )
    origin = Origin(engine.cuda)
    copies = engine.cuda.stream() if _share_copies(options) else None
    lanes: list[TensorRTLane] = []
    bounds: list[BoundContext] = []
    try:
        for index in range(options.count):
            try:
                context = first if index == 0 else _further_context(engine)
                bounds.append(BoundContext(engine, context, shapes, values, profile))
                lanes.append(TensorRTLane(engine, bounds[-1], options, origin, copies))
            except (CudaError, ModelError) as error:
                if index == 0 or error.fatal:
                    raise
                raise ModelError(
                    "contexts",
                    f"{engine.name} runs on {counted(index, 'execution context')}, and a "
                    f"further one is refused: {error.message}",
                    "Use fewer contexts. Engines built before TensorRT 10 need profile sharing "
                    "(a preview feature when building) or a profile for each.",
                    details=error.details,
                ) from None
        # Memory that grows as the engine runs serves one query at a time.
        depth = 1 if bounds[0].allocators else options.depth
        for bound in bounds * (depth - 1):
            lanes.append(TensorRTLane(engine, bound, options, origin))
    except BaseException:
        for lane in lanes:
            lane.close()
        raise
    return lanes


def _share_copies(options: LaneOptions) -> bool:
    """Of several queries on one context each waits for the one before, and others would with it."""
    is_possible = options.transfers and options.feeds and options.depth == 1
    return options.share_copies and is_possible


def _further_context(engine: LoadedEngine) -> Any:
    context = engine.new_context()
    if context.active_optimization_profile < 0:
        # Choosing one that another context has would crash TensorRT 8.6.
        raise ModelError("contexts", "Every optimization profile is in use.", "")
    return context
