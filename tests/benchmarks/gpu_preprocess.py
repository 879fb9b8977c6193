"""Decoded pictures in memory to raw outputs: prepared on the GPU, against the best float path.

    python -m tests.benchmarks.gpu_preprocess ENGINE [SECONDS]

Target: at least 1.5 times the pictures a second of the float path, which prepares pictures on all
cores, straight into page-locked inputs, and uploads them as the engine takes them.

The pictures are 1280 x 720, uint8, RGB, no two the same; the engine takes one at a time. "gpu" has
them in page-locked memory, where the program's readers decode to; "gpu, copied" has them in
ordinary memory, and threads copy them. Each way first finds its best number of contexts and of
queries on each; then all run in turn in this process, the order changing.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from core import Model
from core.cuda import open_context
from core.errors import ModelError
from core.gpu_preprocess import GpuPreprocessor
from core.preprocess import prepare_into
from core.recipes import Recipe
from core.sessions.lanes import LaneOptions

SIZE_WH, PICTURES, ROUNDS = (1280, 720), 32, 5
CONTEXTS, DEPTHS = (1, 2, 3, 4), (1, 2)
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Bench:
    """What every way runs on."""

    model: Model
    recipe: Recipe
    preprocessor: GpuPreprocessor
    pictures: Sequence[np.ndarray]  # in ordinary memory
    pinned: Sequence[np.ndarray]  # the same in page-locked memory

    @contextmanager
    def lanes(self, contexts: int, depth: int, *, feeds: bool) -> Iterator[list[Any]]:
        """Lanes for one picture each."""
        options = LaneOptions(count=contexts, depth=depth, feeds=feeds, timed=False)
        lanes = list(self.model.session.lanes({self.recipe.input: self.recipe.shape}, options))
        try:
            yield lanes
        finally:
            for lane in lanes:
                lane.close()


Way = Callable[[Bench, int, int, float], float]


def float_rate(bench: Bench, contexts: int, depth: int, seconds: float) -> float:
    """Pictures a second, prepared by all cores while as many inputs again are on their way."""
    recipe, pictures = bench.recipe, bench.pictures
    spare = math.ceil(1.5 * CORES / contexts)  # inputs that are being filled

    def fill(lane: Any, number: int) -> None:
        row = lane.input(recipe.input)
        row = row[0] if recipe.layout.startswith("N") else row
        prepare_into(row, pictures[number % len(pictures)], recipe)

    with (
        bench.lanes(contexts, depth + spare, feeds=True) as lanes,
        ThreadPoolExecutor(CORES) as pool,
    ):
        numbers = itertools.count()
        filling: deque[tuple[Any, Future[None]]] = deque(
            (lane, pool.submit(fill, lane, next(numbers))) for lane in lanes
        )
        running: deque[Any] = deque()
        watch = _Watch(2 * len(lanes), seconds)
        while not watch.is_over:
            lane, filled = filling.popleft()
            filled.result()
            lane.start()
            running.append(lane)
            if len(running) == contexts * depth:
                lane = running.popleft()
                lane.wait()
                watch.count()
                filling.append((lane, pool.submit(fill, lane, next(numbers))))
        for lane in running:
            lane.wait()
        for _lane, filled in filling:
            filled.result()
    return watch.rate


def _gpu_rate(
    bench: Bench, contexts: int, depth: int, seconds: float, source: Callable[[], np.ndarray]
) -> float:
    with bench.lanes(contexts, depth, feeds=False) as lanes:
        watch = _Watch(2 * len(lanes) + PICTURES, seconds)
        for number in itertools.count():
            slot = number % len(lanes)
            if number >= len(lanes):
                lanes[slot].wait()
                watch.count()
                if watch.is_over:
                    break
            bench.preprocessor.prepare_on(lanes[slot], source(), bench.recipe, slot)
            lanes[slot].start()
        for lane in lanes:
            lane.wait()
    return watch.rate


def gpu_rate(bench: Bench, contexts: int, depth: int, seconds: float) -> float:
    """Pictures a second from page-locked memory."""
    pictures = itertools.cycle(bench.pinned)
    return _gpu_rate(bench, contexts, depth, seconds, lambda: next(pictures))


def copied_rate(bench: Bench, contexts: int, depth: int, seconds: float) -> float:
    """Pictures a second from ordinary memory, copied by a few threads ahead of the GPU."""
    pictures = itertools.cycle(bench.pictures)
    staged = bench.preprocessor.staged
    threads = min(CORES, 8)
    with ThreadPoolExecutor(threads) as pool:
        ahead = deque(pool.submit(staged, next(pictures)) for _ in range(2 * threads))

        def source() -> np.ndarray:
            ahead.append(pool.submit(staged, next(pictures)))
            return ahead.popleft().result()

        return _gpu_rate(bench, contexts, depth, seconds, source)


class _Watch:
    """Counts what is done in so many seconds, after so many to warm up with."""

    def __init__(self, warm_up: int, seconds: float) -> None:
        self._left, self._seconds = warm_up, seconds
        self._done, self._begin, self._end = 0, 0.0, 0.0

    def count(self) -> None:
        """One more is done."""
        if self._left:
            self._left -= 1
            self._begin = time.perf_counter()
            return
        self._done += 1
        self._end = time.perf_counter()

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self._done > 0 and self._end - self._begin >= self._seconds

    @property
    def rate(self) -> float:
        """What was done a second."""
        return self._done / (self._end - self._begin)


def best_setting(bench: Bench, way: Way, seconds: float) -> tuple[int, int]:
    """The contexts and depth that do most."""
    rates = {}
    for contexts, depth in itertools.product(CONTEXTS, DEPTHS):
        try:
            rates[contexts, depth] = way(bench, contexts, depth, seconds)
        except ModelError:  # an engine that has no room for so many contexts
            if not rates:
                raise
    return max(rates, key=lambda setting: rates[setting])


def largest_difference(bench: Bench) -> dict[str, float]:
    """How far the outputs of both ways are apart, each by its own largest value."""
    recipe, pixels = bench.recipe, bench.pictures[0]
    with bench.lanes(1, 1, feeds=True) as [lane]:
        row = lane.input(recipe.input)
        prepare_into(row[0] if recipe.layout.startswith("N") else row, pixels, recipe)
        lane.start()
        lane.wait()
        wanted = {name: array.astype(np.float64) for name, array in lane.outputs().items()}
    with bench.lanes(1, 1, feeds=False) as [lane]:
        bench.preprocessor.prepare_on(lane, pixels, recipe, 0)
        lane.start()
        lane.wait()
        return {
            name: float(np.abs(array - wanted[name]).max() / max(np.abs(wanted[name]).max(), 1e-9))
            for name, array in lane.outputs().items()
        }


def measure(bench: Bench, seconds: float) -> dict[str, object]:
    """Medians of rounds in turn."""
    ways: dict[str, Way] = {"float": float_rate, "gpu": gpu_rate, "gpu, copied": copied_rate}
    settings = {name: best_setting(bench, way, seconds / 4) for name, way in ways.items()}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        names = list(ways)
        for name in names if number % 2 else names[::-1]:
            rates[name].append(ways[name](bench, *settings[name], seconds))
    result: dict[str, object] = {
        "cores": CORES,
        "size_wh": bench.recipe.size_wh,
        "contexts_and_depth": settings,
        "images_per_s": {name: round(statistics.median(all_)) for name, all_ in rates.items()},
        "largest_difference": largest_difference(bench),
        "target": 1.5,
    }
    for name, key in (("gpu", "ratio"), ("gpu, copied", "ratio_copied")):
        pairs = [mine / his for mine, his in zip(rates[name], rates["float"], strict=True)]
        result[key] = round(statistics.median(pairs), 3)
        result[f"{key}s"] = [round(one, 3) for one in pairs]
    return result


def main() -> None:
    """Print the ratios."""
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
    cv2.setNumThreads(1)  # the pool has a thread for each core already
    random = np.random.default_rng(0)
    width, height = SIZE_WH
    pictures = [
        random.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(PICTURES)
    ]
    cuda = open_context()
    preprocessor = GpuPreprocessor(cuda)
    pinned = [preprocessor.staged(pixels) for pixels in pictures]
    with Model.open(Path(sys.argv[1])) as model:
        recipe = model.recipe
        assert recipe is not None
        assert recipe.batch == 1
        reason = preprocessor.supports(recipe)
        assert reason is None, reason
        print(json.dumps(measure(Bench(model, recipe, preprocessor, pictures, pinned), seconds)))
    preprocessor.close()
    cuda.close()


if __name__ == "__main__":
    main()
