"""Processes that read pictures into shared memory: what they give, and every way they end."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

import core.paths
import core.reading_process
import core.reading_processes
import core.reading_slots
from core.errors import CudaError, EnginebayError
from core.images import read_image
from core.reading_process import ReadingProcess
from core.reading_processes import Reading, ReadingProcesses, Staged
from core.reading_slots import ReadingSlots, slot_size
from core.result_rows import RowError

MEGABYTE = 1 << 20
SLOW_S = 60.0


class Here:
    """Reads in this process what the others do not, and notes it."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.pool = ThreadPoolExecutor(2)

    def __call__(self, path: str, future: Reading) -> None:
        self.paths.append(path)
        self.pool.submit(self._read, path, future)

    @staticmethod
    def _read(path: str, future: Reading) -> None:
        try:
            image = read_image(path)
        except EnginebayError as error:
            future.set_result(RowError.of(error))
            return
        future.set_result(Staged(image.pixels.copy(), None, image.size_wh, 1.0))


def until(true: Callable[[], object], what: str) -> None:
    limit = time.monotonic() + SLOW_S
    while not true():
        assert time.monotonic() < limit, what
        time.sleep(0.01)


@pytest.fixture
def here() -> Iterator[Here]:
    here = Here()
    yield here
    here.pool.shutdown()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[ReadingProcess]:
    """All processes that were started."""
    started: list[ReadingProcess] = []
    start = ReadingProcess.__init__

    def noted(self: ReadingProcess, where: str, inherited: tuple[int, ...]) -> None:
        start(self, where, inherited)
        started.append(self)

    monkeypatch.setattr(ReadingProcess, "__init__", noted)
    return started


@pytest.fixture
def start(here: Here, started: list[ReadingProcess]) -> Iterator[Callable[..., ReadingProcesses]]:
    made: list[ReadingProcesses] = []

    def build(
        count: int = 2,
        *,
        limit: int = 16 * MEGABYTE,
        most: int = 100 * MEGABYTE,
        largest: int = 1000,
        held: int = 0,
    ) -> ReadingProcesses:
        made.append(ReadingProcesses(count, limit, most, lambda: largest, held, here))
        return made[-1]

    yield build
    for one in made:
        one.close()
    assert not living(started)


def living(started: list[ReadingProcess]) -> list[int]:
    return [one.pid for one in started if one._child.poll() is None]


def pin(_memory: np.ndarray) -> Callable[[], None]:
    return lambda: None


def ready(processes: ReadingProcesses) -> ReadingProcesses:
    until(lambda: processes.state != "starting", "they are ready")
    assert processes.state == "reserved"
    assert processes.take_over(pin)
    return processes


def picture(folder: Path, number: int, size_wh: tuple[int, int] = (12, 9)) -> str:
    path = folder / f"{number}.png"
    shape = (size_wh[1], size_wh[0], 3)
    cv2.imwrite(str(path), np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8))
    return str(path)


def staged(future: Reading) -> Staged:
    found = future.result(SLOW_S)
    assert isinstance(found, Staged)
    return found


# What they give


@pytest.mark.parametrize("slots", [3, 16])
def test_they_give_the_pixels_that_threads_read(
    start: Callable[..., ReadingProcesses], here: Here, tmp_path: Path, slots: int
) -> None:
    processes = ready(start(limit=slots * MEGABYTE))
    paths = [picture(tmp_path, number, (5 + number % 7, 9)) for number in range(60)]
    futures = deque(processes.submit(path) for path in paths)
    for path in paths:
        processes.hurry(futures[0])
        found = staged(futures.popleft())
        np.testing.assert_array_equal(found.data, read_image(path).pixels)
        assert found.size_wh == (found.data.shape[1], 9)
        assert found.placement is None
        assert found.ms > 0
        del found  # its slot is used again
    assert here.paths == []


def test_an_error_is_the_one_that_threads_give(
    start: Callable[..., ReadingProcesses], here: Here, tmp_path: Path
) -> None:
    whole = Path(picture(tmp_path, 1, (90, 90))).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:-500])
    (tmp_path / "words.png").write_bytes(b"words")
    processes = ready(start())
    for name in ("cut.png", "words.png", "none.png", "", "a\0b"):
        path = str(tmp_path / name)
        with pytest.raises(EnginebayError) as caught:
            read_image(path)
        assert processes.submit(path).result(SLOW_S) == RowError.of(caught.value)
    assert here.paths == []


