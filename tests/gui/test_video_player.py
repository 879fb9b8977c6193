"""A video in the window: played, stepped, sought, and what becomes of one that is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFileDialog, QStyle, QStyleOptionSlider
from pytestqt.qtbot import QtBot

from core.errors import ImageError
from core.paths import DEMO_MODEL
from core.video import Video
from tests.gui.hands import PICTURES, drop, menu_action
from tests.gui.limits import WAIT_MS
from tests.gui.videos import FRAMES, LEVELS, write_video

if TYPE_CHECKING:
    from gui.app import App
    from gui.document import Document


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "five frames.avi")


@pytest.fixture
def opened(app_: App, wait_idle: Callable[[Document], None]) -> App:
    """A window with the demo's model."""
    drop(app_.window, [DEMO_MODEL])
    wait_idle(app_.document)
    return app_


@pytest.fixture
def wait_frame(qtbot: QtBot) -> Callable[[App], None]:
    """A function that waits until no frame is awaited any more."""

    def wait(app: App) -> None:
        player = app.window.player
        qtbot.waitUntil(
            lambda: not player.is_busy and not player.is_playing and not app.document.is_busy,
            timeout=WAIT_MS,
        )

    return wait


def level(app: App) -> int:
    """The grey in the middle of what is on screen."""
    color: QColor = app.window.view._item.pixmap().toImage().pixelColor(32, 24)
    return color.red()


def shows_frame(app: App, number: int) -> bool:
    return abs(level(app) - LEVELS[number]) <= 3 and app.window.player.index == number


def test_a_dropped_video_shows_its_first_frame_in_a_bar(
    opened: App, video: Path, wait_frame: Callable[[App], None]
) -> None:
    bar = opened.window.player_bar
    assert not bar.isVisible()
    drop(opened.window, [video])
    wait_frame(opened)
    assert bar.isVisible()
    assert shows_frame(opened, 0)
    assert opened.document.images == []
    assert opened.document.result is not None
    assert opened.document.result.result.source == str(video.with_name("five frames-frame-1.avi"))
    assert opened.document.result.result.stages.read is not None
    assert bar.position.text() == "1 of 5  0:00.0"
    assert "five frames.avi" in bar.toolTip()


def test_space_plays_to_the_end_and_then_from_the_beginning(
    opened: App, video: Path, qtbot: QtBot, wait_frame: Callable[[App], None]
) -> None:
    drop(opened.window, [video])
    wait_frame(opened)
    seen: list[int] = []
    player = opened.window.player
    player.changed.connect(lambda: seen.append(player.index))
    before = len(opened.document.runs.warm)
    qtbot.keyClick(opened.window, Qt.Key.Key_Space)
    assert player.is_playing
    wait_frame(opened)
    assert list(dict.fromkeys(seen)) == [0, 1, 2, 3, 4]
    assert shows_frame(opened, 4)
    assert len(opened.document.runs.warm) == before + 4, "each frame's times are kept"
    assert player.rate is not None
    assert "frames/s" in opened.window.player_bar.rate.text()
    assert opened.document.problem is None
    seen.clear()
    qtbot.keyClick(opened.window, Qt.Key.Key_Space)
    wait_frame(opened)
    assert list(dict.fromkeys(seen)) == [4, 0, 1, 2, 3]
    assert shows_frame(opened, 4)


def test_the_button_pauses(
    opened: App, tmp_path: Path, qtbot: QtBot, wait_frame: Callable[[App], None]
) -> None:
    drop(opened.window, [write_video(tmp_path / "long.avi", LEVELS * 40)])
    wait_frame(opened)
    player, button = opened.window.player, opened.window.player_bar.play
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: player.index > 3, timeout=WAIT_MS)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    wait_frame(opened)
    assert 3 < player.index < 199
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.keyClick(opened.window, Qt.Key.Key_Escape)
    assert not player.is_playing
    wait_frame(opened)


