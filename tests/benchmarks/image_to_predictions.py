"""From image file to predictions on the CPU, against OpenCV and ONNX Runtime called by hand.

    python -m tests.benchmarks.image_to_predictions [MODEL IMAGE]

Target: at most 1.1 times the peer, which reads with OpenCV, resizes, makes the float tensor with
OpenCV's own blobFromImage, and calls ONNX Runtime; it reads no predictions out of the result.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

import cv2
import onnxruntime

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


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:3]]
    print(json.dumps(measure(*(given or (DEMO_MODEL, DEMO_PICTURE)))))
