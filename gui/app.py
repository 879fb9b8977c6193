"""Puts the window together, runs it, and takes it apart again."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import QObject, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from gui.document import Document
from gui.dropping import LAYER_SUFFIX
from gui.inference_thread import InferenceThread, WarmUp
from gui.main_window import MainWindow
from gui.settings import Settings
from gui.work_thread import WorkThread

if TYPE_CHECKING:
    from gui.window_options import WindowOptions

logger = logging.getLogger(__name__)

QUIT_TIMEOUT_MS = 8_000
"""How long native code may take to come back before the process ends without it."""

_COLLECT_MS = 1_000
_QT_MODULES = (QtCore, QtGui, QtWidgets)  # whose names pyqtgraph copies when imported
_SLICE_S = 0.008
_SWITCH_S = 0.001  # the window waits this long for a thread that computes, instead of 5 ms


class App(QObject):
    """The threads, the document and the window, alive together."""

    def __init__(self, options: WindowOptions) -> None:
        super().__init__()
        self._options = options
        self.furnished = False  # True once the whole window is there
        self.settings = Settings()
        self.thread_ = InferenceThread()
        self.helpers: list[WorkThread] = []  # what the panels do in the background
        self._log: logging.Handler | None = None
        self._plots_timer = QTimer(self, interval=0)
        self._plots_timer.timeout.connect(self._prepare_plots)
        self._untouched = ((module, name) for module in _QT_MODULES for name in dir(module))
        self.document = Document(self.thread_)
        self.document.trial = self.settings.trial() if options.trial is None else options.trial
        self.window = MainWindow(self.document, self.settings)
        self._gc_timer = QTimer(self, interval=_COLLECT_MS)
        self._gc_timer.timeout.connect(self._collect)

    def start(self) -> None:
        """Show the window and begin what the command line asked for."""
        options = self._options
        if options.screenshot is None:
            self.window.restore_geometry()
        if options.size_wh is not None:
            self.window.resize(*options.size_wh)
        self.window.show()
        # Python's cyclic collector destroys Qt objects on whichever thread sets it off, so it
        # is off, and a timer collects on this one.
        gc.disable()
        sys.setswitchinterval(_SWITCH_S)
        self._gc_timer.start()
        QTimer.singleShot(0, self._after_first_paint)

    def _after_first_paint(self) -> None:
        from PySide6.QtCore import Qt

        from gui.benchmark_files import BenchmarkFilesThread
        from gui.benchmark_thread import BenchmarkThread
        from gui.panels.file_facts import FingerprintThread
        from gui.panels.filmstrip import ThumbnailThread
        from gui.panels.log import LogHandler
        from gui.rereading import ReadingThread
        from gui.saving import SavingThread

        options, window = self._options, self.window
        self.helpers = [
            ThumbnailThread(),
            FingerprintThread(),
            ReadingThread(),
            SavingThread(),
            BenchmarkThread(),
            BenchmarkFilesThread(),
        ]
        window.furnish(self.thread_, *self.helpers)
        if options.screenshot is None:
            # Sizes are scaled to what the window has, so its layout must be done by then.
            QTimer.singleShot(0, window.layout_.restore_docks)
        self.document.opened.connect(self._freeze, Qt.ConnectionType.SingleShotConnection)
        handler = self._log = LogHandler()
        handler.relay.line.connect(window.log.appendPlainText)
        logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel(logging.INFO)
        self.furnished = True
        if options.drop:
            self.document.drop(options.drop)
        if options.file is not None and options.file.is_dir():
            window.shelf.open_folder(options.file)
        elif options.file is not None and options.file.suffix.lower() == LAYER_SUFFIX:
            window.layers.open_files([options.file])
        elif options.file is not None:
            self.document.open_path(
                options.file,
                allow_native_code=options.allow_native_code,
                plugins=options.plugins,
            )
        if options.demo:
            self.document.open_demo()
        self.document.busy_changed.connect(self._when_idle)
        self._when_idle(self.document.is_busy)

    def _when_idle(self, busy: bool) -> None:
        """Import pyqtgraph once nothing else goes on: it takes longer than the window's start."""
        if not busy:
            self.document.busy_changed.disconnect(self._when_idle)
            self._plots_timer.start()

    def _prepare_plots(self) -> None:
        """Import pyqtgraph on this thread, a few milliseconds at a time as far as that goes.

        On another thread it crashes now and then: PySide makes its enumerations when they are
        first touched, which two threads must not do at once. So they are touched here in
        slices; the import itself then takes a tenth of a second, once. After that the inference
        thread imports what it will need: while a model opens, that costs the window half its time.
        """
        begin = time.perf_counter()
        for module, name in self._untouched:
            getattr(module, name, None)
            if time.perf_counter() - begin > _SLICE_S:
                return
        self._plots_timer.stop()
        # The timings' last: theirs is wide until it hides, and another plot's first painting would
        # lay the window out around it. All in one turn, or the layouts between make it taller.
        self.window.outputs.detail.statistics.histogram.add_plot()
        self.window.outputs.embedding.histogram.add_plot()
        self.window.timings.add_plot()
        self.thread_.submit("warm-up", WarmUp())
        self._freeze()

    def _collect(self) -> None:
        """One generation at a time, the cheapest that is due, as the collector itself would.

        A full collection waits until nothing goes on: what a model's opening has imported is
        then frozen, and going through all of it would hold the window up for 50 ms.
        """
        busy = self.document.is_busy or (
            self.furnished
            and (self.window.benchmarking.is_running or self.window.building.is_building)
        )
        due = zip(gc.get_count(), gc.get_threshold(), strict=True)
        for generation, (count, threshold) in enumerate(due):
            if count <= threshold or (generation == 2 and busy):
                break
            gc.collect(generation)

    def _freeze(self) -> None:
        """Spare the collector what lives as long as the program: whole modules, mostly.

        A full collection would go through all of it, and the window would stand still.
        """
        gc.freeze()

    def quit(self) -> None:
        """Close the windows without a question, and end the event loop for certain.

        QApplication.quit alone is called off by a window that refuses to close.
        """
        if self.window.closing is not None:
            self.window.closing.is_sure = True
            self.window.metadata_entry.discard()
        QApplication.closeAllWindows()
        QApplication.exit(0)  # every loop, a dialog's too

    def stop(self) -> None:
        """End the threads. Native code that does not come back ends with the process."""
        if self._options.screenshot is None and self.furnished:
            self.window.layout_.save()
        self._gc_timer.stop()
        self._plots_timer.stop()
        stopped = self.thread_.stop(QUIT_TIMEOUT_MS)
        for helper in self.helpers:
            stopped = helper.stop(500) and stopped
        if self.furnished:
            stopped = self.window.shelf.panel.stop(500) and stopped
            stopped = self.window.layers.stop(500) and stopped
            stopped = self.window.building.stop(2_000) and stopped
            stopped = self.window.metadata_entry.stop(500) and stopped
            stopped = self.window.outputs.detail.stop(500) and stopped
        if self._log is not None:
            logging.getLogger().removeHandler(self._log)
        gc.enable()
        if not stopped:
            logger.warning("native code did not come back; ending without it")
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