def test_comma_and_full_stop_step_frame_by_frame(
    opened: App, video: Path, qtbot: QtBot, wait_frame: Callable[[App], None]
) -> None:
    drop(opened.window, [video])
    wait_frame(opened)
    for key, number in ((".", 1), (".", 2), (",", 1), (",", 0), (",", 0)):
        qtbot.keyClick(opened.window, key)
        wait_frame(opened)
        assert shows_frame(opened, number)


def test_two_quick_steps_go_two_frames(
    opened: App, video: Path, qtbot: QtBot, wait_frame: Callable[[App], None]
) -> None:
    drop(opened.window, [video])
    wait_frame(opened)
    qtbot.keyClick(opened.window, ".")
    qtbot.keyClick(opened.window, ".")
    wait_frame(opened)
    assert shows_frame(opened, 2)


def test_the_slider_seeks_by_mouse_and_by_key(
    opened: App, video: Path, qtbot: QtBot, wait_frame: Callable[[App], None]
) -> None:
    drop(opened.window, [video])
    wait_frame(opened)
    slider = opened.window.player_bar.slider
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    handle = slider.style().subControlRect(
        QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, slider
    )
    end = handle.center()
    end.setX(slider.width() - handle.width() // 2)
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=handle.center())
    qtbot.mouseMove(slider, end)
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=end)
    wait_frame(opened)
    assert shows_frame(opened, 4)
    qtbot.keyClick(slider, Qt.Key.Key_Left)
    wait_frame(opened)
    assert shows_frame(opened, 3)
    assert opened.window.player_bar.position.text() == "4 of 5  0:00.3"


def test_an_image_closes_the_video(
    opened: App, video: Path, wait_frame: Callable[[App], None]
) -> None:
    drop(opened.window, [video])
    wait_frame(opened)
    drop(opened.window, [PICTURES[0]])
    wait_frame(opened)
    assert not opened.window.player_bar.isVisible()
    assert opened.document.result is not None
    assert opened.document.result.result.source == str(PICTURES[0])
    drop(opened.window, [video])
    wait_frame(opened)
    assert shows_frame(opened, 0)
    assert opened.document.current == -1
    assert not opened.window.filmstrip.currentIndex().isValid()


def test_keys_do_nothing_without_a_video(opened: App, qtbot: QtBot) -> None:
    for key in (" ", ".", ","):
        qtbot.keyClick(opened.window, key)
    assert not opened.window.player.is_busy


def test_a_video_waits_for_a_model_and_runs_by_the_next_one_too(
    app_: App, video: Path, tmp_path: Path, qtbot: QtBot, wait_frame: Callable[[App], None]
) -> None:
    drop(app_.window, [video])
    assert app_.window.player_bar.position.text() == "waits for a model"
    drop(app_.window, [DEMO_MODEL])
    wait_frame(app_)
    assert shows_frame(app_, 0)
    qtbot.keyClick(app_.window, ".")
    wait_frame(app_)
    other = tmp_path / "other.onnx"
    other.write_bytes(DEMO_MODEL.read_bytes())
    drop(app_.window, [other])
    wait_frame(app_)
    assert app_.document.loaded is not None
    assert app_.document.result is not None
    assert app_.document.result.serial == app_.document.loaded.serial
    assert shows_frame(app_, 1)


def test_run_again_runs_the_frame(
    opened: App, video: Path, qtbot: QtBot, wait_frame: Callable[[App], None]
) -> None:
    drop(opened.window, [video])
    wait_frame(opened)
    before = opened.document.result
    qtbot.keyClick(opened.window, Qt.Key.Key_F5)
    wait_frame(opened)
    assert opened.document.result is not before
    assert shows_frame(opened, 0)


def test_a_text_named_like_a_video_gives_a_banner_and_leaves_the_image(
    opened: App, tmp_path: Path, wait_frame: Callable[[App], None]
) -> None:
    drop(opened.window, [PICTURES[0]])
    wait_frame(opened)
    text = tmp_path / "notes.mp4"
    text.write_text("this is no video, it only says so")
    drop(opened.window, [text])
    wait_frame(opened)
    assert opened.document.problem is not None
    assert opened.document.problem.message == "notes.mp4 is not a video that can be read."
    assert not opened.window.player_bar.isVisible()
    assert opened.document.current == 0
    assert opened.document.result is not None
    assert opened.document.result.result.source == str(PICTURES[0])


