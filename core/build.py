"""Build a TensorRT engine from an ONNX model, in a child process.

A build takes from seconds to many minutes inside native code that cannot be interrupted and may
crash, so it runs in a process of its own that can be killed at once. The engine is written to a
temporary file beside its target and renamed when complete: a target is whole or untouched.
"""

from __future__ import annotations

import json
import os
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core.child_process import ChildDied, run_child
from core.errors import ModelError
from core.tensors import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """What may be chosen about a build.

    `profiles` has one entry for each optimization profile: min, opt and max shape by input name.
    """

    fp16: bool = False
    version_compatible: bool = False  # embeds a lean runtime: native code, asked for on opening
    optimization_level: int | None = None  # 0..5; None leaves TensorRT's default
    profiles: tuple[Mapping[str, Profile], ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)  # kept before the plan, as JSON


def build_engine(
    onnx: Path,
    target: Path,
    options: BuildOptions,
    progress: Callable[[float | None, str], None],
) -> None:
    """Build an engine; the calling thread waits and passes progress on.

    Args:
        onnx: the model.
        target: where the engine goes; an engine that is there stays until the new one is whole.
        options: see BuildOptions.
        progress: called about 20 times a second with (None, what is going on); may raise
            core.errors.Cancelled, which kills the child.

    Raises:
        ModelError: if TensorRT refuses the model, or the child dies.
    """
    part = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    order = {
        "onnx": str(onnx.absolute()),
        "part": str(part.absolute()),
        "options": asdict(options),
    }

    def tick(doing: str, elapsed: float) -> None:
        progress(None, f"Building an engine from {onnx.name}: {doing} ({elapsed:.0f} s)")

    try:
        run_child("core.build_child", order, tick)
        try:
            part.replace(target)
        except OSError as error:
            raise ModelError(
                "cannot-save",
                f"The engine cannot be put in its place, {target}: {error}.",
                "Choose another target.",
            ) from None
    except ChildDied as death:
        raise ModelError(
            "build-crashed",
            f"The build of {onnx.name} died without a word to us.",
            "The details have its last output. Often the GPU or the machine is out of memory.",
            details=death.output,
        ) from None
    finally:
        part.unlink(missing_ok=True)


def write_engine(path: Path, plan: memoryview | bytes, metadata: Mapping[str, str]) -> None:
    """Write a plan, with metadata before it in Ultralytics' form where there is any."""
    with path.open("wb") as file:
        if metadata:
            text = json.dumps(dict(metadata)).encode("utf-8")
            file.write(struct.pack("<i", len(text)) + text)
        file.write(plan)
        file.flush()
        os.fsync(file.fileno())
