"""The TensorRT modules that are installed, and the library that each will load.

Found by looking at folders and names only: nothing is imported, as TensorRT can crash a machine
without a GPU, and no other program is asked, as that takes longer than all the rest.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.machine.packages import CUDA_VARIANTS, find_package, installed_version

TENSORRT_MODULES = ("tensorrt", "tensorrt_lean", "tensorrt_dispatch")
"""Python modules that can run engines, best first: full, lean (version-compatible engines
only), dispatch (the same, with the lean runtime taken from the engine)."""

MODULE_VARIABLE = "ENGINEBAY_TENSORRT"
"""Environment variable that names the module to use instead of the best one installed."""

_STEMS = {
    "tensorrt": "nvinfer",
    "tensorrt_lean": "nvinfer_lean",
    "tensorrt_dispatch": "nvinfer_dispatch",
}
_CONF = Path("/etc/ld.so.conf")
_MAX_CONF_DEPTH = 3  # files that include files


@dataclass(frozen=True, slots=True)
class TensorRTModule:
    """An installed TensorRT module and the shared library that it will load.

    Attributes:
        module: one of TENSORRT_MODULES.
        version: the Python package's, "10.13.3.9"; None without a package record.
        location: the module's file or folder.
        library_path: libnvinfer, libnvinfer_lean or libnvinfer_dispatch; None if not found.
        library_version: "10.13.3", where the library's file says it; else None. It can differ
            from the package's: bindings 8.6.1 were seen on a library 8.6.0.
    """

    module: str
    version: str | None
    location: str = ""
    library_path: str | None = None
    library_version: str | None = None


def find_tensorrt() -> list[TensorRTModule]:
    """The installed TensorRT modules, best first. Takes a few milliseconds."""
    modules = []
    for name in TENSORRT_MODULES:
        package = find_package(name)
        if package is not None:
            path = _find_library(name, package.version)
            modules.append(
                TensorRTModule(
                    name,
                    package.version,
                    package.location,
                    None if path is None else str(path),
                    None if path is None else _library_version(path),
                )
            )
    return modules


def mixed_variants() -> list[str]:
    """The packages of TensorRT for several CUDA majors that are installed together.

    They hold the same folders, so the one installed last has overwritten the others, and
    removing one breaks the rest. [] when there is no such mixture.
    """
    by_cuda: dict[str, str] = {}
    for cuda in CUDA_VARIANTS:
        for part in ("", "_libs", "_bindings"):
            name = f"tensorrt_{cuda}{part}"
            version = installed_version(name)
            if version is not None:
                by_cuda.setdefault(cuda, f"{name.replace('_', '-')} {version}")
    return list(by_cuda.values()) if len(by_cuda) > 1 else []


def _find_library(module: str, version: str | None) -> Path | None:
    """The library that the module will load: in its wheel's folders, else on the loader path.

    Of several majors in one folder the package's own is taken: its file name asks for it.
    """
    stem = _STEMS[module]
    if sys.platform == "win32":
        pattern = re.compile(rf"{stem}(?:_(\d+))?\.dll", re.IGNORECASE)
    else:
        pattern = re.compile(rf"lib{stem}\.so\.(\d+)(?:\.\d+)*")
    wanted = re.match(r"\d+", version or "")
    for folder in (*_wheel_folders(module), *_loader_folders()):
        found = {}
        for path in _files_named(folder, stem):
            match = pattern.fullmatch(path.name)
            # TensorRT 8 and older have no major in their DLLs' names.
            if match and (not wanted or match[1] in (None, wanted[0])):
                found[int(match[1] or 0), -len(path.name)] = path  # the loader's name is shortest
        if found:
            return found[max(found)]
    return None


def _wheel_folders(module: str) -> Iterator[Path]:
    """Where pip puts the libraries: packages of their own (8.6.1 on), or beside the module."""
    for name in (f"{module}_libs", f"{module}_bindings", module):
        package = find_package(name)
        if package is not None and package.location:
            place = Path(package.location)
            yield place if place.is_dir() else place.parent


def _loader_folders() -> Iterator[Path]:
    """Where the system looks for shared libraries (Linux: ld.so(8); Windows: PATH)."""
    variable = "PATH" if sys.platform == "win32" else "LD_LIBRARY_PATH"
    for entry in os.environ.get(variable, "").split(os.pathsep):
        if entry:
            yield Path(entry)
    if sys.platform != "win32":
        yield from _configured_folders(_CONF, _MAX_CONF_DEPTH)
        for name in ("/lib", "/usr/lib", "/lib64", "/usr/lib64"):
            yield Path(name)


def _configured_folders(conf: Path, depth: int) -> Iterator[Path]:
    """The folders in ld.so.conf and in the files that it includes."""
    try:
        lines = conf.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.partition("#")[0].split()
        if len(words) > 1 and words[0] == "include":
            if depth > 0:
                for pattern in words[1:]:
                    folder = conf.parent / Path(pattern).parent
                    for path in sorted(folder.glob(Path(pattern).name)):
                        yield from _configured_folders(path, depth - 1)
        elif words and words[0].startswith("/"):
            yield Path(words[0])


def _files_named(folder: Path, stem: str) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if stem in entry.name.lower()]
    except OSError:  # a folder that is not there, or may not be read
        return []


def _library_version(path: Path) -> str | None:
    """From the real file's name, or from the builder's resources that lie beside it.

    In pip's wheels libnvinfer.so.10 is the real file, and libnvinfer_builder_resource.so.10.3.0
    or libnvinfer_builder_resource_sm86.so.10.13.3 bears the whole version.
    """
    own = re.search(r"\.so\.(\d+(?:\.\d+){2,3})$", path.resolve().name)
    if own:
        return own[1]
    major = re.search(r"\.so\.(\d+)$", path.name)
    if major is None or "nvinfer.so" not in path.name:
        return None
    pattern = re.compile(rf"libnvinfer_builder_resource\w*\.so\.({major[1]}(?:\.\d+){{2,3}})")
    beside = {
        match[1]
        for other in _files_named(path.parent, "nvinfer_builder_resource")
        if (match := pattern.fullmatch(other.name))
    }
    return beside.pop() if len(beside) == 1 else None
