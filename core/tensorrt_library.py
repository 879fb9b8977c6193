"""Find and start a TensorRT module: full, lean or dispatch, any version from 8.5 to 11.

One logger per module lives as long as the process: TensorRT keeps the first that it is given
and ignores or outlives later ones.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import EnginebayError, MachineError
from core.machine import MODULE_VARIABLE, TENSORRT_MODULES, find_package, find_tensorrt
from core.native import preload
from core.translator import Circumstances, translate

logger = logging.getLogger(__name__)

_LEVELS = {
    0: logging.CRITICAL,  # INTERNAL_ERROR
    1: logging.ERROR,
    2: logging.WARNING,
    3: logging.INFO,
    4: logging.DEBUG,  # VERBOSE
}
_ERROR, _WARNING = 1, 2
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
        self._is_quiet = False

    def write(self, severity: int, text: str) -> None:
        """Keep a warning or worse, and pass any line to Python's logging."""
        if severity <= _WARNING:
            with self._lock:
                self._lines.append(LogLine(severity, text))
        level = logging.DEBUG if self._is_quiet else _LEVELS.get(severity, logging.INFO)
        logger.log(level, "%s", text)

    @contextmanager
    def capture(self, *, quietly: bool = False) -> Iterator[list[LogLine]]:
        """Collect what is written during the block; the list is filled when the block ends.

        Args:
            quietly: its errors are expected, and no more than debugging lines.
        """
        with self._lock:
            self._lines.clear()
        collected: list[LogLine] = []
        self._is_quiet = quietly
        try:
            yield collected
        finally:
            self._is_quiet = False
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
    def label(self) -> str:
        """For people: "TensorRT 8.6.1", "TensorRT lean 10.16.1"."""
        kind = self.module.removeprefix("tensorrt").replace("_", " ")
        return f"TensorRT{kind} {self.version}"


def module_in_use(module: str | None = None) -> str:
    """The module that load_library would take, told without importing any.

    Args:
        module: one of core.machine.TENSORRT_MODULES; default the best installed.

    Raises:
        MachineError: as load_library does.
    """
    return _candidates(module)[0]


def load_library(module: str | None = None) -> Library:
    """Import the named module, or the best one installed.

    CUDA must work already (core.cuda.open_context): TensorRT crashes without it.

    Raises:
        MachineError: if none is installed, the name is unknown, or importing it fails.
    """
    failures = []
    for name in _candidates(module):
        if name in _libraries:
            return _libraries[name]
        try:
            _libraries[name] = _start(name)
            return _libraries[name]
        except (ImportError, OSError) as error:
            failures.append(f"{name}: {error}")
    raise MachineError(
        "no-tensorrt",
        "TensorRT is installed but cannot be imported.",
        "Reinstall it for this Python and this CUDA; the details name the missing library.",
        details="\n".join(failures),
    )


def _candidates(module: str | None) -> list[str]:
    """The modules to try, best first; never none."""
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
    if not names:
        raise MachineError(
            "no-tensorrt",
            "TensorRT is not installed in this Python.",
            "Install it: python3 -m uv sync --extra gpu.",
        )
    return names


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


def deserialize(
    library: Library,
    plan: bytes | memoryview,
    name: str,
    *,
    allow_native_code: bool,
    seen: Circumstances | None = None,
) -> Any:
    """Make an engine from a plan's bytes, on the thread that owns CUDA.

    Args:
        library: what load_library gave.
        plan: the plan, without any prefix.
        name: the file's name, for messages.
        allow_native_code: True runs the native code that the plan embeds.
        seen: what is known of the file and the GPU, for messages.

    Raises:
        ModelError: if TensorRT refuses it; with TensorRT's own words in `details`.
        MachineError: if TensorRT cannot use the GPU.
        CudaError: if there is not memory enough, or the CUDA context is lost.
    """
    what = f"TensorRT {library.version} refuses {name}"
    seen = seen or Circumstances(file=name)
    with library.tape.capture() as started:
        try:
            runtime = library.trt.Runtime(library.trt_logger)
        except TypeError:  # pybind11's way to say that TensorRT gave none
            runtime = None
    # Where TensorRT cannot use the driver, 10.16 and 11.4 give a Runtime that crashes the process
    # at its next use, and say so only in the log.
    if runtime is None or any(line.severity <= _ERROR for line in started):
        error = refusal(library, started, what, seen)
        if runtime is None or isinstance(error, MachineError):
            raise error
    with library.tape.capture() as lines:
        if allow_native_code and hasattr(runtime, "engine_host_code_allowed"):
            runtime.engine_host_code_allowed = True
        engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise refusal(library, [*started, *lines], what, seen)
    return engine


def refusal(
    library: Library, lines: Sequence[LogLine], what: str, seen: Circumstances | None = None
) -> EnginebayError:
    """The error that a failed call into TensorRT becomes, by what it logged meanwhile.

    Args:
        library: the module that was called.
        lines: what its tape captured.
        what: what failed, for reasons that are not known ("TensorRT 8.6.1 refuses x.engine").
        seen: what is known of the file and the GPU; the module's part is filled in here.
    """
    seen = replace(seen or Circumstances(), module=library.module, tensorrt_version=library.version)
    texts = [line.text for line in lines if line.severity <= _WARNING]
    errors = [line.text for line in lines if line.severity <= _ERROR]
    return translate(texts, what, seen, errors=errors)
