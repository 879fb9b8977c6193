"""How far apart two runs' outputs are: the ONNX's, which counts as right, and the engine's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.building.tolerances import Tolerance
from core.tensors import shape_text

OutputVerdict = Literal["within", "outside", "not-finite", "not-compared"]

_EXACT_UP_TO = 50_000_000  # elements; more are compared in float32, which takes half the memory
_MOST = 0.99  # of all values
_FEWEST = 16  # elements that a scale is taken from
_UNIT = 1.0  # no scale is smaller, unless the whole output is: scores are judged as parts of 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDifference:
    """One output of both; None where there is nothing to compare.

    Attributes:
        name: the output's.
        verdict: by the tolerance.
        why: what the verdict rests on, for people.
        largest: largest absolute difference.
        mean: mean absolute difference.
        largest_relative: largest difference, relative to the scale; see scales.
        most_relative: what 99 of 100 values are apart at most, relative to the scale.
        mean_relative: mean of the same.
        cosine: between both, as vectors.
        equal: share of equal elements, for integers, truth values and strings.
        nan: NaN in the engine's.
        inf: infinite values in the engine's.
        onnx_nan: NaN in the ONNX's.
        onnx_inf: infinite values in the ONNX's.
    """

    name: str
    verdict: OutputVerdict
    why: str
    largest: float | None = None
    mean: float | None = None
    largest_relative: float | None = None
    most_relative: float | None = None
    mean_relative: float | None = None
    cosine: float | None = None
    equal: float | None = None
    nan: int = 0
    inf: int = 0
    onnx_nan: int = 0
    onnx_inf: int = 0

    def as_json(self) -> dict[str, Any]:
        """An entry of `outputs` in a first run."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "why": self.why,
            "largest": self.largest,
            "mean": self.mean,
            "largest_relative": self.largest_relative,
            "most_relative": self.most_relative,
            "mean_relative": self.mean_relative,
            "cosine": self.cosine,
            "equal": self.equal,
            "nan": self.nan,
            "inf": self.inf,
            "onnx_nan": self.onnx_nan,
            "onnx_inf": self.onnx_inf,
        }


def compare_outputs(
    reference: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], tolerance: Tolerance
) -> tuple[OutputDifference, ...]:
    """Compare a run's outputs by name, in the order of `found`, those of the ONNX alone last.

    Args:
        reference: the ONNX's.
        found: the engine's.
        tolerance: what counts as the same.
    """
    compared = []
    for name, array in found.items():
        if name in reference:
            compared.append(compare_output(name, reference[name], array, tolerance))
        else:
            compared.append(_left(name, "the ONNX has no output of this name"))
    compared += [
        _left(name, "the engine has no output of this name")
        for name in reference
        if name not in found
    ]
    return tuple(compared)


def compare_output(
    name: str, reference: np.ndarray, found: np.ndarray, tolerance: Tolerance
) -> OutputDifference:
    """Compare one output; see compare_outputs."""
    if reference.shape != found.shape:
        return _left(
            name,
            f"it is {shape_text(found.shape)} from the engine and {shape_text(reference.shape)} "
            "from the ONNX",
        )
    if found.size == 0:
        return OutputDifference(name=name, verdict="within", why="both are empty", equal=1.0)
    if reference.dtype.kind in "biuOUS" and found.dtype.kind in "biuOUS":
        return _exactly(name, reference, found, tolerance)
    dtype = np.float64 if found.size <= _EXACT_UP_TO else np.float32
    right, own = reference.astype(dtype), found.astype(dtype)
    counts = {
        "nan": int(np.isnan(own).sum()),
        "inf": int(np.isinf(own).sum()),
        "onnx_nan": int(np.isnan(right).sum()),
        "onnx_inf": int(np.isinf(right).sum()),
    }
    finite = np.isfinite(right) & np.isfinite(own)
    spoilt = int((np.isfinite(right) & ~np.isfinite(own)).sum())
    if not finite.any():
        if spoilt:
            return OutputDifference(
                name=name, verdict="not-finite", why=_spoilt(spoilt, found.size), **counts
            )
        why = "no number of the ONNX's own is finite"
        return OutputDifference(name=name, verdict="not-compared", why=why, **counts)
    is_all = bool(finite.all())
    if not is_all:
        right, own = np.where(finite, right, 0), np.where(finite, own, 0)
    apart = np.abs(own - right)
    relative = apart / scales(right)
    count = int(finite.sum())
    cosine = _cosine(right, own)
    largest_relative = float(relative.max())
    most_relative = float(np.quantile(relative[finite], _MOST, method="higher"))
    mean_relative = float(relative.sum() / count)
    if spoilt:
        verdict: OutputVerdict = "not-finite"
        why = _spoilt(spoilt, found.size)
    else:
        verdict, why = _judged(most_relative, mean_relative, cosine, tolerance)
    return OutputDifference(
        name=name,
        verdict=verdict,
        why=why,
        largest=float(apart.max()),
        mean=float(apart.sum() / count),
        largest_relative=largest_relative,
        most_relative=most_relative,
        mean_relative=mean_relative,
        cosine=cosine,
        **counts,
    )


