"""Open a model file for running: the runtime by content, consent and trial before foreign code."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ModelError
from core.machine import Machine, read_machine
from core.modelfile import ModelFile, fingerprint, read_hashed
from core.sessions import Session
from core.tensorrt_library import module_in_use
from core.trust import consent
from core.trust.trial import TrialOrder, ensure_tried

if TYPE_CHECKING:
    import numpy as np

Library = tuple[Path, str]
"""A library of native code, and the SHA-256 that was consented to."""

Progress = Callable[[float | None, str], None]
"""Told how far it is (0 to 1, or None where nobody can know) and what goes on; may raise
core.errors.Cancelled to stop."""

# ELF; PE; Mach-O of 64 and 32 bits, and of several architectures.
_LIBRARY_MAGICS = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def no_progress(_fraction: float | None, _text: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOptions:
    """How a model is opened."""

    allow_native_code: bool = False  # a yes to whatever is asked for; remembered by fingerprint
    plugins: tuple[Path, ...] = ()  # TensorRT plugin libraries, or ONNX Runtime's of operators
    tensorrt_module: str | None = None  # one of core.machine.TENSORRT_MODULES; default the best
    spin: bool = False  # ONNX Runtime's threads spin on between runs: faster, but keeps cores busy
    trial: bool = True  # an engine that has not yet passed here is tried in a child process
    profile_into: Path | None = None  # an ONNX alone: see core.sessions.onnx.OnnxSession


def open_session(
    file: ModelFile, options: OpenOptions | None = None, progress: Progress = no_progress
) -> Session:
    """Open a model for running, on the calling thread, which then owns the session.

    Args:
        file: what read_model_file gave.
        options: see OpenOptions.
        progress: see Progress.

    Raises:
        ModelFileError: if the file is no usable model.
        MachineError: if this machine lacks what the model needs.
        ModelError: if the runtime refuses it, it fails its trial (core.trust.trial), or consent is
            needed (kind "needs-consent", core.trust.consent).
    """
    options = options or OpenOptions()
    problem = file.problem()
    if problem is not None:
        raise problem
    if file.kind == "onnx":
        from core.sessions.onnx import OnnxSession

        libraries = approved_libraries(
            options.plugins,
            "custom-operators",
            progress,
            allow_native_code=options.allow_native_code,
        )
        return OnnxSession(
            file.path,
            operator_libraries=libraries,
            profile_into=options.profile_into,
            spin=options.spin,
            progress=progress,
        )
    return _open_engine(file, options, progress)


def _open_engine(file: ModelFile, options: OpenOptions, progress: Progress) -> Session:
    machine = read_machine()
    # Which module is used is the loading's to decide: a caller may name another.
    missing = replace(machine, wanted_module=None).problem()
    if missing is not None:
        raise missing
    plan = file.plan
    assert plan is not None  # every engine has a header
    # The very bytes that are hashed here are those that run: the file may change, they do not.
    content, sha256 = read_hashed(file.path, progress)

    def ask() -> None:
        allowed = options.allow_native_code
        consent.require("engine", file.path.name, sha256, allowed=allowed)

    if plan.embeds_native_code:
        ask()
    plugins = approved_libraries(
        options.plugins, "plugin", progress, allow_native_code=options.allow_native_code
    )
    has_consent = consent.is_given("engine", sha256)
    try:
        return _load(file, content, sha256, machine, options, plugins, has_consent, progress)
    except ModelError as error:
        # Plugins can be embedded too, which the header does not tell; TensorRT does.
        if has_consent or error.kind != "native-code-not-allowed":
            raise
    ask()
    return _load(file, content, sha256, machine, options, plugins, True, progress)


def _load(
    file: ModelFile,
    content: np.ndarray,
    sha256: str,
    machine: Machine,
    options: OpenOptions,
    plugins: tuple[Library, ...],
    has_consent: bool,
    progress: Progress,
) -> Session:
    plan = file.plan
    assert plan is not None
    if options.trial:
        order = TrialOrder(
            path=str(file.path.absolute()),
            sha256=sha256,
            allow_native_code=has_consent,
            plugins=tuple((str(path), digits) for path, digits in plugins),
            module=options.tensorrt_module,
        )
        versions = [
            f"{one.module} {one.library_version or one.version or '?'}" for one in machine.modules
        ]
        gpus = [gpu.name for gpu in machine.driver.gpus[:1]]
        used = module_in_use(options.tensorrt_module)
        ensure_tried(order, (used, *versions, *gpus, machine.driver.version or "?"), progress)
    from core.sessions.base import NO_WEIGHTS
    from core.sessions.tensorrt import TensorRTSession

    progress(None, f"Loading {file.path.name}")
    session = TensorRTSession(
        content.data[file.plan_offset :],
        file.path.name,
        allow_native_code=has_consent,
        plugins=plugins,
        module=options.tensorrt_module,
        plan_version=plan.tensorrt_version,
        plan_compute_capability=plan.compute_capability,
    )
    if file.sidecar is not None and file.sidecar.options.get("strip_weights") is True:
        session.cautions = (NO_WEIGHTS,)
    return session


def approved_libraries(
    paths: tuple[Path, ...], what: consent.What, progress: Progress, *, allow_native_code: bool
) -> tuple[Library, ...]:
    """The libraries with the SHA-256 that consent was given to; whoever loads them looks again.

    Raises:
        ModelError: kinds "plugin-library" for what is no library, and "needs-consent".
    """
    approved = []
    for path in paths:
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device would never end
                raise ModelError(
                    "plugin-library", f"The library {path} is not a file.", "Check its path."
                )
            with path.open("rb") as file:
                if not file.read(4).startswith(_LIBRARY_MAGICS):
                    raise ModelError(
                        "plugin-library",
                        f"{path} is no shared library.",
                        "Give the library of the plugin: a .so, .dll or .dylib file.",
                    )
            sha256 = fingerprint(path, progress)
        except OSError as error:
            raise ModelError(
                "plugin-library",
                f"The library {path} cannot be read: {error.strerror or error}.",
                "Check its path.",
            ) from None
        consent.require(what, path.name, sha256, allowed=allow_native_code)
        approved.append((path.resolve(), sha256))
    return tuple(approved)
