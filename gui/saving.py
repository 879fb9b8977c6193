"""Save what is on screen: the overlay, the outputs, the predictions. Written on a thread."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Signal

from core.jobs import Failed, JobContext
from gui.problem import Problem
from gui.requests import Requests
from gui.work_thread import Handler, WorkThread

if TYPE_CHECKING:
    from core.result_rows import ResultRow
    from core.results import TestResult
    from gui.document import Document


class Kind(NamedTuple):
    """Something to save: its menu entry, what its files end in, and what they are."""

    text: str
    ending: str
    files: str


KINDS = {
    "overlay": Kind("Save over&lay as PNG...", ".overlay.png", "PNG pictures (*.png)"),
    "outputs": Kind("Save ou&tputs as .npz...", ".npz", "numpy arrays (*.npz)"),
    "json": Kind("Save predictions as &JSON...", ".json", "JSON (*.json)"),
    "coco": Kind("Save predictions as COCO JSO&N...", ".coco.json", "JSON (*.json)"),
}


class Save(NamedTuple):
    """Write one kind of a result to a file."""

    kind: str
    result: TestResult
    path: Path


class SaveRows(NamedTuple):
    """Write many images' rows to a file: as JSON where it is named so, else as CSV."""

    rows: tuple[ResultRow, ...]
    path: Path


class SavingThread(WorkThread):
    """Serves Save and SaveRows; answers with the path. A file is whole or untouched."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_saving_handler, parent)


@contextmanager
def _saving_handler() -> Iterator[Handler]:
    """Runs on the saving thread."""
    yield _save


def _save(request: object, _context: JobContext) -> Path:
    from core.errors import EnginebayError
    from core.whole_file import replacing

    assert isinstance(request, Save | SaveRows)
    path = request.path
    try:
        with replacing(path) as part:
            if isinstance(request, SaveRows):
                _write_rows(part, request)
            elif request.kind == "overlay":
                _write_overlay(part, request.result)
            elif request.kind == "outputs":
                from core.save_outputs import write_npz

                write_npz(part, request.result.outputs)
            else:
                part.write_text(_as_json(request.kind, request.result), encoding="utf-8")
    except OSError as error:
        raise EnginebayError(
            "cannot-save", f"{path.name} cannot be saved: {error}.", "Choose another folder."
        ) from None
    return path


def _write_rows(part: Path, request: SaveRows) -> None:
    from core.result_rows import rows_csv, rows_json

    is_json = request.path.suffix.lower() == ".json"
    text = rows_json(request.rows) if is_json else rows_csv(request.rows)
    # A file's name may hold bytes that are no UTF-8.
    part.write_bytes(text.encode("utf-8", "backslashreplace"))


def _write_overlay(path: Path, result: TestResult) -> None:
    import cv2
    import numpy as np

    from core.overlay import draw

    assert result.image is not None  # else its action is disabled
    overlay = draw(result.image.pixels, result.predictions)
    done, data = cv2.imencode(".png", np.ascontiguousarray(overlay[..., ::-1]))
    assert done  # PNG takes any uint8 picture
    path.write_bytes(data.tobytes())


def _as_json(kind: str, result: TestResult) -> str:
    from core.prediction_export import coco_json, predictions_json

    answer = predictions_json([result]) if kind == "json" else coco_json([result])
    return json.dumps(answer, indent=2, allow_nan=False, default=str)


class Saver(QObject):
    """Has the document's result saved, and tells what became of it."""

    saved = Signal(str)  # in words

    def __init__(self, document: Document, thread: WorkThread) -> None:
        super().__init__(document)
        self._document = document
        self._requests = Requests(thread, self)
        self._requests.finished.connect(self._on_saved)
        self._requests.failed.connect(self._on_failed)

    @property
    def is_busy(self) -> bool:
        """True while something is written."""
        return self._requests.is_busy

    def can_save(self, kind: str) -> bool:
        """Whether there is something of this kind."""
        tested = self._document.result
        return tested is not None and (kind == "outputs" or tested.result.image is not None)

    def suggested(self, kind: str) -> Path:
        """A name beside the picture, or for random input in the current folder."""
        tested = self._document.result
        assert tested is not None
        source = Path(tested.result.source.replace(" ", "-"))
        if tested.result.image is not None:
            source = Path(tested.result.source)
        return source.with_name(source.stem + KINDS[kind].ending)

    def save(self, kind: str, path: Path) -> None:
        """Write the result on screen to a file; the dialog has asked about one that exists."""
        tested = self._document.result
        if tested is None or not self.can_save(kind):
            return
        if (
            tested.result.image is not None
            and path.resolve() == Path(tested.result.source).resolve()
        ):
            problem = Problem(
                "cannot-save",
                f"{path.name} is the picture itself, which is never overwritten.",
                "Choose another name.",
            )
            self._document.show_problem(problem)
            return
        self._requests.submit(f"save {path}", Save(kind, tested.result, path))

    def save_rows(self, rows: tuple[ResultRow, ...], path: Path) -> None:
        """Write many images' rows; the dialog has asked about a file that exists."""
        self._requests.submit(f"save {path}", SaveRows(rows, path))

    def _on_saved(self, _slot: str, path: Path) -> None:
        self.saved.emit(f"Saved {path}")

    def _on_failed(self, failed: Failed) -> None:
        self._document.show_problem(Problem.of_failure(failed))
