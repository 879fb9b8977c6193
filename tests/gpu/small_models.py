"""ONNX models for what the demo does not have: other tasks, data-dependent shapes, shape tensors.

The models that take pictures have convolutions with hand-made weights and nothing that TensorRT
would want cuBLAS for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

COLORS = ("red", "green", "blue", "dull")
CLASSIFIER_WEIGHTS = np.array([[6, -3, -3], [-3, 6, -3], [-3, -3, 6], [0, 0, 0]], np.float32)
CLASSIFIER_BIAS = np.array([0, 0, 0, 1.5], np.float32)
SEGMENTER_WEIGHTS = CLASSIFIER_WEIGHTS / 6
# Apart by other steps than levels of 1/255 are, so that no two classes tie at a point.
SEGMENTER_BIAS = np.array([0, 0.002, 0.004, 0.25], np.float32)


def _save(
    path: Path,
    nodes: list,
    inputs: list,
    outputs: list,
    weights: dict[str, np.ndarray] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    constants = [numpy_helper.from_array(one, name) for name, one in (weights or {}).items()]
    graph = helper.make_graph(nodes, "small", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    helper.set_model_props(model, metadata or {})
    onnx.save(model, str(path))
    return path


def _named() -> dict[str, str]:
    return {"names": str(dict(enumerate(COLORS)))}


def classifier_model(path: Path) -> Path:
    """images (batch, 3, 64, 64) float32 -> logits (batch, 4): how red, green, blue or dull."""
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 64, 64])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4])
    nodes = [
        helper.make_node("Conv", ["images", "weights", "bias"], ["each"], kernel_shape=[1, 1]),
        helper.make_node("GlobalAveragePool", ["each"], ["average"]),
        helper.make_node("Reshape", ["average", "rows"], ["logits"]),
    ]
    weights = {
        "weights": CLASSIFIER_WEIGHTS[..., None, None],
        "bias": CLASSIFIER_BIAS,
        "rows": np.array([-1, 4], np.int64),
    }
    return _save(path, nodes, [images], [logits], weights, _named())


def segmenter_model(path: Path) -> Path:
    """images (1, 3, 64, 64) float32 -> scores (1, 4, 64, 64): the same four for each point."""
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 4, 64, 64])
    node = helper.make_node("Conv", ["images", "weights", "bias"], ["scores"], kernel_shape=[1, 1])
    weights = {"weights": SEGMENTER_WEIGHTS[..., None, None], "bias": SEGMENTER_BIAS}
    return _save(path, [node], [images], [scores], weights, _named())


def negative_model(path: Path) -> Path:
    """images (1, 3, h, w) float32 -> negative, of the same shape: blurred by 3 x 3, 1 - value."""
    shape = [1, 3, "height", "width"]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    negative = helper.make_tensor_value_info("negative", TensorProto.FLOAT, shape)
    node = helper.make_node(
        "Conv",
        ["images", "weights", "bias"],
        ["negative"],
        kernel_shape=[3, 3],
        pads=[1, 1, 1, 1],
        group=3,
    )
    weights = {"weights": np.full((3, 1, 3, 3), -1 / 9, np.float32), "bias": np.ones(3, np.float32)}
    return _save(path, [node], [images], [negative], weights)


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


def addition_model(path: Path) -> Path:
    """x (1, 8) -> y: one sum, between inputs and outputs in FP32."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])
    node = helper.make_node("Add", ["x", "step"], ["y"])
    return _save(path, [node], [x], [y], {"step": np.full((1, 8), 0.5, np.float32)})
