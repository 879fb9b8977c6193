"""`enginebay run` on folders and many images: rows, their summary, the CSV, and the exit status."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.cli import main
from core.errors import EnginebayError
from core.folder_run import RunProgress
from core.many_images import MOST_IN_FULL, duration_text, progress_text
from core.whole_file import check_can_save, save_text
from tests.unit import onnx_models
from tests.unit.command_line import Ask, asking

NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}"}


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    """Run a command with --json: its exit status, and the one object it printed."""
    return asking(capfd)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return onnx_models.classifier(tmp_path, metadata=NAMES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, blue, green and red by name, beside what is none."""
    made = tmp_path / "pictures"
    (made / "inside.png").mkdir(parents=True)
    for name, color in (("c.png", (0, 0, 255)), ("b.PNG", (0, 255, 0)), ("a.jpg", (255, 0, 0))):
        done, data = cv2.imencode(Path(name).suffix.lower(), np.full((9, 9, 3), color, np.uint8))
        assert done
        (made / name).write_bytes(data.tobytes())
    (made / "notes.txt").write_text("words")
    return made


def test_a_folder_is_a_row_for_each_image_in_it(model: Path, folder: Path, ask: Ask) -> None:
    status, answer = ask("run", model, folder)
    assert status == 0
    assert list(answer) == ["model", "runtime", "recipe", "rows", "summary"]
    assert [(Path(row["path"]).name, row["top"]) for row in answer["rows"]] == [
        ("a.jpg", "blue"),
        ("b.PNG", "green"),
        ("c.png", "red"),
    ]
    row = answer["rows"][0]
    assert row["path"] == str(folder / "a.jpg")
    assert (row["task"], row["count"], row["warnings"], row["error"]) == (
        "classify", None, [], None,
    )  # fmt: skip
    summary = answer["summary"]
    assert (summary["images"], summary["failed"]) == (3, 0)
    assert summary["images_per_s"] > 0
    assert summary["seconds"] > 0


def test_an_image_that_cannot_be_read_is_a_row_and_the_status_is_1(
    model: Path, folder: Path, ask: Ask
) -> None:
    (folder / "bad.png").write_text("words")
    status, answer = ask("run", model, folder, folder / "none.png")
    assert status == 1
    assert [row["error"] and row["error"]["kind"] for row in answer["rows"]] == [
        None, None, "not-an-image", None, "not-found",
    ]  # fmt: skip
    assert (answer["summary"]["images"], answer["summary"]["failed"]) == (5, 2)
    assert answer["error"]["kind"] == "not-an-image"
    assert answer["error"]["message"] == (
        "2 of 5 images failed. The first: bad.png is not an image that can be read."
    )


def test_few_images_are_told_in_full_and_many_as_rows(model: Path, folder: Path, ask: Ask) -> None:
    image = folder / "a.jpg"
    _, answer = ask("run", model, *[image] * MOST_IN_FULL)
    assert len(answer["images"]) == MOST_IN_FULL
    assert "rows" not in answer
    _, answer = ask("run", model, *[image] * (MOST_IN_FULL + 1))
    assert len(answer["rows"]) == MOST_IN_FULL + 1
    assert "images" not in answer


def test_csv_writes_the_rows_to_a_file(model: Path, folder: Path, tmp_path: Path, ask: Ask) -> None:
    target = tmp_path / "rows.csv"
    status, answer = ask("run", model, folder / "a.jpg", "--csv", target)
    assert status == 0
    [row] = answer["rows"]
    assert target.read_bytes().decode() == (
        "path,task,top,score,count,time_ms,warnings,error\n"
        f"{row['path']},classify,blue,{row['score']},,{row['time_ms']},,\n"
    )


@pytest.mark.parametrize("where", ["none/rows.csv", "tables", "notes.txt/rows.csv"])
def test_a_csv_that_cannot_be_written_is_told_before_anything_runs(
    where: str, model: Path, folder: Path, tmp_path: Path, ask: Ask
) -> None:
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / "tables").mkdir()
    status, answer = ask("run", model, folder, "--csv", tmp_path / where)
    assert status == 1
    assert list(answer) == ["error"]
    assert answer["error"]["kind"] == "cannot-save"
    assert str(tmp_path / where) in answer["error"]["message"]


