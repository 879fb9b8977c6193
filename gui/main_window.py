"""The window: menus, docks and panels around one document. No logic of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QMainWindow, QWidget

from gui import dialogs
from gui.document import Document
from gui.dropping import is_array_file
from gui.empty_text import empty_text, idle_text
from gui.inference_thread import Tested
from gui.layout import Layout
from gui.settings import Settings
from gui.turns import Turns
from gui.wiring import connect

if TYPE_CHECKING:
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QVBoxLayout

    from gui.build_entry import BuildEntry
    from gui.building import Building
    from gui.closing import Closing
    from gui.layer_reading import LayerReading
    from gui.metadata_entry import MetadataEntry
    from gui.panels.dock import Dock
    from gui.work_thread import WorkThread


class MainWindow(QMainWindow):
    """Shows a document and passes the user's wishes to it.

    Made in two steps: the constructor makes the bare window, which is on screen in little more
    than Qt itself takes; furnish() the rest, whose imports (Qt's own enumerations above all)
    take as long again.
    """

    layers: LayerReading  # of gui.tabs
    metadata_entry: MetadataEntry  # likewise
    building: Building  # of gui.build_entry
    build_entry: BuildEntry
    closing: Closing | None = None  # of gui.build_entry, once there can be builds
    panels_action: QAction  # of gui.menus; checked while the docks are shown

    def __init__(self, document: Document, settings: Settings) -> None:
        super().__init__()
        self.document = document
        self.settings = settings
        self.setWindowTitle("Enginebay")
        self.setAcceptDrops(True)
        self.resize(1280, 820)

    def furnish(
        self,
        inference: WorkThread,
        thumbnails: WorkThread,
        fingerprints: WorkThread,
        reader: WorkThread,
        writer: WorkThread,
        measurer: WorkThread,
        archivist: WorkThread,
    ) -> None:
        """Add the card, the panels, the menus, and the banner and filmstrip, hidden at first."""
        from PySide6.QtCore import Qt

        from gui.benchmarking import Benchmarking
        from gui.embeddings import Embeddings
        from gui.input_editing import InputEditing
        from gui.many_images import ManyImages
        from gui.menus import build_menus
        from gui.panels.banner import Banner
        from gui.panels.card import CardPanel
        from gui.panels.center import Center
        from gui.panels.file_facts import FileFactsPanel
        from gui.panels.filmstrip import Filmstrip
        from gui.panels.image_view import ImageView
        from gui.panels.inputs import InputsPanel
        from gui.panels.log import LogPanel
        from gui.panels.outputs import OutputsPanel
        from gui.panels.player_bar import PlayerBar
        from gui.panels.recipe import RecipePanel
        from gui.panels.recipe_finder import RecipeFinder
        from gui.panels.results_dock import ResultsDock
        from gui.panels.shelf_dock import ShelfDock
        from gui.panels.tensors import TensorsPanel
        from gui.panels.timings import TimingsPanel
        from gui.recipe_editing import RecipeEditing
        from gui.rereading import Rereading
        from gui.saving import Saver
        from gui.tabs import add_tabs
        from gui.video_player import VideoPlayer

        self.turns = Turns(self)
        self.view = ImageView()
        self.card = CardPanel()
        self.banner = Banner()
        self.filmstrip = Filmstrip(thumbnails)
        self.tensors = TensorsPanel()
        self.inputs = InputsPanel()
        self.recipe = RecipePanel()
        self.file_facts = FileFactsPanel(fingerprints)
        self.outputs = OutputsPanel()
        self.timings = TimingsPanel()
        self.log = LogPanel()
        self.embeddings = Embeddings(self.document)
        self.rereading = Rereading(self.document, reader)
        self.recipe_editing = RecipeEditing(self.document, inference)
        self.finder = RecipeFinder(self)
        self.input_editing = InputEditing(self.document, inference)
        self.saver = Saver(self.document, writer)
        self.many = ManyImages(self.document, inference)
        self.player = VideoPlayer(self.document, inference)
        self.benchmarking = Benchmarking(
            self.document, self.input_editing, self.many, measurer, archivist
        )
        self.player_bar = PlayerBar(self.player, self)
        self._build_status()
        middle = QWidget()
        rows = _rows(middle)
        rows.addWidget(self.view, 1)
        rows.addWidget(self.player_bar)
        rows.addWidget(self.filmstrip)
        self.center = Center(middle)
        self.setCentralWidget(self.center)
        area = Qt.DockWidgetArea
        self.docks = [
            self._dock("Tensors", self.tensors, area.LeftDockWidgetArea),
            self._dock("Recipe", self.recipe, area.LeftDockWidgetArea),
            self._dock("Outputs", self.outputs, area.RightDockWidgetArea),
            self._dock("Timings", self.timings, area.BottomDockWidgetArea),
            self._dock("Log", self.log, area.BottomDockWidgetArea),
            self._dock("File", self.file_facts, area.LeftDockWidgetArea),
            self._dock("Inputs", self.inputs, area.LeftDockWidgetArea),
        ]
        self.setDockNestingEnabled(True)
        for front, behind in ((1, 5), (3, 4), (0, 6)):
            self.tabifyDockWidget(self.docks[front], self.docks[behind])
        self.shelf = ShelfDock(self, self.document)
        self.tabifyDockWidget(self.docks[4], self.shelf)
        self.shelf.hide()
        self.results = ResultsDock(self, self.document, self.many, self.saver)
        self.tabifyDockWidget(self.shelf, self.results)
        self.results.hide()
        for front in (0, 1, 3):
            self.docks[front].raise_()
        # The card and the banner span the window, above the docks, with the menu bar.
        top = QWidget()
        rows = _rows(top)
        menu_bar = self.menuBar()
        rows.addWidget(menu_bar)
        rows.addWidget(self.card)
        rows.addWidget(self.banner)
        self.setMenuWidget(top)
        add_tabs(self, inference)
        self.network_action = build_menus(self, menu_bar)
        connect(self)
        self.layout_ = Layout(self)
        # What was dropped before there was anything to show it.
        self.on_images()
        self.banner.show_problem(self.document.problem)
        self.on_busy(self.document.is_busy)
        self.shelf.look_in_dropped()

    def _dock(self, title: str, panel: QWidget, area: Qt.DockWidgetArea) -> Dock:
        from gui.panels.dock import Dock

        dock = Dock(title, panel, self)
        self.addDockWidget(area, dock)
        return dock

    def _build_status(self) -> None:
        from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton

        bar = self.statusBar()
        self._status = QLabel("Ready")
        self._progress = QProgressBar()
        self._progress.setMaximumWidth(180)
        self._progress.setTextVisible(False)
        self._cancel = QPushButton("Cancel")
        self._cancel.clicked.connect(self.document.cancel)
        self._cancel.clicked.connect(self.many.cancel)
        bar.addWidget(self._status, 1)
        bar.addPermanentWidget(self._progress)
        bar.addPermanentWidget(self._cancel)

    # -- what the document tells ---------------------------------------------------------

    @Slot()
    def on_model(self) -> None:
        """Show the opened file and what is known of it."""
        document = self.document
        file, loaded = document.file, document.loaded
        self.card.show_model(file, document.verdict, is_loaded=loaded is not None)
        self.file_facts.show_file(file, document.verdict)
        self.setWindowTitle("Enginebay" if file is None else f"{file.path.name} - Enginebay")
        self.tensors.show_tensors(() if loaded is None else (*loaded.inputs, *loaded.outputs))
        verdict = document.verdict
        if file is not None and verdict is not None and verdict.can_run is False:
            self.docks[5].raise_()  # its tensors and recipe stay unknown: show what is known
        self.show_state()

    @Slot()
    def on_images(self) -> None:
        """Show which images there are."""
        self.filmstrip.show_paths(self.document.images)
        self.filmstrip.show_current(self.document.current)
        self.show_state()

    def show_state(self) -> None:
        """What stands where the picture will be."""
        text = empty_text(self.document, self.player.path)
        if text is None:
            self.view.show_invitation()
        else:
            self.view.show_empty_text(*text)

    @Slot(object)
    def on_tested(self, tested: Tested | None) -> None:
        """Show a run's result, or that there is none."""
        similarities = self.embeddings.compare(tested)
        reading = self.document.reading
        self.turns.begin(
            self.show_tested,
            lambda: self.outputs.show_result(tested, reading, similarities),
            self._show_timings,
        )
        if tested is None:
            self.turns.finish()

    def _show_timings(self) -> None:
        runs, tested = self.document.runs, self.document.result
        stages = None if tested is None else tested.result.stages
        clock = "" if stages is None else stages.clock
        self.timings.show_run(stages, runs.warm, runs.first, clock)

    def show_tested(self) -> None:
        """The picture, or what the network saw of it, with its overlay."""
        tested = self.document.result
        if tested is None:
            self.view.show_picture(None)
            self.view.show_overlay((), ())
            return
        from core.predictions import ClassScore

        if self.network_action.isChecked() and tested.network_picture is not None:
            self.view.show_picture(tested.network_picture)
            self.view.show_overlay((), ("What the network saw",))
            return
        found = tested.result.predictions
        lines = [f"{one.label}  {one.score:.3f}" for one in found if isinstance(one, ClassScore)]
        self.view.show_picture(tested.output_picture or tested.picture)
        self.view.show_overlay(found, lines, tested.layers)
        self.show_state()

    @Slot(bool)
    def on_busy(self, busy: bool) -> None:
        """Show whether something goes on."""
        busy = busy or self.many.is_busy
        self._progress.setRange(0, 0)
        self._progress.setVisible(busy)
        self._cancel.setVisible(busy)
        idle = idle_text(self.document, self.many)
        if self.benchmarking.is_running:
            idle = "A benchmark is running"
        self._status.setText("Working" if busy else idle)
        self.show_state()

    @Slot(object, str)
    def on_progress(self, fraction: float | None, text: str) -> None:
        """Show how far it is."""
        self._status.setText(text)
        if fraction is not None:
            self._progress.setRange(0, 1000)
            self._progress.setValue(round(fraction * 1000))

    # -- what the user does --------------------------------------------------------------

    def set_theme(self, theme: str) -> None:
        """Use "system", "light" or "dark" colours, and remember it."""
        from gui.theme import apply_theme

        self.settings.set_theme(theme)
        apply_theme(theme)

    def on_action(self, action: str) -> None:
        """Do what the banner's button says."""
        document = self.document
        {
            "allow-native-code": document.allow_native_code,
            "run-random": document.run_random,
            "skip-trial": lambda: document.open_again(trial=False),
            "try-anyway": lambda: document.open_again(forced=True),
            "find-plugin": lambda: dialogs.choose_plugin_folder(self),
            "restart": self.build_entry.closing.restart,
        }[action]()

    def run_again(self) -> None:
        """Run once more what is shown: a video's frame, an image, or random input."""
        if self.player.path is not None:
            self.player.run_again()
        else:
            self.document.run_again()

    def set_trial(self, trial: bool) -> None:
        """Try unfamiliar engines in a process of their own first, or not; and remember it."""
        self.document.trial = trial
        self.settings.set_trial(trial)

    def closeEvent(self, event: Any) -> None:
        """Close, but where that would end a build only once the user said yes to it."""
        event.setAccepted(self.closing is None or self.closing.allows())

    def restore_geometry(self) -> None:
        """Put the window where it was; before it is shown."""
        saved = self.settings.layout()
        if saved is not None:
            self.restoreGeometry(saved[0])

    # -- dropping ------------------------------------------------------------------------

    def dragEnterEvent(self, event: Any) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:
        event.acceptProposedAction()
        urls = event.mimeData().urls()
        paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
        if self.document.loaded is not None and is_array_file(paths):
            self.input_editing.take_file(paths[0])
        else:
            self.document.drop(paths)


def _rows(widget: QWidget) -> QVBoxLayout:
    from PySide6.QtWidgets import QVBoxLayout

    rows = QVBoxLayout(widget)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setSpacing(0)
    return rows
