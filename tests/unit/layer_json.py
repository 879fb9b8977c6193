"""The inspector's and trtexec's JSON, written as TensorRT does: shapes and phrases of real files.

The engine is the same in both schemas: a reformat of the input to FP16, two FP16 convolutions
with an FP32 softmax between them, and a reformat back.
"""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

LINEAR32 = "Row major linear FP32"
LINEAR16 = "Row major linear FP16 format"
CHANNELS16 = "Channel major FP16 format where C % 8 == 0"

NAMES = (
    "Reformatting CopyNode for Input Tensor 0 to conv1 + relu1",
    "conv1 + relu1",
    "softmax",
    "conv2",
    "Reformatting CopyNode for Output Tensor 0 to conv2",
)
TENSORS = ("images", "images copy", "relu1_out", "softmax_out", "conv2_out", "output")
# What comes out of each layer; the input is LINEAR32 too.
PHRASES = (CHANNELS16, CHANNELS16, LINEAR32, CHANNELS16, LINEAR32)
DIMS = ([1, 3, 8, 8], [1, 3, 8, 8], [1, 16, 8, 8], [1, 16, 8, 8], [1, 4, 8, 8], [1, 4, 8, 8])
FIELDS: tuple[Json, ...] = (
    {"LayerType": "Reformat", "ParameterType": "Reformat", "Origin": "REFORMAT"},
    {
        "LayerType": "CaskConvolution",
        "ParameterType": "Convolution",
        "Kernel": [3, 3],
        "OutMaps": 16,
        "Weights": {"Type": "Half", "Count": 432},
        "Bias": {"Type": "Half", "Count": 16},
        "Activation": "RELU",
        "TacticName": "sm80_xmma_fprop_implicit_gemm",
        "TacticValue": "0x11bde0e1d9f2f35d",
        "Metadata": "[ONNX Layer: /conv1/Conv]\x1e[ONNX Layer: /relu1/Relu]",
    },
    {"LayerType": "CaskSoftMaxV2", "ParameterType": "SoftMax", "TacticValue": "0x3e9"},
    {
        "LayerType": "CaskConvolution",
        "ParameterType": "Convolution",
        "Weights": {"Type": "Half", "Count": 64},
        "Bias": {"Type": "Float", "Count": 4},
        "TacticName": "sm80_xmma_fprop",
    },
    {"LayerType": "Reformat", "ParameterType": "Reformat", "Origin": "REFORMAT"},
)
TIMES = (0.010, 0.050, 0.020, 0.015, 0.005)  # ms a run: 0.1 in all


def _tensor_10(place: int) -> Json:
    phrase = LINEAR32 if place == 0 else PHRASES[place - 1]
    return {
        "Name": TENSORS[place],
        "Location": "Device",
        "Dimensions": DIMS[place],
        "Format/Datatype": phrase,
    }


def _tensor_11(place: int) -> Json:
    is_half = place > 0 and "FP16" in PHRASES[place - 1]
    return {
        "Name": TENSORS[place],
        "Dimensions": DIMS[place],
        "Format": "CHANNEL_LAST" if is_half else "Linear",
        "Datatype": "half" if is_half else "FLOAT",
    }


def _layers(tensor: Any) -> list[Json]:
    return [
        {"Name": name, **FIELDS[place], "Inputs": [tensor(place)], "Outputs": [tensor(place + 1)]}
        for place, name in enumerate(NAMES)
    ]


def of_10() -> Json:
    """TensorRT 8.2 to 10."""
    return {"Layers": _layers(_tensor_10), "Bindings": ["images", "output"]}


def of_11() -> Json:
    """TensorRT 11: its keys are those in libnvinfer_lean.so of 11.4, where the inspector is too."""
    return {
        "ProfilingVerbosity": "DETAILED",
        "Layers": _layers(_tensor_11),
        "I/O Tensors": [
            {
                "Name": TENSORS[place],
                "IOMode": mode,
                "DataType": "Float",
                "Dimensions": DIMS[place],
                "Location": "Device",
                "IsShapeInferenceIO": False,
                "ProfileInfo": [
                    {
                        **dict.fromkeys(("MinShape", "OptShape", "MaxShape"), DIMS[place]),
                        "Format": "Row major linear FP32 format (kLINEAR)",
                    }
                ],
            }
            for place, mode in ((0, "INPUT"), (5, "output"))
        ],
        "Engine Metadata": {"Multi-Device": "Disabled"},
    }


def profile(times: dict[str, float] | None = None, runs: int = 200) -> list[Json]:
    """trtexec's --exportProfile; by default TIMES for NAMES."""
    times = dict(zip(NAMES, TIMES, strict=True)) if times is None else times
    total = sum(times.values())
    return [
        {"count": runs},
        *(
            {
                "name": name,
                "timeMs": ms * runs,
                "averageMs": ms,
                "medianMs": ms * 0.9,
                "percentage": ms / total * 100,
            }
            for name, ms in times.items()
        ),
    ]


def text(value: Any) -> str:
    """As TensorRT writes it: control characters are not escaped."""
    return json.dumps(value).replace("\\u001e", "\x1e").replace("\\u001f", "\x1f")
