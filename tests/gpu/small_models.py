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


def nms_model(path: Path) -> Path:
    """boxes (1, 100, 4), scores (1, 100, 3) -> TensorRT's plugin EfficientNMS_TRT."""
    kinds = {"num_detections": TensorProto.INT32, "detection_classes": TensorProto.INT32}
    shapes = {
        "num_detections": [1, 1],
        "detection_boxes": [1, 10, 4],
        "detection_scores": [1, 10],
        "detection_classes": [1, 10],
    }
    boxes = helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 100, 4])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 100, 3])
    outputs = [
        helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), shape)
        for name, shape in shapes.items()
    ]
    node = helper.make_node(
        "EfficientNMS_TRT",
        ["boxes", "scores"],
        list(shapes),
        plugin_version="1",
        background_class=-1,
        box_coding=0,
        iou_threshold=0.45,
        max_output_boxes=10,
        score_activation=0,
        score_threshold=0.25,
    )
    return _save(path, [node], [boxes, scores], outputs)


def hungry_model(path: Path, layers: int = 40) -> Path:
    """x (rows, 1024) -> y: every step's result is needed again at the end, in reverse order.

    With 2 million rows, the largest profile that TensorRT 8.6 takes, each is 8 GB.
    """
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1024])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1024])
    nodes = [
        helper.make_node("Softmax", [f"s{i - 1}" if i else "x"], [f"s{i}"], axis=i % 2)
        for i in range(layers)
    ]
    last = f"s{layers - 1}"
    for i in reversed(range(layers - 1)):
        name = f"p{i}" if i else "y"
        nodes.append(helper.make_node("Mul", [last, f"s{i}"], [name]))
        last = name
    return _save(path, nodes, [x], [y])
