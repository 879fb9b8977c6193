"""Many pictures through one model: read and prepared on other threads while the model runs."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from core.batches import cut_batch
from core.batching import ONE_BY_ONE, BatchPlan, is_alike, plan_batches
from core.errors import EnginebayError, InputError, out_of_memory
from core.folder_progress import Report, Row, RunProgress, RunWay, Teller
from core.gpu_folder_run import lane_run
from core.images import Image, read_image
from core.model import Model
from core.placement import Placement
from core.preprocess import prepare, prepare_into
from core.recipes import Recipe
from core.result_rows import ResultRow, RowError, read_outputs, result_row
from core.sessions.base import Arrays
from core.sessions.lanes import LaneOptions

__all__ = ["LANES", "LOOK_AHEAD", "LOOK_BEHIND", "RunProgress", "RunWay", "run_images"]

LOOK_AHEAD = 32
"""Pictures that are prepared, or being so, ahead of the model: at most these, or two batches."""

LANES_LOOK_AHEAD = 96
"""The same on lanes, which keep up with the readers: pictures go on in their order, so one that
takes long to read holds those behind it. Of 18 readers whose times scatter by half, a simulation
says, 32 pictures ahead cost a fifth and 96 nothing."""

LOOK_AHEAD_BYTES = 128_000_000
"""Where so many inputs would be larger, fewer are prepared: at most this, or two batches."""

LOOK_BEHIND = 8
"""Pictures whose outputs wait to be read: at most these, or one batch."""

LONGEST_RUN_S = 0.25
"""Where a batch that nobody asked for takes longer, pictures run one by one: a cancellation has
to wait for the run."""

LANES = LaneOptions(count=3, graph=True)
"""How many contexts of an engine run pictures, where no benchmark found what is best for it.

Copy in, compute and copy out of three queries overlap, see core.benchmark.lane_measurement."""

FIRST_PICTURES = 16
"""An engine runs at least these one query after another, and three batches: setting lanes up would
take longer, and they show whether a batch's outputs have rows, and how long it takes."""

_MOST_THREADS = 16

