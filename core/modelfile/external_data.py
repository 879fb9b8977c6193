"""ONNX weights in other files: which, whether they are there, and that none lies elsewhere.

A location is relative to the ONNX file's folder and may not leave it (ONNX, "External Data").
Runtimes open what it names, so a file from a stranger could have any file of this machine read
as weights. It is refused here, before a runtime sees it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelFileError
from core.modelfile.onnx_messages import MAX_PATH, external_place, messages
from core.modelfile.protobuf import DamagedError, Window
from core.text import one_line

_ROOTED = re.compile(r"[\\/]|[A-Za-z]:")  # an absolute path, a drive, a UNC path, on any system
_MEMORY = "_MEM_ADDR_"  # ONNX Runtime's mark for an address in its own memory, not a file
_UNREADABLE = ("\0", "\ufffd")  # the latter: no UTF-8, so that it is not known what is opened
_PIECE = 8192
_TOLD_EACH = 2_000  # messages, some milliseconds
_KNOWN = 1_000  # locations that are remembered


@dataclass(frozen=True, slots=True)
class ExternalData:
    """The other files that an ONNX file names, each once, in the order of their first use."""

    locations: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()  # those that are no regular file
    outside: str | None = None  # the first that is not in the ONNX file's own folder

    def problem(self, name: str) -> ModelFileError | None:
        """Why the ONNX file called `name` cannot be opened; None when it can."""
        if self.outside is not None:
            return _outside(name, self.outside)
        return _missing(name, self.missing[0], len(self.missing)) if self.missing else None


def find_external_data(onnx: Path, locations: Iterable[str]) -> ExternalData:
    """Look for the other files of an ONNX file, opening none."""
    folder = _Folder(onnx)
    known = tuple(dict.fromkeys(locations))
    outside = next((one for one in known if folder.is_left_by(one)), None)
    if outside is not None:
        return ExternalData(known, outside=outside)
    return ExternalData(known, tuple(one for one in known if folder.size(one) is None))


def check_external_data(
    onnx: Path,
    progress: Callable[[float | None, str], None] = lambda _fraction, _text: None,
    *,
    found: Callable[[str], None] = lambda _location: None,
) -> None:
    """Walk a whole ONNX file for external data; weights are passed over, memory stays small.

    Everything that may hold a tensor is looked at: graphs, the bodies in their nodes,
    constants, sparse tensors, functions.

    Args:
        onnx: the file.
        progress: told now and then how far it is, 0 to 1; may raise to stop.
        found: called with each location, as the file gives it; with some of them twice.

    Raises:
        ModelFileError: kind "external-data-outside" if a location is not in the file's own
            folder, "external-data" if a file is not there or ends too early, "damaged-onnx" if
            the file is no protobuf message to its end, "unreadable" if the system cannot read it.
    """
    folder = _Folder(onnx)
    sizes: dict[str, int | None] = {}  # None for what is no regular file
    missing: dict[str, None] = {}
    short: ModelFileError | None = None

    def look(location: str) -> None:
        if location in sizes:
            return
        if folder.is_left_by(location):
            raise _outside(onnx.name, location)
        if len(sizes) == _KNOWN:
            sizes.clear()
        sizes[location] = folder.size(location)
        found(location)

    try:
        with onnx.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            window = Window(file, size, piece=_PIECE)
            walk = messages(window, "model", 0, size)
            for number, (kind, start, stop) in enumerate(walk):
                if number % _TOLD_EACH == 0:
                    progress(min(start / max(size, 1), 1.0), f"Checking {onnx.name}")
                if kind == "tensor":
                    location, end = external_place(window, start, stop, look)
                    there = sizes[location] if location else 0
                    if there is None and len(missing) < _KNOWN:
                        missing[location] = None
                    elif there is not None and end > there and short is None:
                        short = _short(onnx.name, location, there, end)
    except DamagedError as error:
        raise damaged_onnx(onnx.name, str(error)) from None
    except OSError as error:
        raise ModelFileError(
            "unreadable", f"{onnx} cannot be read: {error}.", "Check the disk and the path."
        ) from None
    if missing:
        raise _missing(onnx.name, next(iter(missing)), len(missing))
    if short is not None:
        raise short


def damaged_onnx(name: str, why: str) -> ModelFileError:
    """The ONNX file called `name` is no protobuf message to its end."""
    return ModelFileError(
        "damaged-onnx",
        f"{name} is a damaged ONNX file: {why}.",
        "Copy or export it again.",
    )


class _Folder:
    """An ONNX file's folder, and what may be found in it.

    A file that is reached by a symbolic link has two folders, the link's and its own: so do
    models in the Hugging Face cache, whose weights are links as well.
    """

    def __init__(self, onnx: Path) -> None:
        self._path = onnx.parent
        self._allowed = [Path(os.path.realpath(onnx.parent)), Path(os.path.realpath(onnx)).parent]

    def is_left_by(self, location: str) -> bool:
        """True where a location does not lie in the folder, or cannot be known to."""
        if _ROOTED.match(location) or _MEMORY in location:
            return True
        if len(location.encode()) > MAX_PATH or any(one in location for one in _UNREADABLE):
            return True
        depth = 0
        for part in re.split(r"[\\/]", location):
            depth += 0 if part in ("", ".") else -1 if part == ".." else 1
            if depth < 0:
                return True
        real = Path(os.path.realpath(self._path / location))
        return not any(real.is_relative_to(folder) for folder in self._allowed)

    def size(self, location: str) -> int | None:
        """Bytes of a regular file; None where none is."""
        try:
            found = (self._path / location).stat()
        except (OSError, ValueError):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None


def _outside(name: str, location: str) -> ModelFileError:
    return ModelFileError(
        "external-data-outside",
        f"{name} asks for weights in {one_line(location, 80)}, which is not in its own folder. "
        "That file was not opened.",
        "An honest model keeps its weights beside it. Ask where this one comes from, or export "
        "it again.",
    )


def _missing(name: str, first: str, count: int) -> ModelFileError:
    more = f" and {count - 1:,} more" if count < _KNOWN else " and many more"
    which = (
        f"another file {one_line(first, 80)}, which is not there"
        if count == 1
        else f"other files, which are not there: {one_line(first, 80)}{more}"
    )
    return ModelFileError(
        "external-data",
        f"{name} keeps weights in {which}.",
        "Put that file beside the ONNX, under its original name."
        if count == 1
        else "Put these files beside the ONNX, under their original names.",
    )


def _short(name: str, location: str, there: int, end: int) -> ModelFileError:
    return ModelFileError(
        "external-data",
        f"{name} keeps weights in another file {one_line(location, 80)}, which ends too early: it "
        f"has {there:,} bytes, and {end:,} are asked for.",
        "Copy or export that file again. Of a Git LFS repository fetch it with `git lfs pull`.",
    )
