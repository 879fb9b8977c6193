"""ONNX models for what the demo does not have: data-dependent shapes and shape tensors."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper


def _save(path: Path, nodes: list, inputs: list, outputs: list) -> Path:
    graph = helper.make_graph(nodes, "small", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return path


def nonzero_model(path: Path) -> Path:
    """x (rows, 8) float32 -> where (2, N) int64: N depends on the values."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 8])
    where = helper.make_tensor_value_info("where", TensorProto.INT64, [2, None])
    relu = helper.make_node("Relu", ["x"], ["positive"])
    return _save(path, [relu, helper.make_node("NonZero", ["positive"], ["where"])], [x], [where])


def reshape_model(path: Path) -> Path:
    """x (rows, 12) float32 and shape (2,) int64 -> y of that shape: a host shape tensor."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 12])
    shape = helper.make_tensor_value_info("shape", TensorProto.INT64, [2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None])
    relu = helper.make_node("Relu", ["x"], ["positive"])
    nodes = [relu, helper.make_node("Reshape", ["positive", "shape"], ["y"])]
    return _save(path, nodes, [x, shape], [y])


def unknown_operator_model(path: Path) -> Path:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 8])
    node = helper.make_node("Mystery", ["x"], ["y"], domain="nowhere")
    graph = helper.make_graph([node], "small", [x], [y])
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("nowhere", 1)]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 8
    onnx.save(model, str(path))
    return path
