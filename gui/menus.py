"""The menus and their shortcuts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar

from gui import build_entry, dialogs
from gui.escape import on_escape
from gui.result_actions import add_result_actions
from gui.tabs import start_benchmark
from gui.theme import THEMES

if TYPE_CHECKING:
    from gui.main_window import MainWindow


def build_menus(window: MainWindow, bar: QMenuBar) -> QAction:
    """Fill the menu bar.

    Returns:
        The checkable action for what the network saw.
    """
    document, view, key = window.document, window.view, QKeySequence.StandardKey
    file = bar.addMenu("&File")
    _add(file, "&Open model...", "Ctrl+O", partial(dialogs.choose_model, window))
    _add(file, "Open &folder...", "Ctrl+Shift+O", window.shelf.choose_folder)
    recent = file.addMenu("Open &recent")
    recent.aboutToShow.connect(lambda: _fill_recent(recent, window))
    _add(file, "Open the &demo", "Ctrl+D", document.open_demo)
    plugin = _add(file, "Use a &plugin library...", "", partial(dialogs.choose_plugin, window))
    _add(file, "&Build engine...", build_entry.KEY, window.build_entry.open)
    rebuild = _add(file, "Build again for this &machine...", "", window.build_entry.rebuild)
    file.addAction(window.metadata_entry.action)
    file.setToolTipsVisible(True)  # which say why an action is not possible

    def show_possible() -> None:
        plugin.setEnabled(document.file is not None)
        rebuild.setEnabled(window.building.has_record)

    file.aboutToShow.connect(show_possible)
    file.addSeparator()
    _add(file, "Add &images...", "Ctrl+I", partial(dialogs.choose_images, window))
    _add(file, "&Clear images", "", document.clear_images)
    file.addSeparator()
    add_result_actions(window, file)
    file.addAction(window.results.export_action)
    file.addSeparator()
    _add(file, "&Quit", "Ctrl+Q", window.close)  # Qt's own key for it is none on some systems
    run = bar.addMenu("&Run")
    _add(run, "Run a&gain", "F5", window.run_again)
    _add(run, "Run &all images", "F6", window.many.run_all)
    _add(run, "Run on &random input", "Ctrl+R", document.run_random)
    _add(run, "Start the &benchmark", "Ctrl+B", lambda: start_benchmark(window))
    _add(run, "&Next image", "Alt+Right", lambda: document.select(document.current + 1))
    _add(run, "&Previous image", "Alt+Left", lambda: document.select(document.current - 1))
    _add(run, "&Cancel", "Esc", lambda: on_escape(window))
    run.addSeparator()
    trial = run.addAction("&Try unfamiliar engines in a process of their own")
    trial.setCheckable(True)
    trial.setChecked(document.trial)
    trial.toggled.connect(window.set_trial)
    shown = bar.addMenu("&View")
    network = _add(shown, "What the &network saw", "Ctrl+T", window.show_tested)
    network.setCheckable(True)
    _add(shown, "&Fit the image", "Ctrl+0", view.fit)
    _add(shown, "&Actual size", "Ctrl+9", view.show_actual_size)
    _add(shown, "Zoom &in", key.ZoomIn, lambda: view.zoom(1.25))
    _add(shown, "Zoom &out", key.ZoomOut, lambda: view.zoom(0.8))
    shown.addSeparator()
    shown.addActions(window.center.tab_actions)
    panels = _add(shown, "Show the &panels", "F9", lambda: None)
    panels.setIconText("Panels")
    panels.setCheckable(True)
    panels.setChecked(True)
    panels.toggled.connect(lambda on: window.layout_.show_panels(on))
    window.panels_action = panels
    window.center.set_corner(panels)
    shown.addSeparator()
    for dock in (*window.docks, window.shelf, window.results):
        shown.addAction(dock.toggleViewAction())
    _add(shown, "&Restore the layout", "", lambda: window.layout_.restore_default())
    shown.addSeparator()
    _add_themes(shown.addMenu("&Theme"), window)
    _add(bar.addMenu("&Help"), "&About Enginebay", "", partial(dialogs.show_about, window))
    return network


def _add(
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


def _add_themes(menu: QMenu, window: MainWindow) -> None:
    group = QActionGroup(window)
    for theme in THEMES:
        action = _add(menu, theme.capitalize(), "", partial(window.set_theme, theme))
        action.setCheckable(True)
        action.setChecked(theme == window.settings.theme())
        group.addAction(action)


def _fill_recent(menu: QMenu, window: MainWindow) -> None:
    menu.clear()
    paths = window.settings.recent_files()
    names = [path.name for path in paths]
    for path in paths:
        # Many models are called best.engine.
        text = path.name if names.count(path.name) == 1 else f"{path.name} in {path.parent}"
        _add(menu, text.replace("&", "&&"), "", partial(window.document.open_path, path))
    if menu.isEmpty():
        menu.addAction("None yet").setEnabled(False)
    else:
        menu.addSeparator()
        _add(menu, "Clear", "", window.settings.clear_recent_files)
