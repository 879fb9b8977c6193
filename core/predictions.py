"""What outputs mean, in the picture's own pixels. Frozen values, best first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Detection:
    """An object found: its class, score 0..1 and box x1 y1 x2 y2 in the picture's pixels."""

    label: str
    class_id: int
    score: float
    box: tuple[float, float, float, float]

    def as_json(self) -> dict[str, object]:
        """A box of `enginebay run --json`."""
        return _located_json(self)


@dataclass(frozen=True, slots=True)
class ClassScore:
    """A class and its probability 0..1."""

    label: str
    class_id: int
    score: float

    def as_json(self) -> dict[str, object]:
        """A class of `enginebay run --json`."""
        return {"label": self.label, "class_id": self.class_id, "score": round(self.score, 6)}


@dataclass(frozen=True, slots=True, eq=False)
class OutputImage:
    """A picture that the network made: (H, W, 3) uint8, RGB."""

    tensor: str
    pixels: np.ndarray
    note: str  # how its values became colours

    def as_json(self) -> dict[str, object]:
        """The picture's facts; its pixels are saved with --save."""
        height, width = self.pixels.shape[:2]
        return {"tensor": self.tensor, "width": width, "height": height, "note": self.note}


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Which pixels of the picture belong to an object: `bits` (h, w) bool, from (left, top) on."""

    left: int
    top: int
    bits: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """An object found, with its mask; otherwise as Detection."""

    label: str
    class_id: int
    score: float
    box: tuple[float, float, float, float]
    mask: Mask

    def as_json(self) -> dict[str, object]:
        """A box of `enginebay run --json`, and how many pixels its mask has."""
        return _located_json(self) | {"mask_pixels": int(self.mask.bits.sum())}


@dataclass(frozen=True, slots=True)
class OrientedBox:
    """A turned box found: its four corners in the picture's pixels; `box` lies around them."""

    label: str
    class_id: int
    score: float
    box: tuple[float, float, float, float]
    corners: tuple[tuple[float, float], ...]

    def as_json(self) -> dict[str, object]:
        """A box of `enginebay run --json`, and its corners."""
        corners = [[round(x, 3), round(y, 3)] for x, y in self.corners]
        return _located_json(self) | {"corners": corners}


@dataclass(frozen=True, slots=True)
class Pose:
    """An object found, with its keypoints: x, y in the picture's pixels, and a score 0..1."""

    label: str
    class_id: int
    score: float
    box: tuple[float, float, float, float]
    keypoints: tuple[tuple[float, float, float], ...]

    def as_json(self) -> dict[str, object]:
        """A box of `enginebay run --json`, and its keypoints."""
        points = [[round(x, 3), round(y, 3), round(score, 6)] for x, y, score in self.keypoints]
        return _located_json(self) | {"keypoints": points}


@dataclass(frozen=True, slots=True)
class ClassShare:
    """A class of a ClassMap, and the share of the picture's pixels that it has, 0..1."""

    label: str
    class_id: int
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class ClassMap:
    """A class for each pixel of the picture: (H, W) uint16; the shares, largest first."""

    tensor: str
    class_ids: np.ndarray
    shares: tuple[ClassShare, ...]

    def as_json(self) -> dict[str, object]:
        """The map's facts; its pixels are saved with --save."""
        classes = [
            {"label": one.label, "class_id": one.class_id, "share": round(one.share, 6)}
            for one in self.shares
        ]
        height, width = self.class_ids.shape
        return {"tensor": self.tensor, "width": width, "height": height, "classes": classes}


@dataclass(frozen=True, slots=True, eq=False)
class DenseMap:
    """A number for each pixel of the picture: (H, W) float32, finite values from low to high."""

    tensor: str
    values: np.ndarray
    low: float
    high: float
    note: str  # how it is shown

    def as_json(self) -> dict[str, object]:
        """The map's facts; its values are saved with --save."""
        height, width = self.values.shape
        return {
            "tensor": self.tensor,
            "width": width,
            "height": height,
            "low": self.low,
            "high": self.high,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A vector that stands for the picture: (d,) float32, and its Euclidean length."""

    tensor: str
    values: np.ndarray
    norm: float

    def as_json(self) -> dict[str, object]:
        """The vector's facts; its values are saved with --save."""
        return {"tensor": self.tensor, "size": len(self.values), "norm": round(self.norm, 6)}


@dataclass(frozen=True, slots=True)
class TensorSummary:
    """An output tensor in numbers. min, max and mean are over the finite values; None without.

    `nan` and `inf` count elements.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    min: float | None
    max: float | None
    mean: float | None
    nan: int
    inf: int

    def as_json(self) -> dict[str, object]:
        """A tensor of `enginebay run --json`."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "shape": list(self.shape),
            "min": self.min,
            "max": self.max,
            "mean": self.mean,
            "nan": self.nan,
            "inf": self.inf,
        }


Located = Detection | Segment | OrientedBox | Pose
"""What has a place in the picture: label, class_id, score and box."""

Prediction = Located | ClassScore | ClassMap | DenseMap | OutputImage | Embedding | TensorSummary


def _located_json(found: Located) -> dict[str, object]:
    return {
        "label": found.label,
        "class_id": found.class_id,
        "score": round(found.score, 6),
        "box": [round(value, 3) for value in found.box],
    }


def class_label(names: tuple[str, ...], class_id: int) -> str:
    """A class's name, or its number where it has none."""
    return (names[class_id] if 0 <= class_id < len(names) else "") or str(class_id)


def summarize(name: str, array: np.ndarray) -> TensorSummary:
    """Count and measure one output; any dtype, also ml_dtypes', strings and empty ones."""
    shape, dtype = tuple(array.shape), array.dtype.name
    if array.size == 0 or array.dtype.kind in "OUSc":
        return TensorSummary(name, dtype, shape, None, None, None, 0, 0)
    numbers = array if array.dtype.kind in "biuf" else array.astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):  # infinities of both signs, huge values
        mean = float(numbers.mean(dtype=np.float64))
    if np.isfinite(mean):  # then every element is: one pass instead of three
        return TensorSummary(
            name, dtype, shape, float(numbers.min()), float(numbers.max()), mean, 0, 0
        )
    nan = int(np.isnan(numbers).sum())
    finite = numbers[np.isfinite(numbers)]
    inf = int(numbers.size - finite.size - nan)
    if finite.size == 0:
        return TensorSummary(name, dtype, shape, None, None, None, nan, inf)
    low, high = float(finite.min()), float(finite.max())
    mean = float((finite.astype(np.float64) / finite.size).sum())  # a sum that cannot overflow
    return TensorSummary(name, dtype, shape, low, high, mean, nan, inf)


def is_finite(array: np.ndarray) -> bool:
    """False where an output has NaN or infinities, or values whose sum is past all bounds.

    One pass, a fifth of what summarize() takes.
    """
    if array.size == 0 or array.dtype.kind in "OUSciub":
        return True
    numbers = array if array.dtype.kind == "f" else array.astype(np.float32)
    wide = np.promote_types(numbers.dtype, np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(np.isfinite(numbers.sum(dtype=wide)))
