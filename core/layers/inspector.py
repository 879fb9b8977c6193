"""The engine inspector's JSON, of TensorRT 8.2 to 11, as a table of layers.

What is missing is left open, what is unknown goes into a layer's details; JSON that is no
inspector's is refused. Source of the field names: NvInfer.h (IEngineInspector), and the migration
guide to TensorRT 11, which replaced "Bindings" by "I/O Tensors" and parted "Format/Datatype".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from core.errors import EnginebayError
from core.layers.dtype_words import dtype_in, is_number
from core.layers.json_text import parse_json, require_kind
from core.layers.values import Layer, LayerTable, LayerTensor
from core.tensors import size_bytes

UP_TO_10, FROM_11 = "TensorRT 8 to 10", "TensorRT 11"
HOW_TO_GET_DETAILS = (
    "Build the engine again with details: trtexec --profilingVerbosity=detailed, or "
    "ProfilingVerbosity.DETAILED in Python; Enginebay's own builds have them."
)

_PROFILE = re.compile(r" \[profile (\d+)\]$")
_COMPILED = ("Myelin", "kgen")
_COMPILED_NAME = re.compile(r"__myl|\{ForeignNode\[")
_ONNX_LAYER = "[ONNX Layer: "
# Fields that have a place of their own in Layer.
_TAKEN = frozenset({"Name", "LayerType", "Inputs", "Outputs", "TacticName", "TacticValue"})


def without_profile(name: str) -> str:
    """A layer's or tensor's name without the " [profile N]" of TensorRT 8 and 9."""
    return _PROFILE.sub("", name)


def profile_of_name(name: str) -> int:
    """The optimization profile that a name is marked with; 0 where it is not."""
    found = _PROFILE.search(name)
    return int(found[1]) if found else 0


def read_layer_json(
    text: str,
    name: str = "The layer information",
    *,
    source: Literal["engine", "layer-json"] = "layer-json",
    profile: int = 0,
) -> LayerTable:
    """Read what the engine inspector wrote: trtexec --exportLayerInfo, or asked for by a program.

    A layer's precision is the dtype of its weights, as multiplications run in it; without weights
    that of its first output that is a number for computing (no index, no truth value), else of
    its first such input, else of its first output. A reformat therefore counts as what it makes.

    Args:
        text: the JSON, one object with a list "Layers".
        name: what it is called in messages.
        source: see LayerTable.
        profile: index of the optimization profile whose layers are given, where each has its own
            (TensorRT 8 and 9).

    Raises:
        EnginebayError: kinds "empty", "not-json", "too-large", "not-layers".
    """
    value = parse_json(text, name)
    require_kind(value, "layer-info", name)
    raw: list[Any] = value["Layers"]
    if not all(isinstance(one, str) or (isinstance(one, Mapping) and "Name" in one) for one in raw):
        raise EnginebayError(
            "not-layers",
            f"{name} has a list of layers, but they are not as TensorRT writes them.",
            "Give what trtexec wrote with --exportLayerInfo.",
        )
    notes = []
    names = [one if isinstance(one, str) else str(one["Name"]) for one in raw]
    profiles = {profile_of_name(one) for one in names}
    if len(profiles) > 1:
        wanted = profile if profile in profiles else min(profiles)
        pairs = zip(raw, names, strict=True)
        raw = [one for one, its in pairs if profile_of_name(its) == wanted]
        notes.append(
            f"Each of the engine's {len(profiles)} optimization profiles has layers of its own; "
            f"those of profile {wanted} are shown."
        )
    layers = tuple(_layer(index, one) for index, one in enumerate(raw))
    detailed = any(isinstance(one, Mapping) for one in raw)
    if not layers:
        notes.append(f"The engine tells nothing of its layers. {HOW_TO_GET_DETAILS}")
    elif not detailed:
        notes.append(f"Only the layers' names are known. {HOW_TO_GET_DETAILS}")
    elif any(None in tensor.dims for layer in layers for tensor in layer.outputs):
        notes.append("Free dimensions are unknown: no shapes were set when this was written.")
    if any(layer.type in _COMPILED or _COMPILED_NAME.search(layer.name) for layer in layers):
        notes.append(
            "Layers of TensorRT's graph compiler (kgen, Myelin) hold several operators each; "
            "their origin names them where the engine tells it."
        )
    inputs, outputs = _model_tensors(value, layers)
    return LayerTable(
        source=source,
        layers=layers,
        detailed=detailed,
        schema=_schema(value, raw),
        inputs=inputs,
        outputs=outputs,
        notes=tuple(notes),
    )


def _schema(value: Mapping[str, Any], raw: Sequence[Any]) -> str:
    if "I/O Tensors" in value:
        return FROM_11
    if "Bindings" in value:
        return UP_TO_10
    for one in raw:
        for tensor in _mappings(one.get("Outputs")) if isinstance(one, Mapping) else ():
            keys = {key.lower() for key in tensor}
            if "format/datatype" in keys:
                return UP_TO_10
            if "datatype" in keys:
                return FROM_11
    return ""


def _layer(index: int, raw: str | Mapping[str, Any]) -> Layer:
    if isinstance(raw, str):
        return Layer(index=index, name=raw)
    inputs = tuple(_tensor(one) for one in _mappings(raw.get("Inputs")))
    outputs = tuple(_tensor(one) for one in _mappings(raw.get("Outputs")))
    details = {key: value for key, value in raw.items() if key not in _TAKEN}
    tactic = _text(raw.get("TacticName"))
    number = _text(raw.get("TacticValue"))
    if tactic and number:
        details["TacticValue"] = number
    weights = raw.get("Weights")
    kept = dtype_in(_text(weights.get("Type"))) if isinstance(weights, Mapping) else ""
    return Layer(
        index=index,
        name=_text(raw["Name"]),
        type=_text(raw.get("LayerType")) or _text(raw.get("ParameterType")),
        precision=_precision(kept if _count(weights) else "", inputs, outputs),
        inputs=inputs,
        outputs=outputs,
        tactic=tactic or number,
        weight_bytes=_weight_bytes(raw),
        origin=_origin(_text(raw.get("Metadata"))),
        details=details,
    )


def _precision(weights: str, inputs: Iterable[LayerTensor], outputs: Sequence[LayerTensor]) -> str:
    """See read_layer_json."""
    if weights:
        return weights
    for tensor in (*outputs, *inputs):
        if is_number(tensor.dtype):
            return tensor.dtype
    return next((one.dtype for one in (*outputs, *inputs) if one.dtype), "")


def _tensor(raw: Mapping[str, Any]) -> LayerTensor:
    fields = {key.lower().replace(" ", ""): value for key, value in raw.items()}
    joint = _text(fields.get("format/datatype"))
    own = _text(fields.get("datatype"))
    return LayerTensor(
        name=_text(fields.get("name")),
        dtype=dtype_in(own) or dtype_in(joint),
        dims=_dims(fields.get("dimensions")),
        format=joint or _text(fields.get("format")),
    )


def _model_tensors(
    value: Mapping[str, Any], layers: Sequence[Layer]
) -> tuple[tuple[LayerTensor, ...], tuple[LayerTensor, ...]]:
    """The model's inputs and outputs: as 11 tells them, else bindings that no layer makes."""
    made = {tensor.name: tensor for layer in layers for tensor in layer.outputs}
    read = {tensor.name: tensor for layer in reversed(layers) for tensor in layer.inputs}
    described = [one for one in _mappings(value.get("I/O Tensors")) if _text(one.get("Name"))]
    if described:
        pairs = [(_text(one.get("IOMode")).lower(), _tensor(one)) for one in described]
        return (
            tuple(_with_shape(tensor, read) for mode, tensor in pairs if "input" in mode),
            tuple(_with_shape(tensor, made) for mode, tensor in pairs if "output" in mode),
        )
    bindings = value.get("Bindings")
    listed = [
        _text(one.get("Name")) if isinstance(one, Mapping) else _text(one)
        for one in (bindings if isinstance(bindings, list) else ())
    ]
    inputs = tuple(read[one] for one in listed if one in read and one not in made)
    return inputs, tuple(made[one] for one in listed if one in made)


