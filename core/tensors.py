"""What a model's tensors look like: names, dtypes, shapes, profiles.

Dtypes are kept by name, as numpy and ml_dtypes spell them: TensorRT's own numpy table fails for
BF16, FP8, INT4 and FP4, and enum objects differ between its modules and versions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

Shape = tuple[int | None, ...]
"""Dimensions; None where the model leaves one free or unknown."""

TENSORRT_DTYPES: dict[int, str] = {
    0: "float32",
    1: "float16",
    2: "int8",
    3: "int32",
    4: "bool",
    5: "uint8",
    6: "float8_e4m3fn",
    7: "bfloat16",
    8: "int64",
    9: "int4",
    10: "float4_e2m1fn",
    11: "float8_e8m0fnu",
}
"""`int(tensorrt.DataType)` to dtype name; these values are the same in TensorRT 8.5 to 11.4."""

_BITS: dict[str, int] = {
    "float64": 64,
    "float32": 32,
    "float16": 16,
    "bfloat16": 16,
    "float8_e4m3fn": 8,
    "float8_e4m3fnuz": 8,
    "float8_e5m2": 8,
    "float8_e5m2fnuz": 8,
    "float8_e8m0fnu": 8,
    "float4_e2m1fn": 4,
    "int64": 64,
    "int32": 32,
    "int16": 16,
    "int8": 8,
    "int4": 4,
    "uint64": 64,
    "uint32": 32,
    "uint16": 16,
    "uint8": 8,
    "uint4": 4,
    "bool": 8,
    "complex64": 64,
    "complex128": 128,
}


def bits_of(dtype: str) -> int | None:
    """Bits of one element (4 for INT4 and FP4), or None for a dtype without a fixed size."""
    return _BITS.get(dtype)


def numpy_dtype(dtype: str) -> np.dtype:
    """The numpy dtype of a dtype name, with ml_dtypes' types for what numpy lacks.

    Raises:
        TypeError: if the name has no numpy form ("string", or a type newer than this table).
    """
    import ml_dtypes  # noqa: F401 - registers bfloat16, float8_*, int4 ... with numpy
    import numpy as np

    if dtype not in _BITS:
        raise TypeError(f"dtype {dtype} has no fixed-size numpy form")
    return np.dtype(dtype)


@dataclass(frozen=True, slots=True)
class Profile:
    """An optimization profile's limits for one input: its shapes, or a shape tensor's values."""

    min: tuple[int, ...]
    opt: tuple[int, ...]
    max: tuple[int, ...]

    def as_json(self) -> dict[str, list[int]]:
        """`{"min": [...], "opt": [...], "max": [...]}`."""
        return {"min": list(self.min), "opt": list(self.opt), "max": list(self.max)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """One input or output of a model."""

    name: str
    mode: Literal["input", "output"]
    dtype: str  # a name of TENSORRT_DTYPES or numpy's, "string", or "unknown (N)"
    shape: Shape
    location: Literal["device", "host"] = "device"  # host: a shape tensor, read by the CPU
    format: str = "linear"  # the memory layout in words, TensorRT's own where it gives one
    profiles: tuple[Profile, ...] = ()  # inputs of engines only, one per profile

    @property
    def size_bytes(self) -> int | None:
        """Bytes of the whole tensor in linear layout; None while a dimension or dtype is open."""
        return size_bytes(self.dtype, self.shape)

    def as_json(self) -> dict[str, object]:
        """The object of the `tensors` list of `enginebay info --json`."""
        return {
            "name": self.name,
            "mode": self.mode,
            "dtype": self.dtype,
            "shape": list(self.shape),
            "location": self.location,
            "format": self.format,
            "bytes": self.size_bytes,
            "profiles": [profile.as_json() for profile in self.profiles],
        }


def size_bytes(dtype: str, shape: Shape) -> int | None:
    """Bytes of a linear tensor, two INT4 or FP4 elements to a byte; None where unknown."""
    bits = bits_of(dtype)
    if bits is None:
        return None
    known = [dim for dim in shape if dim is not None]
    if len(known) < len(shape):
        return None
    return (math.prod(known) * bits + 7) // 8


def shape_text(shape: Shape) -> str:
    """A shape for people: "1 x 3 x ? x 640"; "scalar" for no dimensions."""
    return " x ".join("?" if dim is None else str(dim) for dim in shape) or "scalar"


def profiles_text(profiles: tuple[Profile, ...]) -> str:
    """Optimization profiles for people: "min / opt / max", one after another; "" for none."""
    return "; ".join(
        " / ".join(shape_text(limit) for limit in (one.min, one.opt, one.max)) for one in profiles
    )


def bytes_text(count: int | None) -> str:
    """A size for people, in powers of 1000: "4.9 MB"; "?" where unknown."""
    if count is None:
        return "?"
    size = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":  # 999.5 kB would print as 1e+03 kB
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"
