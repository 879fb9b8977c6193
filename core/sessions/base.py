"""The contract that every runtime fulfils: arrays by name in, arrays by name out, and a timing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from core.errors import InputError, ModelError
from core.sessions.input_check import check_inputs, check_names, check_shape, fitting_profile
from core.sessions.lanes import Lane, LaneOptions
from core.tensors import Shape, TensorSpec, numpy_dtype

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


NO_WEIGHTS = (
    "This engine was built without its weights (--stripWeights): until they are put back by a "
    "refit, its outputs mean nothing."
)
"""TensorRT says no word of it: such an engine loads, runs and gives zeros, and trtexec calls that
PASSED (measured by users of its weight stripping)."""


class Session(ABC):
    """A model opened for running. Made, used and closed on one thread.

    Attributes:
        inputs: what run() needs, in the model's order.
        outputs: what run() gives, in the model's order.
        runtime: the runtime with its version, for people ("TensorRT 8.6.1").
        profile: index of the optimization profile of the last run.
        pinned_profile: the profile that every run must use; None: the first that fits.
        cautions: what is to be said of every result, a sentence each.
        symbols: the model's names for its free dimensions ("batch"), by tensor, a name or None
            for each dimension; dimensions of one name are one number. Empty where the model has
            none.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    runtime: str
    profile: int = 0
    pinned_profile: int | None = None
    cautions: tuple[str, ...] = ()
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
            Cancelled: if it was interrupted.
        """
        arrays = self._checked(inputs)
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

    def interrupt(self) -> None:  # noqa: B027 - not every runtime can
        """Ask the run that is going on to end early, from any thread; run() then raises Cancelled.

        A runtime that cannot be interrupted finishes it; that is what this one does.
        """

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
            InputError: as run(), for a shape that does not fit.
            ModelError: kind "contexts", if there is no room for so many; or as run().
        """
        check_names(self.inputs, shapes)
        profile = self._profile_for(shapes)
        for spec in self.inputs:
            check_shape(spec, shapes[spec.name], profile)
        self.profile = profile
        return self._make_lanes(shapes, options, values)

    def _make_lanes(
        self,
        shapes: Mapping[str, tuple[int, ...]],  # noqa: ARG002 - for runtimes that have them
        options: LaneOptions,  # noqa: ARG002
        values: Mapping[str, np.ndarray],  # noqa: ARG002
    ) -> Sequence[Lane]:
        """Lanes for checked shapes."""
        raise ModelError(
            "no-lanes", f"{self.runtime} runs one query after another.", "Use run() instead."
        )

    @property
    def uses_graph(self) -> bool:
        """Whether run() starts a CUDA graph by now."""
        return False

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
        check_names(self.inputs, shapes)
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

    def _checked(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """The inputs as check_inputs gives them, with the profile chosen that they need."""
        self.profile = self._profile_for({name: np.shape(one) for name, one in inputs.items()})
        return check_inputs(self.inputs, inputs, self.profile)

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
