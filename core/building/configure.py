"""Put the options of a build into TensorRT's own objects; each was found to be there before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.building.capabilities import Capabilities
from core.building.flag_versions import SHARED, numbers_of
from core.building.options import BuildOptions
from core.building.profiles import InputShape, check_profiles
from core.errors import MachineError, ModelError
from core.machine.requirement import version_numbers

_LEVELS = {
    "ampere-plus": "AMPERE_PLUS",
    "same-compute-capability": "SAME_COMPUTE_CAPABILITY",
}
_PARSER_FLAGS_FROM = (8, 6, 1)  # seen: the Python module 8.6.1 calls what the library 8.6.0 lacks


def network_flags(trt: Any, options: BuildOptions) -> int:
    """The flags to create a network with; by name, as their numbers changed in 11.

    Explicit batch must be asked for up to 9; from 11 on a network is always strongly typed.
    """
    names = trt.NetworkDefinitionCreationFlag
    explicit = getattr(names, "EXPLICIT_BATCH", None)
    flags = 0 if explicit is None else 1 << int(explicit)
    if options.strongly_typed and hasattr(trt.BuilderFlag, "FP16"):
        flags |= 1 << int(names.STRONGLY_TYPED)
    return flags


def set_parser_flags(
    trt: Any, parser: Any, options: BuildOptions, library_version: str | None
) -> list[str]:
    """Flags of a tensorrt.OnnxParser, set before it parses.

    A plugin for InstanceNormalization ties an engine to its version and its GPU, so TensorRT's own
    layer is asked for where it shall run on others (NvOnnxParser.h, kNATIVE_INSTANCENORM; from 10
    on it is set already).

    Args:
        trt: the module.
        parser: its parser.
        options: what is built.
        library_version: of the shared library, which can be older than the module; None if unknown.

    Returns:
        What could not be set, for the notes.
    """
    flag = getattr(getattr(trt, "OnnxParserFlag", None), "NATIVE_INSTANCENORM", None)
    is_portable = options.version_compatible or options.hardware_compatibility != "none"
    if flag is None or not is_portable:
        return []
    numbers = version_numbers(library_version)
    if numbers and numbers < _PARSER_FLAGS_FROM:  # its parser has no such call: it would crash
        return [
            f"TensorRT's library is {library_version}, older than its Python module: where the "
            "model has InstanceNormalization, the engine may not run on other versions or GPUs."
        ]
    parser.set_flag(flag)
    return []


def configure(
    trt: Any,
    builder: Any,
    network: Any,
    parser: Any,
    options: BuildOptions,
    workspace_bytes: int | None,
) -> tuple[Any, list[str]]:
    """Make a builder configuration, but for precision and timing cache.

    Args:
        trt: the module, which has all that is asked for (require_available).
        builder: its builder.
        network: what the parser filled.
        parser: the OnnxParser, which knows the plugins that it used.
        options: see BuildOptions.
        workspace_bytes: the limit; None leaves TensorRT's own.

    Returns:
        The tensorrt.IBuilderConfig, and warnings, a sentence each.

    Raises:
        ModelError: if a profile does not fit.
        MachineError: kind "no-dla".
    """
    config = builder.create_builder_config()
    config.profiling_verbosity = getattr(
        trt.ProfilingVerbosity, options.profiling_verbosity.upper()
    )
    warnings: list[str] = []
    if workspace_bytes is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_bytes)
    if options.optimization_level is not None:
        config.builder_optimization_level = options.optimization_level
    level = _LEVELS.get(options.hardware_compatibility)
    if level is not None:
        config.hardware_compatibility_level = getattr(trt.HardwareCompatibilityLevel, level)
    for wish, name in _flags(options):
        if wish:
            config.set_flag(getattr(trt.BuilderFlag, name))
    if options.strip_weights and not options.refit:
        # As trtexec does: refitted with the same weights, kernels may be as fast as without.
        identical = getattr(trt.BuilderFlag, "REFIT_IDENTICAL", None)
        if identical is not None:
            config.set_flag(identical)
    if options.version_compatible:  # TensorRT's own plugins are in a library, too
        used = parser.get_used_vc_plugin_libraries()
        if used:
            config.plugins_to_serialize = used
            warnings.append("The plugin libraries that the model uses were put into the engine.")
    if options.dla_core is not None:
        _use_dla(trt, builder, config, options.dla_core)
    sharing = getattr(getattr(trt, "PreviewFeature", None), "PROFILE_SHARING_0806", None)
    # Else several contexts, which a benchmark uses, need a profile each; 10 has it by itself, and
    # warns of being asked.
    if sharing is not None and numbers_of(str(trt.__version__)) < SHARED:
        config.set_preview_feature(sharing, True)
    _add_profiles(builder, network, config, options)
    return config, warnings


def _flags(options: BuildOptions) -> tuple[tuple[bool, str], ...]:
    return (
        (options.version_compatible, "VERSION_COMPATIBLE"),
        (options.exclude_lean_runtime, "EXCLUDE_LEAN_RUNTIME"),
        (options.strip_weights, "STRIP_PLAN"),
        (options.refit, "REFIT"),
        (options.sparsity, "SPARSE_WEIGHTS"),
        (options.gpu_fallback, "GPU_FALLBACK"),
    )


def _use_dla(trt: Any, builder: Any, config: Any, core: int) -> None:
    count = int(builder.num_DLA_cores)
    if core >= count:
        raise MachineError(
            "no-dla",
            f"There is no DLA core {core} here"
            + (f": the cores are 0 to {count - 1}." if count else ", nor any other."),
            "Build for the GPU, or on the Jetson board that the engine is for.",
        )
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = core


def _add_profiles(builder: Any, network: Any, config: Any, options: BuildOptions) -> None:
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    check_profiles(
        options.profiles,
        [
            InputShape(
                one.name,
                tuple(None if dim < 0 else int(dim) for dim in one.shape),
                bool(one.is_shape_tensor),
            )
            for one in inputs
        ],
    )
    by_name = {one.name: one for one in inputs}
    for number, shapes in enumerate(options.profiles):
        profile = builder.create_optimization_profile()
        for name, limits in shapes.items():
            # A shape tensor's limits are those of its values.
            is_shape = by_name[name].is_shape_tensor
            set_limits = profile.set_shape_input if is_shape else profile.set_shape
            try:
                set_limits(name, list(limits.min), list(limits.opt), list(limits.max))
            except RuntimeError as error:
                raise _refused(number, f"the limits of {name!r}", str(error)) from None
        if config.add_optimization_profile(profile) < 0:
            raise _refused(number, "it", "")


def _refused(number: int, what: str, details: str) -> ModelError:
    return ModelError(
        "bad-profile",
        f"TensorRT does not take {what} of profile {number}.",
        "Give shapes that the whole model can take, for instance multiples of its stride.",
        details=details,
    )


def without_missing_level(
    options: BuildOptions, capabilities: Capabilities
) -> tuple[BuildOptions, list[str]]:
    """The options without an optimization level where there is none, and the warning.

    A level changes how long kernels are looked for, never what the engine computes: its lack ends
    no build.
    """
    if options.optimization_level is None or capabilities.has("optimization-level"):
        return options, []
    why = capabilities.why_not("optimization-level")
    return replace(options, optimization_level=None), [
        f"The optimization level {options.optimization_level} was left out. {why}"
    ]
