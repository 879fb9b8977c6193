"""Which Python packages are installed, found on disk without importing them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass

_DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "PySide6": ("PySide6-Essentials", "PySide6"),
    "cv2": (
        "opencv-python-headless",
        "opencv-python",
        "opencv-contrib-python-headless",
        "opencv-contrib-python",
    ),
    "PIL": ("pillow",),
    "onnxruntime": (
        "onnxruntime",
        "onnxruntime-gpu",
        "onnxruntime-directml",
        "onnxruntime-openvino",
    ),
}
"""Under which names a module's package may be installed, where not under its own."""

CUDA_VARIANTS = ("cu13", "cu12", "cu11")
"""The CUDA majors that NVIDIA packs TensorRT for, each in packages of their own."""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed Python package."""

    module: str
    version: str | None  # None: the module is there without a package record
    location: str


def find_package(module: str) -> Package | None:
    """Find an installed package without importing it."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = spec.submodule_search_locations or []
    location = spec.origin or next(iter(places), "")
    # By name, as asking every installed package what it holds takes 30 ms and more.
    for name in _distributions(module):
        version = installed_version(name)
        if version is not None:
            return Package(module, version, location)
    return Package(module, None, location)


def installed_version(distribution: str) -> str | None:
    """The version of a package by the name that pip knows it by; None when it is not there."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _distributions(module: str) -> tuple[str, ...]:
    if module.startswith("tensorrt"):
        # The front-end package, its CUDA variants, and the bindings that each re-exports.
        return (
            module,
            *(f"{module}_{cuda}" for cuda in CUDA_VARIANTS),
            f"{module}_bindings",
            *(f"{module}_{cuda}_bindings" for cuda in CUDA_VARIANTS),
        )
    return _DISTRIBUTIONS.get(module, (module, f"{module}_bindings"))
