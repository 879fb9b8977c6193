"""What a model's outputs are, and how they are read: one file for each task.

Each module has `recognise`, which gives the evidence that the outputs are of its task or None,
and `decode`, which reads them. `decode` gives None when the values contradict the shape: then
the outputs are shown as plain tensors, without claiming anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from core.predictions import Prediction
from core.sessions.base import Arrays
from core.tasks import classify, detect, image, tensors
from core.tasks.reading import Named, Reading, TaskGuess

TASKS: dict[str, ModuleType] = {
    "detect": detect,
    "classify": classify,
    "image": image,
    "tensors": tensors,
}
"""By name as in the commands' JSON, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The outputs, read: task and evidence, predictions best first, warnings for people."""

    guess: TaskGuess
    predictions: tuple[Prediction, ...]
    warnings: tuple[str, ...] = ()


def guess_task(outputs: Sequence[Named], reading: Reading) -> TaskGuess:
    """The task that the outputs' names and shapes speak for.

    Args:
        outputs: name and shape of each output; None for unknown dimensions.
        reading: the network picture's size and channels, and the exporter's metadata.
    """
    for name, task in TASKS.items():
        evidence = task.recognise(outputs, reading)
        if evidence is not None:
            return TaskGuess(name, evidence)
    raise AssertionError("the tensors task takes everything")


def decode(outputs: Arrays, reading: Reading) -> Decoded:
    """Read a run's outputs.

    Args:
        outputs: arrays by name, as a session gives them.
        reading: the picture, its place in the network's picture, names and thresholds.
    """
    named = [(name, array.shape) for name, array in outputs.items()]
    guess = guess_task(named, reading)
    predictions = TASKS[guess.task].decode(outputs, reading)
    if predictions is not None:
        return Decoded(guess, tuple(predictions))
    plain = TaskGuess("tensors", f"{guess.evidence}, but the values contradict {guess.task}")
    warning = f"The outputs have the shape of {guess.task}, but not its values: shown as tensors."
    return Decoded(plain, tuple(tensors.decode(outputs, reading)), (warning,))


__all__ = ["TASKS", "Decoded", "Reading", "TaskGuess", "decode", "guess_task"]
