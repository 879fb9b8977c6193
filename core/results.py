"""What one test run gave: outputs, predictions, warnings, and how long each stage took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from core.images import Image
from core.predictions import Prediction, TensorSummary
from core.preprocess import picture_of
from core.recipes import Recipe
from core.sessions.base import Arrays, Timing
from core.tasks import Choices, Decoded, Reading, TaskGuess, decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Milliseconds of each stage, wall clock where `clock` does not say otherwise.

    read, preprocess and postprocess are None where there was no picture; the copies are None
    on the CPU.
    """

    read: float | None
    preprocess: float | None
    host_to_device: float | None
    compute: float
    device_to_host: float | None
    postprocess: float
    total: float  # wall clock, from the file to the predictions
    clock: str  # of the three in the middle, see Timing

    def as_json(self) -> dict[str, float | None]:
        """The `timing_ms` object of `enginebay run --json`."""
        values = (
            ("read", self.read),
            ("preprocess", self.preprocess),
            ("host_to_device", self.host_to_device),
            ("compute", self.compute),
            ("device_to_host", self.device_to_host),
            ("postprocess", self.postprocess),
            ("total", self.total),
        )
        return {name: None if ms is None else round(ms, 4) for name, ms in values}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TestResult:
    """One picture (or one random or given input) run through a model.

    Of a batch, inputs and outputs are the picture's own rows, and the stages those of all.
    """

    __test__ = False  # for pytest: no test class

    source: str  # the picture's path, "random input" or "given input"
    image: Image | None
    recipe: Recipe | None
    inputs: Arrays  # what the network got, by tensor name
    outputs: Arrays  # what it gave, by tensor name
    summaries: tuple[TensorSummary, ...]  # every output in numbers
    reading: Reading  # how the outputs were read
    guess: TaskGuess
    alternatives: tuple[TaskGuess, ...]  # the other ways in which they could be read
    predictions: tuple[Prediction, ...]
    warnings: tuple[str, ...]  # with the assumptions
    stages: Stages
    is_first: bool  # the first run with these shapes; slower than those to come
    origins: Mapping[str, str] = field(default_factory=dict)  # where each input came from
    assumptions: tuple[str, ...] = ()  # about inputs that nobody chose; they need no outputs

    @property
    def decoded(self) -> Decoded:
        """The outputs, read."""
        return Decoded(self.guess, self.predictions, self.warnings, self.alternatives)

    def read_again(self, choices: Choices) -> TestResult:
        """The same run with its outputs read by other choices; the model does not run.

        Raises:
            InputError: if they cannot be read as the choices say.
        """
        reading = replace(self.reading, choices=choices)
        decoded = decode(self.outputs, reading)
        return replace(
            self,
            reading=reading,
            guess=decoded.guess,
            alternatives=decoded.alternatives,
            predictions=decoded.predictions,
            warnings=(*watch(self.summaries), *self.assumptions, *decoded.warnings),
        )

    def network_picture(self) -> np.ndarray | None:
        """What the network saw: (H, W, 3) uint8, RGB; None without a picture."""
        if self.recipe is None:
            return None
        return picture_of(self.inputs[self.recipe.input], self.recipe)

    def as_json(self) -> dict[str, object]:
        """An entry of `images` in `enginebay run --json`."""
        return {
            "path": self.source,
            "task": self.guess.task,
            "evidence": self.guess.evidence,
            "certainty": self.guess.certainty,
            "inputs": {
                name: {
                    "shape": list(array.shape),
                    "dtype": array.dtype.name,
                    "from": self.origins.get(name, "array"),
                }
                for name, array in self.inputs.items()
            },
            "predictions": [prediction.as_json() for prediction in self.predictions],
            "warnings": list(self.warnings),
            "notes": [] if self.image is None else list(self.image.notes),
            "timing_ms": self.stages.as_json(),
        }


def stages_of(
    timing: Timing,
    *,
    read: float | None,
    preprocess: float | None,
    postprocess: float,
    total: float,
) -> Stages:
    """A run's stages, from the session's timing and the clock around it; milliseconds."""
    return Stages(
        read=read,
        preprocess=preprocess,
        host_to_device=timing.host_to_device_ms,
        compute=timing.compute_ms,
        device_to_host=timing.device_to_host_ms,
        postprocess=postprocess,
        total=total,
        clock=timing.clock,
    )


def watch(summaries: tuple[TensorSummary, ...]) -> tuple[str, ...]:
    """Warnings about values that no healthy output has. TensorRT checks nothing itself."""
    warnings = []
    for summary in summaries:
        size = int(np.prod(summary.shape, dtype=np.int64))
        for count, what in ((summary.nan, "NaN"), (summary.inf, "infinite")):
            if count:
                share = "every value" if count == size else f"{count:,} of {size:,} values"
                warnings.append(
                    f"Output {summary.name!r}: {share} {'is' if count == size else 'are'} {what}."
                    " Do not trust this result; FP16 overflow or a damaged file are the usual "
                    "causes."
                )
    return tuple(warnings)
