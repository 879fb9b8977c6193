"""A model whose run never ends by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.unit import onnx_models


def endless(folder: Path, shape: tuple[int, ...] = (2,)) -> Path:
    """Input x, output y; a loop in the graph that would go on for 10**12 rounds."""
    helper = onnx_models.helper
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["on"], ["on_out"]),
            helper.make_node("Add", ["sum", "sum"], ["sum_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", 7, []),
            helper.make_tensor_value_info("on", 9, []),
            helper.make_tensor_value_info("sum", 1, shape),
        ],
        [
            helper.make_tensor_value_info("on_out", 9, []),
            helper.make_tensor_value_info("sum_out", 1, shape),
        ],
    )
    return onnx_models.save(
        folder / "endless.onnx",
        [helper.make_node("Loop", ["count", "true", "x"], ["y"], body=body)],
        [("x", "float32", shape)],
        [("y", "float32", shape)],
        {"count": np.array(10**12), "true": np.array(True)},
    )
