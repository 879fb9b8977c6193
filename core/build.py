"""Build a TensorRT engine from an ONNX model, in a child process.

A build takes from seconds to many minutes inside native code that cannot be interrupted and may
crash, so it runs in a process of its own that can be killed at once. The engine is written to a
temporary file beside its target and renamed when complete: a target is whole or untouched.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from core.errors import ModelError
from core.tensors import Profile

_POLL_S = 0.05
_KEPT_LINES = 60


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
    order = {"onnx": str(onnx), "part": str(part), "options": asdict(options)}
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    child = subprocess.Popen(
        [sys.executable, "-m", "core.build_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_read_lines, args=(child.stdout, lines), daemon=True)
    reader.start()
    try:
        with contextlib.suppress(BrokenPipeError):  # a child that died says so in its output
            child.stdin.write(json.dumps(order) + "\n")
            child.stdin.flush()
        _follow(lines, onnx.name, progress)
        try:
            part.replace(target)
        except OSError as error:
            raise ModelError(
                "cannot-save",
                f"The engine cannot be put in its place, {target}: {error}.",
                "Choose another target.",
            ) from None
    finally:
        child.kill()
        child.wait()
        reader.join()
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
        child.stdout.close()
        part.unlink(missing_ok=True)


def _read_lines(stream: IO[str], lines: queue.SimpleQueue[str | None]) -> None:
    for line in stream:
        if line.strip():
            lines.put(line)
    lines.put(None)


def _follow(
    lines: queue.SimpleQueue[str | None],
    name: str,
    progress: Callable[[float | None, str], None],
) -> None:
    """Read the child's messages until it says how the build ended."""
    begin = time.monotonic()
    doing = "starting TensorRT"
    last: deque[str] = deque(maxlen=_KEPT_LINES)
    while True:
        elapsed = time.monotonic() - begin
        progress(None, f"Building an engine from {name}: {doing} ({elapsed:.0f} s)")
        try:
            line = lines.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if line is None:
            raise ModelError(
                "build-crashed",
                f"The build of {name} died without a word to us.",
                "The details have its last output. Often the GPU or the machine is out of memory.",
                details="".join(last),
            )
        message = _message(line)
        if message is None:
            last.append(line)
        elif "doing" in message:
            doing = message["doing"]
        elif "error" in message:
            error = message["error"]
            raise ModelError(
                error["kind"],
                error["message"],
                error["hint"],
                details=error.get("details", ""),
                evidence=error.get("evidence", {}),
            )
        elif "done" in message:
            return


def _message(line: str) -> dict[str, Any] | None:
    """The child's own lines are JSON objects with one known key; all else is native output."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    if isinstance(message, dict) and message.keys() & {"doing", "error", "done"}:
        return message
    return None


def write_engine(path: Path, plan: memoryview | bytes, metadata: Mapping[str, str]) -> None:
    """Write a plan, with metadata before it in Ultralytics' form where there is any."""
    with path.open("wb") as file:
        if metadata:
            text = json.dumps(dict(metadata)).encode("utf-8")
            file.write(struct.pack("<i", len(text)) + text)
        file.write(plan)
        file.flush()
        os.fsync(file.fileno())
