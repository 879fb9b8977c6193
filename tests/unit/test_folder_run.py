"""Many pictures through a model: order, errors, batches, bounds, and an end at any time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

import core.folder_run
from core.errors import Cancelled, CudaError, EnginebayError, ImageError, InputError, ModelError
from core.folder_run import LOOK_AHEAD, LOOK_BEHIND, RunProgress, run_images
from core.images import Image
from core.model import Model
from core.paths import DEMO_MODEL
from core.result_rows import ResultRow
from core.sessions import RunResult
from tests.unit import onnx_models

COLORS = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}"}
Name = str | os.PathLike[str]


def read_color(path: Name) -> Image:
    """Stands for a file: "7" is a picture in the color 7 % 3, "bad..." cannot be read."""
    if str(path).startswith("bad"):
        raise ImageError("not-an-image", f"{path} is no image.", "Give images.")
    return Image(np.full((6, 10, 3), COLORS[int(path) % 3], np.uint8))


def names(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def labels(rows: list[ResultRow]) -> list[str]:
    return [row.top for row in rows]


@pytest.fixture
def open_model(tmp_path: Path) -> Iterator[Callable[..., Model]]:
    """A classifier of three colors, with this batch; counts the shapes that it runs with."""
    opened: list[Model] = []

    def build(batch: int | str = "n") -> Model:
        model = Model.open(onnx_models.classifier(tmp_path, batch=batch, metadata=NAMES))
        opened.append(model)
        return model

    yield build
    for model in opened:
        model.close()


def shapes_run(model: Model, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batch dimensions of the runs to come."""
    seen: list[int] = []
    run = model.session.run

    def counted(inputs: dict[str, np.ndarray]) -> RunResult:
        seen.append(len(inputs["images"]))
        return run(inputs)

    monkeypatch.setattr(model.session, "run", counted)
    return seen


# Order and content


@pytest.mark.parametrize(("batch", "wanted"), [("n", None), ("n", 4), (1, None), (4, None)])
def test_rows_come_in_the_order_of_the_pictures(
    open_model: Callable[..., Model], batch: int | str, wanted: int | None
) -> None:
    def slow_first(path: Name) -> Image:
        time.sleep(0.05 if int(path) % 5 == 0 else 0)
        return read_color(path)

    rows = list(run_images(open_model(batch), names(50), batch=wanted, read=slow_first))
    assert [row.path for row in rows] == names(50)
    assert labels(rows) == [["red", "green", "blue"][number % 3] for number in range(50)]
    assert {row.task for row in rows} == {"classify"}
    assert all(row.score is not None and row.score > 0.99 for row in rows)
    assert all(row.time_ms is not None and row.time_ms > 0 for row in rows)
    assert all(row.count is None and row.error is None and row.warnings == () for row in rows)


@pytest.mark.parametrize("wanted", [None, 3, 8])
def test_batches_find_what_the_pictures_give_one_by_one(wanted: int | None, tmp_path: Path) -> None:
    from core.paths import DEMO_PICTURE

    pictures = sorted(DEMO_PICTURE.parent.glob("picture-*"))
    with Model.open(DEMO_MODEL) as model:
        singles = [model.test(path) for path in pictures]
        rows = list(run_images(model, [*pictures, *pictures], batch=wanted))
    assert len(pictures) == 4
    for row, single in zip(rows, [*singles, *singles], strict=True):
        best: Any = single.predictions[0]
        assert (row.top, row.count) == (best.label, len(single.predictions))
        assert row.score == pytest.approx(best.score, abs=1e-5)
        assert row.warnings == single.warnings


