"""A model's layers as values, whatever they were read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTensor:
    """What goes into a layer or comes out of it; "" and () for what is not told."""

    name: str
    dtype: str = ""  # this program's names ("float16"), as core.tensors has them
    dims: tuple[int | None, ...] = ()
    format: str = ""  # the inspector's words


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of an engine, or one node of an ONNX graph."""

    index: int  # in the model's order
    name: str
    type: str = ""  # "Convolution", "Reformat", "kgen"; an ONNX's operator
    precision: str = ""  # dtype of what it computes in
    inputs: tuple[LayerTensor, ...] = ()
    outputs: tuple[LayerTensor, ...] = ()
    tactic: str = ""
    weight_bytes: int | None = None
    origin: tuple[str, ...] = ()  # names of ONNX nodes
    time_ms: float | None = None  # mean of a run
    median_ms: float | None = None
    share: float | None = None  # of all layers' time, 0..1
    details: Mapping[str, Any] = field(default_factory=dict)  # all else that is told of it


@dataclass(frozen=True, slots=True)
class Hint:
    """Something sure that the layers show, and what to do about it."""

    kind: str  # "reformats", "fp32-islands", "tiny-batch", ...
    message: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTable:
    """All layers of a model.

    Attributes:
        source: what they were read from.
        detailed: False where only names are known; `notes` then says how to get more.
        runs: how many runs the times are the mean of; 0 without times.
        notes: what a reader must know, a sentence each.
    """

    source: Literal["engine", "layer-json", "onnx"]
    layers: tuple[Layer, ...]
    detailed: bool = True
    schema: str = ""  # "TensorRT 8 to 10", "TensorRT 11", "opset 17"
    inputs: tuple[LayerTensor, ...] = ()  # of the model
    outputs: tuple[LayerTensor, ...] = ()
    runs: int = 0
    hints: tuple[Hint, ...] = ()
    notes: tuple[str, ...] = ()
