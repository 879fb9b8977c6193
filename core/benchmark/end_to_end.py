"""Image files to predictions, over and over, as a run over a folder does it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import numpy as np

from core.benchmark.convention import convention
from core.benchmark.lane_measurement import is_on_gpu
from core.benchmark.listener import Listener
from core.benchmark.loop import TELL_S
from core.benchmark.samples import COLUMNS, Samples
from core.benchmark.values import BenchmarkOptions, Measurement
from core.errors import Cancelled, ModelError
from core.folder_run import RunProgress, RunWay, run_images
from core.images import Image, read_image
from core.model import Model
from core.sessions.interrupting import interrupting
from core.sessions.lanes import LaneOptions

_TEXT = "Measuring end to end"

_Picture = tuple[float, float]  # seconds: when its file was opened, and its predictions came


def measure_end_to_end(
    model: Model,
    options: BenchmarkOptions,
    lanes: LaneOptions,
    listener: Listener,
    stop: Callable[[], bool],
) -> Measurement:
    """Measure files to predictions through core.folder_run, so with reading ahead; no marks.

    A sample is a picture: its wall time goes from when its file is opened to when its predictions
    are there, in their order; waiting for its turn at the model is part of it. Every file has
    been read before, see core.benchmark.checks. The warm-up is the run's beginning: until its
    time and count are reached, and lanes are set up. Pictures that are on their way when it ends
    do not count, nor do those at the end.

    Args:
        model: with its choices made; nobody runs it meanwhile.
        options: checked, with images.
        lanes: the contexts and graph that an engine shall use.
        listener: told of samples and of how far it is.
        stop: asked some 10 times a second whether to end early; also on another thread.

    Raises:
        ImageError: naming the first file that cannot be read.
        ModelError: if the model fails on a picture.
    """
    run = _Run(model, options, lanes, listener, stop)
    rows, is_complete, first_run_ms = np.empty((0, len(COLUMNS))), False, None
    try:
        with interrupting([model.session], stop), closing(run.pictures()) as pictures:
            first_run_ms = run.warm_up(pictures)
            is_complete = run.measure(pictures)
    except Cancelled:
        pass
    if run.rows:
        rows = np.array(run.rows)
    way = run.way or RunWay()
    graph = way.graph or model.session.uses_graph
    return Measurement(
        name="end-to-end",
        convention=convention(
            "end-to-end",
            transfers=True,
            contexts=way.contexts,
            graph=graph,
            wait=way.wait,
            on_gpu=is_on_gpu(model),
            prepared_on_gpu=way.prepared_on_gpu,
        ),
        samples=Samples(rows),
        batch=1,  # a sample is one picture, however many the model takes in a run
        contexts=way.contexts,
        graph=graph,
        transfers=True,
        first_run_ms=first_run_ms,
        is_complete=is_complete,
    )


class _Shot(str):
    """A picture's path, one of many times."""

    __slots__ = ("number",)
    number: int


class _Run:
    """Passes over the pictures, and when each of them began and ended."""

    def __init__(
        self,
        model: Model,
        options: BenchmarkOptions,
        lanes: LaneOptions,
        listener: Listener,
        stop: Callable[[], bool],
    ) -> None:
        self.rows: list[tuple[float, ...]] = []
        self.way: RunWay | None = None
        self._lanes = lanes
        self._progress: Callable[[], tuple[str, float | None]] = lambda: (
            f"{_TEXT}: warming up",
            None,
        )
        self._model = model
        self._options = options
        self._listener = listener
        self._stop = stop
        self._begins: dict[int, float] = {}
        self._told = 0

    def tell(self, text: str, fraction: float | None) -> None:
        """Say how far it is.

        Raises:
            Cancelled: where it shall stop.
        """
        if self._stop():
            raise Cancelled
        self._listener.phase(text, fraction)

    def warm_up(self, pictures: Iterator[_Picture]) -> float:
        """Run until all is set up and warm; milliseconds of the first picture."""
        first_ms, begin = 0.0, time.perf_counter()
        for count, (picture_begin, done) in enumerate(pictures, 1):
            if count == 1:
                first_ms = (done - picture_begin) * 1000
            warm = (done - begin) * 1000 >= self._options.warm_up_ms
            if warm and count >= self._options.warm_up_runs and self.way is not None:
                break
        return first_ms

    def measure(self, pictures: Iterator[_Picture]) -> bool:
        """Run until duration and iterations are reached, into `rows`; False where it stopped."""
        options, begin = self._options, time.perf_counter()
        next_tell = begin + TELL_S

        def progress() -> tuple[str, float]:
            part = min((time.perf_counter() - begin) / options.duration_s, 1.0)
            return _TEXT, min(part, len(self.rows) / options.iterations)

        self._progress = progress
        nan = float("nan")
        try:
            for picture_begin, done in pictures:
                # Those begun in the warm-up count as well: as many are begun here and not done.
                start, end = (picture_begin - begin) * 1000, (done - begin) * 1000
                # Only the span is known: the stages of pictures overlap.
                self.rows.append((nan, nan, start, nan, nan, nan, nan, end, end - start, 0.0))
                if done >= next_tell:
                    next_tell = done + TELL_S
                    self._tell_rows()
                if done - begin >= options.duration_s and len(self.rows) >= options.iterations:
                    return True
            raise AssertionError("the pictures never end")
        finally:
            self._tell_rows()

    def _tell_rows(self) -> None:
        if len(self.rows) > self._told:
            self._listener.samples("end-to-end", np.array(self.rows[self._told :]))
            self._told = len(self.rows)

    def pictures(self) -> Generator[_Picture, None, None]:
        """When each picture's file was opened, and when its predictions were there."""
        next_tell = 0.0

        def report(_progress: RunProgress) -> None:
            nonlocal next_tell
            now = time.perf_counter()
            if now >= next_tell:
                next_tell = now + TELL_S
                self.tell(*self._progress())

        def note_way(way: RunWay) -> None:
            self.way = way

        rows = run_images(
            self._model,
            self._shots(),
            batch=self._options.batch,
            report=report,
            read=self._read,
            lanes=self._lanes,
            note_way=note_way,
        )
        with closing(rows):
            for number, row in enumerate(rows):
                done = time.perf_counter()
                if row.error is not None:
                    raise ModelError(row.error.kind, row.error.message, row.error.hint)
                yield self._begins.pop(number), done

    def _shots(self) -> Iterator[_Shot]:
        number = 0
        while True:
            for path in self._options.images:
                shot = _Shot(path)
                shot.number = number
                self._begins[number] = time.perf_counter()
                yield shot
                number += 1

    def _read(self, path: object) -> Image:
        """Read a picture. Runs on a reader's thread."""
        assert isinstance(path, _Shot)
        self._begins[path.number] = time.perf_counter()
        return read_image(path)
