"""Embeddings in the window: norm, histogram, and the cosines to the images before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from core.similarity import Similarity
from core.tasks import Choices
from gui.panels.embedding import EmbeddingView, short_names
from gui.theme import apply_theme
from tests.gui.hands import drop, is_settled, texts
from tests.gui.limits import WAIT_MS
from tests.unit import onnx_models

if TYPE_CHECKING:
    from gui.app import App

MakeApp = Callable[..., "App"]
RED, YELLOW, CYAN = (255, 0, 0), (255, 255, 0), (0, 255, 255)


def picture(path: Path, color_rgb: tuple[int, int, int]) -> Path:
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), np.full((8, 8, 3), color_rgb[::-1], np.uint8))
    return path


@pytest.fixture
def app(make_app: MakeApp, tmp_path: Path) -> App:
    """A model that gives each channel's mean less a half, 8 times over; no image."""
    return make_app(file=onnx_models.embedder(tmp_path))


@pytest.fixture
def run(app: App, qtbot: QtBot) -> Callable[[Path], None]:
    """Drop a file, and wait for what comes of it."""

    def wait(path: Path) -> None:
        drop(app.window, [path])
        qtbot.waitUntil(lambda: is_settled(app), timeout=WAIT_MS)

    return wait


Run = Callable[[Path], None]


def rows(view: EmbeddingView) -> list[tuple[str, str]]:
    model = view.table.model()
    return [
        (model.index(row, 0).data(), model.index(row, 1).data()) for row in range(model.rowCount())
    ]


def test_the_images_are_compared_the_most_alike_first(app: App, run: Run, tmp_path: Path) -> None:
    """Red is (1, -1, -1) / 2, yellow (1, 1, -1) / 2, cyan the opposite of red."""
    outputs = app.window.outputs
    view = outputs.embedding
    run(picture(tmp_path / "red.png", RED))
    assert view.isVisible()
    assert not outputs.predictions.isVisible()
    assert not view.table.isVisible()
    assert "Run another image to compare." in texts(view)
    cells = {word: label.text() for word, label in view.numbers.cells.items()}
    assert cells == {"norm": "2.4495", "numbers": "24", "min": "-0.5", "max": "0.5"}
    _, heights = view.histogram.bars()
    assert heights == [16, 8]
    run(picture(tmp_path / "cyan.png", CYAN))
    assert rows(view) == [("red.png", "-1.0000")]
    run(picture(tmp_path / "yellow.png", YELLOW))
    assert rows(view) == [("red.png", "0.3333"), ("cyan.png", "-0.3333")]
    assert view.table.isVisible()
    assert "Run another" not in texts(view)


def test_enter_on_a_row_shows_its_image(app: App, run: Run, tmp_path: Path, qtbot: QtBot) -> None:
    for name, color in (("red", RED), ("cyan", CYAN), ("yellow", YELLOW)):
        run(picture(tmp_path / f"{name}.png", color))
    table = app.window.outputs.embedding.table
    QTest.mouseClick(
        table.viewport(),
        Qt.MouseButton.LeftButton,
        pos=table.visualRect(table.model().index(0, 0)).center(),
    )
    QTest.keyClick(table, Qt.Key.Key_Down)
    QTest.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "compared with\tcosine\ncyan.png\t-0.3333"
    QTest.keyClick(table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: is_settled(app), timeout=WAIT_MS)
    document = app.document
    assert document.images[document.current].name == "cyan.png"
    assert rows(app.window.outputs.embedding) == [("yellow.png", "-0.3333"), ("red.png", "-1.0000")]


def test_an_image_without_a_direction_is_said_so(app: App, run: Run, tmp_path: Path) -> None:
    window = app.window
    run(picture(tmp_path / "red.png", RED))
    result = window.document.result
    assert result is not None
    view = window.outputs.embedding
    why = "every number of its vector is 0"
    view.show_embedding(result, [Similarity("/a/b.png", 0.5), Similarity("/a/zero.png", None, why)])
    assert rows(view) == [("b.png", "0.5000"), ("zero.png", "no cosine")]
    tip = view.table.model().index(1, 1).data(Qt.ItemDataRole.ToolTipRole)
    assert tip == f"/a/zero.png\nNo cosine: {why}."


