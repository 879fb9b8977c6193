"""Load large native libraries without holding the GIL."""

from __future__ import annotations

import ctypes
import os
import sys


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
