"""The tabs beside the image, in their order, and what brings the image back to the front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gui import dialogs

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

    from gui.dropping import Dropped
    from gui.main_window import MainWindow
    from gui.work_thread import WorkThread

BENCHMARK = "Benchmark"


def start_benchmark(window: MainWindow) -> None:
    """Bring up the Benchmark tab and measure what its options say."""
    from gui.panels.benchmark.panel import BenchmarkPanel

    panel = window.center.bring_up(BENCHMARK)
    assert isinstance(panel, BenchmarkPanel)
    panel.start()


def add_tabs(window: MainWindow, inference: WorkThread) -> None:
    """Add the tabs of a window whose panels are made; their widgets come when they are shown."""
    from gui.build_entry import BuildEntry
    from gui.layer_reading import LayerReading
    from gui.layer_thread import LayerThread
    from gui.metadata_entry import MetadataEntry

    window.build_entry = BuildEntry(window)
    window.metadata_entry = MetadataEntry(window)
    center, document = window.center, window.document
    window.layers = LayerReading(document, inference, LayerThread())

    def on_current(index: int) -> None:
        if index >= 0:
            center.show_image()

    def on_dropped(dropped: Dropped) -> None:
        if dropped.layer_files:
            window.layers.open_files(dropped.layer_files)
        if dropped.videos:
            center.show_image()

    def layers_panel() -> QWidget:
        from gui.panels.layers.panel import LayersPanel

        panel = LayersPanel(window.layers, document)
        panel.open_wanted.connect(lambda: dialogs.choose_model(window))
        return panel

    def make_benchmark() -> QWidget:
        from gui.panels.benchmark.panel import BenchmarkPanel

        return BenchmarkPanel(window.benchmarking)

    def on_times(path: Path) -> None:
        center.bring_up(BENCHMARK)
        window.benchmarking.import_from(path)

    center.add_tab(BENCHMARK, make_benchmark)
    center.add_tab("Layers", layers_panel)
    window.layers.times_found.connect(on_times)
    window.layers.files_taken.connect(lambda: center.bring_up("Layers"))
    window.layers.noted.connect(lambda text: window.statusBar().showMessage(text, 8000))
    document.current_changed.connect(on_current)
    document.dropped.connect(on_dropped)
