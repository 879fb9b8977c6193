"""Enginebay's library: everything but the window. Imports no Qt, and heavy packages lazily.

from core import Model

with Model.open("best.engine") as model:
    outputs = model(array)                 # {"output0": array, ...}
    result = model.test("street.jpg")      # predictions, outputs, timing
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Model", "__version__"]

if TYPE_CHECKING:
    from core.model import Model


def __getattr__(name: str) -> object:
    """Import Model on first use, so that `import core` costs nothing."""
    if name == "Model":
        from core.model import Model

        return Model
    raise AttributeError(f"module 'core' has no attribute {name!r}")
