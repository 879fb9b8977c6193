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
    outputs.embedding.image_chosen.connect(window.embeddings.show)
    view.box_hovered.connect(view.highlight)
    view.box_hovered.connect(outputs.mark)
    _connect_reading(window)
    _connect_recipe(window)
    _connect_inputs(window)
    _connect_many(window)
    window.benchmarking.state_changed.connect(lambda: window.on_busy(window.document.is_busy))
    for one in (window.saver, window.benchmarking):
        one.saved.connect(lambda text: window.statusBar().showMessage(text, 8000))


def _connect_many(window: MainWindow) -> None:
    many = window.many
    many.progress.connect(window.on_progress)
    many.busy_changed.connect(lambda _busy: window.on_busy(window.document.is_busy))
    window.player.changed.connect(window.show_state)
    window.rereading.changed.connect(window.results.panel.refresh)
    window.recipe_editing.changed.connect(window.results.panel.refresh)


def _connect_reading(window: MainWindow) -> None:
    rereading, reading = window.rereading, window.outputs.reading
    window.outputs.names_dropped.connect(rereading.use_names)
    reading.choices_wanted.connect(rereading.choose)
    reading.names_wanted.connect(lambda: dialogs.choose_class_names(window))
    reading.opacity_changed.connect(window.view.set_opacity)
    rereading.changed.connect(lambda: reading.show_choices(window.document.reading))


def _connect_recipe(window: MainWindow) -> None:
    editing, panel, finder = window.recipe_editing, window.recipe, window.finder

    def show() -> None:
        panel.show_recipe(editing.recipe, editing.inputs, editing.why_none)
        window.outputs.reading.show_choices(window.document.reading)

    def search() -> None:
        if editing.search():
            finder.begin()

    def close_finder() -> None:
        if window.document.loaded is None:
            finder.forget()

    editing.changed.connect(show)
    panel.recipe_wanted.connect(editing.use)
    panel.guess_wanted.connect(editing.use_guess)
    panel.keep_wanted.connect(editing.keep)
    panel.forget_wanted.connect(editing.forget)
    panel.export_wanted.connect(lambda: dialogs.choose_recipe_saving(window))
    panel.import_wanted.connect(lambda: dialogs.choose_recipe(window))
    panel.search_wanted.connect(search)
    editing.found.connect(finder.show_found)
    editing.search_ended.connect(finder.end)
    editing.progress.connect(finder.show_progress)
    editing.noted.connect(lambda text: window.statusBar().showMessage(text, 8000))
    finder.picked.connect(editing.pick)
    finder.cancelled.connect(editing.cancel_search)
    window.document.model_changed.connect(close_finder)


def _connect_inputs(window: MainWindow) -> None:
    editing, panel, document = window.input_editing, window.inputs, window.document

    def show_model() -> None:
        for row in panel.show_model(() if document.loaded is None else document.loaded.inputs):
            row.fill_wanted.connect(editing.fill)
            row.values_typed.connect(editing.type_values)
            row.dim_wanted.connect(editing.set_dim)
            row.file_wanted.connect(
                lambda name, kind: dialogs.choose_input_file(window, name, kind)
            )

    def show_choice(_index: object = None) -> None:
        panel.show_choice(editing.choice, editing.settled, editing.trouble, editing.lacks_picture)

    editing.model_replaced.connect(show_model)
    editing.changed.connect(show_choice)
    editing.recipe_moved.connect(lambda _recipe: window.recipe_editing.changed.emit())
    window.recipe_editing.changed.connect(editing.refresh)
    document.current_changed.connect(show_choice)
    document.images_changed.connect(show_choice)
    panel.profile_wanted.connect(editing.choose_profile)
    panel.file_dropped.connect(editing.take_file)
    panel.reset_wanted.connect(editing.reset)
    panel.run_wanted.connect(editing.run)
