"""What a benchmark found best for a model, for a run over many pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.benchmark.history import History
from core.benchmark.machine import machine_facts
from core.folder_run import LANES
from core.model import Model
from core.modelfile import fingerprint
from core.opening import Progress, no_progress
from core.sessions.lanes import LaneOptions


def best_lanes(
    model: Model, progress: Progress = no_progress, history: History | None = None
) -> LaneOptions:
    """The contexts and graph that won when the best were last looked for on this GPU.

    The model file is hashed, once, where anything was ever benchmarked; a large one takes
    seconds.

    Args:
        model: an open model.
        progress: told while the file is hashed; may raise to stop.
        history: where benchmarks are kept; default the user's.

    Returns:
        core.folder_run.LANES where they were never looked for.
    """
    history = History() if history is None else history
    if model.file.kind == "onnx" or not _holds_any(history.folder):
        return LANES
    path = model.file.path
    try:
        status = path.stat()
        sha256 = _fingerprint(path, status.st_mtime_ns, status.st_size, progress)
    except OSError:  # gone since it was opened; the model runs on
        return LANES
    best = history.best_options(sha256, machine_facts()["gpu"])
    if best is None or best.contexts is None:
        return LANES
    return replace(LANES, count=best.contexts, graph=best.graph)


def _holds_any(folder: Path) -> bool:
    try:
        return next(folder.iterdir(), None) is not None
    except OSError:  # nothing was kept yet
        return False


_known: dict[tuple[Path, int, int], str] = {}


def _fingerprint(path: Path, changed_ns: int, size: int, progress: Progress) -> str:
    """Of a file as it is now; told again without reading it."""
    key = (path, changed_ns, size)
    if key not in _known:
        _known[key] = fingerprint(path, progress)
    return _known[key]
