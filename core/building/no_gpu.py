"""Why nothing can be built on a machine, where its own words are of running engines."""

from __future__ import annotations

from core.errors import EnginebayError

_ELSEWHERE = (
    "copy the command (the window shows it, `enginebay build --print-command trtexec` prints it) "
    "and build on the machine that the engine is for."
)
_WORDS = {
    "no-driver": (
        "Building an engine needs an NVIDIA GPU and its driver, and no driver answers on this "
        "machine.",
        f"Install NVIDIA's driver, or {_ELSEWHERE}",
    ),
    "no-gpu": (
        "Building an engine needs an NVIDIA GPU and its driver, and the driver shows no GPU.",
        f"Check nvidia-smi and CUDA_VISIBLE_DEVICES, or {_ELSEWHERE}",
    ),
}


def cannot_build(error: EnginebayError) -> tuple[str, str]:
    """Message and hint of an error, in words of building where the machine is at fault."""
    return _WORDS.get(error.kind, (error.message, error.hint))
