"""From ONNX to engine: what may be chosen, what this TensorRT has of it, and the build itself."""

from __future__ import annotations

from core.building.build import BuildReport, build_engine
from core.building.engine_file import write_engine
from core.building.options import BuildOptions, options_of_json
from core.building.progress import BuildProgress

__all__ = [
    "BuildOptions",
    "BuildProgress",
    "BuildReport",
    "build_engine",
    "options_of_json",
    "write_engine",
]
