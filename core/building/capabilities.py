"""Which build options a TensorRT has, asked by name: enum numbers and versions mislead.

The names and since when they are there: TensorRT's Python bindings 8.5 to 11.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.building.options import BuildOptions
from core.child_process import ChildDied, ChildTimeout, run_child
from core.errors import EnginebayError, MachineError, ModelError
from core.machine import find_package, is_jetson
from core.opening import Progress, no_progress
from core.tensorrt_library import module_in_use

_FLAGS = {
    "tf32": "TF32",
    "fp16": "FP16",
    "bf16": "BF16",
    "int8": "INT8",
    "fp8": "FP8",
    "version-compatible": "VERSION_COMPATIBLE",
    "exclude-lean-runtime": "EXCLUDE_LEAN_RUNTIME",
    "strip-weights": "STRIP_PLAN",
    "refit": "REFIT",
    "sparsity": "SPARSE_WEIGHTS",
    "gpu-fallback": "GPU_FALLBACK",
}
"""Options that are a tensorrt.BuilderFlag, and its name."""

_LEVELS = {
    "ampere-plus": "AMPERE_PLUS",
    "same-compute-capability": "SAME_COMPUTE_CAPABILITY",
}
"""Options that are a tensorrt.HardwareCompatibilityLevel, and its name."""

_SINCE = {
    "bf16": "BF16 needs TensorRT 10.",
    "fp8": "FP8 needs TensorRT 8.6, and up to 10 only.",
    "version-compatible": "Version-compatible engines need TensorRT 8.6 or newer.",
    "exclude-lean-runtime": "Version-compatible engines need TensorRT 8.6 or newer.",
    "strip-weights": "Engines without weights need TensorRT 10.",
    "optimization-level": "Optimization levels need TensorRT 8.6 or newer.",
    "ampere-plus": "Hardware-compatible engines need TensorRT 8.6 or newer.",
    "same-compute-capability": "This hardware compatibility needs TensorRT 10.9 or newer.",
    "strongly-typed": "Strong typing needs TensorRT 10.",
    "progress": "TensorRT tells its progress from version 10 on.",
    "calibration": "Calibration ended with TensorRT 11: quantize the ONNX itself, with "
    "`python -m modelopt.onnx.quantization` of NVIDIA's ModelOpt.",
}

OPTIONS = (
    "build", "tf32", "fp16", "bf16", "int8", "fp8", "best", "calibration", "strongly-typed",
    "optimization-level", "timing-cache", "ampere-plus", "same-compute-capability",
    "version-compatible", "exclude-lean-runtime", "strip-weights", "refit", "sparsity", "dla",
    "gpu-fallback", "plugins", "profiling-verbosity", "progress",
)  # fmt: skip
"""What Capabilities knows of, by these names. FP32 and a workspace limit are always there."""

CAST_HINT = (
    "From TensorRT 11 on precision comes from the ONNX itself. Install NVIDIA's ModelOpt (pip "
    'install "nvidia-modelopt[onnx]") and build again: the ONNX is then cast as part of the '
    "build. Or cast it yourself: python -m modelopt.onnx.autocast --onnx_path IN --output_path OUT."
)
QUANTIZE_HINT = (
    "From TensorRT 11 on precision comes from the ONNX itself: quantize it, so that it has Q/DQ "
    "nodes, with `python -m modelopt.onnx.quantization` of NVIDIA's ModelOpt, and build that "
    "without asking for a precision."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one TensorRT can be asked for in a build.

    Attributes:
        module: "tensorrt", or another of core.machine.TENSORRT_MODULES.
        version: "10.3.0".
        missing: names of OPTIONS that are not there, each with the reason and what to do instead.
        by_onnx: precisions that come about by casting the ONNX before the build, with ModelOpt.
        always_strongly_typed: types come from the ONNX alone (11 and newer).
    """

    module: str
    version: str
    missing: Mapping[str, str] = field(default_factory=dict)
    by_onnx: frozenset[str] = frozenset()
    always_strongly_typed: bool = False

    def has(self, option: str) -> bool:
        """Whether an option of OPTIONS is there."""
        if option not in OPTIONS:
            raise KeyError(option)
        return option not in self.missing

    def why_not(self, option: str) -> str:
        """Why an option is not there, and what to do instead; "" where it is."""
        return self.missing.get(option, "")

    def as_json(self) -> dict[str, object]:
        """All of it, JSON-ready."""
        return {
            "module": self.module,
            "version": self.version,
            "missing": dict(self.missing),
            "by_onnx": sorted(self.by_onnx),
            "always_strongly_typed": self.always_strongly_typed,
        }


