"""Whether an engine can be put where it shall go, before minutes are spent on it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from core.errors import ModelError
from core.tensors import bytes_text
from core.text import printable
from core.whole_file import check_can_save

_LEAST_ROOM = 1 << 20


def check_target(onnx: Path, target: Path, expected_bytes: int) -> None:
    """Nothing, if the engine can be written there; an engine that is there is no hindrance.

    Args:
        onnx: the model, which must stay.
        target: where the engine shall go.
        expected_bytes: what it will take at the least, as far as one knows.

    Raises:
        ModelError: kinds "cannot-save" and "no-room".
        EnginebayError: kind "cannot-save", for a folder, or one that is not there or read-only.
    """
    with contextlib.suppress(OSError):
        is_same = target.exists() and os.path.samefile(onnx, target)  # noqa: PTH121
        if is_same or target.resolve() == onnx.resolve():
            raise ModelError(
                "cannot-save",
                f"The engine would write over its own source, {printable(str(onnx))}.",
                "Give another target, as OUT.engine.",
            )
    check_can_save(target)
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
