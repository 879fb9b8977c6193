"""A build as trtexec's command line, right for the version: its flags came and went."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from core.building.flag_versions import SHARED, TYPED, cast_words, numbers_of, of_version
from core.building.options import BuildOptions, ShapeLimits

_LEVELS = {"ampere-plus": "ampere+", "same-compute-capability": "sameComputeCapability"}
_MANY_PROFILES = (9, 0)  # --profile
_BEST_BF16 = (10, 0)
_PLAIN = re.compile(r"[\w\-./\\:=+]+")  # to all shells of Windows; & | < > ( ) ^ , ' are not


def trtexec_command(onnx: Path, target: Path, options: BuildOptions, version: str) -> str:
    """The command that builds the same with the trtexec of a version.

    What trtexec cannot do is said in comments before it. Its workspace limit, where none is
    chosen, is all of the GPU's memory instead of a share of what is free.

    Args:
        onnx: the model.
        target: the engine.
        options: see BuildOptions.
        version: of TensorRT, "10.3.0".
    """
    has = numbers_of(version)
    options, missing = of_version(options, version)
    remarks = [f"trtexec {version} has no {flag}, so it is left out." for flag in missing]
    source, before = onnx, ""
    low = [name for name in ("fp16", "bf16") if name in options.precision]
    is_typed = has >= TYPED or options.strongly_typed
    if low and is_typed:
        source = onnx.with_name(f"{onnx.stem}-{low[0]}.onnx")
        cast = f"python -m modelopt.onnx.autocast --low_precision_type {low[0]} --keep_io_types"
        before = _shell(
            [*cast.split(), "--onnx_path", str(onnx), "--output_path", str(source)],
        )
        remarks.append("Precision comes from the ONNX: it is cast first, by NVIDIA's ModelOpt.")
    remarks += cast_words(options) if is_typed else ()
    parts = ["trtexec", f"--onnx={source}", f"--saveEngine={target}"]
    parts.append("--skipInference" if has >= (8, 6) else "--buildOnly")
    parts += _profile_flags(options, has, remarks)
    parts += _precision_flags(options, has, remarks)
    parts += _other_flags(options, has)
    if options.calibration is not None and {"--int8", "--best"} & set(parts):
        parts.append("--calib=calibration.cache")
        remarks.append(
            "trtexec takes no pictures: calibration.cache are the ranges that a build here keeps."
        )
    if options.metadata:
        remarks.append("trtexec writes no metadata before the engine.")
    lines = [f"# {one}" for one in remarks]
    return "\n".join([*lines, *([before] if before else []), _shell(parts)])


def _profile_flags(options: BuildOptions, has: tuple[int, ...], remarks: list[str]) -> list[str]:
    profiles = options.profiles
    if len(profiles) > 1 and has < _MANY_PROFILES:
        remarks.append(
            f"This trtexec builds one profile: it has the first of {len(profiles)}, the Python "
            "has all."
        )
        profiles = profiles[:1]
    flags = []
    for number, profile in enumerate(profiles):
        if len(profiles) > 1:
            flags.append(f"--profile={number}")
        flags += shape_flags(profile)
    if profiles and (8, 6) <= has < SHARED:
        flags.append("--preview=+profileSharing0806")
    return flags


def shape_flags(profile: ShapeLimits) -> list[str]:
    """A profile as trtexec's three flags."""
    flags = []
    for which in ("min", "opt", "max"):
        shapes = (
            f"{_quoted(name)}:{'x'.join(map(str, getattr(limits, which)))}"
            for name, limits in profile.items()
        )
        flags.append(f"--{which}Shapes={','.join(shapes)}")
    return flags


def _quoted(name: str) -> str:
    """A name as trtexec reads it: the last colon ends it, unless it stands in quotes."""
    return f"'{name}'" if ":" in name or "," in name else name


def _precision_flags(options: BuildOptions, has: tuple[int, ...], remarks: list[str]) -> list[str]:
    flags = ["--noTF32"] if "fp32" in options.precision else []
    if options.strongly_typed and has < TYPED:
        flags.append("--stronglyTyped")
    if has >= TYPED or options.strongly_typed:
        return flags
    order = ("fp16", "bf16", "int8", "fp8", "best")
    names: list[str] = [name for name in order if name in options.precision]
    if {"best", "fp8"} <= set(names):  # trtexec's --best is INT8, too, which excludes FP8
        names = ["fp16", *(["bf16"] if has >= _BEST_BF16 else []), "fp8"]
        remarks.append("trtexec's --best excludes --fp8, so what it stands for is spelled out.")
    for name, ours in (("int8", "refuses that"), ("best", "leaves INT8 out then")):
        if name in names and options.calibration is None:
            remarks.append(
                f"Where the ONNX has no Q/DQ nodes, trtexec's --{name} takes placeholder ranges, "
                f"which make INT8 meaningless; a build here {ours}."
            )
    return flags + [f"--{name}" for name in names]


def _other_flags(options: BuildOptions, has: tuple[int, ...]) -> list[str]:
    flags = []
    if options.workspace_bytes is not None:
        mebibytes = options.workspace_bytes / (1 << 20)
        flags.append(f"--memPoolSize=workspace:{mebibytes:.6f}".rstrip("0").rstrip("."))
    if options.optimization_level is not None:
        flags.append(f"--builderOptimizationLevel={options.optimization_level}")
    if options.hardware_compatibility in _LEVELS:
        level = _LEVELS[options.hardware_compatibility]
        flags.append(f"--hardwareCompatibilityLevel={level}")
    for is_on, flag in (
        (options.version_compatible, "--versionCompatible"),
        (options.exclude_lean_runtime, "--excludeLeanRuntime"),
        (options.strip_weights, "--stripWeights"),
        (options.refit, "--refit"),
        (options.sparsity, "--sparsity=enable"),
        (options.dla_core is not None, f"--useDLACore={options.dla_core}"),
        (options.gpu_fallback, "--allowGPUFallback"),
        (options.timing_cache_file is not None, f"--timingCacheFile={options.timing_cache_file}"),
        (not options.timing_cache, "--noBuilderCache"),
        (True, f"--profilingVerbosity={options.profiling_verbosity}"),
    ):
        if is_on:
            flags.append(flag)
    plugin = "--staticPlugins" if has >= (8, 6) else "--plugins"
    return flags + [f"{plugin}={path}" for path in options.plugins]


def _shell(parts: list[str]) -> str:
    return " ".join(map(_for_windows, parts)) if sys.platform == "win32" else shlex.join(parts)


def _for_windows(part: str) -> str:
    """An argument as programs read it, in quotes where cmd or PowerShell would act on it."""
    text = subprocess.list2cmdline([part])
    if text.startswith('"') or _PLAIN.fullmatch(text):
        return text
    closing = len(text) - len(text.rstrip("\\"))  # a backslash before a quote is doubled
    return '"' + text + "\\" * closing + '"'
