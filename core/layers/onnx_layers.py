"""An ONNX graph as a table of layers: read from the file, without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.layers.dtype_words import is_number
from core.layers.values import Layer, LayerTable, LayerTensor
from core.modelfile import ModelFile
from core.modelfile.onnx_messages import DTYPES, StoredTensor
from core.modelfile.onnx_nodes import OnnxNode, OnnxNodes, read_onnx_nodes
from core.tensors import Shape
from core.text import counted

_SAME_TYPE = """
    Abs Acos Add AveragePool BatchNormalization Ceil Clip Concat Conv ConvTranspose Cos
    DepthToSpace Div Dropout Elu Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gelu
    Gemm GlobalAveragePool GlobalMaxPool GridSample GroupNormalization HardSigmoid HardSwish
    Identity InstanceNormalization LayerNormalization LeakyRelu Log LogSoftmax LRN LSTM MatMul Max
    MaxPool Mean Min Mish Mul Neg PRelu Pad Pow Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum
    Relu Reshape Resize Round ScatterElements ScatterND Sigmoid Sign Sin Slice Softmax Softplus
    SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile TopK Transpose Unsqueeze
"""
SAME_TYPE = frozenset(_SAME_TYPE.split())
"""Operators whose first output has the dtype of their first input, by ONNX's operator schemas."""
_SAME_TYPE_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True, slots=True)
class KnownTensor:
    """What is known of a tensor; "" and () for nothing."""

    dtype: str = ""
    dims: Shape = ()


def read_onnx_layers(file: ModelFile) -> LayerTable:
    """The nodes of a file's main graph, in its order.

    A node's weight bytes are those of the initializers that it is the first to read, and of what
    a Constant holds, so that they add up. Its precision is the dtype of the largest weight that
    it reads; else as core.layers.inspector has it, from outputs and inputs.

    Raises:
        ModelFileError: if the file is no usable ONNX model.
    """
    if (problem := file.problem()) is not None:
        raise problem
    graph = read_onnx_nodes(file.path)
    notes = [
        "These are the nodes of the file. A runtime fuses and drops some before it runs: with "
        "times the table shows what ran."
    ]
    unnamed = sum(not node.name for node in graph.nodes)
    if unnamed:
        notes.append(
            f"{counted(unnamed, 'node')} without a name: called by operator and number here."
        )
    bodies = sum("graph" in node.attributes.values() for node in graph.nodes)
    if bodies:
        notes.append(
            f"{counted(bodies, 'node')} with a graph inside (If, Loop, Scan): one layer each."
        )
    opset = None if file.onnx is None else file.onnx.opsets.get("", file.onnx.opsets.get("ai.onnx"))
    return table_of_nodes(graph, schema="" if opset is None else f"opset {opset}", notes=notes)


def table_of_nodes(
    graph: OnnxNodes,
    *,
    schema: str,
    notes: list[str],
    known: Mapping[str, KnownTensor] | None = None,
) -> LayerTable:
    """A table of nodes; `known` is what a run told of tensors, which counts before the file."""
    tensors = {
        value.name: KnownTensor(
            value.dtype if value.dtype in DTYPES.values() else "", value.shape or ()
        )
        for value in graph.values.values()
    }
    tensors |= {
        name: KnownTensor(tensor.dtype, tensor.dims) for name, tensor in graph.weights.items()
    }
    tensors |= known or {}
    left = dict(graph.weights)
    layers = []
    for index, node in enumerate(graph.nodes):
        _infer(node, tensors)
        layers.append(_layer(index, node, graph, tensors, left))
    return LayerTable(
        source="onnx",
        layers=tuple(layers),
        schema=schema,
        inputs=tuple(_tensor(value.name, tensors) for value in graph.inputs),
        outputs=tuple(_tensor(value.name, tensors) for value in graph.outputs),
        notes=tuple(notes),
    )


def _layer(
    index: int,
    node: OnnxNode,
    graph: OnnxNodes,
    tensors: Mapping[str, KnownTensor],
    left: dict[str, StoredTensor],
) -> Layer:
    read = [graph.weights[name] for name in node.inputs if name in graph.weights]
    held = [left.pop(name) for name in dict.fromkeys(node.inputs) if name in left]
    held += [value for value in node.attributes.values() if isinstance(value, StoredTensor)]
    sizes = [tensor.size_bytes for tensor in held]
    known_sizes = [size for size in sizes if size is not None]
    inputs = tuple(
        _tensor(name, tensors) for name in node.inputs if name and name not in graph.weights
    )
    outputs = tuple(_tensor(name, tensors) for name in node.outputs if name)
    details: dict[str, Any] = {} if not node.domain else {"domain": node.domain}
    details |= {name: _shown(value) for name, value in node.attributes.items()}
    if read:
        details["weights"] = [f"{one.name}: {one.dtype} {list(one.dims)}" for one in read]
    return Layer(
        index=index,
        name=node.name or f"{node.operator}_{index}",
        type=node.operator,
        precision=_precision(read, inputs, outputs),
        inputs=inputs,
        outputs=outputs,
        weight_bytes=sum(known_sizes) if len(known_sizes) == len(sizes) else None,
        details=details,
    )


def _precision(
    weights: list[StoredTensor], inputs: tuple[LayerTensor, ...], outputs: tuple[LayerTensor, ...]
) -> str:
    numbers = [one for one in weights if is_number(one.dtype) and one.elements > 1]
    if numbers:
        return max(numbers, key=lambda one: one.elements).dtype
    around = [tensor.dtype for tensor in (*outputs, *inputs) if tensor.dtype]
    return next(filter(is_number, around), around[0] if around else "")


def _infer(node: OnnxNode, tensors: dict[str, KnownTensor]) -> None:
    """Add the dtype of a node's first output where the file leaves it open but ONNX fixes it."""
    if not node.outputs or tensors.get(node.outputs[0], KnownTensor()).dtype:
        return
    first = tensors.get(node.inputs[0], KnownTensor()) if node.inputs else KnownTensor()
    dims: Shape = ()
    dtype = ""
    if node.domain not in _SAME_TYPE_DOMAINS:
        return
    if node.operator in SAME_TYPE:
        dtype = first.dtype
    elif node.operator == "Cast" and isinstance(to := node.attributes.get("to"), int):
        dtype, dims = DTYPES.get(to, ""), first.dims
    elif node.operator == "Constant" and isinstance(
        value := node.attributes.get("value"), StoredTensor
    ):
        dtype, dims = value.dtype, value.dims
    elif node.operator == "Shape":
        dtype = "int64"
    elif node.operator == "DequantizeLinear" and len(node.inputs) > 1:
        dtype = tensors.get(node.inputs[1], KnownTensor()).dtype  # of the scale, float32 till 18
    elif node.operator == "QuantizeLinear" and len(node.inputs) > 2:
        dtype = tensors.get(node.inputs[2], KnownTensor()).dtype
    if dtype:
        known = tensors.get(node.outputs[0], KnownTensor()).dims
        tensors[node.outputs[0]] = KnownTensor(dtype, known or dims)


def _tensor(name: str, tensors: Mapping[str, KnownTensor]) -> LayerTensor:
    known = tensors.get(name, KnownTensor())
    return LayerTensor(name=name, dtype=known.dtype, dims=known.dims)


def _shown(value: Any) -> Any:
    """An attribute as JSON can hold it."""
    if isinstance(value, StoredTensor):
        return f"{value.dtype} {list(value.dims)}"
    return value
