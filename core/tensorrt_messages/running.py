"""What TensorRT says when it does not run an engine, or does not build one."""

from __future__ import annotations

from core.errors import CudaError, InputError
from core.tensorrt_messages.message import known

_DIMS = r"\[[-\d, ]{1,99}\]"
_TENSOR = r"[^\s()]{1,200}"
_OUTSIDE = (
    "[Tensor {tensor} with shape {shape}|A tensor with shape {shape}|The shape of an input] is "
    "outside the optimization profiles[: profile {profile} takes {least_shape} to {most_shape}|"
    ": axis {axis} takes {least} to {most}]."
)
_WITHIN = "Give a shape that lies within a profile, or build the engine again with a wider one."
_OPERATOR = "TensorRT's ONNX parser knows no operator [{operator}|of that name]."
_OPERATOR_HINT = (
    "Export the model with plainer operators or another opset, or load the plugin library that "
    "has this one."
)

RUNNING = (
    known(
        "profile-in-use",
        r"profile (?P<profile>\d+) has been chosen by another IExecutionContext",
        "Profile {profile} of {engine} is in use by another execution context.",
        "Close the other session, or build the engine with a profile for each; from TensorRT 10 on "
        "they share one.",
    ),
    known(
        "input-profile",
        rf"set dimensions? (?P<shape>{_DIMS}) for tensor (?P<tensor>{_TENSOR}) does not satisfy any"
        r"|does not satisfy any optimization profile"
        rf"|valid range for profile (?P<profile>\d+): (?P<least_shape>{_DIMS})\.\."
        rf"(?P<most_shape>{_DIMS})",
        _OUTSIDE,
        _WITHIN,
        error=InputError,
    ),
    known(
        "input-profile",
        rf"supplied binding (?:dimension|shape)s? (?P<shape>{_DIMS}) for bindings\[\d+\]"
        r"|exceed min ~ max range at index (?P<axis>\d+), maximum \w+ in profile is (?P<most>-?\d+)"
        r", minimum \w+ in profile is (?P<least>-?\d+)",
        _OUTSIDE,
        _WITHIN,
        error=InputError,
    ),
    known(
        "input-shape",
        rf"static dimension mismatch(?: while setting input shape for (?P<tensor>{_TENSOR})\. Set "
        rf"dimensions are (?P<shape>{_DIMS})\. Expected dimensions are "
        rf"(?P<expected_shape>{_DIMS}))?",
        "[Tensor {tensor} is given with shape {shape}; the engine takes {expected_shape}|An input "
        "has a shape that the engine does not take].",
        "Give the shape that the tensor table shows, or build the engine again with a free "
        "dimension.",
        error=InputError,
    ),
    known(
        "input-shape",
        r"allInputDimensionsSpecified|allInputShapesSpecified|not all input (?:dimension|shape)s",
        "Not every input of {engine} has been given a shape.",
        "Give an array for each input.",
        error=InputError,
    ),
    known(
        "tensor-without-memory",
        r"(?:address is not set for input|neither address n?or allocator is set for output) tensor "
        rf"(?P<tensor>{_TENSOR})",
        "Tensor {tensor} of {engine} was given no memory.",
        "This is a mistake in Enginebay. Please report it, with the details.",
    ),
    known(
        "not-capturable",
        r"not stream capturable|when stream is capturing|depend on a capturing",
        "{engine} cannot be captured as a CUDA graph.",
        "Run it without one: its shapes depend on data, or it waits for the GPU while it runs.",
    ),
    known(
        "weight-streaming",
        r"weight streaming budget cannot be modified",
        "The weight streaming budget of {engine} cannot be changed while it is open for running.",
        "Close the other sessions of this engine, then open it again.",
    ),
    known(
        "other-cuda-context",
        r"invalid resource handle|invalid device context|context is destroyed",
        "{engine} was used in another CUDA context than the one it was loaded in.",
        "Something else in this process uses CUDA by itself; run the engine without it.",
        error=CudaError,
    ),
)

BUILDING = (
    known(
        "no-implementation",
        r"could not find any implementation for node (?P<layer>.{1,400})",
        "TensorRT has no kernel here for layer {layer}.",
        "Free memory on the GPU, as kernels that need more than is free are passed over; or "
        "simplify that part of the ONNX, or use another TensorRT.",
    ),
    known(
        "no-profile",
        r"no optimization profile has been defined|dynamic input is missing dimensions in profile "
        r"(?P<profile>\d+)|optimization profile is missing values",
        "The model has inputs with free dimensions[, and profile {profile} leaves one out|, and no "
        "profile that sets them].",
        "Give each such input a minimum, an optimum and a maximum shape.",
    ),
    known(
        "bad-profile",
        r"must satisfy MIN ?<= ?OPT ?<= ?MAX",
        "A profile does not hold together.",
        "Minimum, optimum and maximum must not decrease in any dimension.",
    ),
    known(
        "bad-profile",
        r"\bk(?P<limit>MIN|OPT|MAX) values for profile (?P<profile>\d+) violate shape constraints"
        r"(?:: (?P<reason>.{1,400}))?",
        "The model cannot have the {limit} shapes of profile {profile}[: {reason}].",
        "Give shapes that the whole model can take, for instance multiples of its stride.",
    ),
    known(
        "shape-tensor-type",
        r"(?P<tensor>[^\s()]{1,200}): (?:network input that is )?shape tensor must have type "
        r"(?P<dtype>\w{1,20})",
        "Tensor {tensor} decides a shape, so this TensorRT wants it as {dtype}.",
        "Make it a constant in the ONNX or change its type; a Resize then takes sizes instead of "
        "float scales. TensorRT 10 takes Int64 too.",
    ),
    known(
        "unsupported-operator",
        r"no importer registered for op: (?P<operator>\w{1,200})",
        _OPERATOR,
        _OPERATOR_HINT,
    ),
    known(
        "unsupported-operator",
        r"operator: (?P<operator>\w{1,200}) \(.{0,200}plugin not found, are the plugin name"
        r"|plugin not found, are the plugin name",
        _OPERATOR,
        _OPERATOR_HINT,
    ),
)
