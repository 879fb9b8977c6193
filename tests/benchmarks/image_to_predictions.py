"""From image file to predictions on the CPU, against OpenCV and ONNX Runtime called by hand.

    python -m tests.benchmarks.image_to_predictions [MODEL IMAGE]

Target: at most 1.1 times the peer, which reads with OpenCV, resizes, makes the float tensor with
OpenCV's own blobFromImage, and calls ONNX Runtime; it reads no predictions out of the result.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import onnxruntime

from core import Model
from core.paths import DEMO_MODEL, DEMO_PICTURE

ROUNDS, CALLS = 9, 40


def _median_ms(call: Callable[[], object]) -> float:
    times = []
    for _ in range(CALLS):
        begin = time.perf_counter()
        call()
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times)


def measure(model_path: Path, picture: Path) -> dict[str, float]:
    """Medians in milliseconds over interleaved rounds, and their ratio."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(model_path), options, providers=["CPUExecutionProvider"]
    )
    (node,) = session.get_inputs()
    with Model.open(model_path) as model:
        assert model.recipe is not None
        size = model.recipe.size_wh

        def peer() -> object:
            pixels = cv2.imread(str(picture))
            small = cv2.resize(pixels, size)
            blob = cv2.dnn.blobFromImage(small, 1 / 255, swapRB=True)
            return session.run(None, {node.name: blob})

        def ours() -> object:
            return model.test(picture)

        for call in (peer, ours):
            _median_ms(call)
        rounds: dict[str, list[float]] = {"peer_ms": [], "enginebay_ms": []}
        for _ in range(ROUNDS):
            rounds["peer_ms"].append(_median_ms(peer))
            rounds["enginebay_ms"].append(_median_ms(ours))
    result = {name: round(statistics.median(times), 3) for name, times in rounds.items()}
    result["ratio"] = round(result["enginebay_ms"] / result["peer_ms"], 3)
    return result


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:3]]
    print(json.dumps(measure(*(given or (DEMO_MODEL, DEMO_PICTURE)))))