def test_a_video_that_ends_early_stops_with_a_banner(
    opened: App,
    video: Path,
    qtbot: QtBot,
    wait_frame: Callable[[App], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = Video.read

    def cut(self: Video) -> Any:
        if self.position == 3:
            raise ImageError("truncated-video", "It ends early: frame 4.", "Copy it again.")
        return read(self)

    monkeypatch.setattr(Video, "read", cut)
    drop(opened.window, [video])
    wait_frame(opened)
    qtbot.keyClick(opened.window, Qt.Key.Key_Space)
    wait_frame(opened)
    assert opened.document.problem is not None
    assert opened.document.problem.kind == "truncated-video"
    assert shows_frame(opened, 2)
    assert opened.window.player_bar.position.text().startswith("3 of 3")


def test_a_file_that_claims_more_frames_than_it_has_ends_at_its_last(
    opened: App,
    video: Path,
    qtbot: QtBot,
    wait_frame: Callable[[App], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    init = Video.__init__

    def claims(self: Video, path: Path) -> None:
        init(self, path)
        self.frame_count = FRAMES + 2  # within what core.video takes for a whole video

    monkeypatch.setattr(Video, "__init__", claims)
    drop(opened.window, [video])
    wait_frame(opened)
    slider = opened.window.player_bar.slider
    assert slider.maximum() == FRAMES + 1
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_End)
    wait_frame(opened)
    assert opened.window.player.index < FRAMES + 1
    assert opened.document.problem is None
    opened.window.player.seek(0)
    wait_frame(opened)
    qtbot.keyClick(opened.window, Qt.Key.Key_Space)
    wait_frame(opened)
    assert shows_frame(opened, 4)
    assert slider.maximum() == 4


def test_the_images_dialog_takes_a_video(
    opened: App,
    video: Path,
    wait_frame: Callable[[App], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen = [str(PICTURES[0]), str(video)]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (chosen, ""))
    menu_action(opened.window, "File", "Add images").trigger()
    wait_frame(opened)
    assert shows_frame(opened, 0)
    assert opened.document.images == [PICTURES[0]]


def test_another_video_replaces_the_first_while_it_plays(
    opened: App, video: Path, tmp_path: Path, qtbot: QtBot, wait_frame: Callable[[App], None]
) -> None:
    drop(opened.window, [write_video(tmp_path / "long.avi", LEVELS * 40)])
    wait_frame(opened)
    qtbot.keyClick(opened.window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: opened.window.player.index > 2, timeout=WAIT_MS)
    drop(opened.window, [video])
    wait_frame(opened)
    assert shows_frame(opened, 0)
    assert opened.window.player.count == FRAMES


def test_what_is_no_video_leaves_the_one_before_to_play_on(
    opened: App, video: Path, tmp_path: Path, wait_frame: Callable[[App], None]
) -> None:
    bad = tmp_path / "notes.mp4"
    bad.write_text("no video")
    player = opened.window.player
    drop(opened.window, [video])
    wait_frame(opened)
    player.step(2)
    wait_frame(opened)
    for _ in range(2):
        drop(opened.window, [bad])
        wait_frame(opened)
        assert opened.document.problem is not None
        assert opened.document.problem.kind == "not-a-video"
        assert player.path == video
        assert opened.window.player_bar.position.text().startswith("3 of 5")
        assert shows_frame(opened, 2)
    player.step(1)
    wait_frame(opened)
    assert shows_frame(opened, 3)


def test_a_video_without_a_model_says_that_it_waits(
    app_: App, video: Path, wait_frame: Callable[[App], None]
) -> None:
    drop(app_.window, [video])
    title, text = app_.window.view._empty_text
    assert title == "five frames.avi waits for a model"
    assert "Ctrl+O" in text
    drop(app_.window, [DEMO_MODEL])
    wait_frame(app_)
    assert shows_frame(app_, 0)