def capabilities_of(
    trt: Any, module: str = "tensorrt", *, has_modelopt: bool | None = None
) -> Capabilities:
    """Look at an imported TensorRT module; makes none of its objects, so it needs no GPU.

    Args:
        trt: the module.
        module: its name.
        has_modelopt: whether ModelOpt can cast an ONNX; None looks.
    """
    version = str(trt.__version__)
    if not hasattr(trt, "Builder"):
        why = f"{module} {version} runs engines but cannot build them. Install the full TensorRT."
        return Capabilities(module=module, version=version, missing=dict.fromkeys(OPTIONS, why))
    flags = getattr(trt, "BuilderFlag", None)
    config = getattr(trt, "IBuilderConfig", None)
    levels = getattr(trt, "HardwareCompatibilityLevel", None)
    network = getattr(trt, "NetworkDefinitionCreationFlag", None)
    there = {option: hasattr(flags, name) for option, name in _FLAGS.items()}
    there |= {option: hasattr(levels, name) for option, name in _LEVELS.items()}
    by_type = not hasattr(flags, "FP16")  # only strongly typed networks are left
    there |= {
        "build": True,
        "best": not by_type,
        "calibration": hasattr(trt, "IInt8EntropyCalibrator2"),
        "strongly-typed": by_type or hasattr(network, "STRONGLY_TYPED"),
        "optimization-level": hasattr(config, "builder_optimization_level"),
        "timing-cache": hasattr(config, "create_timing_cache"),
        "dla": hasattr(config, "DLA_core"),
        "plugins": hasattr(trt, "get_plugin_registry"),
        "profiling-verbosity": hasattr(trt, "ProfilingVerbosity"),
        "progress": hasattr(trt, "IProgressMonitor"),
    }
    missing = {
        option: _SINCE.get(option, f"TensorRT {version} does not have it.")
        for option in OPTIONS
        if not there[option]
    }
    by_onnx: frozenset[str] = frozenset()
    if has_modelopt is None:
        has_modelopt = find_package("modelopt") is not None
    if has_modelopt:
        by_onnx = frozenset({"fp16", "bf16"})
    if by_type:
        missing |= {"fp16": CAST_HINT, "bf16": CAST_HINT, "best": CAST_HINT}
        missing |= {"int8": QUANTIZE_HINT, "fp8": QUANTIZE_HINT}
        for precision in by_onnx:
            del missing[precision]
    else:
        by_onnx = by_onnx if there["strongly-typed"] else frozenset()
    return Capabilities(
        module=module,
        version=version,
        missing=missing,
        by_onnx=by_onnx,
        always_strongly_typed=by_type,
    )


def wanted_options(options: BuildOptions) -> tuple[str, ...]:
    """The names of OPTIONS that a build asks for; a timing cache is no wish, but a help."""
    asked = {
        "build": True,
        **{name: name in options.precision for name in ("tf32", "fp16", "bf16", "int8", "fp8")},
        "best": "best" in options.precision,
        "calibration": options.calibration is not None,
        "strongly-typed": options.strongly_typed,
        "optimization-level": options.optimization_level is not None,
        options.hardware_compatibility: options.hardware_compatibility != "none",
        "version-compatible": options.version_compatible,
        "exclude-lean-runtime": options.exclude_lean_runtime,
        "strip-weights": options.strip_weights,
        "refit": options.refit,
        "sparsity": options.sparsity,
        "dla": options.dla_core is not None,
        "gpu-fallback": options.gpu_fallback,
        "plugins": bool(options.plugins),
    }
    return tuple(name for name in OPTIONS if asked.get(name, False))


