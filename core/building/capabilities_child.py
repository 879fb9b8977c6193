"""The child's side of installed_capabilities: import TensorRT and look at its names."""

from __future__ import annotations

import importlib
from typing import Any

from core.building.capabilities import capabilities_of
from core.child_process import Say, answer
from core.errors import MachineError


def look(order: dict[str, Any], doing: Say) -> dict[str, object]:
    """Import a module and tell what it has; makes none of its objects, which need a GPU.

    Raises:
        MachineError: kind "no-tensorrt".
    """
    name = order["module"]
    doing("importing TensorRT")
    try:
        trt = importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise MachineError(
            "no-tensorrt",
            f"{name} is installed but cannot be imported.",
            "Reinstall it for this Python and this CUDA; the details name the missing library.",
            details=str(error),
        ) from None
    return capabilities_of(trt, name).as_json()


if __name__ == "__main__":
    answer(look)
