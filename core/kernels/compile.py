"""Make the kernels' PTX again, for whoever changes a kernel; needs no GPU and no CUDA toolkit.

    python -m core.kernels.compile

NVRTC comes as a wheel (the development dependencies). It must be CUDA 12.0's: drivers refuse PTX
that is newer than they are, and a newer NVRTC writes newer PTX.
"""

from __future__ import annotations

from typing import Any

from core.kernels import FOLDER

NVRTC = (12, 0)
"""Its PTX is ISA 8.0, which drivers from 525 on take (CUDA Toolkit 12.0's release notes)."""

OPTIONS = (b"--gpu-architecture=compute_50",)
"""compute_50 is the oldest GPU that NVRTC 12.0 knows; drivers compile it for any newer one."""


def compile_ptx(name: str) -> bytes:
    """The PTX of a kernel's source, `name`.cu.

    Raises:
        ImportError: if cuda-bindings or NVRTC is not installed, or NVRTC is of another version.
        RuntimeError: if NVRTC refuses the source.
    """
    nvrtc = _nvrtc()
    # With the same line ends everywhere, whatever git makes of them.
    source = (FOLDER / f"{name}.cu").read_text(encoding="utf-8").encode()
    (program,) = _checked(nvrtc.nvrtcCreateProgram(source, f"{name}.cu".encode(), 0, [], []))
    status = nvrtc.nvrtcCompileProgram(program, len(OPTIONS), list(OPTIONS))[0]
    if status != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        (size,) = _checked(nvrtc.nvrtcGetProgramLogSize(program))
        log = b" " * size
        _checked(nvrtc.nvrtcGetProgramLog(program, log))
        raise RuntimeError(log.decode(errors="replace"))
    (size,) = _checked(nvrtc.nvrtcGetPTXSize(program))
    ptx: bytes = b" " * size
    _checked(nvrtc.nvrtcGetPTX(program, ptx))
    _checked(nvrtc.nvrtcDestroyProgram(program))
    return ptx.rstrip(b"\0")


def _nvrtc() -> Any:
    """cuda-bindings' module, with the right NVRTC behind it."""
    from cuda.bindings import nvrtc

    try:
        version = _checked(nvrtc.nvrtcVersion())
    except RuntimeError as error:  # cuda-pathfinder found no library
        raise ImportError(f"NVRTC cannot be loaded: {error}") from None
    if version != NVRTC:
        raise ImportError(f"NVRTC is {version[0]}.{version[1]}, not {NVRTC[0]}.{NVRTC[1]}.")
    return nvrtc


def _checked(answer: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a call of cuda-bindings gives, without its status."""
    if int(answer[0]) != 0:
        raise RuntimeError(f"NVRTC failed: {answer[0]}.")
    return answer[1:]


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.cu")):
        path.with_suffix(".ptx").write_bytes(compile_ptx(path.stem))
