"""Build a TensorRT engine from an ONNX model, in a child process.

A build takes from seconds to many minutes inside native code that cannot be interrupted and may
crash, so it runs in a process of its own that can be killed at once. The engine is written to a
temporary file beside its target and renamed when complete: a target is whole or untouched.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.building.calibration import calibration_pictures
from core.building.commands import shape_flags
from core.building.earlier import EarlierBuilds
from core.building.leftovers import sweep_leftovers
from core.building.no_gpu import cannot_build
from core.building.options import BuildOptions, check_options
from core.building.profiles import check_profiles, inputs_of
from core.building.progress import BuildProgress, ProgressOf
from core.building.shapes import propose_profiles
from core.building.target import check_target
from core.child_process import ChildDied, run_child
from core.errors import EnginebayError, ModelError, ModelFileError
from core.machine import Machine, read_machine
from core.modelfile import ModelFile, check_external_data, fingerprint, read_model_file
from core.opening import Progress, approved_libraries

LAYERS_FILE = "layers.json"
"""What the child leaves in its scratch folder: the engine inspector's JSON."""

_LAST_LINES = 10  # of TensorRT's log, told of a build that died


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What a build was and left.

    Attributes:
        model: the ONNX.
        target: the engine.
        onnx_sha256: the ONNX's fingerprint; other files that it names are not in it.
        options: as they were asked for.
        seconds: from the call to the engine in its place.
        size_bytes: of the engine's file.
        versions: "tensorrt", and "module", its Python module.
        gpu: "name" and "compute_capability" of the GPU that it was built on.
        strongly_typed: types came from the ONNX alone, asked for or as this TensorRT has it.
        notes: what was decided on the way, a sentence each.
        warnings: what did not come out as it was asked for, a sentence each.
        log: the telling lines of TensorRT's log, warnings and worse.
        layers: the engine inspector's JSON; None where it could not be asked.
    """

    model: Path
    target: Path
    onnx_sha256: str
    options: BuildOptions
    seconds: float
    size_bytes: int
    versions: Mapping[str, str]
    gpu: Mapping[str, str]
    strongly_typed: bool = False
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    layers: str | None = None

    def as_json(self) -> dict[str, object]:
        """What `enginebay build --json` prints; the layers are left out."""
        return {
            "model": str(self.model),
            "target": str(self.target),
            "onnx_sha256": self.onnx_sha256,
            "seconds": round(self.seconds, 2),
            "size_bytes": self.size_bytes,
            "versions": dict(self.versions),
            "gpu": dict(self.gpu),
            "options": self.options.as_json(),
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "log": list(self.log),
        }


def build_engine(
    onnx: Path,
    target: Path,
    options: BuildOptions,
    progress: Progress,
    *,
    watch: Callable[[BuildProgress], None] = lambda _progress: None,
    allow_native_code: bool = False,
) -> BuildReport:
    """Build an engine; the calling thread waits and passes progress on.

    Args:
        onnx: the model.
        target: where the engine goes; an engine that is there stays until the new one is whole.
        options: see BuildOptions.
        progress: called about 20 times a second with (None, what is going on); may raise
            core.errors.Cancelled, which kills the child.
        watch: called just before progress with the same in its parts; may raise, too.
        allow_native_code: a yes to plugin libraries; remembered by fingerprint.

    Raises:
        ModelFileError: if the file is no ONNX that can be read.
        ModelError: if the choices do not fit the model, TensorRT refuses it, a plugin needs
            consent (kind "needs-consent"), or the child dies.
        MachineError: never: it arrives from the child as a ModelError of the same kind.
        EnginebayError: kinds "build-options", "cannot-save", "calibration-folder".
    """
    begin = time.monotonic()
    file = read_model_file(onnx)
    check_build(file, target, options)
    sweep_leftovers(target)
    start = f"Building an engine from {onnx.name}: "

    def prepare(_fraction: float | None, text: str) -> None:  # a fraction of something else
        progress(None, start + text)

    libraries = approved_libraries(
        options.plugins, "plugin", prepare, allow_native_code=allow_native_code
    )
    machine = read_machine()
    sha256 = fingerprint(onnx, prepare)
    earlier = EarlierBuilds(sha256, _gpu_name(machine), _version(machine))
    told = ProgressOf(earlier.expected_s(options))

    def tick(doing: str, elapsed: float) -> None:
        now = told.at(doing, elapsed)
        watch(now)
        progress(None, start + now.text)

    part = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    # What the child writes besides is in a folder of ours, as it may be killed at any moment.
    with tempfile.TemporaryDirectory(prefix="enginebay-", ignore_cleanup_errors=True) as scratch:
        order = {
            "onnx": str(onnx.absolute()),
            "part": str(part.absolute()),
            "scratch": scratch,
            "options": options.as_json(),
            "plugins": [[str(path), digits] for path, digits in libraries],
        }
        try:
            found = _run(onnx, order, tick, told)
            _put(part, target)  # before all that could still go wrong
            layers = _layers(Path(scratch))
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    seconds = time.monotonic() - begin
    earlier.add(options, seconds)
    return _report(onnx, target, sha256, options, seconds, found, layers)


def _run(
    onnx: Path,
    order: Mapping[str, object],
    tick: Callable[[str, float], None],
    told: ProgressOf,
) -> dict[str, Any]:
    """What the child answers; what it said before, where it failed once the engine was whole."""
    written: dict[str, Any] = {}
    log: deque[str] = deque(maxlen=_LAST_LINES)

    def hear(said: dict[str, Any]) -> None:
        written.update(said.get("written", {}))
        if (last := str(said.get("last", ""))) and (not log or log[-1] != last):
            log.append(last)
        told.hear(said)

    last = ""

    def look(doing: str, elapsed: float) -> None:
        nonlocal last
        last = doing
        tick(doing, elapsed)

    def whole(what: str) -> dict[str, Any]:
        warning = f"The engine is whole, but what came after it was written failed: {what}"
        return written | {"warnings": [*written["warnings"], warning]}

    try:
        return run_child("core.building.child", order, look, hear=hear)
    except EnginebayError as error:
        if written:
            return whole(error.message)
        message, hint = cannot_build(error)
        if message == error.message:
            raise
        raise ModelError(error.kind, message, hint, details=error.details) from None
    except ChildDied as death:
        if written:
            return whole(f"the process died while {last}.")
        raise ModelError(
            "build-crashed",
            f"The build of {onnx.name} died without a word to us.",
            "The details have its last output. Often the GPU or the machine is out of memory.",
            details=_last_words(death.output, log),
        ) from None


def _last_words(output: str, log: Sequence[str]) -> str:
    """What the child printed, and the lines of TensorRT's log that it told before it died."""
    untold = [line for line in log if line not in output]
    if not untold:
        return output
    return "\n".join(["The last that was heard of TensorRT's log:", *untold, "", output]).rstrip()