Picture = str | os.PathLike[str]
Read = Callable[[Picture], Image]


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
    lanes: LaneOptions | None = LANES,
    note_way: Callable[[RunWay], None] = lambda _way: None,
) -> Generator[ResultRow, None, None]:
    """Run pictures through a model, in batches where it takes several.

    The model runs on the calling thread, which must be its own; pictures are read and prepared
    on others. One that cannot be read, or fails to run, is a row with its error.

    Args:
        model: an open model; nobody may run it or change its recipe before the last row.
        paths: the pictures, asked for as they are needed.
        batch: pictures in a run; default see core.batching.plan_batches.
        report: told how far it is; what it raises ends the run.
        read: reads one picture; called on several threads at once.
        lanes: an engine's contexts and whether they use graphs, where it can run several queries
            at a time; None runs one after another.
        note_way: told once it is settled how pictures run, and again when processes read them.

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
    teller = Teller(len(paths) if isinstance(paths, Sized) else None, report)
    if len(model.inputs) > 1 or model.fills or model.shapes or model.recipe.resize == "none":
        note_way(RunWay())
        return _in_turn(model, paths, teller)
    if model.file.kind == "onnx":
        lanes = None
    plan = plan_batches(model.session, model.recipe, batch)
    may_shrink = batch is None and not plan.is_certain
    run = _Run(model, model.recipe, plan, teller, read, may_shrink)
    return run.rows(iter(paths), lanes, note_way)


def _in_turn(
    model: Model, paths: Iterable[Picture], teller: Teller
) -> Generator[ResultRow, None, None]:
    """One picture after another, for a model whose other inputs or sizes depend on each."""
    teller.start()
    for path in paths:
        try:
            result = model.test(path)
            row = result_row(result.source, result.decoded, result.warnings, result.stages.total)
        except (EnginebayError, MemoryError) as error:
            known = out_of_memory(error) if isinstance(error, MemoryError) else error
            if known.fatal:
                raise
            row = ResultRow(path=os.fspath(path), error=RowError.of(known))
        yield from teller.given_out(deque([row]), 0)


class _Run:
    """One run over many pictures."""

    def __init__(
        self,
        model: Model,
        recipe: Recipe,
        plan: BatchPlan,
        teller: Teller,
        read: Read,
        may_shrink: bool,
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._plan = plan
        self._read = read
        self._teller = teller
        self._run_s = math.inf  # of the fastest batch so far: shapes are bound in others
        self._is_proven = plan.is_certain
        self._may_shrink = may_shrink

    def rows(
        self,
        paths: Iterator[Picture],
        lanes: LaneOptions | None,
        note_way: Callable[[RunWay], None],
    ) -> Generator[ResultRow, None, None]:
        self._teller.start()
        threads = min(os.cpu_count() or 1, _MOST_THREADS)
        # With the GPU at work some readers always wait for the interpreter, not for a core.
        spare = 0 if lanes is None else threads // 8
        readers = ThreadPoolExecutor(threads + spare, "image-reader")
        # Of their own, or reading outputs would wait behind the pictures to come.
        decoders = ThreadPoolExecutor(max(threads // 2, 1), "output-reader")
        names: Iterator[str] = (os.fspath(path) for path in paths)
        try:
            while lanes is not None:
                count = max(FIRST_PICTURES, 3 * self._plan.size)
                yield from self._plain_rows(islice(names, count), readers, decoders)
                first = next(names, None)
                if first is None:
                    return
                names = chain([first], names)
                is_settled = self._is_proven or self._plan.size == 1
                if is_settled and self._run_s < math.inf:
                    with lane_run(
                        self._model,
                        self._recipe,
                        self._plan,
                        lanes,
                        self._run_s,
                        self._teller,
                        self._read,
                        readers,
                    ) as run:
                        if run is not None:
                            yield from run.rows(
                                names, decoders, LANES_LOOK_AHEAD, LOOK_BEHIND, note_way
                            )
                            return
                    lanes = None
            note_way(RunWay())
            yield from self._plain_rows(names, readers, decoders)
        finally:
            # Not waited for: a reader may hang on a network's disk. Its input outlives the run.
            readers.shutdown(wait=False, cancel_futures=True)
            decoders.shutdown(wait=False, cancel_futures=True)

    def _plain_rows(
        self, names: Iterator[str], readers: ThreadPoolExecutor, decoders: ThreadPoolExecutor
    ) -> Generator[ResultRow, None, None]:
        """A row for each picture, of one query after another."""
        batches: deque[_Batch] = deque()
        rows: deque[Row] = deque()
        while True:
            while self._has_room(batches) and (chunk := list(islice(names, self._plan.size))):
                batches.append(self._start(readers, chunk))
            if batches:
                rows.extend(self._finish(batches[0], decoders))
                batches.popleft()
            kept = max(LOOK_BEHIND, self._plan.size) if batches else 0
            yield from self._teller.given_out(rows, kept)
            if not batches:
                return

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

    def _finish(self, batch: _Batch, decoders: ThreadPoolExecutor) -> list[Row]:
        """Run a batch, and have its outputs read."""
        ready = [self._teller.awaited(future) for future in batch.futures]
        good = sum(isinstance(one, _Ready) for one in ready)
        begin = time.perf_counter()
        outputs = self._run(batch) if good else []
        run_s = time.perf_counter() - begin
        self._run_s = min(run_s, self._run_s) if good else self._run_s
        share_ms = run_s * 1000 / max(good, 1)
        rows: list[Row] = []
        for index, (path, one) in enumerate(zip(batch.paths, ready, strict=True)):
            if isinstance(one, RowError):
                rows.append(ResultRow(path=path, error=one))
                continue
            if outputs is None:
                begin = time.perf_counter()
                own = self._outputs(self._filled(batch.tensor[index]))
                share_ms = (time.perf_counter() - begin) * 1000
                self._teller.tell()
            else:
                own = outputs if isinstance(outputs, RowError) else outputs[index]
            if isinstance(own, RowError):
                rows.append(ResultRow(path=path, error=own))
                continue
            dimension = self._recipe.batch if self._plan.size == 1 else 1
            reading = self._model.reading_of(one.size_wh, one.placement, dimension)
            rows.append(decoders.submit(read_outputs, path, own, reading, one.ms + share_ms))
        is_slow = run_s > LONGEST_RUN_S and self._teller.done  # the first is always slow
        if self._may_shrink and is_slow:
            self._plan = ONE_BY_ONE
        return rows

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
        cut = cut_batch(outputs, len(batch.tensor))
        rows = None if cut.whole else cut.rows
        if rows is not None and not self._is_proven and len(batch.paths) > 1:
            alone = self._outputs(self._filled(batch.tensor[0]))
            if isinstance(alone, RowError):
                return alone
            self._is_proven = True
            rows = rows if is_alike(rows[0], alone, self._recipe.batch) else None
        if rows is None:
            self._plan = ONE_BY_ONE
        return rows

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
