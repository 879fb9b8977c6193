"""How far an engine's outputs may be from its ONNX's on the CPU, by the precision that it runs in.

No single number is right for all networks; these are the ones that Enginebay judges by, and it
always shows the differences themselves beside the verdict. Differences are relative to what is
large in an output (core.building.differences), not to each element: values near zero say nothing.

Sources. Polygraphy's comparison (CompareFunc.simple) has 1e-5 absolute and relative for every
precision, which hardly any engine keeps: its own guide tells to loosen it for FP16 and INT8. Tests
of single operators in ONNX Runtime (onnxruntime/test/providers/checkers.cc) allow a relative 1e-4
for FP32, 1e-3 (and 2.5e-3 absolute) for FP16 and 1e-2 for BF16. A whole network adds errors up over
tens of layers, so that here it is about ten times as much: 1e-3, 2e-2, 1e-1. TF32 has FP16's
10 bits of mantissa, but sums and stores in FP32: 1e-2. Of 8 bits and less single values can be
anywhere: their mean and the direction count.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from core.building.real_precision import RealPrecision


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What counts as the same; differences are relative to the output's scale.

    `largest` is None where it is not judged. `equal` is the least share of equal elements in an
    output of integers or truth values.
    """

    precision: str
    largest: float | None
    mean: float
    cosine: float
    equal: float

    def as_json(self) -> dict[str, object]:
        """The object `tolerance` of a first run."""
        return {
            "precision": self.precision,
            "largest_relative": self.largest,
            "mean_relative": self.mean,
            "least_cosine": self.cosine,
            "least_equal_share": self.equal,
        }

    def words(self) -> str:
        """For people: "FP16: at most 2 % apart, 0.5 % on average"."""
        largest = "" if self.largest is None else f"at most {self.largest * 100:g} % apart, "
        return f"{self.precision}: {largest}{self.mean * 100:g} % on average"


def _of(
    precision: str, largest: float | None, mean: float, cosine: float, equal: float
) -> Tolerance:
    return Tolerance(precision=precision, largest=largest, mean=mean, cosine=cosine, equal=equal)


TOLERANCES: tuple[Tolerance, ...] = (
    _of("FP32", 1e-3, 1e-4, 0.99999, 0.999),
    _of("TF32", 1e-2, 1e-3, 0.9999, 0.995),
    _of("FP16", 2e-2, 5e-3, 0.999, 0.99),
    _of("BF16", 1e-1, 2e-2, 0.995, 0.97),
    _of("INT8", None, 5e-2, 0.98, 0.95),
    _of("FP8", None, 5e-2, 0.98, 0.95),
    _of("INT4", None, 1e-1, 0.95, 0.9),
    _of("FP4", None, 1e-1, 0.95, 0.9),
)
"""The finest first."""

_BY_NAME = {one.precision: one for one in TOLERANCES}


def tolerance_for(real: RealPrecision, asked: Collection[str]) -> Tolerance:
    """The tolerance of the coarsest precision that an engine runs in.

    Args:
        real: what it runs in; where that is not known, what was asked for counts.
        asked: names as BuildOptions.precision has them; only "fp32" excludes TF32, which
            TensorRT uses by itself (TensorRT's documentation of BuilderFlag.TF32).
    """
    names = {one.name for one in real.shares} if real.is_known else set(real.asked)
    if "best" in asked and not real.is_known:
        names.add("INT8")
    found = [one for one in TOLERANCES if one.precision in names]
    if found and found[-1].precision != "FP32":
        return found[-1]
    return _BY_NAME["FP32" if "fp32" in asked else "TF32"]
