"""JPEG files to an engine's outputs, against what reading alone and the engine alone reach.

    python -m tests.benchmarks.jpeg_folder ENGINE [SECONDS]

Target: files to raw outputs at no less than 0.9 times the pictures a second of reading alone, by
threads or by processes, whichever does more, or of the engine's compute alone where that is less.

"reading" is the program's own read_image on as many threads as there are cores, or a few more as
a run over a folder has, whichever does more, and nothing else. "reading in processes" is what the
program's reading processes do alone, one for each core or as many as in a run, whichever does more;
0 where they cannot be. "compute" is the engine with inputs and outputs left on the device, in the
batches of such a run, with the number of contexts that does most. "raw" is core.folder_run with
nobody reading the outputs; "predictions" is the whole of it.
The files are in the system's cache. All run in turn in this process, the order changing; a run
over the folder is timed once its lanes are set up and warm and processes read, so how long that
takes is printed on its own; where none do after PROCESSES_S, it is timed with threads, which "way"
says.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np

from core import Model
from core.batching import plan_batches
from core.benchmark.best_lanes import best_lanes
from core.errors import ModelError
from core.folder_run import LANES_LOOK_AHEAD, RunWay, run_images
from core.gpu_folder_run import STAGED_BYTES
from core.images import read_image
from core.reading_processes import Reading, ReadingProcesses, Staged
from core.result_rows import ResultRow
from core.sessions.lanes import LaneOptions
from core.staged_pictures import process_count

COUNT, SIZE_WH, QUALITY = 512, (1280, 720), 90
GRAIN_WH = (80, 45)  # of the random pictures that are made larger: 200 kB as JPEG
ROUNDS, WARM = 5, 256
PROCESSES_S = 20.0  # from a run's beginning
CORES = min(os.cpu_count() or 1, 16)
THREADS = (CORES, CORES + CORES // 8)  # the second as core.folder_run
PROCESSES = (CORES, process_count(CORES))
CONTEXTS = (1, 2, 3, 4)


def make_pictures(folder: Path) -> list[Path]:
    """JPEGs without fine noise, no two the same."""
    random = np.random.default_rng(0)
    paths = [folder / f"{number:04}.jpg" for number in range(COUNT)]
    for path in paths:
        small = random.integers(0, 256, (GRAIN_WH[1], GRAIN_WH[0], 3), dtype=np.uint8)
        picture = cv2.resize(small, SIZE_WH, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return paths


def reading_rate(paths: list[Path], threads: int, seconds: float) -> float:
    """Pictures a second that are read and dropped."""

    def read(path: Path) -> None:
        read_image(path)

    files = itertools.cycle(paths)
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(read, next(files)) for _ in range(LANES_LOOK_AHEAD))

        def one() -> None:
            waiting.popleft().result()
            waiting.append(pool.submit(read, next(files)))

        for _ in range(WARM):
            one()
        count, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            one()
            count += 1
        return count / (time.perf_counter() - begin)


def process_reading_rate(paths: list[Path], count: int, seconds: float) -> float:
    """Pictures a second that processes read and nobody uses."""

    def read_here(path: str, _future: Reading) -> None:
        raise AssertionError(f"a process did not read {path}")

    files = map(str, itertools.cycle(paths))
    size = SIZE_WH[0] * SIZE_WH[1] * 3
    processes = ReadingProcesses(count, STAGED_BYTES, size, lambda: size, 0, read_here)
    try:
        while processes.state == "starting":
            time.sleep(0.01)
        if processes.state != "reserved" or not processes.take_over(lambda _memory: lambda: None):
            return 0.0
        ahead = min(LANES_LOOK_AHEAD, STAGED_BYTES // size)
        waiting = deque(processes.submit(next(files)) for _ in range(ahead))

        def one() -> None:
            processes.hurry(waiting[0])
            assert isinstance(waiting.popleft().result(), Staged)
            waiting.append(processes.submit(next(files)))

        for _ in range(WARM):
            one()
        done, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            one()
            done += 1
        return done / (time.perf_counter() - begin)
    finally:
        processes.close()


def compute_rate(model: Model, contexts: int, seconds: float) -> float:
    """Pictures a second of the engine alone."""
    recipe = model.recipe
    assert recipe is not None
    plan = plan_batches(model.session, recipe)
    shape = recipe.shape if plan.size == 1 else (plan.dimension(plan.size), *recipe.shape[1:])
    options = LaneOptions(count=contexts, depth=2, transfers=False, timed=False)
    lanes = model.session.lanes({recipe.input: shape}, options)
    try:
        for lane in lanes:
            lane.start()
        count, begin = 0, time.perf_counter()
        for lane in itertools.cycle(lanes):
            lane.wait()
            count += plan.size
            if time.perf_counter() - begin >= seconds:
                rate = count / (time.perf_counter() - begin)
                break
            lane.start()
        for lane in lanes:
            lane.wait()
        return rate
    finally:
        for lane in lanes:
            lane.close()


def best_contexts(model: Model, seconds: float) -> int:
    """The contexts with which the engine alone does most."""
    rates: dict[int, float] = {}
    for contexts in CONTEXTS:
        try:
            rates[contexts] = compute_rate(model, contexts, seconds)
        except ModelError:  # an engine that has no room for so many
            if not rates:
                raise
    return max(rates, key=lambda contexts: rates[contexts])


@contextmanager
def nobody_reads() -> Iterator[None]:
    """Rows without predictions, from outputs that nobody looks at."""

    def unread(path: str, _outputs: Any, _reading: Any, ms: float) -> ResultRow:
        return ResultRow(path=path, time_ms=ms)

    with (
        mock.patch("core.gpu_folder_run.read_outputs", unread),
        mock.patch("core.folder_run.read_outputs", unread),
    ):
        yield


class Folder:
    """Runs over the folder, again and again.

    Attributes:
        way: how the last one ran.
        set_up_ms: from its beginning until its lanes were there; the first pictures are part of it.
        processes_ms: from its beginning until processes read.
    """

    def __init__(self, model: Model, paths: list[Path]) -> None:
        self._model, self._paths = model, paths
        self._lanes = best_lanes(model)
        self.way: RunWay | None = None
        self.set_up_ms: list[float] = []
        self.processes_ms: list[float] = []

    def rate(self, seconds: float) -> float:
        """Pictures a second."""
        start = time.perf_counter()

        def note_way(way: RunWay) -> None:
            self.way = way
            took = self.processes_ms if way.reading_processes else self.set_up_ms
            took.append((time.perf_counter() - start) * 1000)

        def is_set_up() -> bool:
            if self.way is None:
                return False
            has_all = self.way.reading_processes > 0 or not self.way.prepared_on_gpu
            return has_all or time.perf_counter() - start > PROCESSES_S

        self.way = None
        files = itertools.cycle(self._paths)
        rows = run_images(self._model, files, lanes=self._lanes, note_way=note_way)
        with closing(rows):
            warm = count = 0
            begin = time.perf_counter()
            for row in rows:
                assert row.error is None, row.error
                if warm < WARM:
                    warm += is_set_up()
                    begin = time.perf_counter()
                    continue
                count += 1
                if time.perf_counter() - begin >= seconds:
                    break
            return count / (time.perf_counter() - begin)

    def raw_rate(self, seconds: float) -> float:
        """The same up to raw outputs."""
        with nobody_reads():
            return self.rate(seconds)


def measure(model: Model, paths: list[Path], seconds: float) -> dict[str, object]:
    """Medians of rounds in turn."""
    folder = Folder(model, paths)
    contexts = best_contexts(model, seconds / 4)
    threads = max(THREADS, key=lambda count: reading_rate(paths, count, seconds))
    processes = max(PROCESSES, key=lambda count: process_reading_rate(paths, count, seconds))
    runs: dict[str, Callable[[], float]] = {
        "reading": lambda: reading_rate(paths, threads, seconds),
        "reading in processes": lambda: process_reading_rate(paths, processes, seconds),
        "compute": lambda: compute_rate(model, contexts, seconds),
        "raw": lambda: folder.raw_rate(seconds),
        "predictions": lambda: folder.rate(seconds),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(ROUNDS):
        names = list(runs)
        for name in names if number % 2 else names[::-1]:
            rates[name].append(runs[name]())
    result: dict[str, object] = {
        "gpu": model.session.runtime,
        "cores": os.cpu_count(),
        "reading_threads": threads,
        "reading_processes": processes,
        "kilobytes": round(statistics.mean(path.stat().st_size for path in paths) / 1000),
        "way": repr(folder.way),
        "set_up_ms": round(statistics.median(folder.set_up_ms)),
        "processes_ms": folder.processes_ms and round(statistics.median(folder.processes_ms)),
        "compute_contexts": contexts,
        "images_per_s": {name: round(statistics.median(all_)) for name, all_ in rates.items()},
        "target": 0.9,
    }
    for name, key in (("raw", "ratio"), ("predictions", "ratio_predictions")):
        ratios = [
            mine / min(max(by_threads, by_processes), compute)
            for mine, by_threads, by_processes, compute in zip(
                *(rates[one] for one in (name, "reading", "reading in processes", "compute")),
                strict=True,
            )
        ]
        result[key] = round(statistics.median(ratios), 3)
        result[f"{key}s"] = [round(one, 3) for one in ratios]
    return result


def main() -> None:
    """Print the ratios."""
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    with tempfile.TemporaryDirectory() as folder, Model.open(Path(sys.argv[1])) as model:
        print(json.dumps(measure(model, make_pictures(Path(folder)), seconds)))


if __name__ == "__main__":
    main()
