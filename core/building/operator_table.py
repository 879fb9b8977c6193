"""Which ONNX operators NVIDIA's parser has, by what is published of it.

Sources: onnx-tensorrt's docs/operators.md of TensorRT 8.5, 9.2 and 10.15, and its docs/Changelog.md
up to 10.6; the plugins' names from TensorRT's plugin/README.md and the release notes of 11.0, which
dropped some. What stands in neither is not known here, so that every finding is a likelihood: only
the parser knows (core.building.parser_verdict).
"""

from __future__ import annotations

Version = tuple[int, int]

MAX_OPSET: tuple[tuple[Version, int], ...] = (
    ((7, 2), 13),
    ((8, 5), 17),
    ((9, 0), 19),
    ((10, 0), 20),
    ((10, 15), 24),
)
"""The newest opset that a version's parser was made for, from that version on."""

OLDEST_OPSET = 9
"""Of TensorRT 10's parser; older models are upgraded by onnx.version_converter."""

TENSOR_DTYPES: dict[str, Version] = {
    **dict.fromkeys(
        ("float64", "float32", "float16", "int8", "uint8", "int32", "int64", "bool"), (8, 4)
    ),
    "bfloat16": (9, 0),
    "float8_e4m3fn": (9, 0),
    "int4": (10, 0),
    "float4_e2m1fn": (10, 8),
}
"""ONNX's dtypes that the parser takes for inputs and outputs, and the version that they came with
(the lists at the head of docs/operators.md; INT4 and FP4 by TensorRT's release notes)."""

_SUPPORTED = """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool
    BatchNormalization BlackmanWindow Cast CastLike Ceil Celu Clip Concat Constant ConstantOfShape
    Conv ConvTranspose Cos Cosh CumSum DeformConv DepthToSpace DequantizeLinear Div Dropout Einsum
    Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gelu Gemm
    GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample
    GroupNormalization GRU HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If
    ImageScaler InstanceNormalization IsInf IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log
    LogSoftmax Loop LRN LSTM LpNormalization LpPool MatMul Max MaxPool Mean
    MeanVarianceNormalization Min Mish Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or Pad
    ParametricSoftplus Pow PRelu QuantizeLinear RandomNormal RandomNormalLike RandomUniform
    RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence
    RMSNormalization RNN RoiAlign RotaryEmbedding Round STFT ScaledTanh Scan Scatter
    ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus
    Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh TensorScatter ThresholdedRelu Tile
    TopK Transpose Trilu Unsqueeze Upsample Where Xor
"""
SUPPORTED = frozenset(_SUPPORTED.split())
"""Operators that TensorRT 10.15's parser has."""

SINCE: dict[str, Version] = {
    # 8.5
    "RandomNormal": (8, 5),
    "RandomNormalLike": (8, 5),
    "MeanVarianceNormalization": (8, 5),
    "RoiAlign": (8, 5),
    "Mod": (8, 5),
    "Trilu": (8, 5),
    "GridSample": (8, 5),
    "NonZero": (8, 5),
    "OneHot": (8, 5),
    "Reciprocal": (8, 5),
    "HardSwish": (8, 5),
    # 8.6
    "GroupNormalization": (8, 6),
    "LayerNormalization": (8, 6),
    "IsInf": (8, 6),
    # 9 and 10
    "CastLike": (9, 0),
    "Hardmax": (9, 2),
    "DeformConv": (10, 1),
    "BlackmanWindow": (10, 4),
    "HammingWindow": (10, 4),
    "HannWindow": (10, 4),
    "STFT": (10, 5),
    # Not in 9.2's list, in 10.15's; when in between is not published
    "Gelu": (10, 0),
    "Mish": (10, 0),
    "Attention": (10, 15),
    "RMSNormalization": (10, 15),
    "RotaryEmbedding": (10, 15),
    "TensorScatter": (10, 15),
}
"""The version that an operator came with, where it is not in all of 8.4 to 10.15."""

_PLAIN = "Rewrite it with plainer operators at export, or write a plugin for it (--plugins)."
_SEQUENCES = (
    "Sequences and optional values have no form in TensorRT. Export without them: lists of tensors "
    "as one stacked tensor, scripted loops unrolled (torch.jit.trace or torch.export)."
)
_STRINGS = "TensorRT has no strings: keep text processing outside the model."
_INTEGER = (
    "This is the QOperator form of quantization. Export the QDQ form: QuantizeLinear and "
    "DequantizeLinear around plain operators (onnxruntime.quantization, quant_format=QDQ)."
)
_BITS = "Compute with integer arithmetic (Mul, Div, Mod, Add) instead, or outside the model."
_TRAINING = "It belongs to training: export the model for inference (model.eval())."
_RANDOM = "Draw the numbers outside, and give them to the model as an input."
_SIGNAL = "Compute it outside the model, or as a MatMul or Conv with constant tables."
_POST = "Do this step outside the model, on its outputs."

