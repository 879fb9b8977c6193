"""The child's side of a build: runs TensorRT's builder and says how it goes, in JSON lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from core.build import write_engine
from core.child_process import Say, answer
from core.cuda import open_context
from core.errors import EnginebayError, MachineError, ModelError
from core.modelfile import check_external_data
from core.tensorrt_library import load_library, refusal
from core.translator import Circumstances, explain


def _build(order: dict[str, Any], doing: Say) -> dict[str, object]:
    options = order["options"]
    context = open_context()
    library = load_library()
    trt = library.trt
    if not hasattr(trt, "Builder"):
        raise MachineError(
            "no-builder",
            f"{library.module} {library.version} runs engines but cannot build them.",
            "Install the full TensorRT: python3 -m uv sync --extra gpu.",
        )
    onnx = Path(order["onnx"])
    check_external_data(onnx)  # TensorRT's parser would open whatever the file names
    seen = Circumstances(
        file=onnx.name,
        gpu=context.device.name(),
        compute_capability=context.compute_capability,
    )
    what = f"TensorRT could not build {onnx.name}"
    doing("loading the builder")
    with library.tape.capture() as lines:
        try:
            builder = trt.Builder(library.trt_logger)
        except TypeError:  # pybind11's way to say that TensorRT gave none
            builder = None
    if builder is None:
        raise refusal(library, lines, what, seen)
    with library.tape.capture() as lines:
        network = builder.create_network(_network_flags(trt))
        doing("reading the ONNX")
        parser = trt.OnnxParser(network, library.trt_logger)
        if not parser.parse_from_file(str(onnx)):
            raise _parse_error(parser, seen)
        config = _configure(trt, builder, network, options)
        if hasattr(trt, "IProgressMonitor"):
            config.progress_monitor = _monitor(trt, doing)
        doing("trying kernels")
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        room = context.room()
        seen = replace(seen, free_bytes=None if room is None else room[0])
        raise refusal(library, lines, what, seen)
    doing("writing the engine")
    try:
        write_engine(Path(order["part"]), plan, options["metadata"])
    except OSError as error:
        raise ModelError(
            "cannot-save", f"The engine cannot be written: {error}.", "Choose another folder."
        ) from None
    del plan, config, parser, network, builder
    context.close()
    return {}


def _network_flags(trt: Any) -> int:
    """Explicit batch where it must be asked for: up to 9; by name, as values changed in 11."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    return 0 if flag is None else 1 << int(flag)


def _configure(trt: Any, builder: Any, network: Any, options: dict[str, Any]) -> Any:
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    for wish, flag_name in (("fp16", "FP16"), ("version_compatible", "VERSION_COMPATIBLE")):
        if not options[wish]:
            continue
        flag = getattr(trt.BuilderFlag, flag_name, None)
        if flag is None:
            raise ModelError(
                "option-not-available",
                f"TensorRT {trt.__version__} has no builder flag {flag_name}.",
                "From TensorRT 11 on precision comes from the ONNX itself; convert it first."
                if wish == "fp16"
                else "Version-compatible engines need TensorRT 8.6 or newer.",
            )
        config.set_flag(flag)
    if options["optimization_level"] is not None and hasattr(config, "builder_optimization_level"):
        config.builder_optimization_level = options["optimization_level"]
    sharing = getattr(getattr(trt, "PreviewFeature", None), "PROFILE_SHARING_0806", None)
    if sharing is not None:  # else several contexts, which a benchmark uses, need a profile each
        config.set_preview_feature(sharing, True)
    inputs = {one.name: one for one in map(network.get_input, range(network.num_inputs))}
    for shapes in options["profiles"]:
        profile = builder.create_optimization_profile()
        for name, limits in shapes.items():
            if name not in inputs:
                raise ModelError(
                    "unknown-input",
                    f"The model has no input {name!r}.",
                    f"Its inputs are: {', '.join(sorted(inputs))}.",
                )
            # A shape tensor's limits are those of its values.
            is_shape = inputs[name].is_shape_tensor
            set_limits = profile.set_shape_input if is_shape else profile.set_shape
            try:
                set_limits(name, limits["min"], limits["opt"], limits["max"])
            except RuntimeError as error:
                raise ModelError(
                    "bad-profile",
                    f"The profile of {name!r} does not hold together: {limits}.",
                    "Minimum, optimum and maximum must not decrease in any dimension.",
                    details=str(error),
                ) from None
        config.add_optimization_profile(profile)
    return config


def _monitor(trt: Any, doing: Any) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Called from the builder's own threads; it must not raise."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase: str, _parent: str | None, steps: int) -> None:
            doing(f"{phase}, {steps} steps")

        def step_complete(self, _phase: str, _step: int) -> bool:
            return True

        def phase_finish(self, phase: str) -> None:
            pass

    return Monitor()


def _parse_error(parser: Any, seen: Circumstances) -> EnginebayError:
    """The first fault in the message, or what it means where that is known; all in the details."""
    errors = [parser.get_error(i) for i in range(parser.num_errors)]
    texts = [str(error) for error in errors]
    known = explain(texts, seen)
    if known is not None:
        return known
    first = errors[0].desc() if errors else "no reason given"
    return ModelError(
        "onnx-parser",
        f"TensorRT's ONNX parser refuses {seen.file}: {first}",
        "The details name each node. Export the model with plainer operators or an older opset.",
        details="\n".join(texts),
    )


if __name__ == "__main__":
    answer(_build)
