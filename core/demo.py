"""The bundled model and picture, as an engine built on the spot where that is possible."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from core.building import BuildOptions, build_engine
from core.building.capabilities import installed_capabilities
from core.errors import MachineError, ModelError
from core.machine import find_package, read_driver
from core.modelfile import fingerprint, read_model_file
from core.paths import DEMO_MODEL, cache_folder
from core.tensors import Profile

_BATCH = Profile(min=(1, 3, 256, 256), opt=(1, 3, 256, 256), max=(4, 3, 256, 256))


def demo_model(progress: Callable[[float | None, str], None]) -> Path:
    """The demo's model file for this machine.

    With a GPU and TensorRT's builder it is an engine, built on first use (half a minute) and
    kept; else the bundled ONNX.

    Args:
        progress: see core.building.build_engine; raising ends what goes on, also before the build.

    Raises:
        ModelError: if the build fails. There is no fallback then: it would hide the failure.
    """
    driver = read_driver()
    full = find_package("tensorrt")
    if not driver.gpus or full is None or find_package("pycuda") is None:
        return DEMO_MODEL
    gpu = driver.gpus[0]
    # Everything that makes a cached engine unusable is in its folder's name.
    parts = (fingerprint(DEMO_MODEL)[:12], "tensorrt", full.version or "", gpu.name)
    name = re.sub(r"[^\w.]+", "-", "-".join(parts))
    target = cache_folder(f"demo/{name}") / "shapes.engine"
    if not target.exists():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(
                "cannot-save",
                f"The demo's engine cannot be kept in {target.parent}: {error.strerror or error}.",
                "Make that folder writable, or set XDG_CACHE_HOME to one that is.",
            ) from None
        metadata = read_model_file(DEMO_MODEL).metadata
        texts = {} if metadata is None else metadata.texts
        # Level 1 of 5 tries fewer kernels: a demo should start soon rather than run fastest.
        options = BuildOptions(
            precision=_precision(progress),
            optimization_level=1,
            profiles=({"images": _BATCH},),
            metadata=texts,
        )
        build_engine(DEMO_MODEL, target, options, progress)
    return target


def _precision(progress: Callable[[float | None, str], None]) -> frozenset[str]:
    """FP16 where a flag asks for it; else FP32, which does for a demo.

    From TensorRT 11 on FP16 needs a tool that casts the ONNX. A TensorRT that does not tell what
    it has may still build: if not, the build says why.
    """
    try:
        capabilities = installed_capabilities("tensorrt", progress)
    except MachineError as error:
        progress(None, f"The demo is built without FP16: {error.message}")
        return frozenset()
    if capabilities.always_strongly_typed or not capabilities.has("fp16"):
        return frozenset()
    return frozenset({"fp16"})
