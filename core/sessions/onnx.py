"""ONNX models on the CPU, by ONNX Runtime."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import Cancelled, MachineError, ModelError
from core.modelfile import check_external_data, require_unchanged
from core.sessions.base import Arrays, Session, Timing
from core.sessions.lanes import Lane, LaneOptions
from core.tensors import Shape, TensorSpec
from core.text import printable

# ONNX Runtime's element names ("tensor(float)") that numpy spells otherwise.
_DTYPES = {
    "float": "float32",
    "double": "float64",
    "float8e4m3fn": "float8_e4m3fn",
    "float8e4m3fnuz": "float8_e4m3fnuz",
    "float8e5m2": "float8_e5m2",
    "float8e5m2fnuz": "float8_e5m2fnuz",
    "float4e2m1": "float4_e2m1fn",
}

OPTIMIZED = "optimized.onnx"
"""The graph as ONNX Runtime runs it, in the folder `profile_into`."""
_MAX_OPTIMIZED = 1_000_000_000  # bytes of the model; protobuf holds 2 GB, and a disk must, too

_LONGEST = 300  # characters of a reason in the message; all of it is in the details


class OnnxSession(Session):
    """An ONNX model on ONNX Runtime's CPU provider."""

    def __init__(
        self,
        path: Path,
        *,
        operator_libraries: Sequence[tuple[Path, str]] = (),
        profile_into: Path | None = None,
        spin: bool = False,
        progress: Callable[[float | None, str], None] = lambda _fraction, _text: None,
    ) -> None:
        """Load the model.

        Args:
            path: the ONNX.
            operator_libraries: libraries of custom operators to load before, native code, with
                the SHA-256 that each must have.
            profile_into: a folder for what ONNX Runtime's profiler writes, and for the graph
                that it really runs (OPTIMIZED); for timing nodes, as both cost time.
            spin: whether its threads go on spinning after a run, as ONNX Runtime's do by default:
                a run right after it starts sooner, and meanwhile they take the cores.
            progress: told how far it is; may raise to stop.

        Raises:
            ModelFileError: if it keeps weights where no file is, or outside its own folder.
            MachineError: if ONNX Runtime cannot be imported.
            ModelError: if it refuses the model.
        """
        super().__init__()
        check_external_data(path, progress)  # ONNX Runtime would open whatever the file names
        try:
            import onnxruntime
        except ImportError as error:
            raise MachineError(
                "no-onnxruntime",
                f"ONNX Runtime cannot be imported: {error}.",
                "Install it: pip install onnxruntime.",
            ) from None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors come as exceptions; warnings would fill stderr
        if profile_into is not None:
            options.log_severity_level = 4  # a refused model's profile is not missed
            options.enable_profiling = True
            options.profile_file_prefix = str(profile_into / "trace")
            if path.stat().st_size <= _MAX_OPTIMIZED:
                options.optimized_model_filepath = str(profile_into / OPTIMIZED)
        if not spin:  # the window needs the cores
            options.add_session_config_entry("session.force_spinning_stop", "1")
        for library, sha256 in operator_libraries:
            require_unchanged(library, sha256)
            try:
                options.register_custom_ops_library(str(library.resolve()))
            except Exception as error:  # noqa: BLE001 - its exceptions share no other base
                raise ModelError(
                    "plugin-library",
                    f"ONNX Runtime cannot load the operators of {library.name}: "
                    f"{_first_line(str(error))}",
                    "It must be a library of ONNX Runtime's custom operators, built for this "
                    "system and this ONNX Runtime.",
                    details=str(error),
                ) from None
        try:
            path.name.encode("utf-8")
        except UnicodeEncodeError:
            raise ModelError(
                "file-name",
                f"ONNX Runtime cannot open {printable(path.name)}: its name is not UTF-8.",
                "Rename the file.",
            ) from None
        self._run_options: Any = onnxruntime.RunOptions()
        self._make_run_options: Callable[[], Any] = onnxruntime.RunOptions
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 - its exceptions share no other base
            raise _translate(path.name, str(error)) from None
        self.runtime = f"ONNX Runtime {onnxruntime.__version__} (CPU)"
        self.inputs = tuple(_spec(node, "input") for node in self._session.get_inputs())
        self.outputs = tuple(_spec(node, "output") for node in self._session.get_outputs())
        self.symbols = {
            node.name: tuple(
                (dim or None) if isinstance(dim, str) else None for dim in (node.shape or ())
            )
            for node in (*self._session.get_inputs(), *self._session.get_outputs())
        }

    def _execute(self, inputs: Arrays) -> tuple[Arrays, Timing]:
        if self._session is None:
            raise ModelError("closed", "The model is closed.", "Open it again.")
        names = [spec.name for spec in self.outputs]
        options = self._run_options = self._make_run_options()
        begin = time.perf_counter()
        try:
            values = self._session.run(names, inputs, options)
        except Exception as error:  # noqa: BLE001 - as above
            if options.terminate:
                raise Cancelled from None
            raise run_error(error) from None
        elapsed = (time.perf_counter() - begin) * 1000
        outputs = {name: as_array(value) for name, value in zip(names, values, strict=True)}
        return outputs, Timing(clock="wall-clock", compute_ms=elapsed)

    def _make_lanes(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        options: LaneOptions,
        _values: Mapping[str, np.ndarray],
    ) -> Sequence[Lane]:
        from core.sessions.onnx_lanes import make_lanes

        if self._session is None:
            raise ModelError("closed", "The model is closed.", "Open it again.")
        return make_lanes(self._session, self.inputs, self.outputs, shapes, options.count)

    def interrupt(self) -> None:
        """End the run after the operator that is running."""
        self._run_options.terminate = True

    def end_profiling(self) -> Path:
        """Stop the profiler; gives the file that it wrote. Only with `profile_into`."""
        return Path(self._session.end_profiling())

    def close(self) -> None:
        """Drop the model."""
        self._session = None