def run_window(options: WindowOptions) -> int:
    """Open the window and run until it closes; gives the exit status."""
    qt = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(qt, QApplication)
    qt.setApplicationName("Enginebay")
    qt.setStyle("Fusion")
    sys.excepthook = _log_exception
    qInstallMessageHandler(_log_qt)
    app = App(options)
    if app.settings.theme() != "system":
        from gui.theme import apply_theme

        apply_theme(app.settings.theme())
    shot = None
    if options.screenshot is not None:
        from gui.screenshot import Screenshot

        shot = Screenshot(app, options.screenshot)
    _quit_on_signals(app)
    app.start()
    qt.exec()
    app.stop()
    return 0 if shot is None else shot.status


def _quit_on_signals(app: App) -> None:
    """Quit in order on Ctrl+C in the terminal, on kill, and when the terminal is closed.

    Python gets to its handlers once the window's timer calls it, within a second. A second
    signal ends the process at once.
    """

    def handle(number: int, _frame: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        QTimer.singleShot(0, app.quit)  # also when the event loop has not begun yet

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), handle)


def _log_qt(kind: QtMsgType, _context: Any, text: str) -> None:
    """Runs on any thread: Qt's messages go to the log, but for one that means nothing."""
    if "propagateSizeHints" not in text:  # the offscreen platform says so for every window
        bad = kind in (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)
        logger.log(logging.ERROR if bad else logging.INFO, "Qt: %s", text)


def _log_exception(kind: Any, error: BaseException, traceback: Any) -> None:
    """Runs on any thread: an exception that nothing caught is logged, and the window lives on."""
    logger.critical("unexpected error", exc_info=(kind, error, traceback))
    sys.__excepthook__(kind, error, traceback)
