"""`enginebay [FILE] [--drop IMAGE ...] [--demo] [--screenshot PNG] [--size WxH]`, as a program."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from core import __version__
from core.machine import read_driver
from core.paths import DEMO_MODEL, DEMO_PICTURE
from gui.__main__ import _is_closed_pipe, main
from tests.gui.limits import WAIT_MS
from tests.gui.programs import Outcome, environment, finish, run, start


def enginebay(folder: Path, *arguments: str | Path) -> Outcome:
    outcome = run(["-m", "gui", *map(str, arguments)], folder)
    assert "Traceback" not in outcome.err, outcome.err
    assert outcome.left == ()
    return outcome


def colors(picture: Path) -> set[int]:
    image = QImage(str(picture))
    return {
        image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)
    }


def test_without_a_display_it_says_so_and_what_to_do(tmp_path: Path) -> None:
    for arguments in ((), (DEMO_MODEL,)):
        outcome = enginebay(tmp_path, *arguments)
        assert outcome.status == 1
        assert "no display" in outcome.err
        assert "--screenshot" in outcome.err
        assert "DISPLAY" in outcome.err
        assert outcome.out == ""


@pytest.mark.skipif(bool(read_driver().gpus), reason="a GPU's demo builds an engine for minutes")
def test_the_demo_without_a_display_leaves_its_picture_and_says_where(tmp_path: Path) -> None:
    outcome = enginebay(tmp_path, "--demo")
    assert outcome.status == 0
    picture = tmp_path / "enginebay-demo.png"
    assert str(picture) in outcome.out
    assert QImage(str(picture)).width() >= 800
    assert len(colors(picture)) > 500, "a photograph, not a grey window"


def test_a_screenshot_shows_the_file_with_the_picture_in_the_size_asked_for(
    tmp_path: Path,
) -> None:
    plain, shown = tmp_path / "plain.png", tmp_path / "shown.png"
    common = ["-m", "gui", str(DEMO_MODEL), "--size", "1024x768", "--screenshot"]
    programs = [
        start([*common, str(plain)], tmp_path),
        start([*common, str(shown), "--drop", str(DEMO_PICTURE)], tmp_path),
    ]
    for program, picture in zip(programs, (plain, shown), strict=True):
        outcome = finish(program)
        assert outcome.status == 0, outcome.err
        assert str(picture) in outcome.out
        assert QImage(str(picture)).size().toTuple() == (1024, 768)
    assert len(colors(shown)) > 2 * len(colors(plain)), "the picture is on it"


def test_a_screenshot_of_a_folder_waits_until_all_was_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    empty = enginebay(tmp_path, folder, "--screenshot", "empty.png")
    assert empty.status == 1
    assert "There are no models in" in empty.err
    for number in range(50):
        (folder / f"{number:02}.engine").write_bytes(b"no engine")
    full = enginebay(tmp_path, folder, "--screenshot", "full.png")
    assert full.status == 0, full.err
    red, green, blue = 0xC9, 0x30, 0x2C  # gui.theme.BAD, of the marks
    wanted = 0xFF000000 | red << 16 | green << 8 | blue
    picture = QImage(str(tmp_path / "full.png"))
    found = sum(
        picture.pixel(x, y) == wanted
        for x in range(picture.width())
        for y in range(picture.height())
    )
    assert found > 5 * 50, "a mark in each row that has room"


def test_a_bad_file_is_reported_and_still_pictured(tmp_path: Path) -> None:
    bad, picture = tmp_path / "bad.onnx", tmp_path / "bad.png"
    bad.write_bytes(b"this is text")
    outcome = enginebay(tmp_path, bad, "--screenshot", picture)
    assert outcome.status == 1
    assert "bad.onnx" in outcome.err
    assert len(outcome.err.strip().splitlines()) >= 2, "a message and a hint"
    assert not QImage(str(picture)).isNull()


def test_a_screenshot_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    outcome = enginebay(tmp_path, "--screenshot", tmp_path / "no-such-folder" / "a.png")
    assert outcome.status == 1
    assert "a.png" in outcome.err


def test_a_screenshot_leaves_the_users_layout_alone(tmp_path: Path) -> None:
    outcome = enginebay(tmp_path, "--size", "900x700", "--screenshot", "a.png")
    assert outcome.status == 0
    for settings in tmp_path.rglob("*.ini"):
        assert "geometry" not in settings.read_text()


def test_names_may_hold_spaces_and_other_scripts(tmp_path: Path) -> None:
    model = shutil.copy(DEMO_MODEL, tmp_path / "mein módel 模型.onnx")
    image = shutil.copy(DEMO_PICTURE, tmp_path / "ein Bild ü.jpg")
    outcome = enginebay(tmp_path, model, "--drop", image, "--screenshot", "ein Foto.png")
    assert outcome.status == 0
    assert (tmp_path / "ein Foto.png").exists()


@pytest.mark.parametrize(
    "arguments",
    [("--nonsense",), ("--size", "huge"), ("--size", "10x10"), ("a.onnx", "--demo"), ("a", "b")],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    outcome = enginebay(tmp_path, *arguments)
    assert outcome.status == 2
    assert "usage: enginebay" in outcome.err
    assert outcome.out == ""


def test_version_and_help(tmp_path: Path) -> None:
    assert enginebay(tmp_path, "--version").out.strip() == f"enginebay {__version__}"
    helped = enginebay(tmp_path, "--help")
    assert helped.status == 0
    for option in ("--drop", "--demo", "--screenshot", "--size", "info", "run", "doctor"):
        assert option in helped.out


@pytest.mark.parametrize("arguments", [("layers", str(DEMO_MODEL), "--json"), ("doctor",)])
def test_a_reader_that_wants_no_more_ends_a_command_quietly(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gui", *arguments],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        program.stdout.close()
        assert program.stderr is not None
        assert program.stderr.read() == b""
        assert program.wait(WAIT_MS / 1000) == 141


def test_windows_says_invalid_argument_of_a_closed_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    invalid, full = OSError(errno.EINVAL, "Invalid"), OSError(errno.ENOSPC, "Full")
    monkeypatch.setattr(sys, "platform", "win32")
    assert [_is_closed_pipe(one) for one in (invalid, full)] == [True, False]
    monkeypatch.setattr(sys, "platform", "linux")
    assert not _is_closed_pipe(invalid)


def test_ctrl_c_while_a_command_is_imported_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(types.ModuleType):
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "core.cli", Interrupted("core.cli"))
    assert main(["info", "a.onnx", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "interrupted"
    assert main(["info", "a.onnx"]) == 130
    printed = capsys.readouterr()
    assert (printed.out, printed.err.splitlines()[0]) == ("", "enginebay: Interrupted.")