def run_error(error: Exception) -> ModelError | MemoryError:
    """What an exception of InferenceSession.run means."""
    if re.search(r"Failed to allocate memory|bad_alloc|BFCArena", str(error)):
        return MemoryError(str(error))
    return ModelError(
        "onnxruntime",
        f"ONNX Runtime failed to run the model: {_first_line(str(error))}",
        "Check that the input's shape is one the model can take.",
        details=str(error),
    )


def as_array(value: Any) -> np.ndarray:
    """Sequences and maps (classifiers of scikit-learn) are no tensors: given as objects."""
    if not isinstance(value, list):
        return np.asarray(value)
    objects = np.empty(len(value), object)
    for index, item in enumerate(value):
        objects[index] = item
    return objects


def _spec(node: Any, mode: Any) -> TensorSpec:
    match = re.fullmatch(r"tensor\((\w+)\)", node.type)
    name = match[1] if match else node.type
    shape: Shape = tuple(
        dim if isinstance(dim, int) and dim >= 0 else None for dim in (node.shape or ())
    )
    return TensorSpec(name=node.name, mode=mode, dtype=_DTYPES.get(name, name), shape=shape)


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:_LONGEST] if lines else "no reason given"


def _translate(name: str, text: str) -> ModelError:
    """ONNX Runtime's reasons for refusing a model, with the next step."""
    match = re.search(r"([\w.]*):(\w+)\(-?\d+\) is not a registered function/op", text)
    match = match or re.search(r"No Op registered for ()(\w+) with domain_version of \d+", text)
    if match:
        operator = f"{match[1]}.{match[2]}" if match[1] else match[2]
        return ModelError(
            "unsupported-operator",
            f"{name} uses the operator {operator}, which ONNX Runtime does not know.",
            "It is a custom operator of the model's makers, whose library --plugin loads, or newer "
            "than this ONNX Runtime: update onnxruntime, or export the model without it.",
            details=text,
        )
    if "external data" in text.lower() or "External data" in text:
        match = re.search(r'(?:does not exist|open file)[^"]*"([^"]+)"', text)
        where = f" {Path(match[1]).name}" if match else ""
        return ModelError(
            "external-data",
            f"{name} keeps weights in another file{where}, which is not there or may not be read.",
            "Put that file beside the ONNX, under its original name.",
            details=text,
        )
    if match := re.search(r"Opset \d+ is under development|Unsupported model IR version.*", text):
        return ModelError(
            "onnx-version",
            f"{name} is newer than this ONNX Runtime: {match[0].strip()}.",
            "Update onnxruntime, or export the model with an older opset.",
            details=text,
        )
    return ModelError(
        "onnxruntime",
        f"ONNX Runtime refuses {name}: {_first_line(text)}",
        "Check the model with onnx.checker, or export it again.",
        details=text,
    )
