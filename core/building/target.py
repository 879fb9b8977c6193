"""Whether an engine can be put where it shall go, before minutes are spent on it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from core.errors import ModelError, ModelFileError
from core.modelfile import check_external_data, read_model_file
from core.tensors import bytes_text
from core.text import printable
from core.whole_file import check_can_save

_LEAST_ROOM = 1 << 20
_REPLACEABLE = ("tensorrt-plan", "ultralytics-engine", "truncated-plan", "empty")


def check_target(onnx: Path, target: Path, expected_bytes: int) -> None:
    """Nothing, if the engine can be written there; an engine that is there is no hindrance.

    Any other file is one: a name that was mistyped must not cost a model its weights. What a file
    is, its content says; one that is empty, or an engine that was cut off, may be replaced.

    Args:
        onnx: the model, which must stay.
        target: where the engine shall go.
        expected_bytes: what it will take at the least, as far as one knows.

    Raises:
        ModelError: kinds "cannot-save" and "no-room".
        EnginebayError: kind "cannot-save", for a folder, or one that is not there or read-only.
    """
    check_is_not_source(onnx, target)
    if target.is_dir():
        raise ModelError(
            "cannot-save",
            f"{printable(str(target))} is a folder.",
            f"Give the engine's own name: {printable(str(target / f'{onnx.stem}.engine'))}.",
        )
    check_can_save(target)
    _check_is_engine(onnx, target)
    needed = max(expected_bytes, _LEAST_ROOM)
    try:
        free = shutil.disk_usage(target.absolute().parent).free
    except OSError:  # a file system that does not tell
        return
    if free < needed:
        raise ModelError(
            "no-room",
            f"The disk of {printable(str(target.parent))} is full: {bytes_text(free)} are free, "
            f"and the engine takes {bytes_text(needed)} at the least.",
            "Free some space there, or choose another folder.",
        )


def check_is_not_source(onnx: Path, target: Path) -> None:
    """Nothing, if the engine would not replace the model that it is built from.

    Raises:
        ModelError: kind "cannot-save".
    """
    with contextlib.suppress(OSError):
        is_same = target.exists() and os.path.samefile(onnx, target)  # noqa: PTH121
        if is_same or target.resolve() == onnx.resolve():
            raise ModelError(
                "cannot-save",
                f"The engine would write over its own source, {printable(str(onnx))}.",
                "Give another target, as OUT.engine.",
            )


def _check_is_engine(onnx: Path, target: Path) -> None:
    """Nothing, if what is there may be replaced, or nothing is there."""
    if not target.exists():
        return
    if _is_weights_of(onnx, target):
        raise ModelError(
            "cannot-save",
            f"{printable(str(target))} holds weights of {printable(onnx.name)}, and the engine "
            "would replace it.",
            "Give another target, as OUT.engine.",
        )
    try:
        kind = read_model_file(target).kind
    except ModelFileError as error:
        raise ModelError(
            "cannot-save",
            f"What is at {printable(str(target))} is not replaced: {error.message}",
            "Give another target, as OUT.engine.",
        ) from None
    if kind not in _REPLACEABLE:
        what = "an ONNX model" if kind == "onnx" else "no TensorRT engine"
        raise ModelError(
            "cannot-save",
            f"{printable(str(target))} is there already and is {what}, so it is not replaced.",
            "Give another target, as OUT.engine, or move that file away first.",
        )


def _is_weights_of(onnx: Path, target: Path) -> bool:
    """Whether a file that is there is one of the ONNX's external data."""
    known: set[str] = set()
    is_one = False

    def compare(location: str) -> None:
        nonlocal is_one
        if location not in known and not is_one:
            known.add(location)
            with contextlib.suppress(OSError, ValueError):
                is_one = os.path.samefile(onnx.parent / location, target)  # noqa: PTH121

    if onnx.is_file():
        with contextlib.suppress(ModelFileError):  # what is wrong with the model is told elsewhere
            check_external_data(onnx, found=compare)
    return is_one
