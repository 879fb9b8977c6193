"""Many pictures through one model: read and prepared on other threads while the model runs."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from core.batching import ONE_BY_ONE, BatchPlan, is_alike, plan_batches, split
from core.errors import EnginebayError, InputError, out_of_memory
from core.images import Image, read_image
from core.model import Model
from core.placement import Placement
from core.predictions import summarize
from core.recipes import Recipe, prepare, prepare_into
from core.result_rows import ResultRow, RowError, result_row
from core.results import watch
from core.sessions.base import Arrays
from core.tasks import decode

LOOK_AHEAD = 32
"""Pictures that are prepared, or being so, ahead of the model: at most these, or two batches."""

LOOK_AHEAD_BYTES = 128_000_000
"""Where so many inputs would be larger, fewer are prepared: at most this, or two batches."""

_MOST_READERS = 16
_TICK_S = 0.1  # how often a wait for the readers asks whether to go on

Picture = str | os.PathLike[str]
Read = Callable[[Picture], Image]


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run over many pictures is."""

    done: int
    failed: int  # of those done
    total: int | None  # None while nobody knows
    seconds: float  # since it began

    @property
    def images_per_s(self) -> float:
        """Pictures a second, from the first on."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds that are left at this speed; None where nobody knows."""
        if self.total is None or not self.done:
            return None
        return max(self.total - self.done, 0) * self.seconds / self.done