def test_paths_are_meant_in_the_working_folder(
    start: Callable[..., ReadingProcesses], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path, 3)
    monkeypatch.chdir(tmp_path)
    processes = ready(start(1))
    np.testing.assert_array_equal(
        staged(processes.submit("3.png")).data, read_image("3.png").pixels
    )
    missing = processes.submit("none.png").result(SLOW_S)
    assert isinstance(missing, RowError)
    assert missing.message == "There is no file none.png."


@pytest.mark.parametrize("limits", [{"most": 12 * 9 * 3}, {}])
def test_a_picture_that_is_too_large_is_read_here(
    start: Callable[..., ReadingProcesses], here: Here, tmp_path: Path, limits: dict[str, int]
) -> None:
    processes = ready(start(**limits))
    size_wh = (13, 9) if limits else (700, 500)  # a slot has a megabyte
    paths = [picture(tmp_path, 1), picture(tmp_path, 2, size_wh), picture(tmp_path, 3)]
    for path, future in zip(paths, [processes.submit(path) for path in paths], strict=True):
        np.testing.assert_array_equal(staged(future).data, read_image(path).pixels)
    assert here.paths == [paths[1]]
    assert processes.state == "reading"


def test_a_path_that_could_fill_the_pipe_is_not_sent(
    start: Callable[..., ReadingProcesses], here: Here, tmp_path: Path
) -> None:
    processes = ready(start())
    paths = [str(tmp_path / ("x" * length)) for length in (300, 300_000)]
    for path in paths:
        assert isinstance(processes.submit(path).result(SLOW_S), RowError)
    assert here.paths == paths[1:]


def test_a_path_of_a_type_that_only_this_program_has_is_read(
    start: Callable[..., ReadingProcesses], here: Here, tmp_path: Path
) -> None:
    class Name(str):
        """As of libraries whose paths are strings."""

        __slots__ = ()

    processes = ready(start(1))
    assert staged(processes.submit(Name(picture(tmp_path, 1)))).size_wh == (12, 9)
    assert here.paths == []


def test_where_most_are_too_large_threads_read_all(
    start: Callable[..., ReadingProcesses], here: Here, tmp_path: Path
) -> None:
    processes = ready(start(most=100))
    path = picture(tmp_path, 1)
    for _ in range(40):
        futures = [processes.submit(path) for _ in range(2)]
        assert [staged(future).size_wh for future in futures] == [(12, 9)] * 2
    assert processes.state == "over"
    assert len(here.paths) == 80


def test_pictures_wait_for_a_slot_and_one_that_is_waited_for_does_not(
    start: Callable[..., ReadingProcesses], here: Here, tmp_path: Path
) -> None:
    processes = ready(start(1, limit=2 * MEGABYTE))
    paths = [picture(tmp_path, number) for number in range(4)]
    futures = [processes.submit(path) for path in paths]
    held = [staged(future) for future in futures[:2]]
    processes.hurry(futures[3])  # the third is before it
    assert here.paths == []
    processes.hurry(futures[2])
    assert here.paths == [paths[2]]
    held.append(staged(futures[2]))
    futures[:3] = []
    held.clear()
    processes.hurry(futures[0])  # now there is a slot
    np.testing.assert_array_equal(staged(futures[0]).data, read_image(paths[3]).pixels)
    assert here.paths == [paths[2]]


# Their ends