def _with_shape(tensor: LayerTensor, known: Mapping[str, LayerTensor]) -> LayerTensor:
    """With the dimensions that the layers have for it: those of the shapes that were set."""
    dims = known[tensor.name].dims if tensor.name in known else ()
    return replace(tensor, dims=dims) if dims and None not in dims else tensor


def _origin(metadata: str) -> tuple[str, ...]:
    """ONNX nodes of a Metadata field: parted by 0x1E and 0x1F, each "[ONNX Layer: NAME]"."""
    parts = re.split(r"[\x1e\x1f]|(?<=\])(?=\[ONNX Layer: )", metadata)
    names = (
        part[len(_ONNX_LAYER) : -1] if part.startswith(_ONNX_LAYER) and part[-1] == "]" else part
        for part in (one.strip() for one in parts)
    )
    return tuple(dict.fromkeys(name for name in names if name))


def _weight_bytes(raw: Mapping[str, Any]) -> int | None:
    """Bytes of all that a layer keeps (Weights, Bias, Constants ...): count times type.

    None where nothing is told, or not all of it.
    """
    sizes = [
        size_bytes(dtype_in(_text(one.get("Type"))), (_count(one),))
        for one in raw.values()
        if isinstance(one, Mapping) and "Count" in one and "Type" in one
    ]
    constants = (_tensor(one) for one in _mappings(raw.get("Constants")))
    sizes += [size_bytes(one.dtype, one.dims) for one in constants]
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def _count(weights: Any) -> int:
    count = weights.get("Count") if isinstance(weights, Mapping) else None
    return count if isinstance(count, int) and count > 0 else 0


def _dims(value: Any) -> tuple[int | None, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(one if isinstance(one, int) and one >= 0 else None for one in value)


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
