"""A thousand pictures through the demo model on the CPU, against a plain loop.

    python -m tests.benchmarks.many_images [PICTURES]

Targets: at least 0.9 times the pictures a second of the peer; less than 500 MB more memory than
before the run, at its peak; an answer to a cancellation within 0.5 s.

The peer prepares pictures on as many threads as there are cores, with OpenCV's imread, resize and
blobFromImage, 32 of them ahead, and calls ONNX Runtime for each on its own; it neither checks the
pictures nor reads any predictions. Both run in turn in this process, an eighth of the
pictures at a time, the order changing; only one session lives at a time.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from core import Model
from core.errors import Cancelled
from core.folder_run import LOOK_AHEAD, RunProgress, run_images
from core.paths import DEMO_MODEL, DEMO_PICTURE

COUNT, ROUNDS, PARTS, CANCELLED = 1000, 5, 8, 20
SIZE_WH = (640, 480)


def make_pictures(folder: Path, count: int) -> list[Path]:
    """JPEGs of 640 x 480, a hundred kilobytes each, no two the same."""
    random = np.random.default_rng(0)
    base = cv2.resize(cv2.imread(str(DEMO_PICTURE)), SIZE_WH)
    paths = [folder / f"{number:05}.jpg" for number in range(count)]
    for path in paths:
        shifted = np.roll(base, int(random.integers(SIZE_WH[0])), axis=1)
        noise = random.integers(-8, 9, base.shape)
        cv2.imwrite(str(path), np.clip(shifted + noise, 0, 255).astype(np.uint8))
    return paths


def peer_seconds(paths: list[Path]) -> float:
    """The plain loop."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(DEMO_MODEL), options, providers=["CPUExecutionProvider"]
    )

    def prepare(path: Path) -> np.ndarray:
        pixels = cv2.resize(cv2.imread(str(path)), (256, 256))
        return np.asarray(cv2.dnn.blobFromImage(pixels, 1 / 255, swapRB=True))

    session.run(None, {"images": prepare(paths[0])})
    begin = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting: deque[Future[np.ndarray]] = deque()
        for path in paths:
            waiting.append(pool.submit(prepare, path))
            if len(waiting) == LOOK_AHEAD:
                session.run(None, {"images": waiting.popleft().result()})
        while waiting:
            session.run(None, {"images": waiting.popleft().result()})
    return time.perf_counter() - begin


def our_seconds(paths: list[Path], batch: int | None) -> float:
    """Enginebay's, from an open model on."""
    with Model.open(DEMO_MODEL) as model:
        model.test(paths[0])
        begin = time.perf_counter()
        rows = list(run_images(model, paths, batch=batch))
        seconds = time.perf_counter() - begin
    assert all(row.error is None for row in rows)
    return seconds


def cancel_ms(paths: list[Path], after: int) -> float:
    """From a cancellation, asked for on another thread, to the run's end."""
    asked = threading.Event()
    begin = [0.0]

    def ask() -> None:
        begin[0] = time.perf_counter()
        asked.set()

    def report(progress: RunProgress) -> None:
        if asked.is_set():
            raise Cancelled
        if progress.done == after:
            # Somewhere in the next picture's work.
            threading.Timer(0.001 * (after % 7), ask).start()

    with Model.open(DEMO_MODEL) as model:
        try:
            for _row in run_images(model, paths, report=report):
                pass
        except Cancelled:
            return (time.perf_counter() - begin[0]) * 1000
    raise AssertionError("it was over before it was cancelled")


class Memory:
    """This process's resident memory, looked at a hundred times a second."""

    def __init__(self) -> None:
        self.peak = self.now()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    @staticmethod
    def now() -> int:
        """Bytes; Linux only."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self.peak = max(self.peak, self.now())

    def end(self) -> int:
        """The peak, in bytes."""
        self._ended.set()
        self._thread.join()
        return self.peak


def peak_mb(paths: list[Path]) -> float:
    """The highest memory of a run, above that before the model is opened; megabytes."""
    idle = Memory.now()
    memory = Memory()
    our_seconds(paths, None)
    return (memory.end() - idle) / 1e6


def measure(paths: list[Path]) -> dict[str, object]:
    """Medians of rounds in turn."""
    result: dict[str, object] = {"images": len(paths), "cores": os.cpu_count()}
    result["peak_mb"] = round(peak_mb(paths), 1)  # first, while nothing else has grown the process
    runs: dict[str, Callable[[list[Path]], float]] = {
        "peer": peer_seconds,
        "enginebay": lambda some: our_seconds(some, None),
        "enginebay, batch 8": lambda some: our_seconds(some, 8),
    }
    seconds: dict[str, list[float]] = {name: [0.0] * ROUNDS for name in runs}
    for number in range(ROUNDS):
        for part in range(PARTS):
            names = list(runs)
            for name in names if (number + part) % 2 else names[::-1]:
                seconds[name][number] += runs[name](paths[part::PARTS])
    rates = {name: [len(paths) / one for one in all_] for name, all_ in seconds.items()}
    result["images_per_s"] = {name: round(statistics.median(all_)) for name, all_ in rates.items()}
    for name, key in (("enginebay", "ratio"), ("enginebay, batch 8", "ratio_batch_8")):
        pairs = [mine / his for mine, his in zip(rates[name], rates["peer"], strict=True)]
        result[key] = round(statistics.median(pairs), 3)
        result[f"{key}s"] = [round(one, 3) for one in pairs]
    cancels = [cancel_ms(paths, 5 * (number + 1)) for number in range(CANCELLED)]
    result["cancel_ms"] = {
        "median": round(statistics.median(cancels), 1),
        "longest": round(max(cancels), 1),
    }
    return result


def main() -> None:
    """Print the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(make_pictures(Path(folder), count))))


if __name__ == "__main__":
    main()