def test_a_view_that_outlives_them_stays_readable(
    start: Callable[..., ReadingProcesses], tmp_path: Path
) -> None:
    processes = ready(start())
    path = picture(tmp_path, 4)
    view = staged(processes.submit(path)).data[2:]
    processes.close()
    del processes
    gc.collect()
    np.testing.assert_array_equal(view, read_image(path).pixels[2:])


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("which", ["one", "all"])
def test_what_a_killed_process_had_is_read_here(
    start: Callable[..., ReadingProcesses],
    here: Here,
    started: list[ReadingProcess],
    tmp_path: Path,
    which: str,
) -> None:
    processes = ready(start())
    paths = [picture(tmp_path, number) for number in range(12)]
    killed = [one.pid for one in started[: 1 if which == "one" else 2]]
    for pid in killed:
        os.kill(pid, signal.SIGSTOP)  # it gets pictures, and does not answer
    futures = [processes.submit(path) for path in paths]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    for path, future in zip(paths, futures, strict=True):
        processes.hurry(future)
        np.testing.assert_array_equal(staged(future).data, read_image(path).pixels)
    until(lambda: processes.alive == (1 if which == "one" else 0), "it is noted")
    assert processes.state == ("reading" if which == "one" else "over")
    assert 1 <= len(here.paths) <= 3 if which == "one" else here.paths
    assert staged(processes.submit(paths[0])).size_wh == (12, 9)


def test_their_memory_is_unpinned_once(start: Callable[..., ReadingProcesses]) -> None:
    unpinned: list[int] = []

    def count(memory: np.ndarray) -> Callable[[], None]:
        assert memory.nbytes == 16 * MEGABYTE
        return lambda: unpinned.append(1)

    processes = start(1)
    until(lambda: processes.state == "reserved", "they are ready")
    processes.take_over(count)
    processes.close()
    processes.close()
    assert unpinned == [1]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no list of open files here")
