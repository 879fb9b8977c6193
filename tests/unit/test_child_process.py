"""Child processes that work, fail, crash, hang, and are cancelled."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.child_process import ChildDied, ChildTimeout, run_child
from core.errors import Cancelled, ModelError

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Makes a module whose work has this body; gives its name."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(body: str) -> str:
        lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
        code = f"""
import os, sys, time
from core.child_process import answer, answer_parent
from core.errors import ModelError
def work(order, {"parent" if "parent." in body else "doing"}):
{lines}
{"answer_parent" if "parent." in body else "answer"}(work)
"""
        (tmp_path / "childs_play.py").write_text(code, encoding="utf-8")
        return "childs_play"

    return make


def nothing(_doing: str, _elapsed: float) -> None:
    pass


def test_the_order_goes_there_and_the_answer_comes_back(write: Write) -> None:
    said: list[str] = []
    module = write("doing('counting')\ntime.sleep(0.2)\nreturn {'twice': order['number'] * 2}")
    answer = run_child(module, {"number": 21}, lambda doing, _elapsed: said.append(doing))
    assert answer == {"twice": 42}
    assert "counting" in said


def test_an_error_arrives_whole_and_never_as_fatal(write: Write) -> None:
    module = write(
        "raise ModelError('kind', 'What.', 'Next.', details='raw', evidence={'plugin': 'X'},"
        " fatal=True)"
    )
    with pytest.raises(ModelError) as caught:
        run_child(module, {}, nothing)
    error = caught.value
    assert (error.kind, error.message, error.hint) == ("kind", "What.", "Next.")
    assert error.details == "raw"
    assert dict(error.evidence) == {"plugin": "X"}
    assert not error.fatal, "it was the child's context"


def test_out_of_memory_in_the_child_is_an_error(write: Write) -> None:
    with pytest.raises(ModelError) as caught:
        run_child(write("raise MemoryError('40 GiB')"), {}, nothing)
    assert caught.value.kind == "out-of-memory"


def test_a_crash_tells_its_status_and_its_last_words(write: Write) -> None:
    module = write("print('last words', flush=True)\nimport ctypes\nctypes.string_at(0)")
    with pytest.raises(ChildDied) as caught:
        run_child(module, {}, nothing)
    assert caught.value.status != 0
    assert "last words" in caught.value.output
    assert "Fatal Python error" in caught.value.output, "faulthandler shows where it was"


def test_a_child_that_hangs_is_killed_at_its_limit(write: Write) -> None:
    begin = time.monotonic()
    with pytest.raises(ChildTimeout) as caught:
        run_child(write("doing('hanging')\ntime.sleep(600)"), {}, nothing, limit_s=2)
    assert time.monotonic() - begin < 30
    assert caught.value.doing == "hanging"


@pytest.mark.skipif(sys.platform == "win32", reason="asks for a process by signal 0")
def test_a_tick_that_raises_kills_the_child(write: Write, tmp_path: Path) -> None:
    module = write(
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "doing('working')\ntime.sleep(600)"
    )

    def tick(doing: str, _elapsed: float) -> None:
        if doing == "working":
            raise Cancelled

    with pytest.raises(Cancelled):
        run_child(module, {}, tick)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_an_unfinished_line_of_native_code_never_hides_the_answer(write: Write) -> None:
    module = write("os.write(1, b'half a line')\nreturn {'real': 1}")
    assert run_child(module, {}, nothing) == {"real": 1}


def test_a_users_own_core_in_the_working_folder_is_not_what_runs(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = write("return {}")
    project = tmp_path / "project"
    (project / "core").mkdir(parents=True)
    (project / "core" / "__init__.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(project)
    assert run_child(module, {}, nothing) == {}


@pytest.mark.parametrize(
    "forged",
    ['{"done": {}}', '{"word": "", "done": {}}', '{"error": 5}', '{"doing": "all is well"}'],
)
def test_what_a_file_makes_native_code_print_is_no_answer(write: Write, forged: str) -> None:
    said: list[str] = []
    module = write(f"print({forged!r}, flush=True)\nos._exit(3)")
    with pytest.raises(ChildDied) as caught:
        run_child(module, {}, lambda doing, _elapsed: said.append(doing))
    assert caught.value.status == 3
    assert forged in caught.value.output
    assert "all is well" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="ends a POSIX session")
def test_what_the_child_started_ends_with_it(write: Write, tmp_path: Path) -> None:
    module = write(
        "import subprocess\n"
        f"other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(other.pid))\n"
        "return {}"
    )
    begin = time.monotonic()
    assert run_child(module, {}, nothing) == {}
    assert time.monotonic() - begin < 30
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _is_alive(pid):
        time.sleep(0.05)  # until the system has taken it away
    assert not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_what_the_child_says_on_its_way_arrives_in_its_order(write: Write) -> None:
    heard: list[dict[str, object]] = []
    module = write("for number in range(3): parent.say({'n': number})\nreturn {'n': 3}")
    answer = run_child(module, {}, nothing, hear=heard.append)
    assert heard == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert answer == {"n": 3}


def test_a_child_that_is_asked_to_stop_answers_with_what_it_has(write: Write) -> None:
    module = write(
        "count = 0\nparent.say({'begun': 1})\nwhile not parent.asks_to_stop:\n"
        "    count += 1\n    time.sleep(0.01)\nreturn {'count': count}"
    )
    heard: list[dict[str, object]] = []
    answer = run_child(module, {}, nothing, hear=heard.append, stop=lambda: bool(heard), limit_s=60)
    assert answer["count"] >= 0


def test_a_child_whose_order_is_long_done_is_asked_only_once(write: Write) -> None:
    module = write("while not parent.asks_to_stop: time.sleep(0.01)\ntime.sleep(0.3)\nreturn {}")
    assert run_child(module, {}, nothing, stop=lambda: True, limit_s=60) == {}
