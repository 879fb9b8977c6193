"""Tiny ONNX models, made on the spot: one builder for each kind of model the tests need.

Every builder writes one file into `folder` and gives its path. IR version and opset are old
enough for every ONNX Runtime that Enginebay supports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_IR_VERSION = 8
_OPSET = 17
_TYPES: dict[str, int] = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "uint8": TensorProto.UINT8,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "string": TensorProto.STRING,
}

Dims = Sequence[int | str | None]
Value = tuple[str, str, Dims]
"""A graph input or output: name, dtype, dimensions (a number, a symbol, or None)."""


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    constants: Mapping[str, np.ndarray] | None = None,
    *,
    metadata: Mapping[str, str] | None = None,
    opset: int = _OPSET,
    ir_version: int = _IR_VERSION,
    more_domains: Sequence[str] = (),
) -> Path:
    """Write a model of the given nodes."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [_value(value) for value in inputs],
        [_value(value) for value in outputs],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    opsets += [helper.make_opsetid(domain, 1) for domain in more_domains]
    model = helper.make_model(
        graph, opset_imports=opsets, ir_version=ir_version, producer_name="enginebay-tests"
    )
    helper.set_model_props(model, dict(metadata or {}))
    path.write_bytes(model.SerializeToString())
    return path


def _value(value: Value) -> onnx.ValueInfoProto:
    name, dtype, dims = value
    return helper.make_tensor_value_info(name, _TYPES[dtype], list(dims))


def identity(
    folder: Path,
    *,
    shape: Dims = (1, 3, 8, 8),
    dtype: str = "float32",
    metadata: Mapping[str, str] | None = None,
    input_name: str = "images",
    output_name: str = "output",
) -> Path:
    """The output is the input: an image-to-image model where the shape is a picture's."""
    return save(
        folder / "identity.onnx",
        [helper.make_node("Identity", [input_name], [output_name])],
        [(input_name, dtype, shape)],
        [(output_name, dtype, shape)],
        metadata=metadata,
    )


