"""The window: menus, docks and panels around one document. No logic of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, Qt, Slot
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import (
    QDockWidget,
    QLabel,
    QMainWindow,
    QMenu,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from core import __version__, suffixes
from gui.document import Document
from gui.inference_thread import Tested
from gui.panels.card import CardPanel
from gui.panels.image_view import ImageView
from gui.panels.log import LogPanel
from gui.panels.outputs import OutputsPanel
from gui.panels.recipe import RecipePanel
from gui.panels.tensors import TensorsPanel
from gui.panels.timings import TimingsPanel
from gui.settings import Settings
from gui.theme import apply_theme

if TYPE_CHECKING:
    from gui.panels.filmstrip import ThumbnailThread

_THEMES = ("system", "light", "dark")


class MainWindow(QMainWindow):
    """Shows a document and passes the user's wishes to it."""

    def __init__(self, document: Document, settings: Settings) -> None:
        super().__init__()
        self.document = document
        self._settings = settings
        self.setWindowTitle("Enginebay")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.resize(1280, 820)
        self.card = CardPanel()
        self.view = ImageView()
        self.tensors = TensorsPanel()
        self.recipe = RecipePanel()
        self.outputs = OutputsPanel()
        self.timings = TimingsPanel()
        self.log = LogPanel()
        self._build_middle()
        self._build_docks()
        self._build_status()
        self._build_menus()
        self._connect()
        self._default_state = self.saveState()
        self._on_busy(False)

    # -- building ------------------------------------------------------------------------

    def _build_middle(self) -> None:
        middle = QWidget()
        self._middle_rows = QVBoxLayout(middle)
        self._middle_rows.setContentsMargins(0, 0, 0, 0)
        self._middle_rows.setSpacing(0)
        self._middle_rows.addWidget(self.view, 1)
        self.setCentralWidget(middle)
        # The card and the banner span the window, above the docks, with the menu bar.
        top = QWidget()
        self._top_rows = QVBoxLayout(top)
        self._top_rows.setContentsMargins(0, 0, 0, 0)
        self._top_rows.setSpacing(0)
        self._menu_bar = self.menuBar()
        self._top_rows.addWidget(self._menu_bar)
        self._top_rows.addWidget(self.card)
        self.setMenuWidget(top)

    def _build_docks(self) -> None:
        area = Qt.DockWidgetArea
        self._docks = [
            self._dock("Tensors", self.tensors, area.LeftDockWidgetArea),
            self._dock("Recipe", self.recipe, area.LeftDockWidgetArea),
            self._dock("Outputs", self.outputs, area.RightDockWidgetArea),
            self._dock("Timings", self.timings, area.BottomDockWidgetArea),
            self._dock("Log", self.log, area.BottomDockWidgetArea),
        ]
        self.tabifyDockWidget(self._docks[3], self._docks[4])
        self._docks[3].raise_()
        self.resizeDocks([self._docks[0], self._docks[2]], [320, 360], Qt.Orientation.Horizontal)
        self.resizeDocks([self._docks[3]], [170], Qt.Orientation.Vertical)

    def build_hidden_parts(self) -> ThumbnailThread:
        """Make what is not visible at first, after the first paint: the window is up sooner.

        Returns:
            The filmstrip's thread, for whoever stops it.
        """
        from gui.panels.banner import Banner
        from gui.panels.filmstrip import Filmstrip, ThumbnailThread

        document = self.document
        self.banner = Banner()
        self._top_rows.addWidget(self.banner)
        thumbnails = ThumbnailThread()
        self.filmstrip = Filmstrip(thumbnails)
        self._middle_rows.addWidget(self.filmstrip)
        self.outputs.add_tensors_tab()
        document.current_changed.connect(self.filmstrip.show_current)
        document.problem_changed.connect(self.banner.show_problem)
        self.banner.dismissed.connect(document.dismiss_problem)
        self.banner.action_requested.connect(self._on_action)
        self.filmstrip.chosen.connect(document.select)
        return thumbnails

    def _dock(self, title: str, panel: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title)
        dock.setObjectName(title)  # by which saveState knows it
        dock.setWidget(panel)
        self.addDockWidget(area, dock)
        return dock

    def _build_status(self) -> None:
        bar = self.statusBar()
        self._status = QLabel("Ready")
        self._progress = QProgressBar()
        self._progress.setMaximumWidth(180)
        self._progress.setTextVisible(False)
        self._cancel = QPushButton("Cancel")
        self._cancel.clicked.connect(self.document.cancel)
        bar.addWidget(self._status, 1)
        bar.addPermanentWidget(self._progress)
        bar.addPermanentWidget(self._cancel)

    def _build_menus(self) -> None:
        document, view = self.document, self.view
        file = self._menu_bar.addMenu("&File")
        self._add(file, "&Open model...", "Ctrl+O", self.choose_model)
        self._recent = file.addMenu("Open &recent")
        self._recent.aboutToShow.connect(self._fill_recent)
        self._add(file, "Open the &demo", "Ctrl+D", document.open_demo)
        file.addSeparator()
        self._add(file, "Add &images...", "Ctrl+I", self.choose_images)
        self._add(file, "&Clear images", "", document.clear_images)
        file.addSeparator()
        self._add(file, "&Quit", QKeySequence.StandardKey.Quit, self.close)
        run = self._menu_bar.addMenu("&Run")
        self._add(run, "Run a&gain", "F5", document.run_again)
        self._add(run, "Run on &random input", "Ctrl+R", document.run_random)
        self._add(run, "&Next image", "Alt+Right", lambda: document.select(document.current + 1))
        self._add(run, "&Previous image", "Alt+Left", lambda: document.select(document.current - 1))
        self._add(run, "&Cancel", "Esc", self._on_escape)
        shown = self._menu_bar.addMenu("&View")
        self._network = self._add(shown, "What the &network saw", "Ctrl+T", self._show_tested)
        self._network.setCheckable(True)
        self._add(shown, "&Fit the image", "Ctrl+0", view.fit)
        self._add(shown, "&Actual size", "Ctrl+1", view.show_actual_size)
        self._add(shown, "Zoom &in", QKeySequence.StandardKey.ZoomIn, lambda: view.zoom(1.25))
        self._add(shown, "Zoom &out", QKeySequence.StandardKey.ZoomOut, lambda: view.zoom(0.8))
        shown.addSeparator()
        for dock in self._docks:
            shown.addAction(dock.toggleViewAction())
        self._add(shown, "&Restore the layout", "", self._restore_default_layout)
        shown.addSeparator()
        self._build_themes(shown.addMenu("&Theme"))
        help_menu = self._menu_bar.addMenu("&Help")
        self._add(help_menu, "&About Enginebay", "", self._about)

    def _add(
        self,
        menu: QMenu,
        text: str,
        shortcut: str | QKeySequence.StandardKey,
        act: Callable[[], object],
    ) -> QAction:
        action = menu.addAction(text)
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
        action.triggered.connect(lambda _checked=False: act())
        return action

    def _build_themes(self, menu: QMenu) -> None:
        group = QActionGroup(self)
        for theme in _THEMES:
            action = menu.addAction(theme.capitalize())
            action.setCheckable(True)
            action.setChecked(theme == self._settings.theme())
            action.triggered.connect(lambda _checked=False, theme=theme: self.set_theme(theme))
            group.addAction(action)

    def _connect(self) -> None:
        document = self.document
        document.model_changed.connect(self._on_model)
        document.images_changed.connect(self._on_images)
        document.current_changed.connect(lambda _index: self._show_empty_text())
        document.tested.connect(self._on_tested)
        document.busy_changed.connect(self._on_busy)
        document.progress.connect(self._on_progress)
        document.opened.connect(self._settings.add_recent_file)
        self.outputs.row_chosen.connect(self.view.highlight)
        self.view.box_hovered.connect(self.view.highlight)
        self.view.box_hovered.connect(self.outputs.mark)

    # -- what the document tells ---------------------------------------------------------

    @Slot()
    def _on_model(self) -> None:
        document = self.document
        file, loaded = document.file, document.loaded
        self.card.show_model(file, document.verdict)
        self.setWindowTitle("Enginebay" if file is None else f"{file.path.name} - Enginebay")
        self.tensors.show_tensors(() if loaded is None else (*loaded.inputs, *loaded.outputs))
        reason = ""
        if loaded is not None and loaded.recipe_problem is not None:
            reason = loaded.recipe_problem[1]
        self.recipe.show_recipe(None if loaded is None else loaded.recipe, reason)
        self._on_images()

    @Slot()
    def _on_images(self) -> None:
        self.filmstrip.show_paths(self.document.images)
        self._show_empty_text()

    def _show_empty_text(self) -> None:
        """What stands where the picture will be."""
        document = self.document
        count = len(document.images)
        if document.loaded is None and count:
            noun = "image waits" if count == 1 else "images wait"
            self.view.show_empty_text(f"{count} {noun} for a model", "Drop one, or press Ctrl+O")
        elif document.loaded is not None and document.current >= 0:
            state = "Running" if document.is_busy else "There is no result for this image."
            self.view.show_empty_text(document.images[document.current].name, state)
        elif document.loaded is not None:
            self.view.show_empty_text("Drop images here", "or press Ctrl+I to choose some")

    @Slot(object)
    def _on_tested(self, tested: Tested | None) -> None:
        self.outputs.show_result(tested)
        document = self.document
        stages = None if tested is None else tested.result.stages
        clock = "" if stages is None else stages.clock
        self.timings.show_run(stages, document.history, document.first_run, clock)
        self._show_tested()

    def _show_tested(self) -> None:
        """The picture, or what the network saw of it, with its overlay."""
        tested = self.document.result
        if tested is None:
            self.view.show_picture(None)
            self.view.show_overlay((), ())
            return
        from core.predictions import ClassScore, Detection

        if self._network.isChecked() and tested.network_picture is not None:
            self.view.show_picture(tested.network_picture)
            self.view.show_overlay((), ("What the network saw",))
            return
        found = tested.result.predictions
        lines = [f"{one.label}  {one.score:.3f}" for one in found if isinstance(one, ClassScore)]
        self.view.show_picture(tested.output_picture or tested.picture)
        self.view.show_overlay([one for one in found if isinstance(one, Detection)], lines)
        if tested.picture is None:
            self.view.show_empty_text("Random input", "The outputs are in the panel on the right.")

    @Slot(bool)
    def _on_busy(self, busy: bool) -> None:
        self._progress.setRange(0, 0)
        self._progress.setVisible(busy)
        self._cancel.setVisible(busy)
        self._status.setText("Working" if busy else "Ready")
        self._show_empty_text()

    @Slot(object, str)
    def _on_progress(self, fraction: float | None, text: str) -> None:
        self._status.setText(text)
        if fraction is not None:
            self._progress.setRange(0, 1000)
            self._progress.setValue(round(fraction * 1000))

    # -- what the user does --------------------------------------------------------------

    def choose_model(self) -> None:
        """Ask for a model file and open it."""
        patterns = " ".join(f"*{suffix}" for suffix in suffixes.MODELS)
        from PySide6.QtWidgets import QFileDialog

        path, _ = QFileDialog.getOpenFileName(
            self, "Open a model", "", f"Models ({patterns});;All files (*)"
        )
        if path:
            self.document.open_path(Path(path))

    def choose_images(self) -> None:
        """Ask for images and run them."""
        patterns = " ".join(f"*{suffix}" for suffix in suffixes.IMAGES)
        from PySide6.QtWidgets import QFileDialog

        paths, _ = QFileDialog.getOpenFileNames(
            self, "Add images", "", f"Images ({patterns});;All files (*)"
        )
        self.document.add_images(Path(path) for path in paths)

    def set_theme(self, theme: str) -> None:
        """Use "system", "light" or "dark" colours, and remember it."""
        self._settings.set_theme(theme)
        apply_theme(theme)

    def _on_action(self, action: str) -> None:
        if action == "allow-native-code":
            self.document.allow_native_code()
        elif action == "run-random":
            self.document.run_random()

    def _on_escape(self) -> None:
        if self.document.is_busy:
            self.document.cancel()
        else:
            self.document.dismiss_problem()

    def _fill_recent(self) -> None:
        self._recent.clear()
        for path in self._settings.recent_files():
            text = path.name.replace("&", "&&")
            self._add(self._recent, text, "", partial(self.document.open_path, path))
        if self._recent.isEmpty():
            self._recent.addAction("None yet").setEnabled(False)
        else:
            self._recent.addSeparator()
            self._add(self._recent, "Clear", "", self._settings.clear_recent_files)

    def _about(self) -> None:
        from PySide6.QtWidgets import QMessageBox

        QMessageBox.about(
            self,
            "About Enginebay",
            f"Enginebay {__version__}\n\nOpen a TensorRT engine or an ONNX model, see what it "
            "is, drop images on it, and trust what you read.",
        )

    # -- layout --------------------------------------------------------------------------

    def restore_layout(self) -> None:
        """Put the window and the docks where they were."""
        saved = self._settings.layout()
        if saved is not None:
            self.restoreGeometry(saved[0])
            self.restoreState(saved[1])

    def save_layout(self) -> None:
        """Remember where the window and the docks are."""
        self._settings.set_layout(self.saveGeometry(), self.saveState())

    def _restore_default_layout(self) -> None:
        state: QByteArray = self._default_state
        self.restoreState(state)

    # -- dropping ------------------------------------------------------------------------

    def dragEnterEvent(self, event: Any) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:
        event.acceptProposedAction()
        urls = event.mimeData().urls()
        self.document.drop([Path(url.toLocalFile()) for url in urls if url.isLocalFile()])