def require_available(options: BuildOptions, capabilities: Capabilities) -> None:
    """Nothing, if this TensorRT has all that is asked for.

    Raises:
        MachineError: kind "no-builder".
        ModelError: kind "option-not-available", whose hint says what to do instead.
    """
    what = f"{capabilities.module} {capabilities.version}"
    if not capabilities.has("build"):
        raise MachineError(
            "no-builder",
            f"{what} runs engines but cannot build them.",
            "Install the full TensorRT: python3 -m uv sync --extra gpu.",
        )
    for name in wanted_options(options):
        if not capabilities.has(name):
            raise ModelError(
                "option-not-available",
                f"This TensorRT ({what}) has no option {name}.",
                capabilities.why_not(name),
            )
    low = sorted(options.precision & {"fp16", "bf16"})
    if options.strongly_typed and low and not capabilities.by_onnx.issuperset(low):
        raise ModelError(
            "option-not-available",
            f"A strongly typed network takes its types from the ONNX, so {', '.join(low)} needs "
            "an ONNX that was cast.",
            f"Leave strong typing out. {CAST_HINT}",
        )
    casts = capabilities.always_strongly_typed or options.strongly_typed
    if casts and len(low) > 1:
        raise ModelError(
            "option-not-available",
            "An ONNX can be cast to FP16 or to BF16, not to both.",
            "Choose one of them.",
        )


_LIMIT_S = 60.0
_known: dict[tuple[str, str], Capabilities] = {}


def installed_capabilities(
    module: str | None = None, progress: Progress = no_progress
) -> Capabilities:
    """What the installed TensorRT has; asked in a short child process, once for each version.

    The calling thread waits for a second or two the first time: not for the GUI's thread.

    Args:
        module: one of core.machine.TENSORRT_MODULES; by default the one that a build takes.
        progress: called about 20 times a second while the child works; may raise
            core.errors.Cancelled, which kills it.

    Raises:
        MachineError: if there is none, or it cannot be imported; kind "no-answer" if that takes
            too long.
    """
    name = module_in_use(module)
    package = find_package(name)
    key = (name, "" if package is None else f"{package.version} {package.location}")
    if key not in _known:
        try:
            found = run_child(
                "core.building.capabilities_child",
                {"module": name},
                lambda doing, elapsed: progress(
                    None, f"Asking {name} what it can build: {doing} ({elapsed:.0f} s)"
                ),
                limit_s=_LIMIT_S,
            )
        except ChildTimeout as late:
            raise MachineError(
                "no-answer",
                f"{name} was not imported within {_LIMIT_S:.0f} seconds.",
                "Try again: the first import after a start reads gigabytes from the disk. If it "
                "stays so, look for what else keeps this machine busy.",
                details=late.output,
            ) from None
        except ChildDied as death:
            raise MachineError(
                "no-tensorrt",
                f"{name} is installed but cannot be imported.",
                "Reinstall it for this Python and this CUDA; the details have what it said.",
                details=death.output,
            ) from None
        except EnginebayError as error:  # a child's errors all arrive as one type
            raise MachineError(
                error.kind, error.message, error.hint, details=error.details
            ) from None
        _known[key] = _of_json(found)
    return _known[key]


def _of_json(found: Mapping[str, Any]) -> Capabilities:
    missing = dict(found["missing"])
    if not is_jetson() and "dla" not in missing:
        missing["dla"] = missing["gpu-fallback"] = "Only Jetson boards have DLA cores."
    return Capabilities(
        module=found["module"],
        version=found["version"],
        missing=missing,
        by_onnx=frozenset(found["by_onnx"]),
        always_strongly_typed=found["always_strongly_typed"],
    )
