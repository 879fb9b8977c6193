"""How much GPU memory a build may use, and what its engine's buffers will take."""

from __future__ import annotations

from collections.abc import Sequence

from core.building.options import ShapeLimits
from core.errors import CudaError, EnginebayError, ModelError
from core.modelfile import GraphValue
from core.tensors import bytes_text, size_bytes

WORKSPACE_SHARE = 0.8
"""Of the memory that is free when a build begins. TensorRT's own default is all that the GPU has,
in use or not, and then kernels fail that do not fit (wyoming-whisper-trt, pull request 1049)."""

_LOWER = (
    "Lower the workspace limit (--memPoolSize=workspace:MiB) or a profile's largest shape, or "
    "close other programs that use the GPU."
)


def workspace_limit(asked: int | None, free: int | None) -> tuple[int | None, str]:
    """The workspace limit of a build and a sentence that says so; None leaves TensorRT's own.

    Args:
        asked: bytes, or None for WORKSPACE_SHARE of what is free.
        free: bytes of GPU memory; None where the driver does not tell.
    """
    if asked is not None:
        over = "" if free is None or asked <= free else f"; only {bytes_text(free)} are free"
        return asked, f"Workspace limit: {bytes_text(asked)}, as asked{over}."
    if free is None:
        return None, "Workspace limit: TensorRT's own, as the driver does not tell what is free."
    limit = int(free * WORKSPACE_SHARE)
    words = f"{WORKSPACE_SHARE:.0%} of the {bytes_text(free)} that are free"
    return limit, f"Workspace limit: {bytes_text(limit)}, {words}."


def with_memory_advice(
    error: EnginebayError, limit: int | None, free: int | None, log: Sequence[str]
) -> EnginebayError:
    """A build's failure; where memory was short it says what was asked, what is free, what to do.

    "Could not find any implementation" is short memory, too, where kernels were passed over for
    it (NVIDIA/TensorRT issue 2643).
    """
    is_short = any("insufficient memory" in line.lower() for line in log)
    if error.kind not in ("out-of-memory", "no-implementation") or (
        error.kind == "no-implementation" and not is_short
    ):
        return error
    asked = "" if limit is None else f" The workspace limit was {bytes_text(limit)}"
    room = "" if free is None else f"{' and' if asked else ''} {bytes_text(free)} are free"
    stop = "." if asked or room else ""
    memory = " Kernels were passed over for lack of memory." if is_short else ""
    kind: type[EnginebayError] = CudaError if isinstance(error, CudaError) else ModelError
    return kind(
        error.kind,
        f"{error.message}{memory}{asked}{room}{stop}",
        _LOWER,
        details=error.details,
        fatal=error.fatal,
        evidence=error.evidence,
    )


def buffer_bytes(inputs: Sequence[GraphValue], profile: ShapeLimits, which: str) -> int | None:
    """Bytes of the input buffers at a profile's "min", "opt" or "max" shapes; None where unknown.

    What TensorRT needs beside them for its layers only a build tells.
    """
    total = 0
    for value in inputs:
        limits = profile.get(value.name)
        # The limits of a fixed shape are of values, as a shape tensor's.
        is_fixed = value.shape is not None and None not in value.shape
        shape = value.shape if limits is None or is_fixed else getattr(limits, which)
        size = None if shape is None else size_bytes(value.dtype, shape)
        if size is None:
            return None
        total += size
    return total
