"""Build options in trtexec's own spelling, which guides and scripts use; and back again.

The grammar is that of trtexec's sampleOptions.cpp (NVIDIA/TensorRT, samples/common, 8.6 to 11.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.building.commands import trtexec_command
from core.building.options import BuildOptions, ShapeLimits, check_options
from core.building.script import python_script
from core.errors import EnginebayError
from core.tensors import Profile
from core.text import one_line

__all__ = ["BUILD_FLAGS", "options_of_flags", "python_script", "trtexec_command"]

_SHAPES = ("--minShapes", "--optShapes", "--maxShapes")
_PRECISIONS = {f"--{name}": name for name in ("fp16", "bf16", "int8", "fp8", "best")}
_PRECISIONS["--noTF32"] = "fp32"
_SWITCHES = {
    "--versionCompatible": "version_compatible",
    "--vc": "version_compatible",
    "--excludeLeanRuntime": "exclude_lean_runtime",
    "--stripWeights": "strip_weights",
    "--refit": "refit",
    "--allowGPUFallback": "gpu_fallback",
    "--stronglyTyped": "strongly_typed",
}
_LEVELS = {
    "none": "none",
    "ampere+": "ampere-plus",
    "sameComputeCapability": "same-compute-capability",
}
_ALWAYS = ("--explicitBatch", "--skipInference", "--buildOnly")
"""What a build does anyway: trtexec would go on to measure, and once had implicit batches."""

_ELSEWHERE = {
    "--calib": "That is a file of ranges, which belongs to one model and one TensorRT. Give the "
    "pictures: --calibration=FOLDER.",
    "--shapes": "That is for running. For building give --minShapes, --optShapes and --maxShapes.",
    "--loadEngine": "An engine is opened with `enginebay info` or `enginebay run`.",
}
_UNITS = {"": 1 << 20, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass
class _Found:
    """What the flags said so far."""

    options: dict[str, Any] = field(default_factory=dict)
    precision: set[str] = field(default_factory=set)
    plugins: list[Path] = field(default_factory=list)
    profiles: dict[int, dict[str, dict[str, tuple[int, ...]]]] = field(default_factory=dict)
    profile: int = 0


def options_of_flags(flags: Sequence[str], **more: Any) -> BuildOptions:
    """Build options from trtexec's flags, and --calibration=FOLDER, which is ours.

    Args:
        flags: as "--name" or "--name=value", in the order in which they were given.
        more: fields of BuildOptions that no flag sets (metadata).

    Raises:
        EnginebayError: kind "build-flags", for the first flag that is not known or not complete;
            "build-options", if the choices do not hold together.
    """
    found = _Found()
    for flag in flags:
        name, sign, value = flag.partition("=")
        _take(found, name, value if sign else None)
    options = BuildOptions(
        **found.options,
        **more,
        precision=frozenset(found.precision),
        plugins=tuple(found.plugins),
        profiles=tuple(_limits(shapes) for _, shapes in sorted(found.profiles.items())),
    )
    check_options(options)
    return options


def _take(found: _Found, name: str, value: str | None) -> None:
    if name in _PRECISIONS or name in _SWITCHES or name in _ALWAYS or name in _BARE:
        if value is not None:
            raise _wrong(f"{name} takes no value.")
        if name in _PRECISIONS:
            found.precision.add(_PRECISIONS[name])
        elif name in _SWITCHES:
            found.options[_SWITCHES[name]] = True
        elif name in _BARE:
            found.options.update(_BARE[name])
    elif name in _VALUED:
        if not value:
            raise _wrong(f"{name} needs a value: {name}=...")
        _VALUED[name](found, name, value)
    else:
        why = _ELSEWHERE.get(name, "`enginebay build --help` has those that it knows.")
        raise _wrong(f"`enginebay build` does not take {one_line(name, 60)}.", why)


def _wrong(message: str, hint: str = "") -> EnginebayError:
    return EnginebayError(
        "build-flags", message, hint or "Write it as trtexec does; see `enginebay build --help`."
    )


def _shapes(found: _Found, name: str, value: str) -> None:
    own = found.profiles.setdefault(found.profile, {})
    if name in own:
        raise _wrong(
            f"{name} is given twice for one profile.",
            "Begin each further profile with --profile=N, or put all inputs into one flag: "
            f"{name}=a:1x3,b:1x4.",
        )
    own[name] = shapes = {}
    for text in _items(value):
        tensor, dims = _name_and_dims(text, name)
        if tensor in shapes:
            raise _wrong(f"{name} names the input {one_line(tensor)!r} twice.")
        shapes[tensor] = dims


def _items(value: str) -> list[str]:
    """Split at commas, but not in quoted names."""
    return [text for text in re.findall(r"(?:'[^']*'|[^,])+", value) if text.strip()]


def _name_and_dims(text: str, flag: str) -> tuple[str, tuple[int, ...]]:
    quoted = re.fullmatch(r"\s*'([^']*)':(.*)", text)
    # Names hold colons, as TensorFlow's do; the last one stands before the dimensions.
    tensor, sign, dims = (quoted[1], ":", quoted[2]) if quoted else text.rpartition(":")
    if not sign or not re.fullmatch(r"\d{1,18}(?:x\d{1,18})*", dims):
        raise _wrong(
            f"{flag} has no shape in {one_line(text)!r}.", f"Write {flag}=input:1x3x224x224."
        )
    return tensor.strip(), tuple(map(int, dims.split("x")))


def _limits(shapes: dict[str, dict[str, tuple[int, ...]]]) -> ShapeLimits:
    """A profile; trtexec wants all three, or the optimum alone for all of them."""
    if set(shapes) == {"--optShapes"}:
        return {name: Profile(dims, dims, dims) for name, dims in shapes["--optShapes"].items()}
    missing = [flag for flag in _SHAPES if flag not in shapes]
    if missing:
        raise _wrong(
            f"A profile lacks {' and '.join(missing)}.",
            "Give --minShapes, --optShapes and --maxShapes, or --optShapes alone.",
        )
    low, opt, high = (shapes[flag] for flag in _SHAPES)
    for flag, own in shapes.items():
        for name in dict.fromkeys((*low, *opt, *high)):
            if name not in own:
                raise _wrong(f"{flag} leaves out the input {one_line(name)!r}.")
    return {name: Profile(low[name], opt[name], high[name]) for name in opt}


def _profile(found: _Found, name: str, value: str) -> None:
    found.profile = _number(name, value)
    found.profiles.setdefault(found.profile, {})


def _number(name: str, value: str) -> int:
    if not re.fullmatch(r"\d{1,9}", value):
        raise _wrong(f"{name} needs a whole number, not {one_line(value, 40)!r}.")
    return int(value)


def _pool(found: _Found, name: str, value: str) -> None:
    for text in value.split(","):
        pool, _, size = text.rpartition(":")
        match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)([BKMG]?)(?:i?B)?", size, re.IGNORECASE)
        if pool != "workspace" or match is None:
            raise _wrong(
                f"{name} has no workspace in {one_line(text, 60)!r}.",
                "Write --memPoolSize=workspace:1024 (in MiB, or with B, K, M or G).",
            )
        found.options["workspace_bytes"] = int(float(match[1]) * _UNITS[match[2].upper()])


def _workspace(found: _Found, name: str, value: str) -> None:
    found.options["workspace_bytes"] = _number(name, value) << 20  # MiB, as trtexec up to 8.4


def _level(found: _Found, name: str, value: str) -> None:
    found.options["optimization_level"] = _number(name, value)


def _hardware(found: _Found, name: str, value: str) -> None:
    if value not in _LEVELS:
        raise _wrong(f"{name} has no level {one_line(value, 40)!r}: give {', '.join(_LEVELS)}.")
    found.options["hardware_compatibility"] = _LEVELS[value]


def _sparsity(found: _Found, name: str, value: str) -> None:
    if value == "force":
        raise _wrong(
            f"{name}=force would change the model's weights.",
            "Give enable, which uses sparse weights where they are.",
        )
    if value not in ("enable", "disable"):
        raise _wrong(f"{name} takes enable or disable.")
    found.options["sparsity"] = value == "enable"


def _preview(_found: _Found, name: str, value: str) -> None:
    if value != "+profileSharing0806":  # which a build here sets by itself, where it does anything
        raise _wrong(f"{name} has no feature {one_line(value, 60)}: leave it out.")


def _plugin(found: _Found, _name: str, value: str) -> None:
    found.plugins.append(Path(value))


def _dla(found: _Found, name: str, value: str) -> None:
    found.options["dla_core"] = _number(name, value)


def _path(field_name: str) -> Callable[[_Found, str, str], None]:
    def take(found: _Found, _name: str, value: str) -> None:
        found.options[field_name] = Path(value)

    return take


def _verbosity(found: _Found, _name: str, value: str) -> None:
    found.options["profiling_verbosity"] = value


_BARE: dict[str, dict[str, bool]] = {
    "--noBuilderCache": {"timing_cache": False},
    "--stripAllWeights": {"strip_weights": True, "refit": True},
}
_VALUED: dict[str, Callable[[_Found, str, str], None]] = {
    **dict.fromkeys(_SHAPES, _shapes),
    "--profile": _profile,
    "--memPoolSize": _pool,
    "--workspace": _workspace,
    "--builderOptimizationLevel": _level,
    "--hardwareCompatibilityLevel": _hardware,
    "--sparsity": _sparsity,
    "--preview": _preview,
    "--useDLACore": _dla,
    "--timingCacheFile": _path("timing_cache_file"),
    "--calibration": _path("calibration"),
    "--profilingVerbosity": _verbosity,
    "--staticPlugins": _plugin,
    "--dynamicPlugins": _plugin,
    "--plugins": _plugin,
}
BUILD_FLAGS: tuple[str, ...] = (*_VALUED, *_BARE, *_PRECISIONS, *_SWITCHES, *_ALWAYS)
"""All that options_of_flags knows, by name."""
