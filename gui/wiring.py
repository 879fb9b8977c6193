"""Which signals of the document and the panels reach whom in the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gui import dialogs

if TYPE_CHECKING:
    from gui.main_window import MainWindow


def connect(window: MainWindow) -> None:
    """Connect a furnished window's parts with its document and with one another."""
    document, view, outputs = window.document, window.view, window.outputs
    document.model_changed.connect(window.on_model)
    document.images_changed.connect(window.on_images)
    document.current_changed.connect(lambda _index: window.show_state())
    document.tested.connect(window.on_tested)
    document.busy_changed.connect(window.on_busy)
    document.progress.connect(window.on_progress)
    document.problem_changed.connect(window.banner.show_problem)
    document.current_changed.connect(window.filmstrip.show_current)
    document.opened.connect(window.settings.add_recent_file)
    window.card.facts_clicked.connect(window.docks[5].bring_up)
    window.banner.dismissed.connect(document.dismiss_problem)
    window.banner.action_requested.connect(window.on_action)
    window.filmstrip.chosen.connect(document.select)
    outputs.row_chosen.connect(view.highlight)
    outputs.detail.problem.connect(document.show_problem)
    view.box_hovered.connect(view.highlight)
    view.box_hovered.connect(outputs.mark)
    _connect_reading(window)
    _connect_many(window)
    window.saver.saved.connect(lambda text: window.statusBar().showMessage(text, 8000))


def _connect_many(window: MainWindow) -> None:
    many = window.many
    many.progress.connect(window.on_progress)
    many.busy_changed.connect(lambda _busy: window.on_busy(window.document.is_busy))


def _connect_reading(window: MainWindow) -> None:
    rereading, reading = window.rereading, window.outputs.reading
    window.outputs.names_dropped.connect(rereading.use_names)
    reading.choices_wanted.connect(rereading.choose)
    reading.names_wanted.connect(lambda: dialogs.choose_class_names(window))
    reading.opacity_changed.connect(window.view.set_opacity)
    rereading.changed.connect(lambda: reading.show_choices(window.document.reading))
