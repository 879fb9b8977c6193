"""The metadata's editor: edited, saved, stripped; the plan's bytes stay."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QCoreApplication, QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QPushButton

from core.building import metadata_editor
from core.building.sidecar import write_sidecar
from core.modelfile import read_model_file
from core.modelfile.engines import known_metadata, own_metadata
from core.paths import DEMO_MODEL
from gui.metadata_entry import ABOUT
from tests.gui.build_hands import model_in
from tests.gui.hands import button, menu_action, texts
from tests.gui.limits import WAIT_MS
from tests.gui.metadata_hands import (
    LEFT,
    METADATA,
    PLAN,
    cell_editor,
    click,
    click_cell,
    editor_of,
    engine_in,
    is_shown,
    leave_cell,
    open_model,
    retype,
    rows,
    save,
    shown_editor,
    type_in_cell,
)

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App
    from gui.panels.metadata_dialog import MetadataDialog

SHA256 = hashlib.sha256(PLAN).hexdigest()


@pytest.fixture(autouse=True)
def no_dialog_left(app_: App) -> Iterator[None]:
    """Close the editor before the window, which it blocks."""
    yield
    app_.window.metadata_entry.discard()
    QCoreApplication.processEvents()


def question_of(dialog: MetadataDialog) -> QMessageBox:
    assert dialog.question is not None
    assert dialog.question.isVisible()
    return dialog.question


def choose(monkeypatch: pytest.MonkeyPatch, path: Path | str) -> list[str]:
    """Let the next file dialogs answer this; gives what they suggested."""
    asked: list[str] = []

    def answer(_parent: object, _title: str, suggested: str, _files: str) -> tuple[str, str]:
        asked.append(suggested)
        return str(path), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    return asked


# what is shown


def test_it_shows_what_stands_before_the_plan(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    dialog = editor_of(qtbot, app_, engine_in(tmp_path, METADATA))
    assert rows(dialog) == [
        ("task", "detect"),
        ("names", '{"0": "cat", "1": "dog"}'),
        ("stride", "32"),
        ("batch", "1"),
    ]
    offset = read_model_file(tmp_path / "best.engine").plan_offset
    assert dialog.note.text() == f"{offset} bytes of metadata before the plan"
    assert dialog.table.accessibleName() == "metadata of best.engine"
    assert not dialog.has_edits


def test_where_nothing_stands_there_it_shows_what_the_side_car_has(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    onnx, engine = model_in(tmp_path), engine_in(tmp_path)
    write_sidecar(engine, onnx, options={}, versions={}, gpu="")
    known = known_metadata(read_model_file(engine))
    assert known  # the demo's
    dialog = editor_of(qtbot, app_, engine)
    assert dialog.note.text() == "No metadata before the plan; its side-car has this"
    assert [key for key, _ in rows(dialog)] == list(known)
    save(qtbot, dialog)  # as it stands: put before the plan
    assert own_metadata(read_model_file(engine)) == known


def test_a_plain_plan_has_none(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    dialog = editor_of(qtbot, app_, engine_in(tmp_path))
    assert dialog.note.text() == "No metadata before the plan"
    assert rows(dialog) == []
    assert not dialog.strip_button.isEnabled()
    assert not dialog.remove_button.isEnabled()


def test_markup_in_a_file_stays_text(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    raw = {"a\nb": "<b>bold</b>" + "x" * 500, "c" * 400: 1}
    dialog = editor_of(qtbot, app_, engine_in(tmp_path, raw))
    first, second = rows(dialog)
    assert first[0] == "a b"
    assert len(first[1]) == 160
    assert len(second[0]) == 300
    tooltip = str(dialog.model.index(0, 1).data(Qt.ItemDataRole.ToolTipRole))
    assert tooltip == "<qt>&lt;b&gt;bold&lt;/b&gt;" + "x" * 500 + "</qt>"


# editing and saving


def test_an_edit_is_saved_and_the_plan_stays(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    path = engine_in(tmp_path, METADATA)
    dialog = editor_of(qtbot, app_, path)
    type_in_cell(dialog, 1, 1, '{"0": "fox", "1": "owl", "2": "hen"}')
    assert dialog.has_edits
    save(qtbot, dialog)
    file = read_model_file(path)
    # A value that was not edited keeps its type: "1" is a text still, 32 a number.
    assert own_metadata(file) == METADATA | {"names": {"0": "fox", "1": "owl", "2": "hen"}}
    assert file.metadata is not None
    assert file.metadata.names == ("fox", "owl", "hen")
    content = path.read_bytes()
    assert hashlib.sha256(content[file.plan_offset :]).hexdigest() == SHA256
    assert dialog.digest.isVisible()
    assert dialog.digest.text() == SHA256
    assert f"Saved in best.engine: {file.plan_offset} bytes of metadata" in dialog.said.text()
    assert f"The plan is the same: {len(PLAN)} bytes, SHA-256:" in dialog.said.text()
    assert "does not hold" in dialog.said.text()
    assert dialog.save_button.isVisible()
    assert dialog.focusWidget() is dialog.save_button
    assert not dialog.has_edits


def test_the_open_document_shows_the_new_class_names(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    path = engine_in(tmp_path, METADATA)
    dialog = editor_of(qtbot, app_, path)
    before = app_.document.file
    assert "2 classes" in app_.window.card._facts.text()
    type_in_cell(dialog, 1, 1, '["fox", "owl", "hen"]')
    save(qtbot, dialog)
    qtbot.waitUntil(lambda: app_.document.file is not before, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: is_shown(app_, path), timeout=WAIT_MS)
    assert "3 classes" in app_.window.card._facts.text()
    model = app_.window.file_facts.table.model()
    facts = {
        model.index(row, 0).data(): model.index(row, 1).data() for row in range(model.rowCount())
    }
    assert facts["classes"] == "3: fox, owl, hen"
    assert dialog.isVisible()


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("64", 64),
        ('"64"', "64"),
        ("[64, 64]", [64, 64]),
        ("true", True),
        ("{0: 'cat'}", "{0: 'cat'}"),
        ("a=b", "a=b"),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("", ""),
    ],
)
def test_a_typed_value_is_taken_as_the_command_takes_it(
    qtbot: QtBot, app_: App, tmp_path: Path, typed: str, value: Any
) -> None:
    path = engine_in(tmp_path, {"x": "old"})
    dialog = editor_of(qtbot, app_, path)
    type_in_cell(dialog, 0, 1, typed)
    save(qtbot, dialog)
    assert own_metadata(read_model_file(path)) == {"x": value}
    assert type(own_metadata(read_model_file(path))["x"]) is type(value)


def test_looking_at_a_value_does_not_change_it(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    raw = {"text": "32", "lines": "a\nb", "word": "cat", "names": {"0": "猫"}, "long": "y" * 40_000}
    dialog = editor_of(qtbot, app_, engine_in(tmp_path, raw))
    for row, shown in enumerate(['"32"', '"a\\nb"', "cat", '{"0": "猫"}', "y" * 40_000]):
        click_cell(dialog, row, 1)
        QTest.keyClick(dialog.table, Qt.Key.Key_F2)
        assert cell_editor(dialog).text() == shown
        leave_cell(dialog)
    assert not dialog.has_edits
    assert dialog.model.metadata() == raw


def test_a_row_is_added_with_the_keyboard_alone(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    path = engine_in(tmp_path)
    dialog = editor_of(qtbot, app_, path)
    dialog.add_button.setFocus()
    QTest.keyClick(dialog.add_button, Qt.Key.Key_Space)
    editor = cell_editor(dialog)
    assert editor.accessibleName() == "key"
    QTest.keyClicks(editor, " task ")
    QTest.keyClick(editor, Qt.Key.Key_Tab)
    qtbot.waitUntil(
        lambda: cell_editor(dialog).accessibleName() == "value of task", timeout=WAIT_MS
    )
    QTest.keyClicks(cell_editor(dialog), "pose")
    save(qtbot, dialog)  # what is typed in an open cell counts
    assert own_metadata(read_model_file(path)) == {"task": "pose"}


def test_delete_removes_the_selected_rows(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    path = engine_in(tmp_path, METADATA)
    dialog = editor_of(qtbot, app_, path)
    click_cell(dialog, 0)
    shift = Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(dialog.table, Qt.Key.Key_Down, shift)
    QTest.keyClick(dialog.table, Qt.Key.Key_Delete)
    assert [key for key, _ in rows(dialog)] == ["stride", "batch"]
    click(dialog.remove_button)  # the row that took their place is selected
    assert [key for key, _ in rows(dialog)] == ["batch"]
    save(qtbot, dialog)
    assert own_metadata(read_model_file(path)) == {"batch": "1"}


def test_all_is_stripped_and_only_the_plan_stays(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    path = engine_in(tmp_path, METADATA)
    dialog = editor_of(qtbot, app_, path)
    click(dialog.strip_button)
    assert rows(dialog) == []
    assert path.read_bytes() != PLAN, "nothing is written before it is saved"
    save(qtbot, dialog)
    assert path.read_bytes() == PLAN
    assert "Saved in best.engine: no metadata before the plan" in dialog.said.text()
    assert dialog.note.text() == "No metadata before the plan"


def test_another_file_gets_it_and_this_one_stays(
    qtbot: QtBot, app_: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = engine_in(tmp_path, METADATA), tmp_path / "other.engine"
    before = path.read_bytes()
    dialog = editor_of(qtbot, app_, path)
    type_in_cell(dialog, 0, 1, "pose")
    opened = app_.document.file
    asked = choose(monkeypatch, other)
    click(dialog.save_as_button)
    qtbot.waitUntil(lambda: not dialog.is_busy, timeout=WAIT_MS)
    assert asked == [str(tmp_path / "best-edited.engine")]
    assert path.read_bytes() == before
    assert own_metadata(read_model_file(other)) == METADATA | {"task": "pose"}
    assert other.read_bytes().endswith(PLAN)
    assert "Saved in other.engine" in dialog.said.text()
    assert "does not hold" not in dialog.said.text()
    assert app_.document.file is opened
    assert rows(dialog)[0] == ("task", "pose")
    assert not dialog.has_edits, "they are saved"
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_saving_as_itself_is_saving_in_place(
    qtbot: QtBot, app_: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = engine_in(tmp_path, METADATA)
    dialog = editor_of(qtbot, app_, path)
    before = app_.document.file
    type_in_cell(dialog, 0, 1, "pose")
    choose(monkeypatch, path)
    click(dialog.save_as_button)
    qtbot.waitUntil(lambda: app_.document.file is not before, timeout=WAIT_MS)
    assert own_metadata(read_model_file(path))["task"] == "pose"
    assert "does not hold" in dialog.said.text()


def test_a_file_dialog_that_is_cancelled_saves_nothing(
    qtbot: QtBot, app_: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = editor_of(qtbot, app_, engine_in(tmp_path, METADATA))
    choose(monkeypatch, "")
    click(dialog.save_as_button)
    assert not dialog.is_busy
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["best.engine"]


# what keeps it from being saved


def test_nothing_is_written_where_nothing_was_edited(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    path = engine_in(tmp_path, METADATA)
    before = path.stat().st_mtime_ns
    dialog = editor_of(qtbot, app_, path)
    save(qtbot, dialog)
    assert "nothing to save" in texts(dialog)
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(("key", "words"), [("", "no key"), ("task", "Two rows have the key task")])
def test_a_row_without_a_key_of_its_own_is_not_saved(
    qtbot: QtBot, app_: App, tmp_path: Path, key: str, words: str
) -> None:
    path = engine_in(tmp_path, METADATA)
    before = path.read_bytes()
    dialog = editor_of(qtbot, app_, path)
    click(dialog.add_button)
    retype(dialog, key)
    save(qtbot, dialog)
    assert words in texts(dialog)
    assert path.read_bytes() == before
    type_in_cell(dialog, 4, 0, "mine")
    assert words not in texts(dialog)
    save(qtbot, dialog)
    assert own_metadata(read_model_file(path)) == METADATA | {"mine": ""}


def test_a_read_only_file_says_so_and_the_edits_stay(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    path = engine_in(tmp_path, METADATA)
    path.chmod(0o444)
    before = path.read_bytes()
    dialog = editor_of(qtbot, app_, path)
    type_in_cell(dialog, 0, 1, "pose")
    save(qtbot, dialog)
    assert dialog.banner.isVisible()
    assert "read-only" in texts(dialog.banner)
    assert " -o " not in texts(dialog.banner), "that is the command line's"
    assert path.read_bytes() == before
    assert rows(dialog)[0] == ("task", "pose")
    assert dialog.has_edits
    path.chmod(0o644)
    save(qtbot, dialog)
    assert not dialog.banner.isVisible()
    assert own_metadata(read_model_file(path))["task"] == "pose"


def test_another_programs_edit_is_not_lost(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    path = engine_in(tmp_path, METADATA)
    dialog = editor_of(qtbot, app_, path)
    type_in_cell(dialog, 0, 1, "pose")
    metadata_editor.with_metadata(path, {"task": "segment"})
    save(qtbot, dialog)
    assert "changed by another program" in texts(dialog.banner)
    assert own_metadata(read_model_file(path)) == {"task": "segment"}
    assert rows(dialog)[0] == ("task", "pose")


def test_too_much_for_a_prefix_is_refused(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    path = engine_in(tmp_path, METADATA)
    before = path.read_bytes()
    dialog = editor_of(qtbot, app_, path)
    dialog.model.setData(dialog.model.index(0, 1), "x" * 700_000)
    save(qtbot, dialog)
    assert "600,000 are read" in texts(dialog.banner)
    assert path.read_bytes() == before


def test_a_file_that_is_gone_meanwhile_says_so(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    path = engine_in(tmp_path, METADATA)
    open_model(qtbot, app_, path)
    path.unlink()
    menu_action(app_.window, "File", "Edit metadata").trigger()
    dialog = shown_editor(qtbot, app_)
    assert "There is no file" in texts(dialog.banner)
    assert not dialog.save_button.isEnabled()
    assert not dialog.add_button.isEnabled()


# cancelling


def test_a_cancelled_saving_leaves_the_file_as_it_was(
    qtbot: QtBot, app_: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = engine_in(tmp_path, METADATA)
    before = path.read_bytes()
    dialog = editor_of(qtbot, app_, path)
    type_in_cell(dialog, 0, 1, "pose")
    copied, go = threading.Event(), threading.Event()

    def hold(*_paths: object) -> None:  # the copy is written, and not yet in its place
        copied.set()
        go.wait(10)

    monkeypatch.setattr(metadata_editor.shutil, "copymode", hold)
    click(dialog.save_button)
    qtbot.waitUntil(copied.is_set, timeout=WAIT_MS)
    assert not dialog.save_button.isVisible()
    assert not dialog.table.isEnabled()
    assert dialog.focusWidget() is dialog.cancel_button
    click(dialog.cancel_button)
    go.set()
    qtbot.waitUntil(lambda: not dialog.is_busy, timeout=WAIT_MS)
    assert dialog.said.text() == "Cancelled. No file was changed."
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["best.engine"]
    assert rows(dialog)[0] == ("task", "pose")
    assert dialog.save_button.isVisible()
    assert dialog.table.isEnabled()


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_a_cancel_that_comes_too_late_does_not_deny_what_was_saved(
    qtbot: QtBot, app_: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = engine_in(tmp_path, METADATA)
    dialog = editor_of(qtbot, app_, path)
    type_in_cell(dialog, 0, 1, "pose")
    checked, go = threading.Event(), threading.Event()
    read = metadata_editor.read_model_file

    def hold(of: Path) -> Any:  # the last step before the copy takes the file's place
        if of.suffix == ".part":
            checked.set()
            go.wait(10)
        return read(of)

    monkeypatch.setattr(metadata_editor, "read_model_file", hold)
    click(dialog.save_button)
    qtbot.waitUntil(checked.is_set, timeout=WAIT_MS)
    if how == "cancel":
        click(dialog.cancel_button)
    else:
        dialog.close()  # stays until it is over
        assert dialog.isVisible()
    go.set()
    qtbot.waitUntil(lambda: not dialog.is_busy, timeout=WAIT_MS)
    assert own_metadata(read_model_file(path))["task"] == "pose"
    assert "Saved in best.engine" in dialog.said.text()
    assert not dialog.has_edits


# closing


@pytest.mark.parametrize("how", ["Escape", "button", "frame"])
def test_edits_that_are_not_saved_are_asked_about(
    qtbot: QtBot, app_: App, tmp_path: Path, how: str
) -> None:
    path = engine_in(tmp_path, METADATA)
    before = path.read_bytes()
    dialog = editor_of(qtbot, app_, path)
    type_in_cell(dialog, 0, 1, "pose")

    def leave() -> None:
        if how == "Escape":
            QTest.keyClick(dialog.table, Qt.Key.Key_Escape)
        elif how == "button":
            click(dialog.close_button)
        else:
            dialog.close()

    leave()
    assert dialog.isVisible()
    QTest.keyClick(question_of(dialog), Qt.Key.Key_Return)  # the default keeps them
    assert dialog.question is None
    assert rows(dialog)[0] == ("task", "pose")
    leave()
    QTest.mouseClick(button(question_of(dialog), "&Discard"), LEFT)
    assert not dialog.isVisible()
    assert app_.window.metadata_entry.dialog is None
    assert path.read_bytes() == before


def test_escape_in_a_cell_leaves_only_the_cell(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    dialog = editor_of(qtbot, app_, engine_in(tmp_path, METADATA))
    click_cell(dialog, 0, 1)
    QTest.keyClick(dialog.table, Qt.Key.Key_F2)
    retype(dialog, "pose")
    leave_cell(dialog, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    assert rows(dialog)[0] == ("task", "detect")
    QTest.keyClick(dialog.table, Qt.Key.Key_Escape)
    assert not dialog.isVisible(), "nothing was edited"


def test_what_is_typed_in_an_open_cell_is_asked_about_too(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    dialog = editor_of(qtbot, app_, engine_in(tmp_path, METADATA))
    click_cell(dialog, 0, 1)
    QTest.keyClick(dialog.table, Qt.Key.Key_F2)
    retype(dialog, "pose")
    dialog.close()
    question_of(dialog)


def test_a_signal_ends_the_program_without_a_question(
    qtbot: QtBot, app_: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QApplication, "exit", lambda _status: None)  # the tests go on
    dialog = editor_of(qtbot, app_, engine_in(tmp_path, METADATA))
    type_in_cell(dialog, 0, 1, "pose")
    app_.quit()
    assert not dialog.isVisible()
    assert not app_.window.isVisible()


# the ways in


def test_the_files_panel_has_a_button_for_it(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    panel = app_.window.file_facts
    assert panel.metadata_button.isHidden()
    open_model(qtbot, app_, engine_in(tmp_path, METADATA))
    app_.window.docks[5].bring_up()
    assert panel.metadata_button.toolTip() == ABOUT
    click(panel.metadata_button)
    assert len(rows(shown_editor(qtbot, app_))) == len(METADATA)


def test_native_code_is_asked_for_again_for_the_new_bytes(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    path, library = engine_in(tmp_path, METADATA), tmp_path / "p.so"
    app_.document.open_path(path, allow_native_code=True, plugins=(library,))
    qtbot.waitUntil(lambda: is_shown(app_, path), timeout=WAIT_MS)
    before = app_.document.file
    app_.window.metadata_entry.open()
    dialog = shown_editor(qtbot, app_)
    click(dialog.strip_button)
    save(qtbot, dialog)
    qtbot.waitUntil(lambda: app_.document.file is not before, timeout=WAIT_MS)
    assert not app_.document.choices.allow_native_code
    assert app_.document.choices.plugins == (library,)


def test_without_a_file_there_is_nothing_to_edit(app_: App) -> None:
    action = menu_action(app_.window, "File", "Edit metadata")
    assert not action.isEnabled()
    assert action.toolTip() == "Open an engine first."


@pytest.mark.parametrize("kind", ["onnx", "cut off", "unknown", "empty"])
def test_what_cannot_be_edited_says_why(qtbot: QtBot, app_: App, tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("m.onnx" if kind == "onnx" else "m.engine")
    if kind == "onnx":
        shutil.copy(DEMO_MODEL, path)
    else:
        path.write_bytes({"cut off": PLAN[:-3], "unknown": b"x" * 99, "empty": b""}[kind])
    open_model(qtbot, app_, path)
    why = {
        "onnx": "its metadata is a part of the model itself",
        "cut off": "m.engine is cut off",
        "unknown": "m.engine is neither",
        "empty": "m.engine is empty",
    }[kind]
    action, shown = menu_action(app_.window, "File", "Edit metadata"), app_.window.file_facts
    assert not action.isEnabled()
    assert why in action.toolTip()
    assert not shown.metadata_button.isHidden()
    assert not shown.metadata_button.isEnabled()
    assert why in shown.metadata_button.toolTip()
    app_.window.metadata_entry.open()
    assert app_.window.metadata_entry.dialog is None


# how it looks


@pytest.mark.parametrize("factor", [1, 2])
def test_it_fits_620_pixels_also_with_twice_the_letters(
    qtbot: QtBot, app_: App, tmp_path: Path, factor: int
) -> None:
    raw = {"k" * 300: "v" * 5_000} | METADATA
    dialog = editor_of(qtbot, app_, engine_in(tmp_path, raw, f"{'n' * 200}.engine"))
    font = dialog.font()
    font.setPointSizeF(font.pointSizeF() * factor)
    dialog.setFont(font)
    type_in_cell(dialog, 1, 1, "pose")
    save(qtbot, dialog)
    metadata_editor.with_metadata(dialog._path, {"task": "other"})
    type_in_cell(dialog, 1, 1, "segment")
    save(qtbot, dialog)
    assert dialog.banner.isVisible()
    dialog.resize(620, 520)
    qtbot.waitUntil(lambda: dialog.table.viewport().width() > 100, timeout=WAIT_MS)
    assert dialog.width() == 620
    assert dialog.table.columnWidth(0) <= dialog.table.viewport().width() * 2 // 5
    assert not dialog.table.horizontalScrollBar().isVisible()
    save(qtbot, dialog)  # refused again
    buttons = [one for one in dialog.findChildren(QPushButton) if one.isVisible()]
    assert len(buttons) == 8
    for one in buttons:
        at = one.mapTo(dialog, QPoint())
        assert dialog.rect().contains(QRect(at, one.size())), one.text()
        assert one.width() >= one.minimumSizeHint().width()


def test_tab_goes_from_the_table_over_all_buttons(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    dialog = editor_of(qtbot, app_, engine_in(tmp_path, METADATA))
    assert dialog.focusWidget() is dialog.table
    order = []
    for _ in range(6):
        QTest.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
        order.append(dialog.focusWidget())
    assert order == [
        dialog.add_button,
        dialog.remove_button,
        dialog.strip_button,
        dialog.save_button,
        dialog.save_as_button,
        dialog.close_button,
    ]
