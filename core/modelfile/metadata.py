"""The exporter's metadata: Ultralytics' keys, and WinML's image keys.

The same keys stand in the JSON before an Ultralytics engine and in an ONNX file's
metadata_props. Every value may be a string; `names` may be a Python literal. Metadata is data:
it is parsed by a literal parser, never evaluated, and a value that does not fit is ignored.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_MAX_INT = 2**31 - 1  # no size, stride or batch is larger; Python cannot even print the largest
_MAX_LITERAL = 200_000  # characters; deep or long literals make Python's parser slow


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the exporter wrote, raw, and the parts that Enginebay understands."""

    raw: Mapping[str, object] = field(default_factory=dict)
    task: str | None = None  # Ultralytics' word: "detect", "classify", "segment", ...
    names: tuple[str, ...] = ()  # class names by class id; () where unknown
    image_size_hw: tuple[int, int] | None = None  # pixels
    stride: int | None = None
    channels: int | None = None
    batch: int | None = None  # what the exporter was asked for
    precision: str | None = None  # "FP16" or "INT8", where the exporter was asked for it
    date: str | None = None  # of the export, as the exporter writes it
    version: str | None = None  # the exporter's own
    author: str | None = None
    end_to_end: bool = False  # boxes come out finished: no NMS to do
    pixel_format: str | None = None  # WinML: "Gray8", "Rgb8", "Bgr8"
    pixel_range: str | None = None  # WinML: "NominalRange_0_255", "Normalized_0_1", ...
    whose: str = "the file's"  # where it stands, for people

    @property
    def texts(self) -> dict[str, str]:
        """All of `raw` as it goes before an engine's plan: every value a text."""
        return {key: str(value) for key, value in self.raw.items()}

    @property
    def is_ultralytics(self) -> bool:
        """True when the keys that Ultralytics' exporter always writes are there."""
        return {"task", "names", "imgsz"} <= self.raw.keys()

    @property
    def keypoint_shape(self) -> tuple[int, int] | None:
        """Ultralytics' kpt_shape: keypoints an object, and 2 (x, y) or 3 (x, y, score) of each."""
        shape = _ints(self.raw.get("kpt_shape"))
        return (shape[0], shape[1]) if len(shape) == 2 and shape[1] in (2, 3) else None


def parse_metadata(raw: Mapping[str, object]) -> Metadata:
    """Read the understood keys; whatever is malformed reads as absent."""
    size = _ints(raw.get("imgsz"))
    names = _literal(raw.get("names"))
    return Metadata(
        raw=dict(raw),
        task=_text(raw.get("task")),
        names=class_names(names),
        image_size_hw=(size[0], size[-1]) if len(size) in (1, 2) else None,
        stride=next(iter(_ints(raw.get("stride"))), None),
        channels=next(iter(_ints(raw.get("channels"))), None),
        batch=next(iter(_ints(raw.get("batch"))), None),
        precision=_precision(raw.get("args")),
        date=_text(raw.get("date")),
        version=_text(raw.get("version")),
        author=_text(raw.get("author")),
        end_to_end=_literal(raw.get("end2end")) is True,
        pixel_format=_text(raw.get("Image.BitmapPixelFormat")),
        pixel_range=_text(raw.get("Image.NominalPixelRange")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _precision(value: object) -> str | None:
    """From the arguments of Ultralytics' export: INT8 goes before FP16, as in its exporter."""
    arguments = _literal(value)
    if not isinstance(arguments, dict):
        return None
    wishes = {"INT8": arguments.get("int8"), "FP16": arguments.get("half")}
    return next((name for name, wish in wishes.items() if wish is True), None)


def _literal(value: object) -> object:
    if not isinstance(value, str):
        return value
    if len(value) > _MAX_LITERAL:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # odd text is no concern of the user's
            return ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _ints(value: object) -> tuple[int, ...]:
    value = _literal(value)
    items: Sequence[object] = value if isinstance(value, (list, tuple)) else [value]
    numbers = tuple(
        item
        for item in items
        if isinstance(item, int) and not isinstance(item, bool) and 0 < item <= _MAX_INT
    )
    return numbers if len(numbers) == len(items) else ()


def class_names(value: object) -> tuple[str, ...]:
    """Names by class id from {0: "a", 1: "b"}, {"0": "a"} or ["a", "b"]; ids must be 0..n-1.

    Returns:
        One printable line each; () for anything else.
    """
    if isinstance(value, (list, tuple)):
        return tuple(_one_line(name) for name in value)
    if not isinstance(value, dict):
        return ()
    try:
        by_id = {int(key): _one_line(name) for key, name in value.items()}
    except (ValueError, TypeError, OverflowError):
        return ()
    if sorted(by_id) != list(range(len(by_id))):
        return ()
    return tuple(by_id[index] for index in range(len(by_id)))


def _one_line(name: object) -> str:
    """A class name as it can be shown: on one line, nothing that a terminal would obey."""
    text = " ".join(str(name).split())
    return "".join(letter for letter in text if letter.isprintable())