def scales(right: np.ndarray) -> np.ndarray:
    """What differences are relative to: broadcasts against `right`, and is nowhere 0.

    One output often holds several quantities: a detector's boxes are hundreds of pixels, its
    scores below 1. So each index along one axis has a scale of its own, its largest magnitude, but
    1 at least where the output has larger values: the scores of a class that is nowhere seen are
    all tiny, and a thousandth more or less of them says nothing. The axis is the one along which
    these scales differ most, if it leaves 16 elements to each; else the output has one scale. It
    is 1 where all is 0.

    Args:
        right: the ONNX's output, all finite.
    """
    size = np.abs(right)
    top = float(size.max())
    if top == 0:
        return np.ones((1,) * right.ndim, right.dtype)
    best, spread = np.full((1,) * right.ndim, top, right.dtype), 1.0
    for axis in range(1, right.ndim):
        length = right.shape[axis]
        if length < 2 or right.size // length < _FEWEST:
            continue
        others = tuple(one for one in range(right.ndim) if one != axis)
        largest = np.maximum(size.max(axis=others, keepdims=True), min(_UNIT, top))
        if top / float(largest.min()) > spread:
            best, spread = largest, top / float(largest.min())
    return best


def _judged(
    most: float, mean: float, cosine: float | None, tolerance: Tolerance
) -> tuple[OutputVerdict, str]:
    up_to = f"99 of 100 values are at most {percentage(most)} apart"
    if tolerance.most is not None and most > tolerance.most:
        return "outside", f"{up_to}, {percentage(tolerance.most)} is allowed"
    if mean > tolerance.mean:
        return "outside", (
            f"{percentage(mean)} apart on average, {percentage(tolerance.mean)} is allowed"
        )
    if cosine is not None and cosine < tolerance.cosine:
        return "outside", f"the cosine is {cosine:.5f}, {tolerance.cosine:g} is the least allowed"
    return "within", f"{up_to}, {percentage(mean)} on average"


def _exactly(
    name: str, reference: np.ndarray, found: np.ndarray, tolerance: Tolerance
) -> OutputDifference:
    equal = float((reference == found).mean())
    largest = mean = None
    if reference.dtype.kind in "iu" and found.dtype.kind in "iu":
        apart = np.abs(found.astype(np.float64) - reference.astype(np.float64))
        largest, mean = float(apart.max()), float(apart.mean())
    is_within = equal >= tolerance.equal
    why = f"{equal * 100:.4g} % of its values are equal"
    return OutputDifference(
        name=name,
        verdict="within" if is_within else "outside",
        why=why if is_within else f"{why}, {tolerance.equal * 100:g} % is the least allowed",
        largest=largest,
        mean=mean,
        equal=equal,
    )


def _cosine(right: np.ndarray, own: np.ndarray) -> float | None:
    """None where one of them has no direction."""
    a, b = right.ravel() / (np.abs(right).max() or 1), own.ravel() / (np.abs(own).max() or 1)
    lengths = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(np.clip(float(a @ b) / lengths, -1, 1)) if lengths else None


def _spoilt(count: int, size: int) -> str:
    share = "every value" if count == size else f"{count:,} of {size:,} values"
    are = "is" if count == size else "are"
    return f"{share} {are} NaN or infinite in the engine's, and not in the ONNX's"


def percentage(share: float) -> str:
    """A relative difference for people: "0.012 %"."""
    return f"{share * 100:.2g} %" if share < 1 else f"{share * 100:.0f} %"


def _left(name: str, why: str) -> OutputDifference:
    return OutputDifference(name=name, verdict="not-compared", why=why)
