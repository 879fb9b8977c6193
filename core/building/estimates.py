"""How large an engine will be, and how much memory its build takes, from the weights alone.

These are lower ends: kernels, tactics and activations come on top, and which they are only the
build shows. TensorRT keeps a copy of the weights in host memory while it builds, as the parser
gives them, and one on the GPU while kernels are tried (TensorRT's developer guide, "Build-phase
memory").
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from core.layers.dtype_words import is_number
from core.tensors import bits_of, bytes_text

_ASKED_BITS = {"int8": 8, "fp8": 8, "fp16": 16, "bf16": 16, "best": 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Bytes.

    Attributes:
        engine: weights in the engine, from where every one is in the precision that was asked
            for, to where none is.
        host: at least so much of the machine's memory.
        gpu: at least so much of the GPU's, without the workspace.
    """

    engine: tuple[int, int]
    host: int
    gpu: int

    def as_json(self) -> dict[str, object]:
        """The object `estimate` of a check."""
        return {"engine_bytes": list(self.engine), "host_bytes": self.host, "gpu_bytes": self.gpu}

    def sentence(self) -> str:
        """For people."""
        if not self.engine[1]:
            return (
                "The model has no weights to speak of: its engine will be kernels alone, of some "
                "MB, and its build takes the memory of CUDA, TensorRT and the workspace."
            )
        low, high = map(bytes_text, self.engine)
        size = low if low == high else f"{low} to {high}"
        return (
            f"The engine will have about {size} of weights, and kernels of some MB beside them. "
            f"For weights alone the build takes {bytes_text(self.host)} of memory and "
            f"{bytes_text(self.gpu)} of the GPU's; CUDA, TensorRT and the workspace come on top."
        )


def estimate(elements: Mapping[str, int], precision: Collection[str] = ()) -> Estimate:
    """Work out sizes from the number of weights.

    Args:
        elements: how many, by dtype.
        precision: names as BuildOptions.precision has them.
    """
    asked = min((_ASKED_BITS[one] for one in precision if one in _ASKED_BITS), default=32)
    low = high = 0
    for dtype, count in elements.items():
        bits = bits_of(dtype) or 0
        if dtype == "float64":
            bits = 32  # TensorRT casts it
        high += count * bits
        low += count * (min(bits, asked) if is_number(dtype) else bits)
    low_bytes, high_bytes = (low + 7) // 8, (high + 7) // 8
    return Estimate(
        engine=(low_bytes, high_bytes),
        host=2 * high_bytes + low_bytes,  # the ONNX and the network; then the engine
        gpu=high_bytes + low_bytes,
    )
