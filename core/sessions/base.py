"""The contract that every runtime fulfils: arrays by name in, arrays by name out, and a timing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from core.errors import InputError, ModelError
from core.sessions.lanes import Lane, LaneOptions
from core.tensors import Shape, TensorSpec, numpy_dtype, shape_text

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
        profile: index of the optimization profile of the last run.
        pinned_profile: the profile that every run must use; None: the first that fits.
        symbols: the model's names for its free dimensions ("batch"), by tensor, a name or None
            for each dimension; dimensions of one name are one number. Empty where the model has
            none.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    runtime: str
    profile: int = 0
    pinned_profile: int | None = None
    symbols: Mapping[str, tuple[str | None, ...]] = MappingProxyType({})

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
        self.profile = self._profile_for({name: np.shape(one) for name, one in inputs.items()})
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

    def lanes(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        options: LaneOptions,
        values: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> Sequence[Lane]:
        """Lanes for queries of these shapes; nobody calls run() before they are closed.

        Args:
            shapes: one for every input.
            options: how many, and how they run.
            values: those of the shape tensors (inputs with location "host").

        Raises:
            InputError, ModelError: as run(); kind "contexts" if there is no room for so many.
        """
        _check_names(self.inputs, shapes)
        profile = self._profile_for(shapes)
        for spec in self.inputs:
            check_shape(spec, shapes[spec.name], profile)
        self.profile = profile
        return self._make_lanes(shapes, options, values)

    def _make_lanes(self, *_: Any, **__: Any) -> Sequence[Lane]:
        """Lanes for checked shapes; the arguments of lanes."""
        raise ModelError("no-lanes", f"{self.runtime} has no lanes.", "Run the model instead.")

    @property
    def profile_count(self) -> int:
        """How many optimization profiles there are; 0 where no input has any."""
        return max((len(spec.profiles) for spec in self.inputs), default=0)

    def pin_profile(self, profile: int | None) -> None:
        """Use this optimization profile in every run; None: the first that fits again.

        Raises:
            InputError: kind "no-profile", if the model has no such profile.
        """
        count = self.profile_count
        if profile is not None and not 0 <= profile < count:
            what = f"profiles 0 to {count - 1}" if count else "no optimization profiles"
            raise InputError(
                "no-profile",
                f"There is no profile {profile}: the model has {what}.",
                "Choose one of them." if count else "Leave the profile out.",
            )
        self.pinned_profile = profile

    def output_shapes(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        values: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> dict[str, Shape | None]:
        """What shapes the outputs would have, without a run.

        Args:
            shapes: one for every input.
            values: those of the shape tensors (inputs with location "host"), which shapes may
                depend on.

        Returns:
            A shape for each output, None for dimensions that only a run can tell, and None where
            not even their number is known. An ONNX's are what the model declares.

        Raises:
            InputError: as run(), for a shape that does not fit.
            ModelError: if the runtime refuses these shapes.
        """
        _check_names(self.inputs, shapes)
        profile = self._profile_for(shapes)
        for spec in self.inputs:
            check_shape(spec, shapes[spec.name], profile)
        self.profile = profile
        return self._infer_outputs(shapes, values)

    def _infer_outputs(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        values: Mapping[str, np.ndarray],  # noqa: ARG002 - for runtimes with shape tensors
    ) -> dict[str, Shape | None]:
        known = {
            symbol: dim
            for name, shape in shapes.items()
            for symbol, dim in zip(self.symbols.get(name, ()), shape, strict=False)
            if symbol is not None
        }
        # ONNX Runtime gives scalars, tensors of unknown rank and sequences alike no dimensions.
        return {
            spec.name: None
            if not spec.shape
            else tuple(
                known.get(symbol or "") if dim is None else dim
                for dim, symbol in zip(
                    spec.shape,
                    self.symbols.get(spec.name, (None,) * len(spec.shape)),
                    strict=True,
                )
            )
            for spec in self.outputs
        }

    def _profile_for(self, shapes: Mapping[str, tuple[int, ...]]) -> int:
        if self.pinned_profile is not None:
            return self.pinned_profile
        return fitting_profile(self.inputs, shapes, self.profile)

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
    _check_names(specs, inputs)
    return {spec.name: _check(spec, np.asarray(inputs[spec.name]), profile) for spec in specs}


def _check_names(specs: tuple[TensorSpec, ...], inputs: Mapping[str, object]) -> None:
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


def fitting_profile(
    specs: tuple[TensorSpec, ...], shapes: Mapping[str, tuple[int, ...]], current: int
) -> int:
    """The optimization profile that all shapes fit in: `current` if it does, else the first.

    Gives `current` when none fits, so that check_inputs names the limits that are broken.
    """
    count = max((len(spec.profiles) for spec in specs), default=0)
    for profile in sorted(range(count), key=lambda index: index != current):
        if all(
            spec.name not in shapes or not _outside(spec, shapes[spec.name], profile)
            for spec in specs
        ):
            return profile
    return current


def check_shape(spec: TensorSpec, shape: tuple[int, ...], profile: int, dtype: str = "") -> None:
    """Check a shape against an input's fixed dimensions and the limits of a profile.

    Args:
        spec: the input.
        shape: what it shall have.
        profile: index of the optimization profile.
        dtype: what was given with it, for the message.

    Raises:
        InputError: naming the input, what was expected and what was given.
    """
    given = f"{dtype} {shape_text(shape)}".strip()
    if len(shape) != len(spec.shape):
        raise misfit(spec, "rank", f"{len(spec.shape)} dimensions", given)
    for wanted, dim in zip(spec.shape, shape, strict=True):
        if dim < 0 or (wanted is not None and wanted != dim):
            raise misfit(spec, "shape", shape_text(spec.shape), given)
    for index in _outside(spec, shape, profile):
        limits = spec.profiles[profile]
        wanted_text = f"{shape_text(limits.min)} to {shape_text(limits.max)} (profile {profile})"
        given += f": dimension {index} takes {limits.min[index]} to {limits.max[index]}"
        raise misfit(spec, "profile", wanted_text, given)


def _outside(spec: TensorSpec, shape: tuple[int, ...], profile: int) -> list[int]:
    """The dimensions that lie outside the profile's limits; all where the rank is another."""
    if not spec.profiles or spec.location == "host":
        return []
    limits = spec.profiles[profile]
    if len(shape) != len(limits.min):
        return list(range(len(limits.min)))
    triples = zip(limits.min, shape, limits.max, strict=True)
    return [index for index, (low, dim, high) in enumerate(triples) if not low <= dim <= high]


def _check(spec: TensorSpec, array: np.ndarray, profile: int) -> np.ndarray:
    given = f"{array.dtype.name} {shape_text(array.shape)}"
    if spec.dtype == "string":
        if array.dtype.kind not in "OUS":
            raise misfit(spec, "dtype", "strings", given)
    elif array.dtype.name != spec.dtype:
        raise misfit(spec, "dtype", spec.dtype, given)
    check_shape(spec, array.shape, profile, array.dtype.name)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(array) if array.ndim else array


def misfit(spec: TensorSpec, what: str, expected: str, given: str) -> InputError:
    """What does not fit an input: its "rank", "shape", "dtype" or "profile"."""
    return InputError(
        f"input-{what}",
        f"Input {spec.name!r} does not fit: expected {expected}, given {given}.",
        f"Input {spec.name!r} takes {spec.dtype} {shape_text(spec.shape)}.",
    )
