"""How far an engine's outputs may be from its ONNX's on the CPU, by the precision that it runs in.

No single number is right for all networks; these are the ones that Enginebay judges by, and it
always shows the differences themselves beside the verdict. Differences are relative to what is
large in an output (core.building.differences), not to each element: values near zero say nothing.
Judged are the 99 of 100 values that are least apart, the mean, and the direction. The very largest
difference is shown, too, but one steep sigmoid among a million values can turn by itself.

Sources. Polygraphy's comparison (CompareFunc.simple) has 1e-5 absolute and relative for every
precision, which hardly any engine keeps: its own guide tells to loosen it for FP16 and INT8. Tests
of single operators in ONNX Runtime (onnxruntime/test/providers/checkers.cc) allow a relative 1e-4
for FP32, 1e-3 (and 2.5e-3 absolute) for FP16 and 1e-2 for BF16. A whole network adds errors up over
tens of layers. Seen on YOLOX-Nano and a photo with nothing but its weights rounded, on ONNX
Runtime: 99 of 100 values within 0.7 % for FP16's 10 bits of mantissa, 4 % for BF16's 7, 13 % for
INT8; 0.03 %, 0.2 % and 0.6 % on average; the cosine 1e-4, 3e-3 and 2e-2 below 1. Rounding what
flows between the layers does as much again, so that here it is some four times these. TF32 rounds
like FP16, but only products. A quantized box may be some pixels off and still be the same box.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from core.building.real_precision import RealPrecision


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What counts as the same; differences are relative to the output's scale.

    Attributes:
        precision: that it is for.
        most: what 99 of 100 values keep; None where that is not judged.
        mean: of all values.
        cosine: the least between both outputs as vectors.
        equal: the least share of equal elements in an output of integers or truth values.
        pixels: that a box's edge may be off.
        score: a box that is less above the threshold than this may be missing.
    """

    precision: str
    most: float | None
    mean: float
    cosine: float
    equal: float
    pixels: float
    score: float

    def as_json(self) -> dict[str, object]:
        """The object `tolerance` of a first run."""
        return {
            "precision": self.precision,
            "most_relative": self.most,
            "mean_relative": self.mean,
            "least_cosine": self.cosine,
            "least_equal_share": self.equal,
            "pixels": self.pixels,
            "score": self.score,
        }

    def words(self) -> str:
        """For people: "FP16: 99 of 100 values at most 3 % apart, 0.5 % on average"."""
        most = (
            "" if self.most is None else f"99 of 100 values at most {self.most * 100:g} % apart, "
        )
        return f"{self.precision}: {most}{self.mean * 100:g} % on average"


TOLERANCES: tuple[Tolerance, ...] = tuple(
    Tolerance(
        precision=name, most=most, mean=mean, cosine=cosine, equal=equal, pixels=px, score=score
    )
    for name, most, mean, cosine, equal, px, score in (
        ("FP32", 1e-3, 1e-4, 0.9999, 0.999, 2.0, 0.05),
        ("TF32", 2e-2, 2e-3, 0.999, 0.995, 2.0, 0.05),
        ("FP16", 3e-2, 5e-3, 0.999, 0.99, 2.0, 0.05),
        ("BF16", 2e-1, 2e-2, 0.98, 0.97, 2.0, 0.1),
        ("INT8", None, 5e-2, 0.95, 0.95, 8.0, 0.2),
        ("FP8", None, 5e-2, 0.95, 0.95, 8.0, 0.2),
        ("INT4", None, 1e-1, 0.9, 0.9, 16.0, 0.3),
        ("FP4", None, 1e-1, 0.9, 0.9, 16.0, 0.3),
    )
)
"""The finest first."""

_BY_NAME = {one.precision: one for one in TOLERANCES}


def tolerance_for(real: RealPrecision, asked: Collection[str]) -> Tolerance:
    """The tolerance of the coarsest precision that an engine runs in.

    Args:
        real: what it runs in; where that is not known of a layer, what was asked for counts, too.
        asked: names as BuildOptions.precision has them; only "fp32" excludes TF32, which
            TensorRT uses by itself (TensorRT's documentation of BuilderFlag.TF32).
    """
    names = {one.name for one in real.shares}
    if not real.is_known or "?" in names:
        names |= set(real.asked)
        if "best" in asked:
            names.add("INT8")
    found = [one for one in TOLERANCES if one.precision in names]
    if found and found[-1].precision != "FP32":
        return found[-1]
    return _BY_NAME["FP32" if "fp32" in asked else "TF32"]
