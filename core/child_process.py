"""Run native work that may crash, hang or never be interrupted in a process of its own.

The child is this Python running a module with `answer` as its main. It takes one order as JSON on
standard input and says what it does in JSON lines; everything else in its output is native code's,
and kept for the details of an error.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import IO, Any

from core.errors import EnginebayError, ModelError, out_of_memory
from core.paths import ROOT, python_path

_POLL_S = 0.05
_JOIN_S = 2.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h; the signal comes when the thread that waits here ends
_KEPT_LINES = 60

Say = Callable[[str], None]
"""Tells the parent what is going on; from any thread."""

_STOP = "stop\n"  # on the child's standard input, after its order


class ChildDied(Exception):  # noqa: N818 - what it means depends on the work
    """The child ended without an answer.

    Attributes:
        status: its exit status; negative is the signal that ended it (POSIX).
        output: its last lines.
    """

    def __init__(self, status: int, output: str) -> None:
        super().__init__(f"exit status {status}")
        self.status = status
        self.output = output


class ChildTimeout(Exception):  # noqa: N818 - as above
    """The child had no answer in time, and was killed.

    Attributes:
        doing: what it said last.
        output: its last lines.
    """

    def __init__(self, doing: str, output: str) -> None:
        super().__init__(doing)
        self.doing = doing
        self.output = output


def run_child(
    module: str,
    order: Mapping[str, object],
    tick: Callable[[str, float], None],
    *,
    limit_s: float | None = None,
    environment: Mapping[str, str] | None = None,
    hear: Callable[[dict[str, Any]], None] = lambda _said: None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run a module's work in a child; the calling thread waits. The child never outlives the call.

    Args:
        module: the module to run; its main calls answer().
        order: JSON-ready; paths in it are absolute, as the child works in another folder.
        tick: called about 20 times a second with what the child does and the seconds so far; may
            raise, which kills the child.
        limit_s: seconds after which the child is killed; None waits for as long as it takes.
        environment: variables to set for the child.
        hear: given what the child says on its way (Parent.say), on the calling thread.
        stop: asked with every tick; once it gives True the child is asked to end in an orderly way
            (Parent.asks_to_stop), and still waited for.

    Returns:
        What the child's work gave.

    Raises:
        ModelError: as the child's work raised it; never fatal, as it was the child's context.
        ChildDied, ChildTimeout: if it gave no answer.
    """
    # Native output shares the pipe, and may hold text that a file chose: only lines with this
    # word are the child's own.
    word = secrets.token_hex(16)
    child = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": python_path()} | dict(environment or {}),
        start_new_session=True,  # so that all of it can be ended together
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # Windows: no console flashes up
    )
    assert child.stdin is not None
    assert child.stdout is not None
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_read_lines, args=(child.stdout, lines), daemon=True)
    reader.start()
    is_asked = False

    def look(doing: str, elapsed: float) -> None:
        nonlocal is_asked
        tick(doing, elapsed)
        if not is_asked and stop():
            is_asked = True
            _write(child, _STOP)

    try:
        _write(child, json.dumps({"word": word, "order": order}) + "\n")
        return _follow(child, lines, word, look, limit_s, hear)
    finally:
        _kill(child)
        # What the child started itself may hold the pipe still open; it is not waited for.
        reader.join(timeout=_JOIN_S)
        with contextlib.suppress(OSError):
            child.stdin.close()
        if not reader.is_alive():
            child.stdout.close()


def _write(child: subprocess.Popen[str], text: str) -> None:
    assert child.stdin is not None
    with contextlib.suppress(OSError):  # a child that died says so in its output
        child.stdin.write(text)
        child.stdin.flush()


def _kill(child: subprocess.Popen[str]) -> None:
    """End the child, and on POSIX what it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.wait()


def _read_lines(stream: IO[str], lines: queue.SimpleQueue[str | None]) -> None:
    for line in stream:
        if line.strip():
            lines.put(line)
    lines.put(None)


def _follow(
    child: subprocess.Popen[str],
    lines: queue.SimpleQueue[str | None],
    word: str,
    tick: Callable[[str, float], None],
    limit_s: float | None,
    hear: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Read the child's messages until it answers."""
    begin = time.monotonic()
    doing = "starting TensorRT"
    last: deque[str] = deque(maxlen=_KEPT_LINES)
    while True:
        elapsed = time.monotonic() - begin
        tick(doing, elapsed)
        if limit_s is not None and elapsed > limit_s:
            raise ChildTimeout(doing, "".join(last))
        try:
            line = lines.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if line is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_JOIN_S)
            if child.poll() is None:  # it closed its output and lives on
                _kill(child)
            raise ChildDied(child.wait(), "".join(last))
        message = _message(line, word)
        if message is None:
            last.append(line)
        elif "doing" in message:
            doing = message["doing"]
        elif "said" in message:
            hear(message["said"])
        elif "error" in message:
            error = message["error"]
            raise ModelError(
                error["kind"],
                error["message"],
                error["hint"],
                details=error.get("details", ""),
                evidence=error.get("evidence", {}),
            )
        else:
            done: dict[str, Any] = message["done"]
            return done


def _message(line: str, word: str) -> dict[str, Any] | None:
    """The child's own lines are JSON objects with the word; all else is native output."""
    if word not in line:
        return None
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) and message.get("word") == word else None


class Parent:
    """What a child's work can tell its parent, and hear from it; from any thread."""

    def __init__(self, send: Callable[[dict[str, object]], None]) -> None:
        """Send: writes one message."""
        self._send = send
        self._stop = threading.Event()

    def doing(self, text: str) -> None:
        """Tell what is going on."""
        self._send({"doing": text})

    def say(self, said: Mapping[str, object]) -> None:
        """Tell something, JSON-ready, that run_child's `hear` is given."""
        self._send({"said": dict(said)})

    @property
    def asks_to_stop(self) -> bool:
        """Whether the work shall end soon, and answer with what it has."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Let asks_to_stop be true from now on."""
        self._stop.set()


def answer(work: Callable[[dict[str, Any], Say], Mapping[str, object]]) -> None:
    """The child's main: take one order from standard input, work, answer on standard output.

    Args:
        work: called with the order and with what tells the parent what is going on; gives the
            answer, JSON-ready.
    """
    answer_parent(lambda order, parent: work(order, parent.doing))


def answer_parent(work: Callable[[dict[str, Any], Parent], Mapping[str, object]]) -> None:
    """As answer, for work that tells more, or that can be asked to stop."""
    # Native code prints to descriptor 1 as it likes; only our own lines may reach the parent's.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    given = json.loads(sys.stdin.readline())
    word = given["word"]
    lock = threading.Lock()

    def send(message: dict[str, object]) -> None:
        line = json.dumps({"word": word, **message})
        with lock:  # native output shares the pipe, and may have left a line unfinished
            answers.write(f"\n{line}\n")

    parent = Parent(send)
    _die_with_parent(parent)
    try:
        done = work(given["order"], parent)
    except EnginebayError as error:
        send({"error": error.as_json()})
    except MemoryError as error:
        send({"error": out_of_memory(error).as_json()})
    else:
        send({"done": dict(done)})


def _die_with_parent(parent: Parent) -> None:
    """End when the parent does, however it ends; until then listen to it.

    Our standard input ends with it, on every system; but native code that holds the GIL keeps
    Python from seeing that, so Linux is asked to see to it, too.
    """

    def watch() -> None:
        for line in sys.stdin:
            if line == _STOP:
                parent.stop()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
