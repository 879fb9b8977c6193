"""Which build options a TensorRT version has, where there is none to ask: for commands to copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from core.building.options import BuildOptions
from core.machine.requirement import version_numbers

ELSEWHERE = "10.3.0"
"""The TensorRT whose commands are shown where none is installed; all versions' options are then
offered."""

OLDEST = (8, 5)
"""The oldest TensorRT whose options are known here."""

TYPED = (11, 0)
"""The version from which types come from the ONNX alone."""

SHARED = (10, 0)
"""The version from which contexts share a profile by themselves, as its own warning says:
"profileSharing0806 is on by default in TensorRT 10.0. This flag is deprecated and has no effect."
"""

_FIRST: tuple[tuple[str, tuple[int, int], Callable[[BuildOptions], bool], dict[str, object]], ...]
_FIRST = (
    (
        "--versionCompatible",
        (8, 6),
        lambda one: one.version_compatible,
        {"version_compatible": False},
    ),
    (
        "--excludeLeanRuntime",
        (8, 6),
        lambda one: one.exclude_lean_runtime,
        {"exclude_lean_runtime": False},
    ),
    (
        "--hardwareCompatibilityLevel=ampere+",
        (8, 6),
        lambda one: one.hardware_compatibility == "ampere-plus",
        {"hardware_compatibility": "none"},
    ),
    (
        "--hardwareCompatibilityLevel=sameComputeCapability",
        (10, 9),
        lambda one: one.hardware_compatibility == "same-compute-capability",
        {"hardware_compatibility": "none"},
    ),
    ("--stronglyTyped", (9, 1), lambda one: one.strongly_typed, {"strongly_typed": False}),
    ("--stripWeights", (10, 0), lambda one: one.strip_weights, {"strip_weights": False}),
)
"""A flag, the version that it came with (NVIDIA/TensorRT, samples/common/sampleOptions.cpp),
whether it is asked for, and the options without it."""

_FIRST_PRECISION = {"fp8": (8, 6), "bf16": (9, 1)}
_FIRST_LEVEL = (8, 6)


def numbers_of(version: str) -> tuple[int, ...]:
    """The first two numbers of a version: (10, 3) of "10.3.0", (11, 0) of "11"."""
    found = version_numbers(version)[:2]
    return (*found, *(0,) * (2 - len(found)))


def of_version(options: BuildOptions, version: str) -> tuple[BuildOptions, tuple[str, ...]]:
    """The options that a version has, and the flags of the others as trtexec spells them."""
    has = numbers_of(version)
    missing = []
    for flag, first, is_asked, without in _FIRST:
        if has < first and is_asked(options):
            missing.append(flag)
            options = replace(options, **without)  # type: ignore[arg-type]
    if options.optimization_level is not None and has < _FIRST_LEVEL:
        missing.append(f"--builderOptimizationLevel={options.optimization_level}")
        options = replace(options, optimization_level=None)
    for name, first in _FIRST_PRECISION.items():
        if name in options.precision and has < first:
            missing.append(f"--{name}")
            options = replace(options, precision=options.precision - {name})
    return options, tuple(missing)


def cast_words(options: BuildOptions) -> tuple[str, ...]:
    """What is asked for in vain where types come from the ONNX alone, a sentence each."""
    found = []
    if {"fp16", "bf16"} <= options.precision:
        found.append("An ONNX is cast to FP16 or to BF16, not to both: BF16 is left out.")
    if "best" in options.precision:
        found.append("There is no best precision any more: types come from the ONNX alone.")
    left = [name.upper() for name in ("int8", "fp8") if name in options.precision]
    if left:
        comes = "comes" if len(left) == 1 else "come"
        found.append(f"{', '.join(left)} {comes} from Q/DQ nodes in the ONNX alone.")
    if options.calibration is not None:
        found.append("Pictures are no longer calibrated with: quantize the ONNX itself.")
    return tuple(found)
