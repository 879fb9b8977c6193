"""What TensorRT's engine inspector says of an engine's layers."""

from __future__ import annotations

import json
from typing import Any

from core.tensorrt_library import Library


def inspector_json(library: Library, engine: Any, context: Any) -> str | None:
    """The inspector's JSON of a whole engine, on the thread that has it.

    TensorRT 8.6 gives none of an engine with several profiles at the shapes of one of them (seen:
    "invalid encoded reference to a slot"), but layer by layer it does: they are put together then,
    and those that it does not tell of, which are other profiles', are left out.

    The inspector holds Python's lock all the while, some hundred milliseconds for large engines.

    Args:
        library: the full module.
        engine: its ICudaEngine.
        context: an execution context, for the dimensions that it has; None for the engine's own.

    Returns:
        None where TensorRT has no inspector for it; "" where that tells nothing.
    """
    inspector = engine.create_engine_inspector()
    if inspector is None:
        return None
    if context is not None:
        inspector.execution_context = context
    form = library.trt.LayerInformationFormat.JSON
    with library.tape.capture(quietly=True):
        # A null string of C++ comes as None.
        whole = str(inspector.get_engine_information(form) or "")
        if whole.strip():
            return whole
        indices = range(engine.num_layers)
        told = [inspector.get_layer_information(index, form) for index in indices]
        each = [str(text or "").strip() for text in told]
    layers = ", ".join(layer for layer in each if layer)
    if not layers:
        return ""
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    return f'{{"Layers": [{layers}], "Bindings": {json.dumps(names)}}}'