Report = Callable[[RunProgress], None]
"""Told after each picture, and ten times a second while none is ready; may raise Cancelled."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A picture whose row of the input is filled."""

    placement: Placement
    size_wh: tuple[int, int]
    ms: float  # of reading and preparing


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Pictures of one run, with the input that the readers fill."""

    plan: BatchPlan
    paths: list[str]
    tensor: np.ndarray
    futures: list[Future[_Ready | RowError]]


def run_images(
    model: Model,
    paths: Iterable[Picture],
    *,
    batch: int | None = None,
    report: Report = lambda _progress: None,
    read: Read = read_image,
) -> Iterator[ResultRow]:
    """Run pictures through a model, in batches where it takes several.

    The model runs on the calling thread, which must be its own; pictures are read and prepared
    on others. One that cannot be read, or fails to run, is a row with its error.

    Args:
        model: an open model; its recipe and choices are those of the beginning.
        paths: the pictures, asked for as they are needed.
        batch: pictures in a run; default see core.batching.plan_batches.
        report: told how far it is; what it raises ends the run.
        read: reads one picture; called on several threads at once.

    Yields:
        A row for each path, in their order.

    Raises:
        InputError: if `batch` is below 1.
        ModelError: if the model takes no picture.
        EnginebayError: with `fatal` set, once the GPU is lost.
    """
    if batch is not None and batch < 1:
        raise InputError("batch-size", f"A batch of {batch} is none.", "Give 1 or more.")
    if model.recipe is None:
        assert model.recipe_problem is not None
        raise model.recipe_problem
    plan = plan_batches(model.session, model.recipe, batch)
    total = len(paths) if isinstance(paths, Sized) else None
    return _Run(model, model.recipe, plan, total, report, read).rows(iter(paths))


class _Run:
    """One run over many pictures."""

    def __init__(
        self,
        model: Model,
        recipe: Recipe,
        plan: BatchPlan,
        total: int | None,
        report: Report,
        read: Read,
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._plan = plan
        self._total = total
        self._report = report
        self._read = read
        self._is_proven = plan.is_certain
        self._done = self._failed = 0
        self._begin = time.perf_counter()

    def rows(self, paths: Iterator[Picture]) -> Iterator[ResultRow]:
        readers = min(os.cpu_count() or 1, _MOST_READERS)
        pool = ThreadPoolExecutor(readers, thread_name_prefix="image-reader")
        batches: deque[_Batch] = deque()
        try:
            self._tell()
            while True:
                while self._has_room(batches) and (chunk := list(islice(paths, self._plan.size))):
                    batches.append(self._start(pool, [os.fspath(path) for path in chunk]))
                if not batches:
                    return
                for row in self._finish(batches[0]):
                    self._done += 1
                    self._failed += row.error is not None
                    yield row
                    self._tell()
                batches.popleft()
        finally:
            # Not waited for: a reader may hang on a network's disk. Its input outlives the run.
            pool.shutdown(wait=False, cancel_futures=True)

    def _tell(self) -> None:
        seconds = time.perf_counter() - self._begin
        self._report(RunProgress(self._done, self._failed, self._total, seconds))

    def _has_room(self, batches: deque[_Batch]) -> bool:
        if len(batches) < 2:
            return True
        pictures = sum(len(one.paths) for one in batches) + self._plan.size
        size = sum(one.tensor.nbytes for one in batches) + batches[-1].tensor.nbytes
        return pictures <= LOOK_AHEAD and size <= LOOK_AHEAD_BYTES

    def _start(self, pool: ThreadPoolExecutor, paths: list[str]) -> _Batch:
        recipe, plan = self._recipe, self._plan
        if plan.size == 1:
            tensor = self._model.session.input_buffer(recipe.input, recipe.shape)
            return _Batch(plan, paths, tensor, [pool.submit(self._prepare, paths[0], tensor)])
        shape = (plan.dimension(len(paths)), *recipe.shape[1:])
        tensor = self._model.session.input_buffer(recipe.input, shape)
        tensor[len(paths) :] = 0
        rows = zip(paths, tensor, strict=False)
        return _Batch(plan, paths, tensor, [pool.submit(self._prepare_row, *one) for one in rows])

    def _prepare(self, path: str, tensor: np.ndarray) -> _Ready | RowError:
        """Fill the whole input with one picture. Runs on a reader's thread."""

        def fill(image: Image) -> Placement:
            return prepare(image.pixels, self._recipe, lambda *_: tensor).placement

        return self._ready(path, fill)

    def _prepare_row(self, path: str, row: np.ndarray) -> _Ready | RowError:
        """Fill a row of the input with one picture. Runs on a reader's thread."""

        def fill(image: Image) -> Placement:
            return prepare_into(row, image.pixels, self._recipe)

        ready = self._ready(path, fill)
        if isinstance(ready, RowError):
            row[...] = 0  # it runs with the others, and nobody reads what comes out
        return ready

    def _ready(self, path: str, fill: Callable[[Image], Placement]) -> _Ready | RowError:
        begin = time.perf_counter()
        try:
            image = self._read(path)
            placement = fill(image)
        except EnginebayError as error:
            return RowError.of(error)
        except MemoryError as error:
            return RowError.of(out_of_memory(error))
        return _Ready(placement, image.size_wh, (time.perf_counter() - begin) * 1000)

    def _finish(self, batch: _Batch) -> Iterator[ResultRow]:
        waiting = set(batch.futures)
        while waiting:
            _, waiting = wait(waiting, timeout=_TICK_S)
            if waiting:
                self._tell()
        ready = [future.result() for future in batch.futures]
        if all(isinstance(one, RowError) for one in ready):
            outputs: list[Arrays] | RowError | None = []
            share_ms = 0.0
        else:
            begin = time.perf_counter()
            outputs = self._run(batch)
            good = sum(isinstance(one, _Ready) for one in ready)
            share_ms = (time.perf_counter() - begin) * 1000 / good
        for index, (path, one) in enumerate(zip(batch.paths, ready, strict=True)):
            if isinstance(one, RowError):
                yield ResultRow(path=path, error=one)
            elif isinstance(outputs, RowError):
                yield ResultRow(path=path, error=outputs)
            elif outputs is None:
                yield self._alone(path, one, batch.tensor[index])
            else:
                yield self._row(path, one, outputs[index], share_ms)

    def _run(self, batch: _Batch) -> list[Arrays] | RowError | None:
        """Each picture's outputs, why there are none, or None where each must run alone."""
        if batch.plan.size == 1:
            outputs = self._outputs(batch.tensor)
            return outputs if isinstance(outputs, RowError) else [outputs]
        if self._plan.size == 1:  # found out by an earlier batch
            return None
        outputs = self._outputs(batch.tensor)
        if isinstance(outputs, RowError):
            return outputs
        rows = split(outputs, len(batch.tensor))
        if rows is not None and not self._is_proven and len(batch.paths) > 1:
            alone = self._outputs(self._filled(batch.tensor[0]))
            if isinstance(alone, RowError):
                return alone
            self._is_proven = True
            rows = rows if is_alike(rows[0], alone, self._recipe.batch) else None
        if rows is None:
            self._plan = ONE_BY_ONE
        return rows

    def _alone(self, path: str, ready: _Ready, row: np.ndarray) -> ResultRow:
        begin = time.perf_counter()
        outputs = self._outputs(self._filled(row))
        if isinstance(outputs, RowError):
            return ResultRow(path=path, error=outputs)
        return self._row(path, ready, outputs, (time.perf_counter() - begin) * 1000)

    def _filled(self, row: np.ndarray) -> np.ndarray:
        """An input that holds nothing but this picture."""
        return np.repeat(row[None], self._recipe.batch, axis=0)

    def _outputs(self, tensor: np.ndarray) -> Arrays | RowError:
        try:
            return self._model.session.run({self._recipe.input: tensor}).outputs
        except EnginebayError as error:
            if error.fatal:
                raise
            return RowError.of(error)
        except MemoryError as error:
            return RowError.of(out_of_memory(error))

    def _row(self, path: str, ready: _Ready, outputs: Arrays, run_ms: float) -> ResultRow:
        begin = time.perf_counter()
        batch = self._recipe.batch if self._plan.size == 1 else 1
        reading = self._model.reading_of(ready.size_wh, ready.placement, batch)
        try:
            decoded = decode(outputs, reading)
        except EnginebayError as error:
            return ResultRow(path=path, error=RowError.of(error))
        summaries = tuple(summarize(name, array) for name, array in outputs.items())
        warnings = (*watch(summaries), *decoded.warnings)
        own_ms = ready.ms + (time.perf_counter() - begin) * 1000
        return result_row(path, decoded, warnings, own_ms + run_ms)
