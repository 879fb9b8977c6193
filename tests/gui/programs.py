"""Starts the program as a user does, in a process and a session of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.gui.limits import WAIT_MS

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended."""

    status: int
    out: str
    err: str
    seconds: float
    left: tuple[str, ...]  # processes that it left behind


def environment(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment without a display, with settings and caches below `folder`."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "QT_SCALE_FACTOR", "PYTEST_QT_API")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    own = {
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    return kept | own | dict(more or {})


def start(
    arguments: Sequence[str], folder: Path, more: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start Python with these arguments in `folder`."""
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", *arguments],
        cwd=folder,
        env=environment(folder, more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(program: subprocess.Popen[str]) -> Outcome:
    """Wait for a program's end."""
    begin = time.monotonic()
    try:
        out, err = program.communicate(timeout=3 * WAIT_MS / 1000)
    finally:
        program.kill()
        program.wait()
    return Outcome(
        program.returncode, out, err, time.monotonic() - begin, tuple(in_session(program.pid))
    )


def run(arguments: Sequence[str], folder: Path, more: Mapping[str, str] | None = None) -> Outcome:
    """Run Python with these arguments in `folder`."""
    return finish(start(arguments, folder, more))


def in_session(session: int) -> list[str]:
    """The processes of a session, by pid and name. Empty where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = entry.read_text()
        except OSError:  # ended in between
            continue
        name, rest = text[: text.rindex(")") + 1], text[text.rindex(")") + 2 :].split()
        # proc(5): state, ppid, pgrp, session. A zombie has ended; its parent has not looked yet.
        if int(rest[3]) == session and rest[0] != "Z":
            found.append(name)
    return found
