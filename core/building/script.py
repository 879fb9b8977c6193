"""A build as a Python script that needs the tensorrt module alone, right for its version."""

from __future__ import annotations

from pathlib import Path

from core.building.flag_versions import SHARED, TYPED, cast_words, numbers_of, of_version
from core.building.memory import WORKSPACE_SHARE
from core.building.options import BuildOptions

_LEVELS = {
    "ampere-plus": "AMPERE_PLUS",
    "same-compute-capability": "SAME_COMPUTE_CAPABILITY",
}

_CALIBRATOR = '''

class KeptRanges(trt.IInt8EntropyCalibrator2):
    """The ranges that Enginebay took from pictures; it keeps them in its cache folder."""

    def __init__(self):
        trt.IInt8EntropyCalibrator2.__init__(self)

    def get_batch_size(self):
        return 1

    def get_batch(self, names):
        return None

    def read_calibration_cache(self):
        with open("calibration.cache", "rb") as file:
            return file.read()

    def write_calibration_cache(self, cache):
        pass
'''


def python_script(onnx: Path, target: Path, options: BuildOptions, version: str) -> str:
    """A script that builds the same with the TensorRT of a version.

    What that version lacks is left out, and said in comments.

    Args:
        onnx: the model.
        target: the engine.
        options: see BuildOptions.
        version: of TensorRT, "10.3.0".
    """
    has = numbers_of(version)
    options, missing = of_version(options, version)
    typed = has >= TYPED or options.strongly_typed
    low = next((name for name in ("fp16", "bf16") if name in options.precision), None)
    source = onnx
    remarks = [f"# TensorRT {version} has no {flag}, so it is left out." for flag in missing]
    if typed and low is not None:
        source = onnx.with_name(f"{onnx.stem}-{low}.onnx")
        remarks += [
            "# Precision comes from the ONNX. Cast it first, with NVIDIA's ModelOpt:",
            f"#   python -m modelopt.onnx.autocast --onnx_path {str(onnx)!r} "
            f"--output_path {str(source)!r} --low_precision_type {low} --keep_io_types",
        ]
    remarks += [f"# {one}" for one in cast_words(options)] if typed else []
    if "int8" in options.precision and options.calibration is None and not typed:
        remarks.append("# INT8 needs Q/DQ nodes in the ONNX: there are no other ranges.")
    is_calibrated = options.calibration is not None and not typed
    imports = [
        *(["import ctypes"] if options.plugins else []),
        *(["import json"] if options.metadata else []),
        *(["import os"] if options.timing_cache_file else []),
        *(["import struct"] if options.metadata else []),
        *(["import sys", "", "import tensorrt as trt"]),
    ]
    lines = [
        f"# Builds {target.name!r} from {onnx.name!r} with TensorRT {version}.",
        *remarks,
        *imports,
        *(_CALIBRATOR.splitlines() if is_calibrated else []),
        *(["", ""] if is_calibrated else [""]),
        "logger = trt.Logger(trt.Logger.WARNING)",
        'trt.init_libnvinfer_plugins(logger, "")',
        *_plugins(options, has),
        "builder = trt.Builder(logger)",
        f"network = builder.create_network({_network_flags(options, has)})",
        "parser = trt.OnnxParser(network, logger)",
        *_parser_flags(options, has),
        f"if not parser.parse_from_file({str(source)!r}):",
        "    sys.exit(chr(10).join(str(parser.get_error(i)) for i in range(parser.num_errors)))",
        "config = builder.create_builder_config()",
        *_configuration(options, has),
        *([] if typed else _precision(options, has)),
        *(["config.int8_calibrator = calibrator = KeptRanges()"] if is_calibrated else []),
        *_profiles(options),
        *_timing_cache(options),
        "plan = builder.build_serialized_network(network, config)",
        "if plan is None:",
        '    sys.exit("TensorRT could not build the engine; its log says why.")',
        f"with open({str(target)!r}, 'wb') as file:",
        *_metadata(options),
        "    file.write(plan)",
        *_kept_cache(options),
    ]
    return "\n".join(lines) + "\n"


def _plugins(options: BuildOptions, has: tuple[int, ...]) -> list[str]:
    lines = []
    for path in options.plugins:
        lines.append(f"library = ctypes.CDLL({str(path)!r}, mode=ctypes.RTLD_GLOBAL)")
        if has >= (8, 6):  # newer libraries are asked by the registry
            lines += [
                'if hasattr(library, "getCreators") or hasattr(library, "getPluginCreators"):',
                f"    trt.get_plugin_registry().load_library({str(path)!r})",
            ]
    return lines


def _network_flags(options: BuildOptions, has: tuple[int, ...]) -> str:
    if has >= TYPED:
        return "0"
    names = ["EXPLICIT_BATCH"] + (["STRONGLY_TYPED"] if options.strongly_typed else [])
    return " | ".join(f"1 << int(trt.NetworkDefinitionCreationFlag.{name})" for name in names)