@pytest.mark.parametrize(
    ("value", "said", "norm"),
    [
        (0.0, "every number of its vector is 0", "0"),
        (float("inf"), "not every number of its vector is finite", "-"),
    ],
)
def test_a_vector_that_is_like_nothing_is_said_so(
    value: float, said: str, norm: str, make_app: MakeApp, tmp_path: Path, qtbot: QtBot
) -> None:
    values = np.full((1, 32), value, np.float32)
    model = onnx_models.constant_output(tmp_path, {"embedding": values})
    app = make_app(file=model, drop=[picture(tmp_path / "red.png", RED)])
    drop(app.window, [picture(tmp_path / "cyan.png", CYAN)])
    qtbot.waitUntil(lambda: is_settled(app), timeout=WAIT_MS)
    view = app.window.outputs.embedding
    assert view.isVisible()
    assert rows(view) == []
    assert f"This picture cannot be compared: {said}." in texts(view)
    assert view.numbers.cells["norm"].text() == norm
    assert "Run another" not in texts(view)
    assert "No histogram" in texts(view)
    told = "No embedding: not every value is finite." in texts(app.window.outputs.reading)
    assert told == (value != 0)


def test_what_makes_other_vectors_forgets_the_images(
    app: App, run: Run, tmp_path: Path, qtbot: QtBot
) -> None:
    window = app.window
    view, document = window.outputs.embedding, window.document
    red, cyan = picture(tmp_path / "red.png", RED), picture(tmp_path / "cyan.png", CYAN)

    def settle() -> None:
        qtbot.waitUntil(lambda: is_settled(app), timeout=WAIT_MS)

    run(red)
    run(cyan)
    assert len(rows(view)) == 1
    recipe = window.recipe_editing.recipe
    assert recipe is not None
    window.recipe_editing.use(replace(recipe, color="bgr"))
    settle()
    assert rows(view) == [], "another recipe"
    run(red)
    assert len(rows(view)) == 1
    document.clear_images()
    assert not view.isVisible()
    run(red)
    assert rows(view) == [], "the images were cleared"
    run(cyan)
    run(onnx_models.embedder(tmp_path, copies=16))
    assert rows(view) == [], "another model"
    assert view.numbers.cells["numbers"].text() == "48"


def test_another_reading_hides_the_comparison_and_forgets_nothing(
    app: App, run: Run, tmp_path: Path, qtbot: QtBot
) -> None:
    window = app.window
    view = window.outputs.embedding
    run(picture(tmp_path / "red.png", RED))
    run(picture(tmp_path / "cyan.png", CYAN))
    for task, is_embedded in (("tensors", False), ("embed", True)):
        window.rereading.choose(Choices(task=task))
        qtbot.waitUntil(lambda: is_settled(app), timeout=WAIT_MS)
        assert view.isVisible() == is_embedded
        assert window.outputs.predictions.isVisible() != is_embedded
    assert rows(view) == [("red.png", "-1.0000")]


def test_a_videos_frame_is_compared_and_not_kept(app: App, run: Run, tmp_path: Path) -> None:
    run(picture(tmp_path / "red.png", RED))
    result = app.document.result
    assert result is not None
    frame = result._replace(result=replace(result.result, source=str(tmp_path / "a-frame-1.mp4")))
    for _ in range(2):
        assert [Path(one.source).name for one in app.window.embeddings.compare(frame)] == [
            "red.png"
        ]
    run(picture(tmp_path / "cyan.png", CYAN))
    assert rows(app.window.outputs.embedding) == [("red.png", "-1.0000")]


def test_a_random_input_is_compared_with_nothing(app: App, qtbot: QtBot) -> None:
    app.document.run_random()
    qtbot.waitUntil(lambda: is_settled(app), timeout=WAIT_MS)
    assert not app.window.outputs.embedding.isVisible()


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    sources = [str(Path("x", "one", "a.png")), str(Path("x", "two", "a.png")), "b\n.png"]
    assert short_names(sources) == ["one/a.png", "two/a.png", "b\ufffd.png"]


@pytest.mark.usefixtures("same_colors")
def test_the_histogram_follows_the_theme(app: App, run: Run, tmp_path: Path, qtbot: QtBot) -> None:
    run(picture(tmp_path / "red.png", RED))
    plot = app.window.outputs.embedding.histogram._plot
    for theme in ("dark", "light"):
        apply_theme(theme)
        base = QGuiApplication.palette().color(QPalette.ColorRole.Base)
        qtbot.waitUntil(lambda base=base: plot.backgroundBrush().color() == base, timeout=WAIT_MS)
