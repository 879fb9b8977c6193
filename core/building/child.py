"""The child's side of a build: runs TensorRT's builder and says how it goes, in JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.building import calibration
from core.building.build import LAYERS_FILE
from core.building.capabilities import capabilities_of, require_available
from core.building.configure import (
    configure,
    network_flags,
    set_parser_flags,
    without_missing_level,
)
from core.building.engine_file import write_engine
from core.building.memory import with_memory_advice, workspace_limit
from core.building.options import BuildOptions, options_of_json
from core.building.parsing import parse_onnx
from core.building.precision import cast_onnx, has_quantizers, is_cast, set_precision
from core.building.pulse import monitor, pulse
from core.building.timing_cache import TimingCache, cache_path
from core.child_process import Parent, answer_parent
from core.cuda import CudaContext, open_context
from core.errors import EnginebayError, ModelError
from core.machine import find_tensorrt
from core.modelfile import check_external_data, read_model_file
from core.sessions.tensorrt_context import infer_shapes
from core.sessions.tensorrt_inspector import inspector_json
from core.tensorrt_library import Library, LogLine, deserialize, load_library, refusal
from core.tensorrt_plugins import load_plugin
from core.translator import Circumstances, explain
from core.whole_file import replacing

_MOST_LOG = 40  # telling lines of a build that came out well


class _Build:
    """One build: what it is of, and what is to be said of it in the end."""

    def __init__(self, order: dict[str, Any], parent: Parent) -> None:
        self.parent = parent
        self.onnx = Path(order["onnx"])
        self.part = Path(order["part"])
        self.scratch = Path(order["scratch"])
        self.plugins = [(Path(path), sha256) for path, sha256 in order["plugins"]]
        self.options: BuildOptions = options_of_json(order["options"])
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.context: CudaContext = open_context()
        self.library: Library = load_library()
        self.trt = self.library.trt
        self.seen = Circumstances(
            file=self.onnx.name,
            gpu=self.context.device.name(),
            compute_capability=self.context.compute_capability,
        )
        self.capabilities = capabilities_of(self.trt, self.library.module)
        self.options, warnings = without_missing_level(self.options, self.capabilities)
        self.warnings += warnings
        self._lines: list[LogLine] = []
        self._workspace: int | None = None
        self._measured: tuple[TimingCache, Any] | None = None  # and the configuration that has it

    def run(self) -> dict[str, object]:
        """All of it; gives the answer to the parent."""
        require_available(self.options, self.capabilities)
        check_external_data(self.onnx)  # TensorRT's parser would open whatever the file names
        for path, sha256 in self.plugins:
            load_plugin(self.library, path, sha256, self.seen)
        source = self._source()
        self.parent.doing("loading the builder")
        builder = self._builder()
        with self.library.tape.capture() as lines:
            plan = self._plan(builder, source)
        self._lines += lines
        if plan is None:
            raise self._failure(lines)
        self.parent.doing("writing the engine")
        try:
            write_engine(self.part, plan, self.options.metadata)
        except OSError as error:
            raise ModelError(
                "cannot-save",
                f"The engine cannot be written: {error.strerror or error}.",
                "Free some space there, or choose another folder.",
            ) from None
        self.parent.say({"written": self._answer()})
        # Nothing that goes wrong from here on may cost the engine.
        if self._measured is not None:
            cache, config = self._measured
            cache.keep(config)
            self.notes += cache.notes
        self._inspect(plan)
        return self._answer()

    def _answer(self) -> dict[str, object]:
        log = [line.text for line in self._lines]
        return {
            "versions": {"tensorrt": self.library.version, "module": self.library.module},
            "gpu": {"name": self.seen.gpu, "compute_capability": self.seen.compute_capability},
            "strongly_typed": self.options.strongly_typed
            or self.capabilities.always_strongly_typed,
            "notes": self.notes,
            "warnings": self.warnings,
            "log": list(dict.fromkeys(log))[-_MOST_LOG:],
        }

    def _source(self) -> Path:
        """The ONNX that the parser reads: the model, or a cast of it."""
        precision = is_cast(self.options, self.capabilities)
        if precision is None:
            return self.onnx
        self.parent.doing(f"casting the ONNX to {precision.upper()}")
        path, note = cast_onnx(self.onnx, precision, self.scratch)
        self.notes.append(note)
        return path

    def _builder(self) -> Any:
        with self.library.tape.capture() as lines:
            try:
                builder = self.trt.Builder(self.library.trt_logger)
            except TypeError:  # pybind11's way to say that TensorRT gave none
                builder = None
        if builder is None:
            raise refusal(self.library, lines, self._what, self.seen)
        return builder

    @property
    def _what(self) -> str:
        return f"TensorRT could not build {self.onnx.name}"

    def _plan(self, builder: Any, source: Path) -> Any:
        """The serialized engine, or None where TensorRT gives it up."""
        trt, options = self.trt, self.options
        network = builder.create_network(network_flags(trt, options))
        self.parent.doing("reading the ONNX")
        parser = trt.OnnxParser(network, self.library.trt_logger)
        libraries = {one.module: one.library_version for one in find_tensorrt()}
        version = libraries.get(self.library.module)
        self.notes += set_parser_flags(trt, parser, options, version)
        if not parse_onnx(parser, source):
            raise _parse_error(parser, self.seen)
        room = self.context.room()
        self._workspace, note = workspace_limit(
            options.workspace_bytes, None if room is None else room[0]
        )
        self.notes.append(note)
        config, warnings = configure(trt, builder, network, parser, options, self._workspace)
        self.warnings += warnings
        self.notes += set_precision(trt, config, network, options, self.context.compute_capability)
        calibrator = self._calibrator(builder, config, network)
        cache = self._timing_cache(config)
        watcher = monitor(trt, self.parent) if self.capabilities.has("progress") else None
        if watcher is not None:
            config.progress_monitor = watcher
        self.parent.doing("trying kernels")
        with pulse(self.parent):
            plan = builder.build_serialized_network(network, config)
        if calibrator is not None:
            calibrator.close()
            if calibrator.error is not None:
                raise calibrator.error
        self._measured = None if cache is None else (cache, config)
        return plan

    def _calibrator(self, builder: Any, config: Any, network: Any) -> Any:
        options = self.options
        if options.calibration is None or has_quantizers(self.trt, network):
            if options.calibration is not None:
                self.warnings.append(
                    "The calibration folder was not used: the ONNX has ranges of its own, in Q/DQ "
                    "nodes."
                )
            return None
        pictures = calibration.calibration_pictures(options.calibration)
        shapes = {
            name: one.opt for profile in options.profiles[:1] for name, one in profile.items()
        }
        recipe = calibration.calibration_recipe(read_model_file(self.onnx), shapes)
        kept = calibration.cache_path(self.onnx, pictures, recipe, self.library.version)
        calibrator = calibration.make_calibrator(
            self.trt,
            self.context,
            calibration.Batches(pictures, recipe),
            kept,
            self.parent.doing,
        )
        config.int8_calibrator = calibrator
        if shapes:  # a network with free dimensions is calibrated in shapes of its own
            profile = builder.create_optimization_profile()
            for name, shape in shapes.items():
                profile.set_shape(name, list(shape), list(shape), list(shape))
            config.set_calibration_profile(profile)
        self.notes.append(
            f"INT8 calibrated with {len(pictures)} pictures, prepared by the recipe: "
            f"{recipe.evidence or 'the usual one'}."
        )
        return calibrator

    def _timing_cache(self, config: Any) -> TimingCache | None:
        options = self.options
        if not options.timing_cache:
            off = getattr(self.trt.BuilderFlag, "DISABLE_TIMING_CACHE", None)
            if off is not None:
                config.set_flag(off)
            return None
        own = options.timing_cache_file
        path = own or cache_path(
            str(self.seen.gpu),
            self.context.compute_capability,
            self.library.module,
            self.library.version,
        )
        cache = TimingCache(path, is_own=own is None)
        if cache.give(config):
            self.notes.append("The timing cache of earlier builds was used.")
        return cache

    def _failure(self, lines: Sequence[LogLine]) -> EnginebayError:
        room = self.context.room()
        free = None if room is None else room[0]
        seen = replace(self.seen, free_bytes=free)
        error = refusal(self.library, lines, self._what, seen)
        return with_memory_advice(error, self._workspace, free, [line.text for line in lines])

    def _inspect(self, plan: Any) -> None:
        """Ask the engine for its layers; what goes wrong there is a note, the engine is whole."""
        if self.options.profiling_verbosity == "none":
            return
        if self.options.strip_weights:
            self.notes.append("The layers were not asked for: the engine has no weights.")
            return
        self.parent.doing("asking the engine for its layers")
        try:
            # A plan may have gigabytes: it is not copied.
            text = layers_of(self.library, memoryview(plan), self.options, self.seen)
            if text is not None:
                with replacing(self.scratch / LAYERS_FILE) as part:
                    part.write_text(text, encoding="utf-8")
        except (EnginebayError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
            why = str(error) or type(error).__name__  # a MemoryError is mostly without words
            self.notes.append(f"The layers cannot be told: {why}")


def layers_of(
    library: Library, plan: memoryview, options: BuildOptions, seen: Circumstances
) -> str | None:
    """The engine inspector's JSON at the optimum of the first profile; None where it has none.

    Args:
        library: the module that built it, so that a lean runtime in it is NVIDIA's own.
        plan: the engine, without any prefix.
        options: what it was built with.
        seen: for messages.

    Raises:
        EnginebayError: if TensorRT cannot load what it just built, as for want of memory.
    """
    engine = deserialize(
        library, plan, seen.file or "the engine", allow_native_code=True, seen=seen
    )
    context = engine.create_execution_context()
    if context is not None:  # without shapes, free dimensions have no formats
        by_values = library.trt.TensorLocation.HOST
        first = options.profiles[0] if options.profiles else {}
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        on_device = [name for name in names if engine.get_tensor_location(name) != by_values]
        for name in on_device:
            if name in first:
                context.set_input_shape(name, first[name].opt)
        if on_device == names:  # 8.6 may crash on shape tensors without values
            infer_shapes(context)
    return inspector_json(library, engine, context)


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


def build(order: dict[str, Any], parent: Parent) -> dict[str, object]:
    """Build by an order of core.building.build, in this process.

    Raises:
        EnginebayError: as core.building.build_engine.
    """
    work = _Build(order, parent)
    found = work.run()
    context = work.context
    del work  # TensorRT's objects go before the context does
    context.close()
    return found


if __name__ == "__main__":
    answer_parent(build)
