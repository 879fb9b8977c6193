"""Layers as tests need them, written as TensorRT and trtexec write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_TYPES = ("Convolution", "PointWise", "Reformat", "kgen", "Shuffle", "Pooling")


def layer_json(count: int, *, long_names: bool = False) -> dict[str, Any]:
    """A detailed layer information of TensorRT 10: a chain with a second branch every ten layers.

    Layer k reads what layer k - 1 wrote, and where k is a multiple of ten also what k - 5 wrote.
    """
    layers = []
    for k in range(count):
        name = f"/model.{k // 10}/cv{k % 10}/conv/Conv"
        if long_names:
            name = " + ".join(f"/backbone/stage{k % 4}/blocks.{k}/part{n}/Conv" for n in range(6))
        inputs = ["images" if k == 0 else f"t{k - 1}"] + (
            [f"t{k - 5}"] if k and k % 10 == 0 else []
        )
        kind = _TYPES[k % len(_TYPES)]
        half = k % 3 != 0
        layers.append(
            {
                "Name": f"{name} {k}",
                "LayerType": kind,
                "Inputs": [_tensor(one, half=half) for one in inputs],
                "Outputs": [_tensor(f"t{k}", half=half)],
                "TacticName": f"sm80_xmma_fprop_implicit_gemm_{k}",
                "TacticValue": f"0x{k:016x}",
                "Metadata": f"[ONNX Layer: {name}]",
                **({"Weights": _weights(k)} if kind == "Convolution" else {}),
            }
        )
    return {"Layers": layers, "Bindings": ["images", f"t{count - 1}"]}


def profile_json(count: int, *, long_names: bool = False) -> list[dict[str, Any]]:
    """Times of those layers, as trtexec writes them: layer k takes 0.01 x (1 + k mod 7) ms."""
    layers = layer_json(count, long_names=long_names)["Layers"]
    times = [0.01 * (1 + k % 7) for k in range(count)]
    return [
        {"count": 20},
        *(
            {
                "name": layer["Name"],
                "timeMs": 20 * ms,
                "averageMs": ms,
                "medianMs": ms,
                "percentage": 100 * ms / sum(times),
            }
            for layer, ms in zip(layers, times, strict=True)
        ),
    ]


def write_json(path: Path, value: object) -> Path:
    """Write a JSON file; gives its path."""
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def _tensor(name: str, *, half: bool) -> dict[str, Any]:
    kind = "FP16" if half else "FP32"
    return {
        "Name": name,
        "Location": "Device",
        "Dimensions": [1, 64, 80, 80],
        "Format/Datatype": f"Row major linear {kind}",
    }


def _weights(k: int) -> dict[str, Any]:
    return {"Type": "Half" if k % 3 else "Float", "Count": 1000 * (k + 1)}
