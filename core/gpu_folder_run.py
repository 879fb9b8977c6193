"""Many pictures through an engine with several queries in flight, prepared on the GPU.

Readers bring pictures into page-locked memory, see core.staged_pictures; the thread that owns CUDA
queues their upload, their preparation and the query on a lane, and never copies one itself.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

from core.batches import cut_batch
from core.batching import BatchPlan
from core.cuda import CudaContext, open_context
from core.errors import EnginebayError, out_of_memory
from core.folder_lanes import LONGEST_QUERY_S, WAIT, make_lanes, output_bytes
from core.folder_progress import Row, RunWay, Teller
from core.gpu_preprocess import GpuPreprocessor
from core.model import Model
from core.placement import Placement
from core.reading_processes import Reading, Staged
from core.recipes import Recipe
from core.result_rows import ResultRow, RowError, read_outputs
from core.sessions.base import Arrays
from core.sessions.lanes import LaneOptions
from core.sessions.tensorrt_lane import TensorRTLane
from core.staged_pictures import Read, Stager

LARGEST_BYTES = 7_500_000
"""Pictures above it, some 1920 x 1300, are prepared on the CPU: there that is less work than the
copy into page-locked memory and the upload, and next to decoding them it is nothing."""

STAGED_BYTES = 240_000_000
"""Pictures that wait for the GPU: at most this, or two batches."""

SETTLED_S = 1.0
"""A run starts no reading processes before: a window begins one anew after each other request."""

DEVICE_BYTES = 768_000_000
"""The GPU's memory for pictures in flight: larger ones than fit are prepared on the CPU."""


@dataclass(frozen=True, slots=True, eq=False)
class _Ahead:
    """Pictures of one query that are being read."""

    paths: list[str]
    futures: list[Reading]

    @property
    def is_read(self) -> bool:
        """Whether all of them are there."""
        return all(future.done() for future in self.futures)


@dataclass(frozen=True, slots=True)
class _Fed:
    """A picture that is on its way through the model."""

    placement: Placement
    size_wh: tuple[int, int]
    ms: float


@dataclass(frozen=True, slots=True, eq=False)
class _Query:
    """Pictures in flight; none is where all of them have errors."""

    number: int  # of its lane
    lane: TensorRTLane
    paths: list[str]
    fed: list[_Fed | RowError]
    begin: float

    @property
    def good(self) -> int:
        """Pictures that shall come out."""
        return sum(isinstance(one, _Fed) for one in self.fed)


@contextmanager
def lane_run(
    model: Model,
    recipe: Recipe,
    plan: BatchPlan,
    wanted: LaneOptions,
    query_s: float,
    teller: Teller,
    read: Read,
    readers: ThreadPoolExecutor,
) -> Iterator[LaneRun | None]:
    """Set up lanes for pictures, and free them at the end; on the session's thread.

    Nobody runs the session meanwhile.

    Args:
        model: of a TensorRT engine.
        recipe: its recipe.
        plan: pictures in a query, proven.
        wanted: how many contexts, and whether graphs are used; where there is no room for so
            many, there are fewer.
        query_s: how long a run takes, seconds.
        teller: of the run.
        read: reads a picture, on several threads at once.
        readers: threads to read on.

    Yields:
        None where the model cannot run so.

    Raises:
        CudaError: with `fatal` set, if the GPU is lost.
    """
    dimension = recipe.batch if plan.size == 1 else plan.dimension(plan.size)
    shape = (dimension, *recipe.shape[1:]) if recipe.layout.startswith("N") else recipe.shape
    size = output_bytes(model, recipe, plan, shape)
    if size is None or query_s > LONGEST_QUERY_S:
        yield None
        return
    cuda = open_context()
    preprocessor = GpuPreprocessor(cuda)
    lanes: Sequence[TensorRTLane] = ()
    run: LaneRun | None = None
    try:
        on_gpu = preprocessor.supports(recipe) is None
        teller.tell()  # whether to go on: the driver may have compiled a kernel
        lanes = make_lanes(model, {recipe.input: shape}, wanted, query_s, size)
        if lanes:
            run = LaneRun(
                model, recipe, plan, lanes, cuda, preprocessor, on_gpu, teller, read, readers
            )
        yield run
    finally:
        try:
            for lane in lanes:  # each waits for what it still does, with the memory freed below
                lane.close()
        finally:  # or processes would be left
            if run is not None:
                run.close()
        preprocessor.close()
        cuda.close()


