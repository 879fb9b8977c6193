"""What may be chosen about a build, and whether the choices hold together.

Everything here is plain: which of it a TensorRT has, core.building.capabilities tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from core.errors import EnginebayError
from core.tensors import Profile

PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "int8", "fp8", "best")
"""fp32: strict, without TF32. tf32: on, as TensorRT has it by itself. The others let layers run so
beside FP32; best lets all that are safe here (core.building.precision)."""

HARDWARE_COMPATIBILITY = ("none", "ampere-plus", "same-compute-capability")
VERBOSITIES = ("none", "layer_names_only", "detailed")
"""tensorrt.ProfilingVerbosity, as trtexec spells it."""

LEVELS = range(6)
"""tensorrt's builder_optimization_level."""

ShapeLimits = Mapping[str, Profile]
"""An optimization profile: the limits of each input that it sets, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """What may be chosen about a build. What is left as it is leaves TensorRT's own default.

    Attributes:
        profiles: min, opt and max shape by input name, for each optimization profile.
        precision: names of PRECISIONS, several together; none leaves FP32 with TF32 allowed.
        calibration: a folder of pictures that INT8 ranges are taken from.
        workspace_bytes: the most that kernels may use at once; None takes
            core.building.memory.WORKSPACE_SHARE of the GPU memory that is free when it begins.
        optimization_level: 0..5, how many kernels are tried.
        timing_cache: keep what was measured, so that the next build is quicker.
        timing_cache_file: where, in TensorRT's own form; None is Enginebay's cache folder.
        hardware_compatibility: one of HARDWARE_COMPATIBILITY.
        version_compatible: newer TensorRT versions can run the engine; it embeds a lean runtime,
            native code that is asked for when the engine is opened.
        exclude_lean_runtime: leaves that runtime out; who opens the engine must have it.
        strip_weights: leave the weights out, to be refitted from the ONNX.
        refit: weights can be changed later.
        profiling_verbosity: one of VERBOSITIES; what the layers can be asked.
        sparsity: use 2:4 sparse weights where they are.
        dla_core: run on this deep-learning accelerator (Jetson).
        gpu_fallback: with dla_core: what that cannot do runs on the GPU.
        plugins: libraries of plugins, native code (core.trust.consent).
        strongly_typed: types come from the ONNX alone (TensorRT 10; always so from 11 on).
        metadata: kept before the plan, as Ultralytics does.
    """

    profiles: tuple[ShapeLimits, ...] = ()
    precision: frozenset[str] = frozenset()
    calibration: Path | None = None
    workspace_bytes: int | None = None
    optimization_level: int | None = None
    timing_cache: bool = True
    timing_cache_file: Path | None = None
    hardware_compatibility: str = "none"
    version_compatible: bool = False
    exclude_lean_runtime: bool = False
    strip_weights: bool = False
    refit: bool = False
    profiling_verbosity: str = "detailed"
    sparsity: bool = False
    dla_core: int | None = None
    gpu_fallback: bool = False
    plugins: tuple[Path, ...] = ()
    strongly_typed: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """All of it, JSON-ready; options_of_json reads it back.

        Paths are absolute: it is read in other folders, by a child and long after the build.
        """
        found: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        return found | {
            "profiles": [
                {name: limits.as_json() for name, limits in profile.items()}
                for profile in self.profiles
            ],
            "precision": [name for name in PRECISIONS if name in self.precision],
            "calibration": _path_text(self.calibration),
            "timing_cache_file": _path_text(self.timing_cache_file),
            "plugins": [_path_text(path) for path in self.plugins],
            "metadata": dict(self.metadata),
        }


def _path_text(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def options_of_json(value: object) -> BuildOptions:
    """What as_json gave; what is left out has its default.

    Raises:
        EnginebayError: kind "build-options", for what is no such object or does not hold together.
    """
    if not isinstance(value, Mapping):
        raise bad_options("The build options are no JSON object.")
    known = {one.name for one in fields(BuildOptions)}
    unknown = sorted(str(key) for key in value if key not in known)
    if unknown:
        raise bad_options(f"There is no build option {unknown[0]!r}.")
    found: dict[str, Any] = {name: _read(name, one) for name, one in value.items()}
    options = BuildOptions(**found)
    check_options(options)
    return options


_PATHS = ("calibration", "timing_cache_file")
_NUMBERS = ("workspace_bytes", "optimization_level", "dla_core")
_WORDS = ("hardware_compatibility", "profiling_verbosity")


def _read(name: str, value: Any) -> object:
    try:
        if name == "profiles":
            return tuple({one: _limits(limits) for one, limits in p.items()} for p in value)
        if name == "metadata":
            return {_text(key): _text(one) for key, one in value.items()}
        if name in ("precision", "plugins"):
            if isinstance(value, str):
                raise TypeError
            texts = [_text(one) for one in value]
            return frozenset(texts) if name == "precision" else tuple(map(Path, texts))
        if name in _PATHS:
            return None if value is None else Path(_text(value))
        if name in _NUMBERS:
            return None if value is None else _whole(value)
        if name in _WORDS:
            return _text(value)
        if not isinstance(value, bool):
            raise TypeError
        return value
    except (AttributeError, KeyError, TypeError, ValueError):
        raise bad_options(f"The build option {name!r} cannot be {str(value)[:100]}.") from None


def _limits(value: Any) -> Profile:
    low, opt, high = (tuple(map(_whole, value[key])) for key in ("min", "opt", "max"))
    return Profile(low, opt, high)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def bad_options(message: str, hint: str = "") -> EnginebayError:
    """Choices that nothing can be built from."""
    return EnginebayError(
        "build-options", message, hint or "See `enginebay build --help` for what can be chosen."
    )


def check_options(options: BuildOptions) -> None:
    """Nothing, if the choices hold together; the profiles have check_profiles.

    Raises:
        EnginebayError: kind "build-options", for the first that does not.
    """
    for name, value, allowed in (
        ("hardware compatibility", options.hardware_compatibility, HARDWARE_COMPATIBILITY),
        ("profiling verbosity", options.profiling_verbosity, VERBOSITIES),
        *(("precision", one, PRECISIONS) for one in sorted(options.precision)),
    ):
        if value not in allowed:
            raise bad_options(
                f"There is no {name} {value!r}.", f"Choose one of {', '.join(allowed)}."
            )
    level, workspace = options.optimization_level, options.workspace_bytes
    if level is not None and level not in LEVELS:
        raise bad_options(f"There is no optimization level {level}.", "Choose 0 to 5.")
    if workspace is not None and workspace <= 0:
        raise bad_options("The workspace limit must be more than 0 bytes.")
    if options.dla_core is not None and options.dla_core < 0:
        raise bad_options("The DLA core must be 0 or more.")
    for is_wrong, message, hint in _contradictions(options):
        if is_wrong:
            raise bad_options(message, hint)


def _contradictions(options: BuildOptions) -> Sequence[tuple[bool, str, str]]:
    precision = options.precision
    typed = sorted(precision - {"fp32", "tf32", "fp16", "bf16"})
    return (
        (
            {"fp32", "tf32"} <= precision,
            "Strict FP32 and TF32 exclude each other.",
            "TF32 is FP32 with shorter products: choose one of them.",
        ),
        (
            {"int8", "fp8"} <= precision,
            "INT8 and FP8 cannot be chosen together.",
            "TensorRT takes one of them in an engine.",
        ),
        (
            options.strongly_typed and bool(typed),
            f"A strongly typed network takes its types from the ONNX, so {', '.join(typed)} "
            "cannot be asked for.",
            "Leave one of the two out; quantize the ONNX itself for INT8 and FP8.",
        ),
        (
            options.calibration is not None and not precision & {"int8", "best"},
            "A calibration folder has a use only with INT8.",
            "Choose INT8, too, or leave the folder out.",
        ),
        (
            options.exclude_lean_runtime and not options.version_compatible,
            "The lean runtime can be left out only of a version-compatible engine.",
            "Choose version compatibility, too.",
        ),
        (
            options.gpu_fallback and options.dla_core is None,
            "Falling back to the GPU has a use only on a DLA core.",
            "Choose a DLA core, too, or leave it out.",
        ),
        (
            options.timing_cache_file is not None and not options.timing_cache,
            "A file for the timing cache has no use without the cache.",
            "Leave one of the two out.",
        ),
    )
