"""What the inspector and people call dtypes."""

from __future__ import annotations

import re

# Words in the inspector's phrases ("Row major linear FP16 format", "Half") and of TensorRT's
# DataType, lower case. Sources: NvInfer.h, getTensorFormatDesc; trt-engine-explorer's table of
# formats (activations.py), which lists the phrases of 8.x to 10.x.
_WORDS: dict[str, str] = {
    "fp64": "float64",
    "double": "float64",
    "float64": "float64",
    "fp32": "float32",
    "float": "float32",
    "float32": "float32",
    "fp16": "float16",
    "half": "float16",
    "float16": "float16",
    "bf16": "bfloat16",
    "bfloat16": "bfloat16",
    "fp8": "float8_e4m3fn",
    "float8": "float8_e4m3fn",
    "fp8e4m3": "float8_e4m3fn",
    "float8_e4m3fn": "float8_e4m3fn",
    "fp4": "float4_e2m1fn",
    "fp4e2m1": "float4_e2m1fn",
    "float4_e2m1fn": "float4_e2m1fn",
    "e8m0": "float8_e8m0fnu",
    "fp8e8m0": "float8_e8m0fnu",
    "int64": "int64",
    "int32": "int32",
    "int16": "int16",
    "int8": "int8",
    "int4": "int4",
    "uint64": "uint64",
    "uint32": "uint32",
    "uint16": "uint16",
    "uint8": "uint8",
    "bool": "bool",
}
_SHORT = {
    "float64": "FP64",
    "float32": "FP32",
    "float16": "FP16",
    "bfloat16": "BF16",
    "float4_e2m1fn": "FP4",
}
_REDUCED = ("float16", "bfloat16", "float8", "float4", "int8", "uint8", "int4", "uint4")


def dtype_in(text: str) -> str:
    """The dtype that a phrase of the inspector names, as core.tensors spells it; "" for none.

    "Half", "kHALF", "DataType.HALF", "Row major linear FP32" and "Channel major FP16 format
    where channel % 8 == 0" all name one.
    """
    for word in re.findall(r"[a-z0-9_]+", text.lower()):
        known = _WORDS.get(word) or _WORDS.get(word.removeprefix("k"))
        if known:
            return known
    return ""


def short_name(dtype: str) -> str:
    """What people call a dtype: "FP16" for float16, "FP8" for all of its kinds; "?" for none."""
    if not dtype:
        return "?"
    return _SHORT.get(dtype) or ("FP8" if dtype.startswith("float8") else dtype.upper())


def is_reduced(dtype: str) -> bool:
    """True for a dtype that computes in less than FP32 does."""
    return dtype.startswith(_REDUCED)


def is_number(dtype: str) -> bool:
    """True for what a network computes in: no index, no truth value, no string."""
    return is_reduced(dtype) or dtype in ("float32", "float64")
