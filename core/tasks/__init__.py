"""What a model's outputs are, and how they are read: one file for each layout of each task.

Each module is a Reader (core.tasks.reading): `recognise` gives the evidence that the outputs may
be read so, `decode` reads them. `decode` gives None when the values contradict the shape: then
the next best reading is tried, and in the end the outputs are shown as plain tensors, without
claiming anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.errors import InputError
from core.modelfile.metadata import Metadata
from core.placement import IN_PLACE
from core.predictions import Prediction
from core.sessions.base import Arrays
from core.tasks import (
    classify,
    dense,
    embed,
    image,
    instance_masks,
    instance_segment,
    obb,
    pose,
    semantic_ids,
    semantic_segment,
    tensors,
)
from core.tasks.detect import (
    detr,
    efficient_nms,
    end_to_end,
    ssd,
    ssd_finished,
    ultralytics,
    yolov5,
    yolox,
)
from core.tasks.reading import Choices, Evidence, Named, Reader, Reading, TaskGuess

READERS: tuple[Reader, ...] = (
    instance_segment,
    instance_masks,  # before detection: their boxes are finished ones, too
    pose,  # before detection: a person's keypoints could be scores of 52 classes
    ultralytics,
    yolov5,
    yolox,
    efficient_nms,
    ssd_finished,
    ssd,
    detr,
    obb,
    classify,
    end_to_end,  # after classify: one box found has the shape of six or seven classes' scores
    embed,
    image,
    dense,
    semantic_segment,
    semantic_ids,
    tensors,
)
"""In the order in which equally good evidence is believed."""

TASKS = tuple(dict.fromkeys(reader.TASK for reader in READERS))
"""Their names, as in the commands' JSON."""

_ORDER = ("certain", "likely", "possible")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The outputs, read: task and evidence, predictions best first, warnings for people.

    `alternatives` are all the other ways in which these outputs could be read, best first.
    """

    guess: TaskGuess
    predictions: tuple[Prediction, ...]
    warnings: tuple[str, ...] = ()
    alternatives: tuple[TaskGuess, ...] = ()


def ways_to_read(outputs: Sequence[Named], reading: Reading) -> list[TaskGuess]:
    """Every way to read outputs of these names and shapes, the best first.

    Args:
        outputs: name and shape of each output; None for unknown dimensions.
        reading: the network picture's size and channels, and the exporter's metadata.
    """
    return [guess for _, guess in _fitting(outputs, reading)]


def guess_task(outputs: Sequence[Named], reading: Reading) -> TaskGuess:
    """The best way to read them, by the user's choice or by what names and shapes speak for.

    Raises:
        InputError: kind "task-does-not-fit", if they cannot be read as the user chose.
    """
    return _chosen(_fitting(outputs, reading), reading)[0][1]


def decode(outputs: Arrays, reading: Reading) -> Decoded:
    """Read a run's outputs.

    Args:
        outputs: arrays by name, as a session gives them.
        reading: the picture, its place in the network's picture, and the user's choices.

    Raises:
        InputError: as guess_task.
    """
    fitting = _fitting([(name, array.shape) for name, array in outputs.items()], reading)
    refuted: TaskGuess | None = None
    for reader, guess in _chosen(fitting, reading):
        predictions = reader.decode(outputs, reading)
        if predictions is None:
            refuted = refuted or guess
            continue
        others = tuple(other for _, other in fitting if other != guess)
        warnings: tuple[str, ...] = ()
        if guess.task == "tensors" and refuted is not None:
            what = refuted.task
            guess = TaskGuess("tensors", f"{refuted.evidence}, but the values contradict {what}")
            warnings = (
                f"The outputs have the shape of {what}, but not its values: shown as tensors.",
            )
        if guess.assumed:
            guess = replace(guess, evidence=f"{guess.evidence}; {guess.assumed}")
        return Decoded(guess, tuple(predictions), warnings, others)
    raise AssertionError("the tensors task takes everything")


_Fitting = tuple[tuple[Reader, TaskGuess], ...]
_last: tuple[tuple[object, ...], Metadata, _Fitting] | None = None


def _fitting(outputs: Sequence[Named], reading: Reading) -> _Fitting:
    """The readers that fit, the best first. Kept for the next picture: asking takes its time."""
    global _last
    key = (tuple(outputs), reading.network_wh, reading.channels, reading.batch, reading.choices)
    last = _last  # another thread may put its own there meanwhile
    if last is not None and last[0] == key and last[1] is reading.metadata:
        return last[2]
    # Without the picture, which is another one next time.
    found = _recognised(outputs, replace(reading, picture_wh=None, placement=IN_PLACE))
    _last = (key, reading.metadata, found)
    return found


def _recognised(outputs: Sequence[Named], reading: Reading) -> _Fitting:
    found = []
    for reader in READERS:
        evidence = reader.recognise(outputs, reading)
        if evidence is not None:
            words, certainty = evidence.words, evidence.certainty
            guess = TaskGuess(reader.TASK, words, reader.LAYOUT, certainty, evidence.assumed)
            found.append((reader, guess))
    if any(guess.certainty != "possible" for _, guess in found):  # then a reader does know them
        words = "the outputs as numbers, whatever they mean"
        found = [
            (reader, replace(guess, evidence=words) if guess.task == "tensors" else guess)
            for reader, guess in found
        ]
    return tuple(sorted(found, key=lambda pair: _ORDER.index(pair[1].certainty)))


def _chosen(fitting: _Fitting, reading: Reading) -> list[tuple[Reader, TaskGuess]]:
    """What is to be tried, in this order; the last always fits."""
    choices = reading.choices
    if choices.task is None:
        claimed = [pair for pair in fitting if pair[1].certainty != "possible"]
        plain = [pair for pair in fitting if pair[1].task == "tensors"]
        return claimed + plain
    wanted = [
        pair
        for pair in fitting
        if pair[1].task == choices.task and choices.layout in (None, pair[1].layout)
    ]
    if not wanted:
        name = f"{choices.task} ({choices.layout})" if choices.layout else choices.task
        raise InputError(
            "task-does-not-fit",
            f"The outputs cannot be read as {name}.",
            "They can be read as: "
            + ", ".join(dict.fromkeys(guess.task for _, guess in fitting))
            + ".",
        )
    return wanted + [pair for pair in fitting if pair[1].task == "tensors"]


__all__ = [
    "READERS",
    "TASKS",
    "Choices",
    "Decoded",
    "Evidence",
    "Reading",
    "TaskGuess",
    "decode",
    "guess_task",
    "ways_to_read",
]
