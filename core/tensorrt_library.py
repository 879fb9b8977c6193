"""Find and start a TensorRT module: full, lean or dispatch, any version from 8.5 to 11.

One logger per module lives as long as the process: TensorRT keeps the first that it is given
and ignores or outlives later ones.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import MachineError, ModelError
from core.machine import MODULE_VARIABLE, TENSORRT_MODULES, find_package, find_tensorrt
from core.native import preload

logger = logging.getLogger(__name__)

_LEVELS = {
    0: logging.CRITICAL,  # INTERNAL_ERROR
    1: logging.ERROR,
    2: logging.WARNING,
    3: logging.INFO,
    4: logging.DEBUG,  # VERBOSE
}
_WARNING = 2
_KEPT_LINES = 200
_libraries: dict[str, Library] = {}


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of TensorRT's log; severity 0 internal error, 1 error, 2 warning, ... 4 verbose."""

    severity: int
    text: str


class LogTape:
    """The last lines of TensorRT's log. Written from native threads: it must never raise."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque(maxlen=_KEPT_LINES)
        self._lock = threading.Lock()

    def write(self, severity: int, text: str) -> None:
        """Keep a warning or worse, and pass any line to Python's logging."""
        if severity <= _WARNING:
            with self._lock:
                self._lines.append(LogLine(severity, text))
        logger.log(_LEVELS.get(severity, logging.INFO), "%s", text)

    @contextmanager
    def capture(self) -> Iterator[list[LogLine]]:
        """Collect what is written during the block; the list is filled when the block ends."""
        with self._lock:
            self._lines.clear()
        collected: list[LogLine] = []
        try:
            yield collected
        finally:
            with self._lock:
                collected.extend(self._lines)


@dataclass(frozen=True, slots=True)
class Library:
    """A TensorRT module, started.

    Attributes:
        module: its name, one of core.machine.TENSORRT_MODULES.
        trt: the module itself.
        version: "8.6.1".
        tape: its log.
        trt_logger: the one ILogger of this process for this module.
    """

    module: str
    trt: Any
    version: str
    tape: LogTape
    trt_logger: Any

    @property
    def version_numbers(self) -> tuple[int, ...]:
        """(8, 6, 1): the leading numbers of the version."""
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:4])


def load_library(module: str | None = None) -> Library:
    """Import the named module, or the best one installed.

    CUDA must work already (core.cuda.open_context): TensorRT crashes without it.

    Raises:
        MachineError: if none is installed, the name is unknown, or importing it fails.
    """
    wanted = module or os.environ.get(MODULE_VARIABLE) or None  # set to nothing is not set
    if wanted is not None and wanted not in TENSORRT_MODULES:
        raise MachineError(
            "no-tensorrt",
            f"{wanted!r} is no TensorRT module.",
            f"Use one of {', '.join(TENSORRT_MODULES)}.",
        )
    if wanted is not None and wanted not in _libraries and find_package(wanted) is None:
        raise MachineError(
            "no-tensorrt",
            f"{wanted} is not installed in this Python.",
            f"Install it, or unset {MODULE_VARIABLE}.",
        )
    names = [wanted] if wanted else [found.module for found in find_tensorrt()]
    failures = []
    for name in names:
        if name in _libraries:
            return _libraries[name]
        try:
            _libraries[name] = _start(name)
            return _libraries[name]
        except (ImportError, OSError) as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise MachineError(
            "no-tensorrt",
            "TensorRT is installed but cannot be imported.",
            "Reinstall it for this Python and this CUDA; the details name the missing library.",
            details="\n".join(failures),
        )
    raise MachineError(
        "no-tensorrt",
        "TensorRT is not installed in this Python.",
        "Install it: python3 -m uv sync --extra gpu.",
    )


def _start(name: str) -> Library:
    _preload(name)
    trt = importlib.import_module(name)
    tape = LogTape()

    class ProcessLogger(trt.ILogger):  # type: ignore[misc, name-defined]
        """Called from TensorRT's own threads."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            tape.write(int(severity), msg)

    trt_logger = ProcessLogger()
    if hasattr(trt, "init_libnvinfer_plugins"):
        trt.init_libnvinfer_plugins(trt_logger, "")
    return Library(name, trt, str(trt.__version__), tape, trt_logger)


def _preload(name: str) -> None:
    """Load TensorRT's large libraries before `import` would do it under the GIL.

    Only wheels are looked into, whose libraries stand in a package of their own; others are
    left to the import, as is any failure.
    """
    folders = []
    for package in (f"{name}_libs", f"{name}_bindings"):
        found = find_package(package)
        if found is not None:
            place = Path(found.location)
            folders.append(place if place.is_dir() else place.parent)
    for pattern in ("libnvinfer*.so.*", "tensorrt*.so"):
        for folder in folders:
            for path in sorted(folder.glob(pattern)):
                if "builder_resource" not in path.name:  # a gigabyte that only builds need
                    preload(path)


def deserialize(library: Library, plan: bytes, name: str, *, allow_native_code: bool) -> Any:
    """Make an engine from a plan's bytes, on the thread that owns CUDA.

    Args:
        library: what load_library gave.
        plan: the plan, without any prefix.
        name: the file's name, for messages.
        allow_native_code: True runs the native code that the plan embeds.

    Raises:
        ModelError: with TensorRT's own words in `details`.
    """
    with library.tape.capture() as lines:
        runtime = library.trt.Runtime(library.trt_logger)
        if allow_native_code and hasattr(runtime, "engine_host_code_allowed"):
            runtime.engine_host_code_allowed = True
        engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise refusal(library, lines, f"TensorRT {library.version} refuses {name}")
    return engine


def refusal(library: Library, lines: list[LogLine], what: str) -> ModelError:
    """An error with the log's most telling line in the message and all of it in the details."""
    texts = [line.text.strip() for line in lines if line.severity <= 2]
    errors = [line.text.strip() for line in lines if line.severity <= 1]
    telling = _telling(errors or texts)
    first = (errors or texts or [""])[0]
    hint = "See the details for TensorRT's own words."
    if re.search(r"plugin", first, re.IGNORECASE):  # before versions: plugins have them too
        hint = "The engine needs a plugin library that is not loaded."
    elif re.search(r"version|magicTag|magic tag", first, re.IGNORECASE):
        hint = (
            f"Engines run only with the TensorRT that built them (unless built "
            f"version-compatible); here is {library.module} {library.version}. Build it again "
            "here from its ONNX, or install the version that the engine card names."
        )
    elif re.search(r"incompatible device|compute capab", first, re.IGNORECASE):
        hint = "An engine runs only on the kind of GPU that built it. Build it again here."
    elif re.search(r"out ?of ?memory", first, re.IGNORECASE):
        hint = "Close other programs that use the GPU, or use a smaller batch or shape."
    return ModelError(
        "tensorrt",
        f"{what}: {telling}" if telling else f"{what}, without saying why.",
        hint,
        details="\n".join(texts),
    )


def _telling(texts: list[str]) -> str:
    """The first line is the cause; those after it only pass the failure on."""
    if not texts:
        return ""
    match = re.search(r"Error Code \d+: [^(]+? \((.*)\)\s*$", texts[0], re.DOTALL)
    if match is None or match[1].strip() == "no further information":
        return texts[0]
    return match[1].strip()
