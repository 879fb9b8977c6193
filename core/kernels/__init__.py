"""CUDA kernels, each as source and as the PTX that was made of it ahead of time."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def read_ptx(name: str) -> bytes:
    """The PTX of a kernel's source, `name`.cu; any driver from 525 (CUDA 12.0) on takes it."""
    return (FOLDER / f"{name}.ptx").read_bytes()
