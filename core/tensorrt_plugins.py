"""Load libraries of TensorRT plugins. They are native code: core.trust.consent comes before."""

from __future__ import annotations

import ctypes
from pathlib import Path

from core.errors import ModelError
from core.modelfile import require_unchanged
from core.native import preload
from core.tensorrt_library import Library, refusal
from core.translator import Circumstances

_REGISTERING = ("getCreators", "getPluginCreators")
"""What a library exports that is loaded through the registry (NvInferRuntime.h,
IPluginRegistry::loadLibrary; TensorRT 8.6 and newer)."""

_loaded: dict[tuple[str, str], str] = {}  # SHA-256 by module and path; never unloaded


def load_plugin(library: Library, path: Path, sha256: str, seen: Circumstances) -> None:
    """Load a plugin library for the life of the process, on the thread that owns CUDA.

    Older libraries register their plugins by themselves when they are loaded (the macro
    REGISTER_TENSORRT_PLUGIN); newer ones are asked by TensorRT's registry, from 8.6 on.

    Args:
        library: the TensorRT to load it into.
        path: the library.
        sha256: of the bytes that were consented to; others are not loaded.
        seen: what is known, for messages.

    Raises:
        ModelError: kind "plugin-library", if it cannot be loaded.
    """
    path = path.resolve()  # a bare name would be looked for in the system's folders
    key = (library.module, str(path))
    if key in _loaded:
        if _loaded[key] == sha256:
            return
        raise ModelError(
            "plugin-library",
            f"Another {path.name} is loaded already, and cannot be replaced while this runs.",
            "Restart Enginebay to use the new one.",
        )
    require_unchanged(path, sha256)
    preload(path)
    try:
        native = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise ModelError(
            "plugin-library",
            f"The plugin library {path.name} cannot be loaded: {error}.",
            "It must be built for this system and this TensorRT, and find the libraries that it "
            "needs.",
        ) from None
    if any(hasattr(native, name) for name in _REGISTERING):
        registry = library.trt.get_plugin_registry()
        if hasattr(registry, "load_library"):
            with library.tape.capture() as lines:
                handle = registry.load_library(str(path))
            if handle is None:
                what = f"TensorRT refuses the plugin library {path.name}"
                reason = refusal(library, lines, what, seen)
                raise ModelError(
                    "plugin-library", reason.message, reason.hint, details=reason.details
                )
    _loaded[key] = sha256
