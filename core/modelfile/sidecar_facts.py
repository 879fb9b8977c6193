"""What a side-car says, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.modelfile.sidecar import Sidecar
from core.tensors import bytes_text
from core.text import one_line

_MAX_OPTIONS = 12
_MAX_SENTENCES = 12
_LEFT_OUT: tuple[object, ...] = (None, False, "", "none", [], {})  # options that were not chosen


def sidecar_facts(sidecar: Sidecar) -> Iterator[tuple[str, str]]:
    """Each as (what it is, the fact in words), on one line."""
    yield "built from", _onnx(sidecar.onnx)
    built = [
        f"TensorRT {sidecar.versions['tensorrt']}" if "tensorrt" in sidecar.versions else "",
        sidecar.gpu,
        f"driver {sidecar.driver}" if sidecar.driver else "",
        "" if sidecar.seconds is None else f"{sidecar.seconds:.3g} s",
        sidecar.date,
    ]
    yield "built by", ", ".join(one_line(one, 80) for one in built if one) or "not told"
    chosen = [
        f"{one_line(str(key), 40)}: {_value(one)}"
        for key, one in sidecar.options.items()
        if one not in _LEFT_OUT and key != "metadata"
    ]
    more = len(chosen) - _MAX_OPTIONS
    if chosen:
        shown = "; ".join(chosen[:_MAX_OPTIONS])
        yield "build options", shown + (f" and {more:,} more" if more > 0 else "")
    for sentence in told(sidecar.truth)[:_MAX_SENTENCES]:
        yield "seen when built", sentence
    yield "side-car", one_line(sidecar.name, 120)


def told(truth: Mapping[str, Any]) -> list[str]:
    """The sentences of a side-car's truth, warnings first."""
    lists = (truth.get("warnings"), truth.get("sentences"))
    found = [one for several in lists if isinstance(several, list) for one in several]
    return [one_line(one, 300) for one in found if isinstance(one, str)]


def onnx_name(sidecar: Sidecar) -> str:
    """The name of the ONNX file; "" where it is not told."""
    name = sidecar.onnx.get("name")
    return one_line(name, 60) if isinstance(name, str) else ""


def _onnx(onnx: Mapping[str, Any]) -> str:
    name, size, sha256 = (onnx.get(key) for key in ("name", "size_bytes", "sha256"))
    parts = [
        one_line(name, 80) if isinstance(name, str) and name else "an ONNX without a name",
        bytes_text(size) if isinstance(size, int) and size >= 0 else "",
        f"SHA-256 {one_line(sha256, 64)}" if isinstance(sha256, str) and sha256 else "",
    ]
    return ", ".join(part for part in parts if part)


def _value(value: object) -> str:
    """An option's value: a word, a list of words, or shapes as trtexec and people write them."""
    try:
        if value is True:
            return "yes"
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            return one_line(" | ".join(map(_profile, value)), 200)
        if isinstance(value, list):
            return one_line(", ".join(map(str, value)), 120)
        return one_line(str(value), 120)
    except (RecursionError, ValueError):
        return "not readable"


def _profile(inputs: Mapping[str, Any]) -> str:
    """An optimization profile: "images 1x3x8x8 / 4x3x8x8 / 16x3x8x8"."""
    told = []
    for name, limits in inputs.items():
        known = limits if isinstance(limits, dict) else {}
        shapes = [known.get(limit) for limit in ("min", "opt", "max")]
        sides = ["x".join(map(str, one)) if isinstance(one, list) else "?" for one in shapes]
        told.append(f"{name} {' / '.join(sides)}")
    return ", ".join(told)
