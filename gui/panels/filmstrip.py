"""The dropped images as a strip of thumbnails, made on a thread of their own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QListView, QWidget

from core.jobs import Cancelled, Event, Finished, JobContext, Progress, Started
from gui.item_models.rows import Index
from gui.work_thread import Handler, WorkThread, heavy_imports

_SIDE = 72  # pixels of a thumbnail's longer side
_KEPT = 500  # thumbnails; older ones are made again when they come into view
_WAITING = 16  # files asked for at once
_NO_INDEX = QModelIndex()


class ThumbnailThread(WorkThread):
    """Makes thumbnails: a Path in, (Path, QImage) out."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_thumbnail_handler, parent)


@contextmanager
def _thumbnail_handler() -> Iterator[Handler]:
    """Runs on the thumbnail thread."""
    with heavy_imports:
        from core.native import preload_package

        preload_package("numpy")
        preload_package("cv2")
        from core.images import import_libraries

        import_libraries()
    yield _make_thumbnail


def _make_thumbnail(request: object, _context: JobContext) -> object:
    import cv2

    from core.images import read_image
    from gui.inference_thread import to_qimage

    assert isinstance(request, Path)
    pixels = read_image(request).pixels
    ratio = _SIDE * 2 / max(pixels.shape[:2])  # twice, for screens at 200 %
    if ratio < 1:
        size = (max(round(pixels.shape[1] * ratio), 1), max(round(pixels.shape[0] * ratio), 1))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return request, to_qimage(pixels)


class FilmModel(QAbstractListModel):
    """The images' names, and their thumbnails once they have been in view."""

    def __init__(self, thread: WorkThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = thread
        self._paths: tuple[Path, ...] = ()
        self._rows: dict[Path, int] = {}
        self._icons: OrderedDict[Path, QIcon] = OrderedDict()
        self._asked: set[Path] = set()  # waited for, or known to have none
        self._jobs: dict[int, Path] = {}
        self._replaced: set[Path] = set()
        self._next_slot = 0
        blank = QPixmap(_SIDE * 2, _SIDE * 2)
        blank.fill(QColor(128, 128, 128, 60))
        self._blank = QIcon(blank)
        thread.happened.connect(self._on_event, Qt.ConnectionType.QueuedConnection)

    def show_paths(self, paths: Sequence[Path]) -> None:
        """Replace the list."""
        self.beginResetModel()
        self._paths = tuple(paths)
        self._rows = {path: row for row, path in enumerate(self._paths)}
        self.endResetModel()

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._paths)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        path = self._paths[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return path.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(path)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icon(path)
        return None

    def _icon(self, path: Path) -> QIcon:
        icon = self._icons.get(path)
        if icon is not None:
            self._icons.move_to_end(path)
            return icon
        if path not in self._asked:
            # A few slots in turn: what scrolled out of view is replaced before it is made.
            slot = f"thumbnail-{self._next_slot % _WAITING}"
            self._next_slot += 1
            self._asked.add(path)
            self._jobs[self._thread.submit(slot, path)] = path
        return self._blank

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Started | Progress):
            return
        path = self._jobs.pop(event.job_id, None)
        if path is None:
            return
        if isinstance(event, Finished) and isinstance(event.result, tuple):
            image = event.result[1]
            assert isinstance(image, QImage)
            self._asked.discard(path)
            self._icons[path] = QIcon(_on_square(image))
            if len(self._icons) > _KEPT:
                self._icons.popitem(last=False)
            self._repaint({path})
        elif isinstance(event, Cancelled):
            self._asked.discard(path)
            self._replaced.add(path)
        if not self._jobs and self._replaced:
            # What is in view asks again: a wide strip shows more than may wait at once.
            self._repaint(self._replaced)
            self._replaced = set()

    def _repaint(self, paths: set[Path]) -> None:
        rows = [self._rows[path] for path in paths if path in self._rows]
        if rows:
            first, last = self.index(min(rows)), self.index(max(rows))
            self.dataChanged.emit(first, last, [Qt.ItemDataRole.DecorationRole])


def _on_square(image: QImage) -> QPixmap:
    """A thumbnail in the middle of a clear square, so that all names stand in one line."""
    side = _SIDE * 2
    square = QPixmap(side, side)
    square.fill(Qt.GlobalColor.transparent)
    if max(image.width(), image.height()) > side // 2:  # made for 200 %: keep its pixels
        left, top = (side - image.width()) // 2, (side - image.height()) // 2
        width, height = image.width(), image.height()
    else:  # a tiny picture keeps its size on screen
        left, top = side // 2 - image.width(), side // 2 - image.height()
        width, height = image.width() * 2, image.height() * 2
    painter = QPainter(square)
    painter.drawImage(QRect(left, top, width, height), image)
    painter.end()
    return square


class Filmstrip(QListView):
    """One row of thumbnails; choosing one runs it."""

    chosen = Signal(int)

    def __init__(self, thread: WorkThread, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._film = FilmModel(thread, self)
        self.setModel(self._film)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(_SIDE, _SIDE))
        self.setGridSize(QSize(_SIDE + 28, _SIDE + self.fontMetrics().height() + 14))
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedHeight(_SIDE + self.fontMetrics().height() + 40)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setAccessibleName("images")
        self.selectionModel().currentChanged.connect(self._on_current)
        self._quiet = False
        self.hide()

    def show_paths(self, paths: Sequence[Path]) -> None:
        """Show these images; the strip hides when there are fewer than two."""
        self._quiet = True
        self._film.show_paths(paths)
        self._quiet = False
        self.setVisible(len(paths) > 1)

    def show_current(self, row: int) -> None:
        """Mark the image that is shown, without choosing it."""
        self._quiet = True
        index = self._film.index(row)
        self.setCurrentIndex(index)
        self._quiet = False
        self.scrollTo(index)
        # Once more when new items have been laid out.
        QTimer.singleShot(0, lambda: self.scrollTo(self.currentIndex()))

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self.scrollTo(self.currentIndex())

    def _on_current(self, index: QModelIndex) -> None:
        if not self._quiet and index.isValid():
            self.chosen.emit(index.row())