@pytest.mark.parametrize("when", ["starting", "reserved", "reading"])
def test_closed_they_leave_no_process_no_memory_and_no_open_file(
    start: Callable[..., ReadingProcesses], started: list[ReadingProcess], tmp_path: Path, when: str
) -> None:
    before = open_files()
    processes = start(2)
    if when == "starting":
        until(lambda: started, "one is started")
    else:
        until(lambda: processes.state == "reserved", "they are ready")
    if when == "reading":
        processes.take_over(pin)
        futures = [processes.submit(picture(tmp_path, number)) for number in range(9)]
        staged(futures[0])
        futures.clear()
    assert [one for one in open_files() if one not in before]
    processes.close()
    assert not living(started)
    assert open_files() == before


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no list of open files here")
def test_closed_while_the_system_is_slow_to_give_memory_they_leave_none_open(
    start: Callable[..., ReadingProcesses], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, may_go_on = threading.Event(), threading.Event()
    reserve = core.reading_slots._reserve

    def slow(file: int, size: int) -> None:
        asked.set()
        assert may_go_on.wait(SLOW_S)
        reserve(file, size)

    monkeypatch.setattr(core.reading_slots, "_reserve", slow)
    monkeypatch.setattr(core.reading_processes, "END_S", 0.01)
    before = open_files()
    processes = start()
    assert asked.wait(SLOW_S)
    processes.close()
    assert open_files() != before
    may_go_on.set()
    until(lambda: open_files() == before, "it is closed")


def open_files() -> list[str]:
    gc.collect()
    found = []
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the list's own
            found.append(str(one.readlink()))
    return sorted(found)


def test_a_process_ends_when_its_parent_does(tmp_path: Path) -> None:
    slots = ReadingSlots()
    process = ReadingProcess(slots.where, slots.inherited)
    try:
        assert process.received() == "ready"
        process.pipe.close()  # as the system does for a parent that was killed
        until(lambda: process._child.poll() is not None, "it ends")
        assert process._child.poll() == 0
    finally:
        process.kill()
        process.wait(SLOW_S)
        slots.close()


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_ctrl_c_in_the_terminal_is_not_for_them(
    start: Callable[..., ReadingProcesses],
    here: Here,
    started: list[ReadingProcess],
    tmp_path: Path,
) -> None:
    processes = ready(start())
    for one in started:
        os.kill(one.pid, signal.SIGINT)
    paths = [picture(tmp_path, number) for number in range(8)]
    for future in [processes.submit(path) for path in paths]:
        staged(future)
    assert here.paths == []
    assert processes.alive == 2


# Where they cannot be


def test_without_so_much_memory_to_share_threads_go_on(
    start: Callable[..., ReadingProcesses],
    here: Here,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_arguments: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(core.reading_slots, "_reserve", refuse)
    with caplog.at_level("INFO"):
        processes = start()
        until(lambda: processes.state == "over", "they give up")
    assert "16,777,216 bytes to share: [Errno 28] No space left on device" in caplog.text
    assert staged(processes.submit(picture(tmp_path, 1))).size_wh == (12, 9)
    assert len(here.paths) == 1


@pytest.mark.parametrize("limits", [{"limit": 2 * MEGABYTE}, {"held": 30}, {"largest": 20_000_000}])
def test_without_room_for_all_that_is_held_threads_go_on(
    start: Callable[..., ReadingProcesses], limits: dict[str, int]
) -> None:
    processes = start(**limits)
    until(lambda: processes.state != "starting", "they decide")
    assert processes.state == "over"


def test_memory_that_cannot_be_page_locked_is_not_used(
    start: Callable[..., ReadingProcesses], here: Here, tmp_path: Path
) -> None:
    def refuse(_memory: np.ndarray) -> Callable[[], None]:
        raise CudaError("cuda", "CUDA cannot page-lock it.", "Raise the limit.")

    processes = start()
    until(lambda: processes.state == "reserved", "they are ready")
    assert not processes.take_over(refuse)
    assert processes.state == "over"
    staged(processes.submit(picture(tmp_path, 1)))
    assert len(here.paths) == 1


def test_where_they_cannot_be_started_threads_go_on(
    start: Callable[..., ReadingProcesses], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    processes = start()
    until(lambda: processes.state == "over", "they give up")


def test_those_that_die_at_once_are_not_waited_for(
    start: Callable[..., ReadingProcesses], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false" if os.name == "posix" else sys.executable)
    monkeypatch.setattr(core.reading_process, "ROOT", Path(sys.prefix))  # has no core
    monkeypatch.setattr(core.reading_process, "python_path", lambda: "")
    processes = start()
    until(lambda: processes.state == "over", "they give up")
    assert processes.alive == 0


# What they are


def test_they_import_neither_qt_nor_anything_of_a_gpu() -> None:
    code = "import core.reading_child, core.images, json, sys; core.images.import_libraries(); "
    done = subprocess.run(
        [sys.executable, "-c", code + "print(json.dumps(sorted(sys.modules)))"],
        cwd=core.paths.ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    tops = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert {"cv2", "PIL", "numpy"} <= tops
    assert not tops & {"PySide6", "pycuda", "tensorrt", "onnxruntime", "gui", "pynvml"}


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no list of threads here")
def test_they_have_one_thread_each() -> None:
    slots = ReadingSlots()
    process = ReadingProcess(slots.where, slots.inherited)
    try:
        assert process.received() == "ready"
        assert len(list(Path(f"/proc/{process.pid}/task").iterdir())) == 1
    finally:
        process.kill()
        process.wait(SLOW_S)
        process.pipe.close()
        slots.close()


def test_a_slot_is_free_once_nobody_holds_what_is_in_it() -> None:
    slots = ReadingSlots()
    slots.reserve(slot_size(1), 2)
    assert (slots.slot_bytes, slots.whole.nbytes) == (MEGABYTE, 2 * MEGABYTE)
    assert [slots.take(), slots.take(), slots.take()] == [0, 1, None]
    row = slots.lend(1, (4, 5, 3))[2]
    assert row.ctypes.data == slots.whole.ctypes.data + MEGABYTE + 2 * 5 * 3
    assert slots.take() is None
    slots.give_back(0)
    assert slots.take() == 0
    del row
    assert [slots.take(), slots.take()] == [1, None]
    slots.close()


@pytest.mark.parametrize(("largest", "size"), [(0, 1), (MEGABYTE, 1), (MEGABYTE + 1, 2)])
def test_slots_have_whole_megabytes(largest: int, size: int) -> None:
    assert slot_size(largest) == size * MEGABYTE


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no /dev/shm here")
def test_a_python_without_memfd_shares_memory_all_the_same(
    start: Callable[..., ReadingProcesses],
    here: Here,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    processes = ready(start())
    path = picture(tmp_path, 1)
    np.testing.assert_array_equal(staged(processes.submit(path)).data, read_image(path).pixels)
    file = Path("/proc/self/fd", processes.slots.where).readlink()
    assert file.parent == Path("/dev/shm")
    assert file.name.endswith("(deleted)")  # it has no name
    assert here.paths == []