class LaneRun:
    """Pictures through lanes; see lane_run.

    Attributes:
        way: how they run.
    """

    def __init__(
        self,
        model: Model,
        recipe: Recipe,
        plan: BatchPlan,
        lanes: Sequence[TensorRTLane],
        cuda: CudaContext,
        preprocessor: GpuPreprocessor,
        on_gpu: bool,
        teller: Teller,
        read: Read,
        readers: ThreadPoolExecutor,
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._plan = plan
        self._lanes = lanes
        self._cuda = cuda
        self._preprocessor = preprocessor
        self._teller = teller
        contexts = len({id(lane.bound) for lane in lanes})
        self.way = RunWay(contexts, all(lane.graph for lane in lanes), on_gpu, WAIT)
        self._rows = recipe.batch if plan.size == 1 else plan.dimension(plan.size)
        # The host may be late by a query for each context, or by one of many pictures.
        self._in_flight = min(2 * contexts if self._rows == 1 else contexts + 1, len(lanes))
        self._held = self._in_flight * self._rows  # pictures of queries in flight
        most_bytes = min(LARGEST_BYTES, DEVICE_BYTES // self._held) if on_gpu else 0
        self._stager = Stager(recipe, preprocessor, read, readers, most_bytes=most_bytes)
        self._borrowers: list[list[Future[ResultRow]]] = [[] for _ in lanes]
        self._count = 0  # queries begun
        self._last_done = 0.0

    def rows(
        self,
        paths: Iterator[str],
        decoders: ThreadPoolExecutor,
        look_ahead: int,
        look_behind: int,
        note_way: Callable[[RunWay], None],
    ) -> Generator[ResultRow, None, None]:
        """A row for each path, in their order.

        Args:
            paths: the pictures.
            decoders: threads to read outputs on.
            look_ahead: pictures that are read ahead: at most these, or two batches.
            look_behind: pictures whose outputs wait to be read.
            note_way: told how they run, and again once processes read them.
        """
        note_way(self.way)
        begin: float | None = time.perf_counter()  # None once processes were started
        ahead: deque[_Ahead] = deque()
        queries: deque[_Query] = deque()
        rows: deque[Row] = deque()
        size = self._plan.size
        while True:
            if begin is not None and time.perf_counter() - begin >= SETTLED_S:
                begin = None
                self._stager.start_processes(self._teller.left, self._held, STAGED_BYTES)
            if self._stager.take_over(self._cuda.pin):
                self.way = replace(self.way, reading_processes=self._stager.processes)
                note_way(self.way)
            while self._has_room(ahead, look_ahead) and (chunk := list(islice(paths, size))):
                ahead.append(_Ahead(chunk, [self._stager.begin(path) for path in chunk]))
            is_full = len(queries) == self._in_flight
            # Outputs that may be there go before pictures that are not.
            if ahead and not is_full and (not queries or ahead[0].is_read):
                queries.append(self._feed(ahead.popleft()))
            elif queries:
                rows.extend(self._collect(queries.popleft(), decoders))
            kept = max(look_behind, size) if ahead or queries else 0
            yield from self._teller.given_out(rows, kept)
            if not ahead and not queries:
                return

    def _has_room(self, ahead: deque[_Ahead], look_ahead: int) -> bool:
        if len(ahead) < 2:
            return True
        pictures = (len(ahead) + 1) * self._plan.size
        return pictures <= look_ahead and pictures * self._stager.seen_bytes <= STAGED_BYTES

    def close(self) -> None:
        """End what reads pictures; the lanes have done all their work."""
        self._stager.close()

    def _feed(self, ahead: _Ahead) -> _Query:
        """Start a query, once its pictures are read and its lane's outputs are."""
        staged: list[Staged | RowError] = []
        for reading in ahead.futures:
            self._stager.hurry(reading)
            staged.append(self._teller.awaited(reading))
        number = self._count % len(self._lanes)
        lane, borrowers = self._lanes[number], self._borrowers[number]
        for future in borrowers:
            self._teller.awaited(future)
        borrowers.clear()
        first_slot = self._count % self._in_flight * self._rows
        self._count += 1
        begin = time.perf_counter()
        fed = [self._fill(lane, one, first_slot, row) for row, one in enumerate(staged)]
        query = _Query(number, lane, ahead.paths, fed, begin)
        if query.good:
            self._start(query)
        return query

    def _fill(
        self, lane: TensorRTLane, one: Staged | RowError, first_slot: int, row: int
    ) -> _Fed | RowError:
        """Queue a picture's way into its row of the input, or into all rows where it is alone."""
        if isinstance(one, RowError):
            return one
        rows = range(self._rows) if self._plan.size == 1 else (row,)
        placement = one.placement
        try:
            for at in rows:
                if one.placement is None:
                    placement = self._preprocessor.prepare_on(
                        lane, one.data, self._recipe, first_slot + at, at
                    )
                else:
                    self._preprocessor.upload_on(lane, one.data, self._recipe, first_slot + at, at)
        except (EnginebayError, MemoryError) as error:
            known = out_of_memory(error) if isinstance(error, MemoryError) else error
            if known.fatal:
                raise
            # Nobody waits for a query of nothing but errors, and some rows may be on their way.
            self._preprocessor.settle(lane)
            return RowError.of(known)
        assert placement is not None  # there is at least one row
        return _Fed(placement, one.size_wh, one.ms)

    def _start(self, query: _Query) -> None:
        """Start the lane; what fails is an error of its pictures."""
        lane, recipe = query.lane, self._recipe
        try:
            if self._plan.size > 1:  # rows that nobody reads run with the others
                for row in range(self._rows):
                    if row >= len(query.fed) or isinstance(query.fed[row], RowError):
                        self._preprocessor.clear_on(lane, recipe, row)
            lane.start()
        except EnginebayError as error:
            if error.fatal:
                raise
            self._fail(query, error)

    def _fail(self, query: _Query, error: EnginebayError) -> None:
        query.fed[:] = [RowError.of(error) if isinstance(one, _Fed) else one for one in query.fed]
        self._preprocessor.settle(query.lane)  # its slots are used again

    def _collect(self, query: _Query, decoders: ThreadPoolExecutor) -> list[Row]:
        """Wait for a query, and have its outputs read where they lie."""
        parts: list[Arrays] = []
        dimension = 1
        if query.good:
            try:
                query.lane.wait()
            except EnginebayError as error:
                if error.fatal:
                    raise
                self._fail(query, error)
            outputs = dict(query.lane.outputs())
            if self._plan.size == 1:
                parts, dimension = [outputs], self._recipe.batch
            else:
                parts = cut_batch(outputs, self._rows).rows
        done = time.perf_counter()
        # Queries overlap: a moment counts for the oldest of those in flight.
        share_ms = (done - max(query.begin, self._last_done)) * 1000 / max(query.good, 1)
        self._last_done = done
        rows: list[Row] = []
        borrowers = self._borrowers[query.number]
        for index, (path, one) in enumerate(zip(query.paths, query.fed, strict=True)):
            if isinstance(one, RowError):
                rows.append(ResultRow(path=path, error=one))
                continue
            reading = self._model.reading_of(one.size_wh, one.placement, dimension)
            ms = one.ms + share_ms
            borrowers.append(decoders.submit(read_outputs, path, parts[index], reading, ms))
            rows.append(borrowers[-1])
        return rows
