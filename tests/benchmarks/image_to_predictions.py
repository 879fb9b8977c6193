"""From image file to predictions on the CPU, against OpenCV and ONNX Runtime called by hand.

    python -m tests.benchmarks.image_to_predictions [MODEL IMAGE]

Target: at most 1.1 times the peer, which reads with OpenCV, resizes, makes the float tensor with
OpenCV's own blobFromImage, and calls ONNX Runtime; it reads no predictions out of the result.

Without arguments: a photograph of 1280 x 720 through a detector of the usual size, 640 x 640 with
25,000 weights a layer (made here, its weights random), and the demo, whose network is so small
that what is the same for every picture (checks, watching for NaN, reading the boxes) shows most.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from core import Model
from core.paths import DEMO_MODEL, DEMO_PICTURE
from tests.benchmarks.clock import median_ms

ROUNDS, CALLS = 9, 40


def _peer_ms(model_path: Path, picture: Path, size: tuple[int, int]) -> float:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(model_path), options, providers=["CPUExecutionProvider"]
    )
    (node,) = session.get_inputs()

    def call() -> object:
        pixels = cv2.imread(str(picture))
        small = cv2.resize(pixels, size)
        blob = cv2.dnn.blobFromImage(small, 1 / 255, swapRB=True)
        return session.run(None, {node.name: blob})

    call()
    return median_ms(call, CALLS)


def _our_ms(model_path: Path, picture: Path) -> float:
    with Model.open(model_path) as model:
        model.test(picture)
        return median_ms(lambda: model.test(picture), CALLS)


def measure(model_path: Path, picture: Path) -> dict[str, float]:
    """Medians in milliseconds over rounds in turn, and their ratio.

    Only one session lives at a time: the threads of another would take its cores.
    """
    with Model.open(model_path) as model:
        assert model.recipe is not None
        size = model.recipe.size_wh
    peer, ours = [], []
    for _ in range(ROUNDS):
        peer.append(_peer_ms(model_path, picture, size))
        ours.append(_our_ms(model_path, picture))
    theirs, mine = statistics.median(peer), statistics.median(ours)
    return {
        "peer_ms": round(theirs, 3),
        "enginebay_ms": round(mine, 3),
        "ratio": round(mine / theirs, 3),
    }


def _usual(folder: Path) -> tuple[Path, Path]:
    """A one-output detector in Ultralytics' layout at 640 x 640, and a picture of 1280 x 720."""
    random = np.random.default_rng(0)
    nodes, weights, source, channels = [], [], "images", 3
    for index, (width, stride) in enumerate([(16, 2), (32, 2), (64, 2), (84, 1)]):
        kernel = random.standard_normal((width, channels, 3, 3)).astype(np.float32) / 30
        weights.append(numpy_helper.from_array(kernel, f"w{index}"))
        # As of a trained head, hardly any score passes the threshold.
        bias = np.full(width, -4 if width == 84 else 0, np.float32)
        weights.append(numpy_helper.from_array(bias, f"b{index}"))
        shape = {"strides": [stride] * 2, "pads": [1] * 4}
        inputs = [source, f"w{index}", f"b{index}"]
        nodes.append(helper.make_node("Conv", inputs, [f"c{index}"], **shape))
        nodes.append(helper.make_node("Sigmoid", [f"c{index}"], [f"s{index}"]))
        source, channels = f"s{index}", width
    weights.append(numpy_helper.from_array(np.array([1, 84, -1]), "flat"))
    nodes.append(helper.make_node("Reshape", [source, "flat"], ["output0"]))
    ends = [
        helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 640, 640]),
        helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 84, 6400]),
    ]
    graph = helper.make_graph(nodes, "usual", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, {"task": "detect", "names": "{}", "imgsz": "[640, 640]"})
    onnx.save(model, str(folder / "usual.onnx"))
    pixels = cv2.resize(cv2.imread(str(DEMO_PICTURE)), (1280, 720))
    cv2.imwrite(str(folder / "usual.jpg"), pixels)
    return folder / "usual.onnx", folder / "usual.jpg"


def main() -> None:
    """Print the ratios."""
    given = [Path(argument) for argument in sys.argv[1:3]]
    if given:
        print(json.dumps(measure(*given)))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(
            json.dumps(
                {
                    "640 x 640": measure(*_usual(Path(folder))),
                    "demo, 256 x 256": measure(DEMO_MODEL, DEMO_PICTURE),
                }
            )
        )


if __name__ == "__main__":
    main()