def test_checking_a_csv_leaves_what_is_there(model: Path, folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "tables"
    place.mkdir()
    (place / "rows.csv").write_text("old")
    check_can_save(place / "rows.csv")
    assert [path.name for path in place.iterdir()] == ["rows.csv"]
    assert (place / "rows.csv").read_text() == "old"


def test_a_csv_that_fails_in_the_end_is_an_error_and_the_rows_are_told(
    model: Path, folder: Path, tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise EnginebayError("cannot-save", "The disk is full.", "Make room.")

    monkeypatch.setattr("core.many_images.save_text", full)
    status, answer = ask("run", model, folder, "--csv", tmp_path / "rows.csv")
    assert status == 1
    assert answer["error"]["kind"] == "cannot-save"
    assert len(answer["rows"]) == 3


def test_batches_find_the_same(model: Path, folder: Path, tmp_path: Path, ask: Ask) -> None:
    (tmp_path / "free").mkdir()
    free = onnx_models.classifier(tmp_path / "free", batch="n", metadata=NAMES)
    _, singles = ask("run", model, folder)
    _, batched = ask("run", free, folder, "--batch", "2")
    tops = [[row["top"] for row in answer["rows"]] for answer in (singles, batched)]
    assert tops[0] == tops[1] == ["blue", "green", "red"]


def test_the_text_has_a_line_for_each_image_and_the_speed(
    model: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.png").write_text("words")
    assert main(["run", str(model), str(folder)]) == 1
    output, errors = capsys.readouterr()
    lines = output.splitlines()
    assert "ONNX Runtime" in lines[0]
    assert lines[3].split() == ["image", "task", "best", "score", "count", "ms", "remarks"]
    assert lines[4].split()[:4] == [str(folder / "a.jpg"), "classify", "blue", "1.000"]
    assert lines[6].endswith("bad.png is not an image that can be read.")
    assert lines[-1].startswith("4 images in ")
    assert lines[-1].endswith(" a second, 1 failed")
    assert "1 of 4 images failed" in errors


@pytest.mark.parametrize(
    ("names", "words"),
    [((), "is named like an image"), (("inside/a.png",), "folders inside it are not entered")],
)
def test_a_folder_without_images_is_an_error(
    model: Path, tmp_path: Path, ask: Ask, names: tuple[str, ...], words: str
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for name in names:
        (empty / name).parent.mkdir()
        (empty / name).write_bytes(b"")
    status, answer = ask("run", model, empty)
    assert status == 1
    assert answer["error"]["kind"] == "no-images"
    assert words in answer["error"]["message"] + answer["error"]["hint"]


def test_a_model_that_takes_no_image_says_so(tmp_path: Path, folder: Path, ask: Ask) -> None:
    status, answer = ask("run", onnx_models.no_image_input(tmp_path), folder)
    assert status == 1
    assert answer["error"]["kind"] == "no-image-input"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["FOLDER", "--save", "out"], "--save is for single images, not for folders"),
        (["a.png", "--save", "out", "--csv", "x"], "--save is for single images, not for --csv"),
        (["--random", "--batch", "2"], "--batch is for images"),
        (["a.png", "--batch", "0"], "give 1 or more"),
        (["a.png", "--batch", "many"], "invalid"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(
    model: Path,
    folder: Path,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [str(folder) if one == "FOLDER" else one for one in arguments]
    with pytest.raises(SystemExit) as end:
        main(["run", str(model), *arguments])
    assert end.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (RunProgress(0, 0, 1000, 0.0), "0 of 1,000 images"),
        (RunProgress(250, 0, 1000, 2.0), "250 of 1,000 images, 125 a second, 6 s left"),
        (RunProgress(1, 1, None, 2.0), "1 image, 0.5 a second, 1 failed"),
    ],
)
def test_progress_in_words(progress: RunProgress, text: str) -> None:
    assert progress_text(progress) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (12e3, "3 h 20 min"),
    ],
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_folder_without_a_name_is_never_replaced(tmp_path: Path) -> None:
    for target in (Path(tmp_path.anchor), Path()):
        with pytest.raises(EnginebayError) as caught:
            save_text(target, "a")
        assert caught.value.kind == "cannot-save"
