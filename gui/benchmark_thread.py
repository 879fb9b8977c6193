"""The thread that waits for the child process which measures, and makes its result ready."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject

from core.jobs import JobContext
from gui.work_thread import Handler, WorkThread, heavy_imports

if TYPE_CHECKING:
    from core.benchmark.values import BenchmarkOptions, BenchmarkResult, Measurement
    from core.recipes import Recipe
    from core.tasks import Choices
    from gui.benchmark_live import Feed
    from gui.benchmark_shown import ShownResult
    from gui.input_requests import InputChoice
    from gui.opening_choices import OpeningChoices


class RunBenchmark(NamedTuple):
    """Measure a model file as the window has it."""

    path: Path
    options: BenchmarkOptions
    opening: OpeningChoices
    recipe: Recipe | None
    inputs: InputChoice
    choices: Choices | None  # in reading the outputs, for end to end
    feed: Feed
    stop: threading.Event  # set: end early, keep the samples


class WarmUp:
    """Import what a benchmark needs, before anyone waits for it."""


class BenchmarkRan(NamedTuple):
    """The answer to RunBenchmark."""

    shown: ShownResult


class BenchmarkThread(WorkThread):
    """Serves RunBenchmark and WarmUp.

    The measuring is done by a child process, so that it and the window never wait for one
    another's GIL; the thread reads what it tells. A cancelled request, and stop(), end the child.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_benchmark_handler, parent)


@contextmanager
def _benchmark_handler() -> Iterator[Handler]:
    """Runs on the benchmark's thread, as does everything below."""
    yield _handle


def _handle(request: object, context: JobContext) -> object:
    match request:
        case WarmUp():
            with heavy_imports:
                import core.benchmark.child
                import core.modelfile
                import core.recipe_file
                import core.tasks  # noqa: F401
            return None
        case RunBenchmark():
            return _run(request, context)
    raise AssertionError(f"no such request: {request!r}")


def _run(request: RunBenchmark, context: JobContext) -> BenchmarkRan:
    with heavy_imports:
        from core.benchmark.child import benchmark_in_child
        from core.benchmark.order import BenchmarkOrder
        from core.recipe_file import RecipeFile, to_text
        from core.tasks import Choices
        from gui.benchmark_shown import show_result

    recipe = None
    if request.recipe is not None:
        recipe = to_text(RecipeFile(recipe=request.recipe, choices=request.choices or Choices()))
    order = BenchmarkOrder(
        path=str(request.path),
        sha256=_fingerprint(request, context),
        options=request.options,
        allow_native_code=request.opening.allow_native_code,
        plugins=tuple(str(path.absolute()) for path in request.opening.plugins),
        recipe=recipe,
        fills=request.inputs.fills,
        shapes=request.inputs.shapes,
        profile=request.inputs.profile,
    )
    result = benchmark_in_child(
        order, request.feed, lambda: request.stop.is_set() or context.is_cancelled
    )
    return BenchmarkRan(show_result(_with_disturbance(result, request.feed.disturbed)))


def _fingerprint(request: RunBenchmark, context: JobContext) -> str:
    """The file's SHA-256: the child measures no other bytes."""
    from core.errors import Cancelled, ModelFileError
    from core.modelfile import fingerprint

    def progress(fraction: float, _text: str) -> None:
        if request.stop.is_set():
            raise Cancelled
        context.progress(fraction, "")
        request.feed.phase("Reading the model", fraction)

    try:
        return fingerprint(request.path, progress)
    except OSError as error:
        raise ModelFileError(
            "unreadable", f"{request.path} cannot be read: {error}.", "Check the disk and the path."
        ) from None


def _with_disturbance(result: BenchmarkResult, names: set[str]) -> BenchmarkResult:
    """The result with a mark on what was measured while the window ran the model, too."""
    from core.benchmark.values import Mark

    mark = Mark(
        "disturbed",
        "The window ran the model while this was measured.",
        "Measure again, and leave the images alone meanwhile.",
    )

    def marked(one: Measurement) -> Measurement:
        return replace(one, marks=(mark, *one.marks)) if one.name in names else one

    return replace(
        result,
        measurements=tuple(marked(one) for one in result.measurements),
        tried=tuple(marked(one) for one in result.tried),
    )
