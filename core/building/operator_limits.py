"""Operators that NVIDIA's parser has, but not in every form: what the file tells of that.

Source: the restrictions in onnx-tensorrt's docs/operators.md, of the versions in operator_table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from core.building.operator_table import Version
from core.modelfile.onnx_messages import StoredTensor
from core.modelfile.onnx_nodes import OnnxNode

_OPEN = ("GRU", "LSTM", "RNN")


class Limit(NamedTuple):
    """A form of an operator that is likely refused (`is_refused`), or bounded."""

    reason: str
    way_out: str
    is_refused: bool = True


class Surroundings(NamedTuple):
    """What is known beside a node."""

    weights: Mapping[str, StoredTensor]
    constants: frozenset[str]  # names of values that do not depend on an input, so far as seen
    version: Version | None  # of the TensorRT that is to build; None where it is not known
    is_dynamic: bool  # whether an input has a free dimension: else shapes are known at build time


def limits_of(node: OnnxNode, around: Surroundings) -> Iterator[Limit]:
    """The limits that a node runs into."""
    look = _LOOKS.get(node.operator)
    if look is not None:
        yield from look(node, around)


def _resize(node: OnnxNode, around: Surroundings) -> Iterator[Limit]:
    found = node.attributes
    mode = found.get("mode", "nearest")
    if mode not in ("nearest", "linear"):
        yield Limit(
            f"the resize mode {mode!r} is not in NVIDIA's list (nearest, linear)",
            "Export with mode linear, or resize outside the model.",
        )
    transformation = found.get("coordinate_transformation_mode", "half_pixel")
    if transformation in ("tf_crop_and_resize", "half_pixel_symmetric"):
        yield Limit(
            f"the coordinate transformation {transformation!r} is not supported",
            "Export with half_pixel, asymmetric or align_corners.",
        )
    if found.get("antialias"):
        yield Limit("antialiasing is not supported", "Export with antialias off (antialias=False).")
    if found.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        yield Limit("only the aspect ratio policy stretch is supported", "Give both sizes.")
    sized = [name for name in node.inputs[2:4] if name]
    is_old = around.version is None or around.version < (10, 0)
    if is_old and around.is_dynamic and any(name not in around.constants for name in sized):
        yield Limit(
            "its scales or sizes are computed at run time, which TensorRT 8 takes only where it "
            "can work them out from shapes",
            "Fix the input's size at export, give constant scales, or simplify the model "
            "(onnxsim, polygraphy surgeon sanitize --fold-constants). TensorRT 10 takes more.",
            is_refused=False,
        )


def _grid_sample(_node: OnnxNode, _around: Surroundings) -> Iterator[Limit]:
    yield Limit(
        "it takes 4-D input only (pictures, no volumes)",
        "For volumes use a plugin (--plugins).",
        is_refused=False,
    )


def _nms(_node: OnnxNode, around: Surroundings) -> Iterator[Limit]:
    if around.version is not None and around.version < (8, 5):
        return  # said by the table
    yield Limit(
        "its output has as many rows as boxes are kept, known only when it has run",
        "That works, but blocks the host and CUDA graphs. For speed leave NMS out of the export "
        "and append EfficientNMS_TRT, or do NMS outside the model.",
        is_refused=False,
    )


def _max_pool(node: OnnxNode, _around: Surroundings) -> Iterator[Limit]:
    if len(node.outputs) > 1 and node.outputs[1]:
        yield Limit("its second output, Indices, is not supported", "Export without indices.")
    yield from _dilated(node)


def _pool(node: OnnxNode, _around: Surroundings) -> Iterator[Limit]:
    yield from _dilated(node)


def _dilated(node: OnnxNode) -> Iterator[Limit]:
    dilations = node.attributes.get("dilations")
    if isinstance(dilations, list) and any(one != 1 for one in dilations):
        yield Limit("dilated pooling is not supported", "Pool without dilation.")


def _recurrent(node: OnnxNode, _around: Surroundings) -> Iterator[Limit]:
    if node.attributes.get("layout"):
        yield Limit("layout 1 (batch first) is not supported", "Export with batch_first=False.")
    if node.attributes.get("input_forget"):
        yield Limit("input_forget is not supported", "Export without coupled gates.")


def _scatter_nd(node: OnnxNode, _around: Surroundings) -> Iterator[Limit]:
    reduction = node.attributes.get("reduction", "none")
    if reduction != "none":
        yield Limit(
            f"the reduction {reduction!r} is not supported",
            "Use ScatterElements, which takes reductions from TensorRT 10 on.",
        )


def _top_k(node: OnnxNode, around: Surroundings) -> Iterator[Limit]:
    if node.attributes.get("sorted") == 0:
        yield Limit("sorted must be 1", "Export with sorted=True.")
    count = node.inputs[1] if len(node.inputs) > 1 else ""
    if around.version is not None and around.version < (8, 6) and count not in around.constants:
        yield Limit("K must be constant before TensorRT 8.6", "Fix K, or use TensorRT 8.6.")


def _loop(_node: OnnxNode, _around: Surroundings) -> Iterator[Limit]:
    yield Limit(
        "what it carries must keep its shape, and its scan outputs need a known length",
        "Unroll the loop at export where it has a fixed number of turns.",
        is_refused=False,
    )


def _if(_node: OnnxNode, _around: Surroundings) -> Iterator[Limit]:
    yield Limit(
        "both branches must give tensors of the same rank",
        "Export the branch that is used (torch.jit.trace), or fold the condition: onnxsim, "
        "polygraphy surgeon sanitize --fold-constants.",
        is_refused=False,
    )


def _quantizer(node: OnnxNode, around: Surroundings) -> Iterator[Limit]:
    zero = around.weights.get(node.inputs[2]) if len(node.inputs) > 2 else None
    if zero is not None and zero.dtype in ("uint8", "uint16", "int16", "uint4"):
        yield Limit(
            f"it quantizes to {zero.dtype}; TensorRT takes INT8, FP8 and INT4, zero point 0",
            "Quantize symmetrically to INT8 (ActivationSymmetric, WeightSymmetric, QInt8), or with "
            "NVIDIA's ModelOpt.",
        )


def _constant(node: OnnxNode, _around: Surroundings) -> Iterator[Limit]:
    for name in ("value_string", "value_strings", "sparse_value"):
        if name in node.attributes:
            yield Limit(f"{name} is not supported", "Keep text and sparse tensors outside.")


def _layer_norm(node: OnnxNode, _around: Surroundings) -> Iterator[Limit]:
    if any(node.outputs[1:]):
        yield Limit("only its first output is supported", "Export for inference (model.eval()).")


def _cum_sum(node: OnnxNode, around: Surroundings) -> Iterator[Limit]:
    if len(node.inputs) > 1 and node.inputs[1] not in around.constants:
        yield Limit("its axis must be constant", "Fix the axis at export.")


def _cast(node: OnnxNode, _around: Surroundings) -> Iterator[Limit]:
    to: Any = node.attributes.get("to")
    if to == 8:  # TensorProto.STRING
        yield Limit("it makes strings, which TensorRT has not", "Do it outside the model.")


_LOOKS = {
    "Resize": _resize,
    "Upsample": _resize,
    "GridSample": _grid_sample,
    "NonMaxSuppression": _nms,
    "MaxPool": _max_pool,
    "AveragePool": _pool,
    "LpPool": _pool,
    "ScatterND": _scatter_nd,
    "TopK": _top_k,
    "Loop": _loop,
    "If": _if,
    "QuantizeLinear": _quantizer,
    "DequantizeLinear": _quantizer,
    "Constant": _constant,
    "LayerNormalization": _layer_norm,
    "CumSum": _cum_sum,
    "Cast": _cast,
} | dict.fromkeys(_OPEN, _recurrent)
