"""The shelf: which files below a folder become rows, what the rows say, and how they are saved."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import core.shelf
from core.errors import Cancelled, EnginebayError, ModelFileError
from core.modelfile import ModelFile, read_model_file
from core.shelf import FolderScan, Shelf, ShelfRow, no_models, scan
from core.shelf_report import CSV_COLUMNS, csv_text, save, shelf_text
from core.text import counted, printable
from core.verdict import Verdict
from tests.unit import onnx_models
from tests.unit.plan_writer import Plan, with_prefix
from tests.unit.sample_files import sample

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"
PLAN = Plan(layout="ftrt-8.6").to_bytes()


def quiet(_fraction: float | None, _text: str) -> None:
    """Progress that nobody follows."""


def found(folder: Path) -> dict[str, ShelfRow]:
    """The rows of a folder by their path from it on."""
    return {row.relative: row for row in scan(folder, quiet).rows}


def a_row(relative: str = "a.engine", **more: Any) -> ShelfRow:
    verdict = Verdict(True, "ok", "Runs here.")
    row = ShelfRow(
        path=Path("models") / relative,
        relative=relative,
        kind="tensorrt-plan",
        size_bytes=1,
        modified=None,
        verdict=verdict,
    )
    return replace(row, **more)


# What becomes a row


@pytest.mark.parametrize(
    ("plan", "version", "capability", "words"),
    [
        (Plan(layout="flatbuffer-5"), None, None, "5 or older"),
        (Plan(layout="ptrt-7", version=(7, 1, 3, 0)), "7.1.3.0", "8.6", "7.1.3.0"),
        (Plan(layout="ptrt-8.0", version=(8, 0, 1, 6)), "8.0.1.6", "8.6", "8.0.1.6"),
        (Plan(layout="ptrt-8.2", version=(8, 4, 3, 1)), "8.4.3.1", "8.6", "8.4.3.1"),
        (Plan(layout="ftrt-8.6", compute_capability=(9, 0)), "8.6.1.6", "9.0", "8.6.1.6"),
        (Plan(layout="ftrt-10.9", version=(10, 9, 0, 34)), "10.9.0.34", "8.6", "10.9.0.34"),
    ],
    ids=lambda one: one.layout if isinstance(one, Plan) else "",
)
def test_an_engine_of_any_layout_and_any_name_is_a_row(
    tmp_path: Path, plan: Plan, version: str | None, capability: str | None, words: str
) -> None:
    path = tmp_path / "deep" / "er" / "weights"
    path.parent.mkdir(parents=True)
    path.write_bytes(plan.to_bytes())
    os.utime(path, (1_700_000_000, 1_700_000_000))
    [row] = scan(tmp_path, quiet).rows
    assert (row.path, row.relative, row.name) == (path, "deep/er/weights", "deep/er/weights")
    assert (row.kind, row.tensorrt_version, row.compute_capability) == (
        "tensorrt-plan",
        version,
        capability,
    )
    assert row.version_words == words
    assert row.gpu_words == (f"compute {capability}" if capability else "")
    assert (row.size_bytes, row.precision, row.task) == (path.stat().st_size, None, None)
    assert row.as_json()["modified"] == "2023-11-14T22:13:20+00:00"
    assert row.verdict == core.shelf.judge(read_model_file(path))


def test_the_exporters_task_and_precision_are_in_the_row(tmp_path: Path) -> None:
    metadata = {"task": "pose\n\x1b[2J" + "!" * 99, "args": {"half": True, "int8": False}}
    (tmp_path / "a.engine").write_bytes(with_prefix(PLAN, metadata))
    onnx_models.identity(tmp_path, metadata={"task": "detect", "args": "{'int8': True}"})
    rows = found(tmp_path)
    engine = rows["a.engine"]
    assert (engine.kind, engine.precision) == ("ultralytics-engine", "FP16")
    assert engine.task is not None
    assert engine.task.startswith("pose\ufffd\ufffd[2J!")
    assert engine.task.isprintable()
    assert len(engine.task) == 40
    model = rows["identity.onnx"]
    assert (model.kind, model.precision, model.task) == ("onnx", None, "detect"), "no weights"
    weights = onnx_models.classifier(tmp_path)
    assert found(tmp_path)[weights.name].precision == "FP32", "what is stored, not what was asked"
    assert model.tensorrt_version is model.compute_capability is None
    assert (model.version_words, model.gpu_words) == ("", "")
    assert model.verdict.can_run is True


BAD = [
    (b"", "empty"),
    (LFS.encode(), "git-lfs-pointer"),
    (b"some words", "unknown"),
    (PLAN[:-9], "truncated-plan"),
]


@pytest.mark.parametrize(("data", "kind"), BAD, ids=[kind for _, kind in BAD])
@pytest.mark.parametrize("suffix", core.shelf.suffixes.MODELS)
def test_what_is_named_like_a_model_and_is_none_shows_its_problem(
    tmp_path: Path, data: bytes, kind: str, suffix: str
) -> None:
    (tmp_path / f"a{suffix.upper()}").write_bytes(data)
    [row] = scan(tmp_path, quiet).rows
    assert (row.kind, row.size_bytes) == (kind, len(data))
    assert (row.verdict.can_run, row.verdict.reason) == (False, kind)
    assert row.verdict.message
    assert row.verdict.hint


def test_what_is_no_model_and_not_named_like_one_is_no_row(tmp_path: Path) -> None:
    for number, (data, _) in enumerate(BAD[:3]):
        (tmp_path / f"{number}.bin").write_bytes(data)
    (tmp_path / "cut-off.bin").write_bytes(PLAN[:-9])
    shelf = scan(tmp_path, quiet)
    assert [row.relative for row in shelf.rows] == ["cut-off.bin"]
    assert shelf.file_count == 4


def test_pictures_and_text_are_counted_and_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def read(path: Path) -> ModelFile:
        opened.append(path.name)
        return read_model_file(path)

    monkeypatch.setattr(core.shelf, "read_model_file", read)
    for name in ("a.JPG", "b.png", "c.py", "d.txt", "e.json", "f.md", "g.engine", "h", "i.pt"):
        (tmp_path / name).write_bytes(PLAN)
    shelf = scan(tmp_path, quiet)
    assert opened == ["g.engine", "h", "i.pt"]
    assert len(shelf.rows) == 3
    assert shelf.file_count == 9


def test_every_sample_is_a_row() -> None:
    rows = found(sample("engines"))
    facts = json.loads((sample("engines") / "facts.json").read_text(encoding="utf-8"))
    assert rows.keys() == facts.keys()
    for name, row in rows.items():
        assert row.tensorrt_version == facts[name].get("tensorrt")
        assert row.compute_capability == facts[name].get("compute_capability")


# Links, pipes, folders that may not be read, and what goes away


def link(path: Path, target: Path | str, *, to_folder: bool = False) -> None:
    try:
        path.symlink_to(target, target_is_directory=to_folder)
    except OSError as error:  # Windows asks for a privilege
        pytest.skip(f"no links here: {error}")


def test_links_to_folders_are_not_followed_and_links_to_files_are(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "a.engine").write_bytes(PLAN)
    link(tmp_path / "inside" / "round", tmp_path, to_folder=True)
    link(tmp_path / "beside.onnx", tmp_path / "inside", to_folder=True)
    link(tmp_path / "linked", tmp_path / "inside" / "a.engine")
    assert sorted(found(tmp_path)) == ["inside/a.engine", "linked"]


def test_a_link_to_nothing_or_to_itself_shows_where_it_is_named_like_a_model(
    tmp_path: Path,
) -> None:
    link(tmp_path / "gone.onnx", tmp_path / "nowhere")
    link(tmp_path / "gone.bin", tmp_path / "nowhere")
    link(tmp_path / "circle.engine", "circle.engine")
    rows = found(tmp_path)
    assert sorted(rows) == ["circle.engine", "gone.onnx"]
    assert rows["gone.onnx"].verdict.reason == "not-found"
    assert {(row.kind, row.size_bytes, row.modified) for row in rows.values()} == {
        ("unreadable", None, None)
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.engine")
    link(tmp_path / "linked.onnx", tmp_path / "pipe.engine")
    shelf = scan(tmp_path, quiet)
    assert (shelf.rows, shelf.file_count) == ((), 0)


def test_a_file_that_may_not_be_read_shows_where_it_is_named_like_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> ModelFile:
        raise ModelFileError("no-permission", f"{path} may not be read.", "Change that.")

    monkeypatch.setattr(core.shelf, "read_model_file", refuse)
    for name in ("a.engine", "b.bin"):
        (tmp_path / name).write_bytes(PLAN)
    [row] = scan(tmp_path, quiet).rows
    assert (row.relative, row.kind, row.size_bytes) == ("a.engine", "unreadable", len(PLAN))
    assert row.modified is not None
    assert row.verdict.reason == "no-permission"


@pytest.fixture
def refuse_folders(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, OSError], None]:
    """Make listing fail for folders of a name: permissions do not bind every user."""
    real = os.scandir

    def refuse(name: str, error: OSError) -> None:
        def listed(folder: Path) -> Any:
            if Path(folder).name == name:
                raise error
            return real(folder)

        monkeypatch.setattr(os, "scandir", listed)

    return refuse


def test_folders_that_may_not_be_listed_are_noted_and_passed_by(
    tmp_path: Path, refuse_folders: Callable[[str, OSError], None]
) -> None:
    for name in ("a/locked", "b/locked", "c"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "c" / "z.engine").write_bytes(PLAN)
    refuse_folders("locked", PermissionError(13, "Permission denied"))
    shelf = scan(tmp_path, quiet)
    assert shelf.unreadable == (tmp_path / "a" / "locked", tmp_path / "b" / "locked")
    assert [row.relative for row in shelf.rows] == ["c/z.engine"]
    assert shelf.as_json()["unreadable"] == [str(path) for path in shelf.unreadable]
    assert "1 model in 1 file; 2 folders may not be read:\n" in shelf_text(shelf)
    assert str(shelf.unreadable[1]) in shelf_text(shelf)


def test_a_folder_that_vanishes_is_no_trouble(
    tmp_path: Path, refuse_folders: Callable[[str, OSError], None]
) -> None:
    (tmp_path / "gone").mkdir()
    refuse_folders("gone", FileNotFoundError(2, "No such file"))
    assert scan(tmp_path, quiet) == Shelf(tmp_path, (), 0, ())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError(2, "No such file"), "not-found"),
        (PermissionError(13, "Permission denied"), "no-permission"),
        (OSError(5, "Input/output error"), "unreadable"),
        (ValueError("embedded null byte"), "unreadable"),
    ],
)
def test_the_folder_itself_must_be_listed(
    tmp_path: Path,
    refuse_folders: Callable[[str, Any], None],
    error: Exception,
    kind: str,
) -> None:
    refuse_folders(tmp_path.name, error)
    with pytest.raises(ModelFileError) as caught:
        scan(tmp_path, quiet)
    assert caught.value.kind == kind
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint


def test_files_that_vanish_while_they_are_looked_at_are_no_rows(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.engine").write_bytes(PLAN)
    walk = FolderScan(tmp_path, quiet).rows()
    assert next(walk).relative == "a.engine"
    (tmp_path / "b.engine").unlink()
    assert [row.relative for row in walk] == ["c.engine"]


def test_a_tree_of_three_hundred_floors_is_walked_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(300):
        folder /= "d"
    folder.mkdir(parents=True)
    (folder / "a.engine").write_bytes(PLAN)
    assert list(found(tmp_path)) == ["/".join(["d"] * 300) + "/a.engine"]


# Names, order, progress


ODD_NAME = b"\xff\x1b[2J.engine"


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with a model whose name is no text, and moves the cursor where it is printed."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + ODD_NAME))
    try:
        path.write_bytes(PLAN)
    except OSError as error:
        pytest.skip(f"no such names here: {error}")
    return tmp_path


def test_names_that_are_no_text_are_shown_and_kept(odd: Path) -> None:
    shelf = scan(odd, quiet)
    [row] = shelf.rows
    assert row.name == "\ufffd\ufffd[2J.engine"
    assert os.fsencode(row.path.name) == ODD_NAME
    assert shelf_text(shelf).replace("\n", "").isprintable()
    again = json.loads(json.dumps(shelf.as_json()))
    assert os.fsencode(again["models"][0]["relative"]) == ODD_NAME
    for name in ("a.csv", "a.json"):
        save(shelf, odd / name)
        assert b"[2J.engine" in (odd / name).read_bytes()


def test_rows_come_folder_by_folder_and_are_sorted_by_path_at_the_end(tmp_path: Path) -> None:
    for name in ("b/z.engine", "b/a/y.engine", "a.engine", "c.engine", "b-.engine"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(PLAN)
    walked = [row.relative for row in FolderScan(tmp_path, quiet).rows()]
    assert walked == ["a.engine", "b-.engine", "c.engine", "b/z.engine", "b/a/y.engine"]
    rows = scan(tmp_path, quiet).rows
    assert [row.path for row in rows] == sorted(tmp_path / name for name in walked)


def test_progress_tells_of_each_entry_and_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    for number in range(3):
        (tmp_path / "weights" / f"{number}.engine").write_bytes(PLAN)
    told: list[tuple[float | None, str]] = []
    scan(tmp_path, lambda fraction, text: told.append((fraction, text)))
    assert told[0] == (None, f"0 models in 0 files, looking in {tmp_path.name}/")
    assert told[-1] == (None, "2 models in 2 files, looking in weights/")
    assert len(told) == 2 * 4  # listed, then looked at


def test_a_cancelled_scan_has_given_what_it_had(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.engine").write_bytes(PLAN)

    def stop_after_three(_fraction: float | None, text: str) -> None:
        if text.startswith("3 models"):
            raise Cancelled

    rows: list[ShelfRow] = []

    def collect(walk: Iterator[ShelfRow]) -> None:
        for row in walk:
            rows.append(row)  # extend() would lose them all

    scan_ = FolderScan(tmp_path, stop_after_three)
    with pytest.raises(Cancelled):
        collect(scan_.rows())
    assert [row.relative for row in rows] == ["0.engine", "1.engine", "2.engine"]
    assert (scan_.model_count, scan_.file_count) == (3, 3)


@pytest.mark.parametrize("when", [-1.0, 1e12])
def test_a_time_that_no_calendar_holds_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: float
) -> None:
    path = tmp_path / "a.engine"
    path.write_bytes(PLAN)
    try:
        os.utime(path, (when, when))
    except (OSError, OverflowError) as error:
        pytest.skip(f"this system keeps no such time: {error}")
    if path.stat().st_mtime != when:
        pytest.skip("this disk keeps no such time")
    assert found(tmp_path)["a.engine"].modified is None


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (20_000, "20,000 files")]
)
def test_counts_have_their_noun(count: int, words: str) -> None:
    assert counted(count, "file") == words


def test_nothing_in_printable_text_breaks_the_line() -> None:
    assert printable("a\nb\x1b\u202e\udcffc é") == "a\ufffdb\ufffd\ufffd\ufffdc é"


def test_no_models_is_an_error_that_says_where_it_looked() -> None:
    error = no_models(Path("weights"), 340)
    assert error.kind == "no-models"
    assert "weights" in error.message
    assert "340 files" in error.message
    assert error.hint


# Saving


def test_csv_has_stable_columns_and_one_line_for_each_model() -> None:
    verdict = Verdict(None, "other-gpu", 'It says "no",\nperhaps.', "Build it again.")
    row = a_row(precision="FP16", task="detect", verdict=verdict, compute_capability="8.9")
    [line] = csv.DictReader(io.StringIO(csv_text(Shelf(Path("models"), (row,), 1, ()))))
    assert tuple(line) == CSV_COLUMNS
    assert line["path"] == str(Path("models/a.engine"))
    assert line["relative"] == "a.engine"
    assert (line["compute_capability"], line["precision"], line["task"]) == (
        "8.9",
        "FP16",
        "detect",
    )
    assert (line["tensorrt_version"], line["modified"], line["size_bytes"]) == ("", "", "1")
    assert (line["can_run"], line["reason"]) == ("perhaps", "other-gpu")
    assert (line["message"], line["hint"]) == (verdict.message, verdict.hint)


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(begin: str) -> None:
    row = a_row(f"{begin}cmd|' /C calc'!A0.engine", task=f"{begin}1+1")
    [line] = csv.DictReader(io.StringIO(csv_text(Shelf(Path("models"), (row,), 1, ()))))
    assert line["relative"] == f"'{row.relative}"
    assert line["task"] == f"'{row.task}"
    assert not any(cell.startswith(begin) for cell in line.values())


def test_json_has_the_verdict_as_info_has_it() -> None:
    row = a_row()
    assert row.as_json()["verdict"] == row.verdict.as_json()
    keys = row.as_json().keys() | row.verdict.as_json().keys()
    assert set(CSV_COLUMNS) == keys - {"verdict", "evidence"}, "a list is no cell"


def test_a_shelf_is_saved_as_the_suffix_says(tmp_path: Path) -> None:
    shelf = Shelf(Path("models"), (a_row("ü.engine"),), 3, ())
    save(shelf, tmp_path / "a.CSV")
    assert (tmp_path / "a.CSV").read_bytes().decode("utf-8") == csv_text(shelf)
    save(shelf, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == shelf.as_json()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.CSV", "a.json"]


@pytest.mark.parametrize("name", ["a.txt", "a", "csv"])
def test_another_suffix_saves_nothing_and_says_which_would(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(EnginebayError, match=name) as caught:
        save(Shelf(Path("models"), (), 0, ()), tmp_path / name)
    assert caught.value.kind == "unknown-format"
    assert ".csv" in caught.value.hint
    assert (tmp_path / name).read_text() == "mine"


def test_a_save_that_fails_leaves_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.csv"
    target.write_text("mine")

    def full(path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(EnginebayError, match="No space left") as caught:
        save(Shelf(Path("models"), (a_row(),), 1, ()), target)
    assert caught.value.kind == "cannot-save"
    assert target.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_not_there_takes_no_file(tmp_path: Path) -> None:
    with pytest.raises(EnginebayError) as caught:
        save(Shelf(Path("models"), (), 0, ()), tmp_path / "none" / "a.json")
    assert caught.value.kind == "cannot-save"
    assert str(tmp_path / "none") in caught.value.message