def _parser_flags(options: BuildOptions, has: tuple[int, ...]) -> list[str]:
    """See core.building.configure.set_parser_flags; the flags are there from 8.6 on."""
    is_portable = options.version_compatible or options.hardware_compatibility != "none"
    if has < (8, 6) or not is_portable:
        return []
    return ["parser.set_flag(trt.OnnxParserFlag.NATIVE_INSTANCENORM)"]


def _configuration(options: BuildOptions, has: tuple[int, ...]) -> list[str]:
    verbosity = options.profiling_verbosity.upper()
    lines = [f"config.profiling_verbosity = trt.ProfilingVerbosity.{verbosity}"]
    if options.workspace_bytes is None:
        lines.append(
            f"# Enginebay limits the workspace to {WORKSPACE_SHARE:.0%} of the GPU memory that is "
            "free."
        )
    else:
        pool = "trt.MemoryPoolType.WORKSPACE"
        lines.append(f"config.set_memory_pool_limit({pool}, {options.workspace_bytes})")
    if options.optimization_level is not None:
        lines.append(f"config.builder_optimization_level = {options.optimization_level}")
    level = _LEVELS.get(options.hardware_compatibility)
    if level is not None:
        name = f"trt.HardwareCompatibilityLevel.{level}"
        lines.append(f"config.hardware_compatibility_level = {name}")
    flags = (
        (options.version_compatible, "VERSION_COMPATIBLE"),
        (options.exclude_lean_runtime, "EXCLUDE_LEAN_RUNTIME"),
        (options.strip_weights, "STRIP_PLAN"),
        (options.strip_weights and not options.refit, "REFIT_IDENTICAL"),
        (options.refit, "REFIT"),
        (options.sparsity, "SPARSE_WEIGHTS"),
        (options.gpu_fallback, "GPU_FALLBACK"),
        (not options.timing_cache, "DISABLE_TIMING_CACHE"),
        ("tf32" in options.precision, "TF32"),
    )
    lines += [f"config.set_flag(trt.BuilderFlag.{name})" for is_on, name in flags if is_on]
    if "fp32" in options.precision:
        lines.append("config.clear_flag(trt.BuilderFlag.TF32)")
    if options.version_compatible:
        lines += [
            "used = parser.get_used_vc_plugin_libraries()",
            "if used:",
            "    config.plugins_to_serialize = used",
        ]
    if options.dla_core is not None:
        lines += [
            "config.default_device_type = trt.DeviceType.DLA",
            f"config.DLA_core = {options.dla_core}",
        ]
    if (8, 6) <= has < SHARED:
        sharing = "trt.PreviewFeature.PROFILE_SHARING_0806"
        lines.append(f"config.set_preview_feature({sharing}, True)")
    return lines


def _precision(options: BuildOptions, has: tuple[int, ...]) -> list[str]:
    def lets(name: str) -> str:
        return f"config.set_flag(trt.BuilderFlag.{name.upper()})"

    names = [name for name in ("fp16", "bf16", "int8", "fp8") if name in options.precision]
    if "best" not in options.precision:
        return [lets(name) for name in names]
    lines = [lets(name) for name in dict.fromkeys(["fp16", *names])]
    if has >= (10, 0) and "bf16" not in names:
        lines.append(f"{lets('bf16')}  # leave it out before Ampere")
    if {"int8", "fp8"} & set(names):
        return lines
    if options.calibration is not None:
        return [*lines, lets("int8")]
    layers = (
        "network.get_layer(i).type == trt.LayerType.QUANTIZE for i in range(network.num_layers)"
    )
    return [*lines, f"if any({layers}):", f"    {lets('int8')}"]


def _profiles(options: BuildOptions) -> list[str]:
    lines = []
    for profile in options.profiles:
        lines.append("profile = builder.create_optimization_profile()")
        for name, limits in profile.items():
            shapes = f"{list(limits.min)}, {list(limits.opt)}, {list(limits.max)}"
            lines.append(f"limits = ({name!r}, {shapes})")
            lines += [
                "inputs = [network.get_input(i) for i in range(network.num_inputs)]",
                "if next(one for one in inputs if one.name == limits[0]).is_shape_tensor:",
                "    profile.set_shape_input(*limits)",
                "else:",
                "    profile.set_shape(*limits)",
            ]
        lines.append("config.add_optimization_profile(profile)")
    return lines


def _timing_cache(options: BuildOptions) -> list[str]:
    path = options.timing_cache_file
    if path is None:
        return []
    return [
        'measured = b""',
        f"if os.path.exists({str(path)!r}):",
        f"    with open({str(path)!r}, 'rb') as file:",
        "        measured = file.read()",
        "config.set_timing_cache(config.create_timing_cache(measured), False)",
    ]


def _kept_cache(options: BuildOptions) -> list[str]:
    if options.timing_cache_file is None:
        return []
    return [
        f"with open({str(options.timing_cache_file)!r}, 'wb') as file:",
        "    file.write(config.get_timing_cache().serialize())",
    ]


def _metadata(options: BuildOptions) -> list[str]:
    """Before the plan, as Ultralytics does."""
    if not options.metadata:
        return []
    return [
        f"    text = json.dumps({dict(options.metadata)!r}).encode()",
        '    file.write(struct.pack("<i", len(text)) + text)',
    ]
