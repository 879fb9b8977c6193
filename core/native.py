"""Load large native libraries without holding the GIL."""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path

_EXTENSIONS = {
    "numpy": "*core/_multiarray_umath*.so",
    "cv2": "cv2*.so",
    "onnxruntime": "capi/onnxruntime_pybind11_state*.so",
}
"""The large extension modules of packages, as they lie in each package's folder."""


def preload(library: str | os.PathLike[str]) -> bool:
    """Load a shared library, so that whatever loads it next finds it there.

    `import` and ctypes.CDLL hold the GIL while the system's loader works, which takes tens of
    milliseconds for CUDA's and TensorRT's libraries; a call through ctypes does not. On Windows
    Python lets go of the GIL by itself, and nothing is done here.

    Args:
        library: a path, or a name that the loader finds.

    Returns:
        False when it could not be loaded; whoever needs it says why.
    """
    if sys.platform == "win32":
        return True
    load = ctypes.CDLL(None).dlopen
    load.argtypes, load.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    # Local, so that the full and the lean TensorRT never take each other's symbols; whoever
    # loads it next with RTLD_GLOBAL still makes it global.
    return load(os.fsencode(library), os.RTLD_NOW | os.RTLD_LOCAL) is not None


def preload_package(name: str) -> None:
    """Preload the extension modules of a package of _EXTENSIONS, if it is installed."""
    found = find_spec(name)
    if found is not None and found.origin is not None:
        for path in sorted(Path(found.origin).parent.glob(_EXTENSIONS[name])):
            preload(path)