def check_build(file: ModelFile, target: Path, options: BuildOptions) -> None:
    """Nothing, if nothing speaks against a build as far as that shows without TensorRT.

    Raises:
        ModelFileError, ModelError, EnginebayError: as build_engine; one clear fault each.
    """
    check_model(file, options)
    graph = None if file.onnx is None else file.onnx.graph
    weights = 0 if graph is None else graph.weights_bytes or 0
    # An engine has its weights at least, in one byte each rather than four at best.
    check_target(file.path, target, 0 if options.strip_weights else weights // 4)


def check_model(file: ModelFile, options: BuildOptions) -> None:
    """Nothing, if the choices fit the model, as far as that shows without TensorRT.

    Raises:
        ModelFileError, ModelError, EnginebayError: as build_engine; one clear fault each.
    """
    problem = file.problem()
    if problem is None and file.kind != "onnx":
        problem = ModelFileError(
            "not-onnx",
            f"{file.path.name} is no ONNX model, so no engine can be built from it.",
            "Give the ONNX that it was made from.",
        )
    if problem is not None:
        raise problem
    check_external_data(file.path)
    check_options(options)
    graph = None if file.onnx is None else file.onnx.graph
    if graph is not None and graph.inputs is not None:
        try:
            check_profiles(options.profiles, inputs_of(graph.inputs))
        except ModelError as error:
            if error.kind != "no-profile":
                raise
            proposed = propose_profiles(graph.inputs, {}, file.metadata)
            flags = [word for one in proposed for word in shape_flags(one)]
            hint = f"{error.hint} For example: {' '.join(flags)}" if flags else error.hint
            raise ModelError(error.kind, error.message, hint) from None
    if options.calibration is not None:
        calibration_pictures(options.calibration)


def _put(part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except OSError as error:
        raise ModelError(
            "cannot-save",
            f"The engine cannot be put in its place, {target}: {error}.",
            "Choose another target.",
        ) from None


def _layers(scratch: Path) -> str | None:
    try:
        return (scratch / LAYERS_FILE).read_text(encoding="utf-8")
    except (OSError, ValueError):  # mostly as there is none; the engine can be asked again
        return None


def _gpu_name(machine: Machine) -> str:
    return "" if machine.gpu is None else machine.gpu.name


def _version(machine: Machine) -> str:
    module = machine.tensorrt
    return "" if module is None else f"{module.module} {module.version}"


def _report(
    onnx: Path,
    target: Path,
    sha256: str,
    options: BuildOptions,
    seconds: float,
    found: Mapping[str, Any],
    layers: str | None,
) -> BuildReport:
    return BuildReport(
        model=onnx,
        target=target,
        onnx_sha256=sha256,
        options=options,
        seconds=seconds,
        size_bytes=target.stat().st_size,
        versions=found["versions"],
        gpu=found["gpu"],
        strongly_typed=bool(found["strongly_typed"]),
        notes=tuple(found["notes"]),
        warnings=tuple(found["warnings"]),
        log=tuple(found["log"]),
        layers=layers,
    )