def test_a_free_batch_is_filled_to_what_is_left(
    open_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_model("n")
    seen = shapes_run(model, monkeypatch)
    rows = list(run_images(model, names(10), batch=4, read=read_color))
    assert labels(rows)[-2:] == ["blue", "red"]
    assert seen == [4, 1, 4, 2]  # the 1 shows that a row is what a picture gives alone


@pytest.mark.parametrize("wanted", [None, 4])
def test_batches_that_take_long_are_given_up_unless_they_were_asked_for(
    open_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch, wanted: int | None
) -> None:
    monkeypatch.setattr(core.folder_run, "LONGEST_RUN_S", 0.0)
    model = open_model("n")
    seen = shapes_run(model, monkeypatch)
    rows = list(run_images(model, names(60), batch=wanted, read=read_color))
    assert labels(rows) == ["red", "green", "blue"] * 20
    assert seen[:2] == [4, 1]
    assert (seen[-1] == 1) is (wanted is None)


def test_a_fixed_batch_is_padded(
    open_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_model(4)
    seen = shapes_run(model, monkeypatch)
    rows = list(run_images(model, names(6), batch=1, read=read_color))
    assert labels(rows) == ["red", "green", "blue", "red", "green", "blue"]
    assert seen == [4, 4]


def test_a_fixed_batch_without_rows_in_its_outputs_takes_one_picture_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = onnx_models.save(
        tmp_path / "mean.onnx",
        [helper.make_node("ReduceMean", ["images"], ["mean"], axes=[0, 2, 3], keepdims=0)],
        [("images", "float32", (2, 3, 8, 8))],
        [("mean", "float32", (3,))],
    )
    with Model.open(path) as model:
        seen = shapes_run(model, monkeypatch)
        rows = list(run_images(model, names(3), read=read_color))
    assert seen == [2, 2, 2]
    assert labels(rows) == ["mean: 3, min 0, max 1, mean 0.333333"] * 3


@pytest.mark.parametrize("count", [1, 2, 7])
def test_outputs_that_turn_out_to_have_no_rows_are_made_one_by_one(
    tmp_path: Path, count: int
) -> None:
    """A list of what was found in all pictures has as many rows as that, maybe just the batch's."""
    path = onnx_models.save(
        tmp_path / "found.onnx",
        [
            helper.make_node("GreaterOrEqual", ["images", "one"], ["is_high"]),
            helper.make_node("NonZero", ["is_high"], ["places"]),
            helper.make_node("Transpose", ["places"], ["found"]),
        ],
        [("images", "float32", ("n", 3, 1 + 1, 2))],
        [("found", "int64", (None, 4))],
        {"one": np.array(1, np.float32)},
    )

    def read_one_pixel(path: Name) -> Image:
        pixels = np.zeros((2, 2, 3), np.uint8)
        pixels[0, 0, 0] = 255 if str(path) == "0" else 0
        pixels[0, :, 1] = 255 if str(path) == "0" else 0
        return Image(pixels)

    with Model.open(path) as model:
        rows = list(run_images(model, names(count), batch=3, read=read_one_pixel))
    # The first picture has 3 such values, as the batch has pictures; the others have none.
    assert labels(rows)[0].startswith("found: 3 x 4")
    assert all(label.startswith("found: 0 x 4") for label in labels(rows)[1:])


def test_the_paths_may_be_a_generator(open_model: Callable[..., Model]) -> None:
    told: list[RunProgress] = []
    paths = (str(number) for number in range(9))
    rows = list(run_images(open_model(), paths, batch=2, report=told.append, read=read_color))
    assert [row.path for row in rows] == names(9)
    assert {progress.total for progress in told} == {None}
    assert told[-1].eta_s is None


def test_no_pictures_are_no_rows(open_model: Callable[..., Model]) -> None:
    assert list(run_images(open_model(), [])) == []


def test_files_are_read_and_ones_that_are_none_are_rows(
    open_model: Callable[..., Model], tmp_path: Path
) -> None:
    (tmp_path / "words.png").write_text("words")
    rows = list(run_images(open_model(), [tmp_path / "words.png", tmp_path / "none.png"]))
    assert [row.error.kind for row in rows if row.error] == ["not-an-image", "not-found"]
    assert rows[0].path == str(tmp_path / "words.png")


# Errors


@pytest.mark.parametrize("batch", [1, 3, "n"])
def test_pictures_that_cannot_be_read_are_rows_and_the_run_goes_on(
    open_model: Callable[..., Model], batch: int | str
) -> None:
    paths = ["bad 0", "bad 1", "bad 2", "0", "bad 4", "2", "1", "bad 7"]
    told: list[RunProgress] = []
    model = open_model(batch)
    rows = list(run_images(model, paths, batch=3, report=told.append, read=read_color))
    assert [row.path for row in rows] == paths
    assert labels(rows) == ["", "", "", "red", "", "blue", "green", ""]
    bad = rows[4]
    assert bad.error is not None
    assert (bad.error.kind, bad.error.message) == ("not-an-image", "bad 4 is no image.")
    assert (bad.task, bad.score, bad.count, bad.time_ms) == (None, None, None, None)
    assert (told[-1].done, told[-1].failed, told[-1].total) == (8, 5, 8)


def test_a_picture_too_large_for_the_memory_is_a_row(open_model: Callable[..., Model]) -> None:
    def read(path: Name) -> Image:
        if str(path) == "1":
            raise MemoryError
        return read_color(path)

    rows = list(run_images(open_model(), names(3), batch=2, read=read))
    assert [row.error and row.error.kind for row in rows] == [None, "out-of-memory", None]


def failing_at(
    model: Model, monkeypatch: pytest.MonkeyPatch, number: int, error: Exception
) -> None:
    run = model.session.run
    calls = iter(range(1000))

    def failing(inputs: dict[str, np.ndarray]) -> RunResult:
        if next(calls) == number:
            raise error
        return run(inputs)

    monkeypatch.setattr(model.session, "run", failing)


def test_a_run_that_fails_is_an_error_of_its_pictures(
    open_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_model(2)
    failing_at(model, monkeypatch, 1, ModelError("onnxruntime", "It failed.", "Try."))
    rows = list(run_images(model, names(6), read=read_color))
    assert [row.error and row.error.message for row in rows] == [
        None, None, "It failed.", "It failed.", None, None,
    ]  # fmt: skip


def test_a_lost_gpu_ends_the_run_after_the_rows_before(
    open_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_model(2)
    lost = CudaError("cuda-context-lost", "The GPU stopped.", "Restart.", fatal=True)
    failing_at(model, monkeypatch, 20, lost)
    rows = []
    with pytest.raises(CudaError, match="The GPU stopped"):
        rows.extend(run_images(model, names(100), read=read_color))
    assert len(rows) <= 40


def test_a_model_that_takes_no_picture_says_so_at_once(tmp_path: Path) -> None:
    with (
        Model.open(onnx_models.no_image_input(tmp_path)) as model,
        pytest.raises(ModelError, match="no input that takes a picture"),
    ):
        run_images(model, ["0"])


def test_a_batch_below_one_is_refused(open_model: Callable[..., Model]) -> None:
    with pytest.raises(InputError, match="A batch of 0"):
        run_images(open_model(), ["0"], batch=0)


def test_a_task_that_does_not_fit_is_an_error_of_each_picture(
    open_model: Callable[..., Model],
) -> None:
    from core.tasks import Choices

    model = open_model()
    model.choices = Choices(task="detect")
    rows = list(run_images(model, names(2), read=read_color))
    assert [row.error and row.error.kind for row in rows] == ["task-does-not-fit"] * 2


def test_warnings_of_each_picture_are_its_rows(tmp_path: Path) -> None:
    with Model.open(onnx_models.nan_output(tmp_path)) as model:
        [row] = run_images(model, ["0"], read=read_color)
    assert "every value is NaN" in row.warnings[0]


# Threads and bounds


def test_the_model_runs_on_the_calling_thread_and_pictures_are_read_on_others(
    open_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_model(2)
    readers: set[int] = set()
    owners: set[int] = set()
    run, buffer = model.session.run, model.session.input_buffer

    def read(path: Name) -> Image:
        readers.add(threading.get_ident())
        return read_color(path)

    def watched_run(inputs: dict[str, np.ndarray]) -> RunResult:
        owners.add(threading.get_ident())
        return run(inputs)

    def watched_buffer(name: str, shape: tuple[int, ...]) -> np.ndarray:
        owners.add(threading.get_ident())
        return buffer(name, shape)

    monkeypatch.setattr(model.session, "run", watched_run)
    monkeypatch.setattr(model.session, "input_buffer", watched_buffer)
    list(run_images(model, names(20), read=read))
    assert owners == {threading.get_ident()}
    assert threading.get_ident() not in readers


@pytest.mark.parametrize("batch", [1, 8])
def test_no_more_pictures_are_read_than_the_look_ahead(
    open_model: Callable[..., Model], batch: int
) -> None:
    begun = most = 0
    lock = threading.Lock()

    def read(path: Name) -> Image:
        nonlocal begun
        with lock:
            begun += 1
        return read_color(path)

    rows = run_images(open_model(batch), names(200), read=read)
    for finished, _row in enumerate(rows, 1):
        time.sleep(0.001)  # a slow receiver: readers have time to run ahead
        with lock:
            most = max(most, begun - finished)
    # Those ahead, those of the run, and those whose outputs wait to be read.
    assert most <= LOOK_AHEAD + LOOK_BEHIND + batch
    assert most >= batch


def test_large_inputs_are_prepared_two_at_a_time(
    open_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.folder_run, "LOOK_AHEAD_BYTES", 1)
    model = open_model(1)
    held: list[int] = []
    buffer = model.session.input_buffer
    begun = finished = 0

    def counted(name: str, shape: tuple[int, ...]) -> np.ndarray:
        nonlocal begun
        begun += 1
        held.append(begun - finished)
        return buffer(name, shape)

    run = model.session.run

    def run_counted(inputs: dict[str, np.ndarray]) -> RunResult:
        nonlocal finished
        result = run(inputs)
        finished += 1
        return result

    monkeypatch.setattr(model.session, "input_buffer", counted)
    monkeypatch.setattr(model.session, "run", run_counted)
    assert len(list(run_images(model, names(20), read=read_color))) == 20
    assert max(held) == 2


# Progress and cancellation


def test_progress_is_told_after_each_picture(open_model: Callable[..., Model]) -> None:
    told: list[RunProgress] = []
    list(run_images(open_model(), names(5), report=told.append, read=read_color))
    done = [progress.done for progress in told]
    assert done[0] == 0
    assert sorted(set(done)) == [0, 1, 2, 3, 4, 5]
    assert {progress.total for progress in told} == {5}
    assert told[-1].eta_s == 0


def test_speed_and_time_left_follow_from_what_is_done() -> None:
    progress = RunProgress(done=20, failed=1, total=100, seconds=4.0)
    assert progress.images_per_s == 5.0
    assert progress.eta_s == 16.0
    assert RunProgress(0, 0, 100, 0.0).images_per_s == 0.0
    assert RunProgress(0, 0, 100, 1.0).eta_s is None


def test_a_run_is_cancelled_between_pictures(open_model: Callable[..., Model]) -> None:
    rows: list[ResultRow] = []

    def report(progress: RunProgress) -> None:
        if progress.done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        rows.extend(run_images(open_model(), names(100), report=report, read=read_color))


def test_a_run_is_cancelled_while_a_reader_hangs(open_model: Callable[..., Model]) -> None:
    released = threading.Event()
    calls = 0

    def hanging(path: Name) -> Image:
        assert released.wait(60)
        return read_color(path)

    def report(_progress: RunProgress) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:  # the start, then twice while nothing came
            assert not released.is_set()
            raise Cancelled

    try:
        with pytest.raises(Cancelled):
            list(run_images(open_model(), names(100), report=report, read=hanging))
        assert not released.is_set()
    finally:
        released.set()


def test_nothing_more_is_read_after_the_end(open_model: Callable[..., Model]) -> None:
    read_count = 0

    def read(path: Name) -> Image:
        nonlocal read_count
        read_count += 1
        return read_color(path)

    rows = run_images(open_model(), names(1000), read=read)
    next(rows)
    rows.close()
    for thread in threading.enumerate():
        if thread.name.startswith(("image-reader", "output-reader")):
            thread.join(30)
    assert read_count <= LOOK_AHEAD + LOOK_BEHIND + 1


def test_a_mistake_in_reading_is_no_row(open_model: Callable[..., Model]) -> None:
    def wrong(path: Name) -> Image:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(run_images(open_model(), names(3), read=wrong))


def test_rows_keep_no_arrays(open_model: Callable[..., Model]) -> None:
    [row] = run_images(open_model(), ["0"], read=read_color)
    kept = [getattr(row, name) for name in row.__dataclass_fields__]
    assert not any(isinstance(value, np.ndarray | EnginebayError) for value in kept)


# A model that cannot take pictures in batches


def test_pictures_keep_their_own_size_where_nothing_is_resized(tmp_path: Path) -> None:
    import cv2

    sizes = [(8, 6), (4, 10)]
    paths = [tmp_path / f"{index}.png" for index in range(2)]
    for path, (width, height) in zip(paths, sizes, strict=True):
        cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))
    seen = []
    with Model.open(onnx_models.identity(tmp_path, shape=[1, 3, "h", "w"])) as model:
        assert model.recipe is not None
        model.use(replace(model.recipe, resize="none"))
        report = seen.append
        rows = list(run_images(model, [*paths, tmp_path / "none.png"], report=report))
    assert [row.path for row in rows] == [*map(str, paths), str(tmp_path / "none.png")]
    assert [row.task for row in rows] == ["image", "image", None]
    assert rows[2].error is not None
    assert rows[2].error.kind == "not-found"
    assert [(one.done, one.failed, one.total) for one in seen] == [
        (0, 0, 3), (1, 0, 3), (2, 0, 3), (3, 1, 3)
    ]  # fmt: skip
