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
        return {
            "label": self.label,
            "class_id": self.class_id,
            "score": round(self.score, 6),
            "box": [round(value, 3) for value in self.box],
        }


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


Prediction = Detection | ClassScore | OutputImage | TensorSummary


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
