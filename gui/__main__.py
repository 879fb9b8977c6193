"""The entry point: commands go to core.cli; a file, or nothing, opens the window."""

from __future__ import annotations

import argparse
import errno
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from core import __version__
from core.errors import interrupted
from core.opening_arguments import add_opening_arguments
from gui.window_options import WindowOptions

# core.cli.COMMANDS, known here without importing it
COMMANDS = ("info", "run", "bench", "layers", "build", "metadata", "doctor")
_DEMO_SHOT = Path("enginebay-demo.png")

_NO_DISPLAY = """\
enginebay: there is no display to open a window on.
Set DISPLAY or WAYLAND_DISPLAY, or add --screenshot PNG to get a picture of the window instead.
The commands `enginebay info`, `run`, `bench` and `doctor` need no display."""

_NO_QT = """\
enginebay: Qt cannot be loaded: {error}
On Debian and Ubuntu install its system libraries:
  apt-get install -y libegl1 libgl1 libdbus-1-3 libfontconfig1 libxkbcommon-x11-0 \\
    libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0
The commands `enginebay info`, `run`, `bench` and `doctor` need no Qt."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run Enginebay; gives the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments and arguments[0] in COMMANDS:
        return _run_command(arguments)
    options = _parse(arguments)
    if options.screenshot is None and not _has_display():
        if not options.demo:
            print(_NO_DISPLAY, file=sys.stderr)
            return 1
        print(f"There is no display: the window goes to {_DEMO_SHOT.resolve()}", flush=True)
        options = options._replace(screenshot=_DEMO_SHOT)
    if not _has_display():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    # opencv-python (not -headless) points Qt at plugins of its own, and the window would abort.
    if "cv2" in os.environ.get("QT_QPA_PLATFORM_PLUGIN_PATH", ""):
        del os.environ["QT_QPA_PLATFORM_PLUGIN_PATH"]
    try:
        _require_x11_plugin()
        import PySide6.QtWidgets  # noqa: F401
    except (ImportError, OSError) as error:
        print(_NO_QT.format(error=error), file=sys.stderr)
        return 1
    from gui.app import run_window

    return run_window(options)


def _run_command(arguments: Sequence[str]) -> int:
    try:
        from core.cli import main as command_line
    except KeyboardInterrupt:
        return _say_interrupted(as_json="--json" in arguments)
    try:
        status = command_line(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:  # while the answer is being written: a second one would make it none
        return 130
    except OSError as error:  # a full disk or a closed pipe behind standard output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if _is_closed_pipe(error):
            return 141  # as a shell reports SIGPIPE
        print(f"enginebay: the answer cannot be written: {error}", file=sys.stderr)
        return 1
    return status


def _say_interrupted(*, as_json: bool) -> int:
    """Ctrl-C while the commands were still being imported."""
    error = interrupted()
    if as_json:
        print(json.dumps({"error": error.as_json()}, indent=2), flush=True)
    else:
        print(f"enginebay: {error.message}\n{error.hint}", file=sys.stderr)
    return 130


def _is_closed_pipe(error: OSError) -> bool:
    """Whether who read the output wants no more of it, as `head`; Windows has two words for it."""
    windows = sys.platform == "win32" and error.errno == errno.EINVAL
    return isinstance(error, BrokenPipeError) or windows


def _require_x11_plugin() -> None:
    """Qt aborts the process where its X11 plugin cannot be loaded; find out before.

    Raises:
        OSError: naming the library that is missing.
    """
    platform = os.environ.get("QT_QPA_PLATFORM", "xcb")
    if sys.platform == "linux" and platform.startswith("xcb") and os.environ.get("DISPLAY"):
        import ctypes

        import PySide6

        plugins = Path(PySide6.__file__).parent / "Qt" / "plugins" / "platforms"
        for plugin in plugins.glob("libqxcb.so"):  # a system's own PySide6 has it elsewhere
            ctypes.CDLL(str(plugin))


def _parse(arguments: Sequence[str]) -> WindowOptions:
    parser = argparse.ArgumentParser(
        prog="enginebay",
        description="Open a TensorRT engine or an ONNX model and test it with images. "
        "Commands without a window: enginebay info FILE | run FILE IMAGE ... | doctor",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="a model or a folder")
    parser.add_argument(
        "--drop", metavar="IMAGE", nargs="+", type=Path, default=[], help="images to run"
    )
    parser.add_argument("--demo", action="store_true", help="open the bundled model and picture")
    parser.add_argument(
        "--screenshot", metavar="PNG", type=Path, help="wait for the results, save the window, quit"
    )
    parser.add_argument("--size", metavar="WxH", type=_size, help="the window's size")
    add_opening_arguments(parser)
    parser.add_argument("--version", action="version", version=f"enginebay {__version__}")
    found = parser.parse_args(arguments)
    if found.demo and found.file is not None:
        parser.error("give FILE or --demo, not both")
    return WindowOptions(
        found.file,
        tuple(found.drop),
        found.demo,
        found.screenshot,
        found.size,
        found.allow_native_code,
        tuple(found.plugin),
        False if found.no_trial else None,
    )


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{2,3})x([1-9]\d{2,3})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 1280x800")
    return int(match[1]), int(match[2])


def _has_display() -> bool:
    """False on Unix without a display server, unless Qt was told to use another platform."""
    if sys.platform in ("win32", "darwin"):
        return True
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    if any(os.environ.get(name) for name in names):
        return True
    return os.environ.get("QT_QPA_PLATFORM", "") not in ("", "offscreen", "minimal", "xcb")


if __name__ == "__main__":
    sys.exit(main())