def classifier(
    folder: Path,
    *,
    gain: float = 20.0,
    size: int = 8,
    batch: int | str = 1,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Three logits: the mean of each channel, times `gain`. A red picture is class 0."""
    return save(
        folder / "classifier.onnx",
        [
            helper.make_node("GlobalAveragePool", ["images"], ["means"]),
            helper.make_node("Flatten", ["means"], ["flat"]),
            helper.make_node("Mul", ["flat", "gain"], ["logits"]),
        ],
        [("images", "float32", (batch, 3, size, size))],
        [("logits", "float32", (batch, 3))],
        {"gain": np.array(gain, np.float32)},
        metadata=metadata,
    )


def embedder(
    folder: Path, *, size: int = 8, copies: int = 8, output_name: str = "embedding"
) -> Path:
    """3 * copies numbers: the mean of each channel less a half, over and over.

    A grey of 127.5 would be all zeros; black and white are opposite.
    """
    return save(
        folder / "embedder.onnx",
        [
            helper.make_node("GlobalAveragePool", ["images"], ["means"]),
            helper.make_node("Flatten", ["means"], ["flat"]),
            helper.make_node("Sub", ["flat", "half"], ["vector"]),
            helper.make_node("Tile", ["vector", "copies"], [output_name]),
        ],
        [("images", "float32", (1, 3, size, size))],
        [(output_name, "float32", (1, 3 * copies))],
        {"half": np.array(0.5, np.float32), "copies": np.array([1, copies], np.int64)},
    )


def constant_output(
    folder: Path,
    outputs: Mapping[str, np.ndarray],
    *,
    size_wh: tuple[int, int] = (64, 64),
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A picture goes in; out come the same arrays every time, whatever the picture."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
    ]
    constants = {"zero": np.array(0, np.float32)}
    for name, array in outputs.items():
        constants[f"{name}_constant"] = array.astype(np.float32)
        nodes.append(helper.make_node("Add", [f"{name}_constant", "nothing"], [name]))
    return save(
        folder / "constant.onnx",
        nodes,
        [("images", "float32", (1, 3, size_wh[1], size_wh[0]))],
        [(name, "float32", array.shape) for name, array in outputs.items()],
        constants,
        metadata=metadata,
    )


def detector_head(
    boxes_cxcywh: Sequence[Sequence[float]],
    class_ids: Sequence[int],
    scores: Sequence[float],
    *,
    classes: int = 2,
    size_wh: tuple[int, int] = (64, 64),
    strides: Sequence[int] = (8, 16, 32),
) -> np.ndarray:
    """(1, 4 + classes, cells) as Ultralytics' raw head gives it: these boxes, all else empty."""
    cells = sum((size_wh[0] // stride) * (size_wh[1] // stride) for stride in strides)
    head = np.zeros((1, 4 + classes, cells), np.float32)
    for column, (box, class_id, score) in enumerate(
        zip(boxes_cxcywh, class_ids, scores, strict=True)
    ):
        head[0, :4, column] = box
        head[0, 4 + class_id, column] = score
    return head


def nan_output(folder: Path) -> Path:
    """Every value of the output is 0 / 0."""
    return save(
        folder / "nan.onnx",
        [
            helper.make_node("Sub", ["images", "images"], ["zeros"]),
            helper.make_node("Div", ["zeros", "zeros"], ["output"]),
        ],
        [("images", "float32", (1, 3, 8, 8))],
        [("output", "float32", (1, 3, 8, 8))],
    )


def two_inputs(folder: Path) -> Path:
    """A picture and two numbers."""
    return save(
        folder / "two_inputs.onnx",
        [
            helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
            helper.make_node("Add", ["sizes", "mean"], ["output"]),
        ],
        [("images", "float32", (1, 3, 8, 8)), ("sizes", "float32", (1, 2))],
        [("output", "float32", (1, 2))],
    )


def echo(folder: Path, inputs: Sequence[Value]) -> Path:
    """Gives every input back as it came: `x` as `x_out`."""
    return save(
        folder / "echo.onnx",
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name, _, _ in inputs],
        inputs,
        [(f"{name}_out", dtype, dims) for name, dtype, dims in inputs],
    )


def no_image_input(folder: Path) -> Path:
    """Token numbers in, floats out: nothing for a picture."""
    return save(
        folder / "tokens.onnx",
        [helper.make_node("Cast", ["ids"], ["output"], to=TensorProto.FLOAT)],
        [("ids", "int64", (1, 16))],
        [("output", "float32", (1, 16))],
    )


def nonzero(folder: Path) -> Path:
    """The output's second dimension is known only when the model has run."""
    return save(
        folder / "nonzero.onnx",
        [helper.make_node("NonZero", ["images"], ["output"])],
        [("images", "float32", (1, 3, 8, 8))],
        [("output", "int64", (4, None))],
    )


def uint8_nhwc(folder: Path) -> Path:
    """Takes bytes, channels last, as exported TensorFlow models do."""
    return save(
        folder / "uint8.onnx",
        [helper.make_node("Cast", ["images"], ["output"], to=TensorProto.FLOAT)],
        [("images", "uint8", (1, 8, 8, 3))],
        [("output", "float32", (1, 8, 8, 3))],
    )


def two_outputs(folder: Path) -> Path:
    """The doubled and the halved picture, in that order."""
    return save(
        folder / "two_outputs.onnx",
        [
            helper.make_node("Mul", ["images", "two"], ["doubled"]),
            helper.make_node("Div", ["images", "two"], ["halved"]),
        ],
        [("images", "float32", (1, 3, 8, 8))],
        [("doubled", "float32", (1, 3, 8, 8)), ("halved", "float32", (1, 3, 8, 8))],
        {"two": np.array(2, np.float32)},
    )


def failing_at_run_time(folder: Path) -> Path:
    """Loads, and then cannot be run: 10 elements are reshaped to 7."""
    return save(
        folder / "failing.onnx",
        [helper.make_node("Reshape", ["values", "shape"], ["output"])],
        [("values", "float32", ("n",)), ("shape", "int64", (1,))],
        [("output", "float32", ("m",))],
    )


def string_output(folder: Path) -> Path:
    """A picture goes in, two words come out."""
    return save(
        folder / "words.onnx",
        [
            helper.make_node("Identity", ["images"], ["copy"]),
            helper.make_node("Identity", ["constant"], ["words"]),
        ],
        [("images", "float32", (1, 3, 8, 8))],
        [("copy", "float32", (1, 3, 8, 8)), ("words", "string", (2,))],
        {"constant": np.array(["cat", "dog"], dtype=object)},
    )


def sequence_output(folder: Path) -> Path:
    """A sequence of two tensors of different shapes: no array, whatever one does."""
    sequence = helper.make_tensor_sequence_value_info("parts", TensorProto.FLOAT, None)
    nodes = [helper.make_node("SequenceConstruct", ["images", "one"], ["parts"])]
    one = numpy_helper.from_array(np.ones(2, np.float32), "one")
    graph = helper.make_graph(
        nodes, "graph", [_value(("images", "float32", (1, 3, 8, 8)))], [sequence], [one]
    )
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    path = folder / "sequence.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def external_tensor(location: str, name: str = "weights") -> onnx.TensorProto:
    """1 x 3 x 8 x 8 float32 whose values are said to be in another file."""
    tensor: Any = numpy_helper.from_array(np.ones((1, 3, 8, 8), np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "768")):
        tensor.external_data.add(key=key, value=value)
    return tensor


def external_data(folder: Path, location: str) -> Path:
    """Adds weights that are said to be in another file."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["images", "weights"], ["output"])],
        "graph",
        [_value(("images", "float32", (1, 3, 8, 8)))],
        [_value(("output", "float32", (1, 3, 8, 8)))],
        [external_tensor(location)],
    )
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    path = folder / "external.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def external_data_missing(folder: Path) -> Path:
    """Its weights are said to be in weights.bin, which is not there."""
    return external_data(folder, "weights.bin")


def unknown_operator(folder: Path) -> Path:
    """Uses acme.Sparkle, which no runtime has."""
    return save(
        folder / "unknown_operator.onnx",
        [helper.make_node("Sparkle", ["images"], ["output"], domain="acme")],
        [("images", "float32", (1, 3, 8, 8))],
        [("output", "float32", (1, 3, 8, 8))],
        more_domains=["acme"],
    )


def from_the_future(folder: Path) -> Path:
    """Claims an opset that does not exist yet."""
    return save(
        folder / "future.onnx",
        [helper.make_node("Identity", ["images"], ["output"])],
        [("images", "float32", (1, 3, 8, 8))],
        [("output", "float32", (1, 3, 8, 8))],
        opset=999,
    )
