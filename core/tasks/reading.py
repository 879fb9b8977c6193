"""What the tasks are given to read outputs with, and what they say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from core.class_names import BuiltIn, assumed_names, check_count
from core.modelfile.metadata import Metadata
from core.placement import IN_PLACE, Placement
from core.predictions import Prediction
from core.sessions.base import Arrays
from core.tensors import Shape

Named = tuple[str, Shape]
"""An output's name and shape."""

ImageRange = Literal["automatic", "clamp", "fit"]
"""How an output image's values become 0..255: by what they are, cut off, or stretched."""

Certainty = Literal["certain", "likely", "possible"]
"""certain: the file says so and the shapes agree. likely: names or shapes that hardly anything
else has. possible: it could be read so, but nothing says so: offered, never chosen unasked."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why outputs may be read in a way, for people, and how sure that is."""

    words: str
    certainty: Certainty = "likely"
    assumed: str = ""  # what is taken for granted beside it: "names assumed: COCO's 80"


@dataclass(frozen=True, slots=True)
class TaskGuess:
    """A way to read the outputs: the task, which of its layouts, and why."""

    task: str
    evidence: str
    layout: str = ""  # where the task has several: "ultralytics", "yolov5"; else ""
    certainty: Certainty = "likely"
    assumed: str = ""  # as Evidence.assumed; what was decoded has it in its evidence, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the user may change in how outputs are read; none of it needs a new run.

    Default thresholds are those of Ultralytics' non_max_suppression (utils/nms.py: conf_thres
    0.25, iou_thres 0.45, max_det 300).
    """

    task: str | None = None  # None: the best guess
    layout: str | None = None  # None: the best guess of the task
    score_threshold: float = 0.25
    iou_threshold: float = 0.45
    max_detections: int = 300
    top_k: int = 5
    class_names: tuple[str, ...] = ()  # in place of the file's own; () for none
    image_range: ImageRange = "automatic"  # of output images' values


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The picture behind the outputs, and the choices in reading them."""

    picture_wh: tuple[int, int] | None = None  # None: the input was no picture
    network_wh: tuple[int, int] | None = None
    placement: Placement = IN_PLACE
    channels: int = 3
    bgr: bool = False  # the input takes blue first; so pictures are taken to come out, too
    batch: int = 1  # the input's; an output whose first dimension is another is no batch
    metadata: Metadata = field(default_factory=Metadata)
    choices: Choices = field(default_factory=Choices)

    def names(self, count: int, assume: BuiltIn | None = None) -> tuple[str, ...]:
        """As fitting_names, for outputs that have `count` classes for certain.

        Raises:
            InputError: kind "class-names-count", if the user's names are more or fewer.
        """
        if self.choices.class_names:
            check_count(self.choices.class_names, count)
        return self.fitting_names(count, assume)

    def fitting_names(self, count: int, assume: BuiltIn | None = None) -> tuple[str, ...]:
        """Names for `count` classes: the user's, else the file's; () where neither fits.

        Args:
            count: how many classes there are.
            assume: the built-in list to take where neither the user nor the file names any
                class. Evidence.assumed must then say so: see `assumed`.
        """
        given = (self.choices.class_names, self.metadata.names)
        for names in given:
            if len(names) == count:
                return names
        return () if assume is None or any(given) else assumed_names(assume, count)[0]

    @property
    def given_names(self) -> tuple[str, ...]:
        """The user's names, else the file's, for outputs that do not tell how many classes."""
        return self.choices.class_names or self.metadata.names

    def assumed(self, count: int | None, assume: BuiltIn) -> str:
        """What `names` assumes, for Evidence.assumed; "" where it assumes nothing."""
        if count is None or self.given_names:
            return ""
        return assumed_names(assume, count)[1]


class Reader(Protocol):
    """A module that reads one layout of one task."""

    TASK: str
    LAYOUT: str

    def recognise(self, outputs: Sequence[Named], reading: Reading) -> Evidence | None:
        """Why the outputs, by name and shape, may be read so; None where they cannot be."""

    def decode(self, outputs: Arrays, reading: Reading) -> Sequence[Prediction] | None:
        """The predictions, best first; None when the values contradict the shape."""
