"""JSON that TensorRT's tools write: read leniently, told apart by content, refused clearly."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from core.errors import EnginebayError, ModelFileError
from core.modelfile import read_model_file
from core.text import one_line

JsonKind = Literal["layer-info", "profile", "times", "outputs", "benchmark", "other"]
"""trtexec's --exportLayerInfo (and the inspector), --exportProfile, --exportTimes, --exportOutput;
Enginebay's own benchmark; anything else."""

MAX_BYTES = 256_000_000
"""Larger files are refused: Python needs about ten times as much to hold them. The inspector
writes one or two kilobytes a layer."""

_KIND_WORDS: dict[JsonKind, str] = {
    "layer-info": "trtexec's layer information (--exportLayerInfo)",
    "profile": "trtexec's times by layer (--exportProfile)",
    "times": "trtexec's times by query (--exportTimes)",
    "outputs": "trtexec's outputs (--exportOutput)",
    "benchmark": "a benchmark of Enginebay's",
    "other": "some other JSON",
}
# A profile's entry as trtexec writes it: sampleReporting.cpp puts the name between quotes as it
# is, so a quote or a backslash in a name makes the file no JSON.
_RAW_ENTRY = re.compile(
    r'"name"\s*:\s*"(?P<name>.{0,4096}?)"\s*,\s*(?=")(?P<rest>"timeMs"\s*:[^{}]*)\}', re.DOTALL
)
_RAW_NUMBER = re.compile(r'"(\w+)"\s*:\s*([-+0-9.eE]+)')
_RAW_COUNT = re.compile(r'^\s*\[\s*\{\s*"count"\s*:\s*(\d+)\s*\}')


def read_json_file(path: str | os.PathLike[str]) -> str:
    """The text of a JSON file: UTF-8, or UTF-16 as Windows' PowerShell redirects it.

    Raises:
        ModelFileError: if it cannot be read; kind "model-file" for an engine or an ONNX.
        EnginebayError: kinds "empty", "too-large".
    """
    file = read_model_file(path)
    name = file.path.name
    if file.kind in ("empty", "git-lfs-pointer"):
        problem = file.problem()
        assert problem is not None
        raise problem
    if file.kind != "unknown":
        what = "an ONNX model" if file.kind == "onnx" else "a TensorRT engine"
        raise ModelFileError(
            "model-file",
            f"{name} is {what}, not JSON.",
            "Give the model itself as FILE, and JSON that trtexec wrote where JSON is asked for.",
        )
    if file.size_bytes > MAX_BYTES:
        raise EnginebayError(
            "too-large",
            f"{name} has {file.size_bytes:,} bytes; layers are read from at most {MAX_BYTES:,}.",
            "Is it the right file? trtexec writes one or two kilobytes a layer.",
        )
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ModelFileError(
            "unreadable", f"{name} cannot be read: {error.strerror or error}.", "Check the disk."
        ) from None
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return data.decode("utf-16" if utf16 else "utf-8-sig", "replace")


def parse_json(text: str, name: str = "The file") -> Any:
    """What a JSON text says; control characters in strings are taken as they are.

    A profile whose names trtexec did not escape is read entry by entry.

    Raises:
        EnginebayError: kinds "empty", "too-large", "not-json".
    """
    if not text.strip("\0 \t\r\n\ufeff"):
        raise _empty(name)
    if len(text) > MAX_BYTES:
        raise EnginebayError(
            "too-large",
            f"{name} has {len(text):,} characters; layers are read from at most {MAX_BYTES:,}.",
            "Is it the right file? trtexec writes one or two kilobytes a layer.",
        )
    try:
        # The inspector ends what it gives with a NUL in some versions.
        return json.loads(text.strip("\0"), strict=False, parse_constant=_no_number)
    except RecursionError:
        reason = "it is nested too deep"
    except ValueError as error:
        raw = _raw_profile(text)
        if raw is not None:
            return raw
        reason = str(error)
    cut = text.lstrip().startswith(("{", "[")) and not text.rstrip("\0 \t\r\n").endswith(("}", "]"))
    raise EnginebayError(
        "not-json",
        f"{name} is {'JSON that is cut off' if cut else 'no JSON'}: {one_line(reason)}.",
        "Copy it again." if cut else "Give what trtexec wrote with --exportLayerInfo.",
    )


def _no_number(_word: str) -> None:
    """NaN and Infinity, which JSON does not have: nothing is known then."""


def kind_of_json(value: Any) -> JsonKind:
    """What a parsed JSON is, by its content alone."""
    if isinstance(value, Mapping):
        if isinstance(value.get("Layers"), list):
            return "layer-info"
        # As core.benchmark.report.result_json writes it.
        parts = isinstance(value.get("measurements"), list), isinstance(value.get("options"), dict)
        return "benchmark" if all(parts) else "other"
    if not isinstance(value, list):
        return "other"
    first = next((one for one in value if isinstance(one, Mapping) and "count" not in one), None)
    if first is None:
        is_count = len(value) == 1 and isinstance(value[0], Mapping) and set(value[0]) == {"count"}
        return "profile" if is_count else "other"
    if "startEnqMs" in first or {"computeMs", "latencyMs"} <= set(first):
        return "times"
    if "name" in first and ("averageMs" in first or "timeMs" in first):
        return "profile"
    if {"name", "dimensions", "values"} <= set(first):
        return "outputs"
    return "other"


def what_json_is(path: str | os.PathLike[str]) -> JsonKind:
    """What a JSON file is, by its content, so that it is opened where it belongs.

    Raises:
        EnginebayError: as read_json_file and parse_json.
    """
    return kind_of_json(parse_json(read_json_file(path), Path(path).name))


def require_kind(value: Any, kind: JsonKind, name: str) -> None:
    """Refuse JSON of another kind.

    Raises:
        EnginebayError: kind "not-layers" or "not-profile".
    """
    found = kind_of_json(value)
    if found == kind:
        return
    hints: dict[JsonKind, str] = {
        "profile": "Give it with --profile, beside the layer information of the same engine.",
        "times": "It belongs to `enginebay bench`.",
        "benchmark": "Open it in the window, whose Benchmark tab shows it.",
        "layer-info": "Give it as the FILE, and the profile with --profile.",
    }
    option = "--exportLayerInfo" if kind == "layer-info" else "--exportProfile"
    raise EnginebayError(
        "not-layers" if kind == "layer-info" else "not-profile",
        f"{name} is {_KIND_WORDS[found]}, not {_KIND_WORDS[kind]}.",
        hints.get(found, f"Give what trtexec wrote with {option}."),
    )


def number(value: Any) -> float | None:
    """A finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def _raw_profile(text: str) -> list[dict[str, Any]] | None:
    begin = _RAW_COUNT.match(text)
    if begin is None or not text.rstrip().endswith("]"):
        return None
    entries = [
        {"name": found["name"]}
        | {key: float(digits) for key, digits in _numbers(found["rest"]).items()}
        for found in _RAW_ENTRY.finditer(text)
    ]
    return [{"count": int(begin[1])}, *entries] if entries else None


def _numbers(text: str) -> dict[str, str]:
    return {
        key: digits
        for key, digits in _RAW_NUMBER.findall(text)
        if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", digits)
    }


def _empty(name: str) -> EnginebayError:
    return EnginebayError(
        "empty",
        f"{name} is empty.",
        "An engine built without any profiling verbosity tells nothing of its layers: build it "
        "with --profilingVerbosity=detailed.",
    )
