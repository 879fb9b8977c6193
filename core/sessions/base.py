"""The contract that every runtime fulfils: arrays by name in, arrays by name out, and a timing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.errors import InputError
from core.tensors import TensorSpec, numpy_dtype, shape_text

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long one run took, in milliseconds, by the clock that is named.

    "cuda-events": differences of CUDA events on the run's stream. "wall-clock": Python's
    perf_counter around the call; there are no copies to tell apart then.
    """

    clock: Literal["cuda-events", "wall-clock"]
    compute_ms: float
    host_to_device_ms: float | None = None
    device_to_host_ms: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """What one run gave.

    Attributes:
        outputs: C-contiguous arrays by tensor name, in the model's order. The receiver owns
            them: no later run writes to an array that is still held.
        timing: milliseconds by stage.
        is_first: True for a session's first run with these input shapes; it is slower.
    """

    outputs: Arrays
    timing: Timing
    is_first: bool


class Session(ABC):
    """A model opened for running. Made, used and closed on one thread.

    Attributes:
        inputs: what run() needs, in the model's order.
        outputs: what run() gives, in the model's order.
        runtime: the runtime with its version, for people ("TensorRT 8.6.1").
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    runtime: str
    profile: int = 0

    def __init__(self) -> None:
        self._shapes_seen: set[tuple[tuple[int, ...], ...]] = set()

    def run(self, inputs: Mapping[str, np.ndarray]) -> RunResult:
        """Run once.

        Args:
            inputs: one array for every input, by name, with the exact dtype and a shape that
                fits.

        Raises:
            InputError: if an array is missing, unknown, or does not fit.
            ModelError, CudaError: if the runtime fails.
        """
        self.profile = fitting_profile(self.inputs, inputs, self.profile)
        arrays = check_inputs(self.inputs, inputs, self.profile)
        shapes = tuple(array.shape for array in arrays.values())
        outputs, timing = self._execute(arrays)
        is_first = shapes not in self._shapes_seen
        self._shapes_seen.add(shapes)
        return RunResult(outputs, timing, is_first)

    def __call__(self, *arrays: np.ndarray, **named: np.ndarray) -> Arrays:
        """Run on arrays in the model's input order, or by name; gives outputs by name."""
        names = [spec.name for spec in self.inputs]
        if len(arrays) > len(names):
            raise InputError(
                "input-extra",
                f"{len(arrays)} arrays were given; the model has {len(names)} inputs.",
                f"Give one for each of: {', '.join(names)}.",
            )
        return self.run(dict(zip(names, arrays, strict=False)) | named).outputs

    def input_buffer(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """An array to fill and then give to run(): the fastest way in.

        An engine's is page-locked, so that the copy to the GPU needs no copy before it.

        Raises:
            KeyError: if there is no input of that name.
        """
        return np.empty(shape, numpy_dtype(self._input_spec(name).dtype))

    def _input_spec(self, name: str) -> TensorSpec:
        return {spec.name: spec for spec in self.inputs}[name]

    @abstractmethod
    def _execute(self, inputs: Arrays) -> tuple[Arrays, Timing]:
        """Run on checked, C-contiguous inputs."""

    @abstractmethod
    def close(self) -> None:
        """Free what the session holds. May be called twice."""

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_inputs(
    specs: tuple[TensorSpec, ...], inputs: Mapping[str, np.ndarray], profile: int = 0
) -> Arrays:
    """Check arrays against what a model needs, for every runtime alike.

    Args:
        specs: the model's inputs.
        inputs: arrays by name.
        profile: index of the optimization profile in use, for its limits.

    Returns:
        The arrays in the model's order, C-contiguous and in this machine's byte order (copied
        only where they were not).

    Raises:
        InputError: naming the tensor, what was expected and what was given.
    """
    names = [spec.name for spec in specs]
    missing = [name for name in names if name not in inputs]
    if missing:
        raise InputError(
            "input-missing",
            f"No array was given for input {missing[0]!r}.",
            f"The model needs: {', '.join(names)}.",
        )
    extra = [name for name in inputs if name not in names]
    if extra:
        raise InputError(
            "input-extra",
            f"The model has no input {extra[0]!r}.",
            f"Its inputs are: {', '.join(names)}.",
        )
    return {spec.name: _check(spec, np.asarray(inputs[spec.name]), profile) for spec in specs}


def fitting_profile(
    specs: tuple[TensorSpec, ...], inputs: Mapping[str, np.ndarray], current: int
) -> int:
    """The optimization profile that all shapes fit in: `current` if it does, else the first.

    Gives `current` when none fits, so that check_inputs names the limits that are broken.
    """
    count = max((len(spec.profiles) for spec in specs), default=0)
    for profile in sorted(range(count), key=lambda index: index != current):
        if all(_fits(spec, inputs.get(spec.name), profile) for spec in specs):
            return profile
    return current


def _fits(spec: TensorSpec, array: np.ndarray | None, profile: int) -> bool:
    if array is None or not spec.profiles or spec.location == "host":
        return True
    limits = spec.profiles[profile]
    shape = np.shape(array)
    return len(shape) == len(limits.min) and all(
        low <= dim <= high for low, dim, high in zip(limits.min, shape, limits.max, strict=True)
    )


def _check(spec: TensorSpec, array: np.ndarray, profile: int) -> np.ndarray:
    given = f"{array.dtype.name} {shape_text(array.shape)}"
    if spec.dtype == "string":
        if array.dtype.kind not in "OUS":
            raise _misfit(spec, "dtype", "strings", given)
    elif array.dtype.name != spec.dtype:
        raise _misfit(spec, "dtype", spec.dtype, given)
    if array.ndim != len(spec.shape):
        raise _misfit(spec, "rank", f"{len(spec.shape)} dimensions", given)
    for wanted, dim in zip(spec.shape, array.shape, strict=True):
        if wanted is not None and wanted != dim:
            raise _misfit(spec, "shape", shape_text(spec.shape), given)
    if not _fits(spec, array, profile):
        limits = spec.profiles[profile]
        wanted_text = f"{shape_text(limits.min)} to {shape_text(limits.max)}"
        raise _misfit(spec, "profile", f"{wanted_text} (profile {profile})", given)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(array) if array.ndim else array


def _misfit(spec: TensorSpec, what: str, expected: str, given: str) -> InputError:
    return InputError(
        f"input-{what}",
        f"Input {spec.name!r} does not fit: expected {expected}, given {given}.",
        f"Input {spec.name!r} takes {spec.dtype} {shape_text(spec.shape)}.",
    )
