"""What a file has to be so that metadata can stand before its plan, and what stands there."""

from __future__ import annotations

import os
from typing import Any

from core.errors import ModelFileError
from core.modelfile.identify import ModelFile, read_model_file

ENGINES = ("tensorrt-plan", "ultralytics-engine")
"""Kinds of file that a prefix can stand before."""


def engine_problem(file: ModelFile) -> ModelFileError | None:
    """Why a file is no whole engine (kind "not-an-engine" for an ONNX); None where it is one."""
    problem = file.problem()
    if problem is None and file.kind not in ENGINES:
        return ModelFileError(
            "not-an-engine",
            f"{file.path.name} is an ONNX model: its metadata is a part of the model itself.",
            "Give a TensorRT engine. An ONNX's metadata goes along when it is built.",
        )
    return problem


def read_engine_file(path: str | os.PathLike[str]) -> ModelFile:
    """Identify a file that has to be a whole engine.

    Raises:
        ModelFileError: if it is none.
    """
    file = read_model_file(path)
    if (problem := engine_problem(file)) is not None:
        raise problem
    return file


def own_metadata(file: ModelFile) -> dict[str, Any]:
    """The metadata that stands before the engine's plan; empty where nothing does."""
    return {} if not file.plan_offset or file.metadata is None else dict(file.metadata.raw)


def known_metadata(file: ModelFile) -> dict[str, Any]:
    """What an engine is read with: what stands before its plan, else what its side-car has."""
    return {} if file.metadata is None else dict(file.metadata.raw)


def prefix_words(prefix_bytes: int) -> str:
    """How much stands before a plan."""
    if not prefix_bytes:
        return "no metadata before the plan"
    return f"{prefix_bytes:,} bytes of metadata before the plan"