NEVER: dict[str, str] = {
    "AffineGrid": "Compute the grid outside, or export it as MatMul on a constant base grid.",
    "Bernoulli": _RANDOM,
    "BitShift": _BITS,
    "BitwiseAnd": _BITS,
    "BitwiseNot": _BITS,
    "BitwiseOr": _BITS,
    "BitwiseXor": _BITS,
    "Col2Im": "Export Fold as ConvTranspose with a constant kernel, or write a plugin.",
    "CenterCropPad": "Export it as Slice and Pad with fixed sizes.",
    "Compress": "Use Where, or NonZero and GatherND (TensorRT 8.5), or select outside the model.",
    "ConcatFromSequence": _SEQUENCES,
    "ConvInteger": _INTEGER,
    "DFT": _SIGNAL,
    "Det": _PLAIN,
    "DynamicQuantizeLinear": "Quantize statically: QuantizeLinear with constant scales.",
    "ImageDecoder": "Decode pictures outside the model.",
    "MatMulInteger": _INTEGER,
    "MaxRoiPool": "Use RoiAlign (TensorRT 8.5), or write a plugin.",
    "MaxUnpool": "Export it with Resize or ConvTranspose, or write a plugin.",
    "MelWeightMatrix": _SIGNAL,
    "Multinomial": _RANDOM,
    "NegativeLogLikelihoodLoss": _TRAINING,
    "Optional": _SEQUENCES,
    "OptionalGetElement": _SEQUENCES,
    "OptionalHasElement": _SEQUENCES,
    "QLinearConv": _INTEGER,
    "QLinearMatMul": _INTEGER,
    "RegexFullMatch": _STRINGS,
    "SequenceAt": _SEQUENCES,
    "SequenceConstruct": _SEQUENCES,
    "SequenceEmpty": _SEQUENCES,
    "SequenceErase": _SEQUENCES,
    "SequenceInsert": _SEQUENCES,
    "SequenceLength": _SEQUENCES,
    "SequenceMap": _SEQUENCES,
    "SoftmaxCrossEntropyLoss": _TRAINING,
    "SplitToSequence": _SEQUENCES,
    "StringConcat": _STRINGS,
    "StringNormalizer": _STRINGS,
    "StringSplit": _STRINGS,
    "TfIdfVectorizer": _STRINGS,
    "Unique": _POST,
}
"""Operators that no version up to 10.15 has, with the known way out."""

QUANTIZED_PREFIXES = ("QLinear", "QAttention", "QGemm", "DynamicQuantize", "MatMulInteger")
QUANTIZED_WAY_OUT = _INTEGER

OLDER_WAY_OUT: dict[str, str] = {
    "NonMaxSuppression": "Use TensorRT 8.5 or newer, or leave NMS out of the export and append "
    "EfficientNMS_TRT, which is a plugin of TensorRT's own; or do NMS outside the model.",
    "GridSample": "Use TensorRT 8.5 or newer, or a grid-sample plugin (--plugins).",
    "LayerNormalization": "Use TensorRT 8.6 or newer, or export with opset 16, which writes it as "
    "ReduceMean, Sub, Pow, Sqrt and Div.",
    "GroupNormalization": "Use TensorRT 8.6 or newer, or export with opset 17, which writes it as "
    "InstanceNormalization.",
    "Gelu": "Use TensorRT 10 or newer, or export with opset 17, which writes it with Erf.",
    "Mish": "Use TensorRT 10 or newer, or export with opset 17, which writes it as Softplus and "
    "Tanh.",
    "Attention": "Export with opset 20 or older, which writes it as MatMul and Softmax.",
    "RMSNormalization": "Export with opset 20 or older, which writes it with plain operators.",
    "RotaryEmbedding": "Export with opset 20 or older, which writes it with plain operators.",
}
"""The way out for an operator that came with a newer version, beside that version."""

_PLUGINS = """
    BatchedNMS_TRT BatchedNMSDynamic_TRT BatchTilePlugin_TRT Clip_TRT CoordConvAC CropAndResize
    CropAndResizeDynamic CustomEmbLayerNormPluginDynamic CustomFCPluginDynamic
    CustomGeluPluginDynamic CustomQKVToContextPluginDynamic CustomSkipLayerNormPluginDynamic
    DecodeBbox3DPlugin DetectionLayer_TRT DisentangledAttention_TRT EfficientNMS_TRT
    EfficientNMS_ONNX_TRT EfficientNMS_Explicit_TF_TRT EfficientNMS_Implicit_TF_TRT
    FlattenConcat_TRT GenerateDetection_TRT GridAnchor_TRT GridAnchorRect_TRT
    InstanceNormalization_TRT LReLU_TRT ModulatedDeformConv2d MultilevelCropAndResize_TRT
    MultilevelProposeROI_TRT MultiscaleDeformableAttnPlugin_TRT NMS_TRT NMSDynamic_TRT
    Normalize_TRT PillarScatterPlugin PriorBox_TRT ProposalDynamic ProposalLayer_TRT Proposal
    PyramidROIAlign_TRT Region_TRT Reorg_TRT ResizeNearest_TRT ROIAlign_TRT RPROI_TRT
    SingleStepLSTMPlugin SpecialSlice_TRT VoxelGeneratorPlugin
"""
PLUGINS = frozenset(_PLUGINS.split())
"""Plugins that come with TensorRT 8 and 10; the parser takes a node of such a name for it."""

_GONE_IN_11 = """
    BatchTilePlugin_TRT Clip_TRT CoordConvAC CropAndResize CropAndResizeDynamic
    CustomGeluPluginDynamic LReLU_TRT Normalize_TRT SingleStepLSTMPlugin SpecialSlice_TRT NMS_TRT
    NMSDynamic_TRT Proposal ProposalDynamic
"""
GONE_IN_11 = frozenset(_GONE_IN_11.split())
"""Those that TensorRT 11.0 dropped."""

OWN_PREFIX = "TRT_"
"""Operators that the parser itself knows beside ONNX's: TRT_FP8QuantizeLinear and the like."""
