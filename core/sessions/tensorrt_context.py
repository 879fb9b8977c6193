"""Calls of an execution context whose ways of refusing differ: here they give False."""

from __future__ import annotations

from typing import Any


def set_profile(context: Any, profile: int, stream: Any) -> bool:
    """Make an optimization profile the context's; False where it refuses, with its log's reason.

    It forgets all input shapes. Waits for the stream, as TensorRT demands before the next use.
    """
    if context.active_optimization_profile == profile:
        return True
    try:
        context.set_optimization_profile_async(profile, stream.handle)
    except RuntimeError:
        return False
    stream.synchronize()
    return True


def infer_shapes(context: Any) -> bool:
    """Work the output shapes out; False where input shapes are missing or contradict."""
    try:
        return not context.infer_shapes()
    except RuntimeError:
        return False


class LateAxes:
    """The dimensions of outputs that are known only when the engine has run.

    After a run the context tells the last run's dimensions there (8.6): which ones they are is
    remembered from before the first, for all contexts of the engine.
    """

    def __init__(self) -> None:
        self._axes: dict[str, set[int]] = {}

    def shape(self, context: Any, name: str) -> tuple[int, ...]:
        """An output's shape before a run, with -1 for what depends on the data."""
        shape = tuple(int(dim) for dim in context.get_tensor_shape(name))
        late = self._axes.setdefault(name, {axis for axis, dim in enumerate(shape) if dim < 0})
        return tuple(-1 if axis in late else dim for axis, dim in enumerate(shape))
