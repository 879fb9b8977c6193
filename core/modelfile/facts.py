"""The engine card in words: a line of it, and all of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.modelfile.identify import ModelFile
from core.modelfile.metadata import Metadata
from core.modelfile.onnx_header import OnnxHeader
from core.modelfile.onnx_values import GraphValue
from core.modelfile.plan import BuildGpu, PlanHeader
from core.modelfile.sidecar_facts import onnx_name, sidecar_facts
from core.tensors import bytes_text, shape_text
from core.text import one_line

Fact = tuple[str, str]
"""What it is, and what the file says of it."""

KIND_NAMES = {
    "tensorrt-plan": "TensorRT engine",
    "ultralytics-engine": "TensorRT engine, exported by Ultralytics",
    "onnx": "ONNX model",
    "git-lfs-pointer": "Git LFS pointer",
    "truncated-plan": "TensorRT engine, cut off",
    "empty": "empty file",
    "unknown": "unknown file",
}
NOT_READABLE = "not readable"
# tensorrt.HardwareCompatibilityLevel
HARDWARE_COMPATIBILITY = {
    0: "none: it runs on the kind of GPU that built it",
    1: "Ampere and newer",
    2: "same compute capability",
}
"""tensorrt.HardwareCompatibilityLevel in words; its numbers are the same in all versions."""

_MAX_VALUES = 16  # inputs and outputs that are told, each on its own line
_MAX_LISTED = 6  # operator types, class names, other files
_MAX_KEYS = 40  # of the metadata that is not understood


def card_facts(file: ModelFile) -> list[str]:
    """What the file says of itself, a few words each, the most telling first."""
    facts = [KIND_NAMES[file.kind]]
    plan, onnx, metadata = file.plan, file.onnx, file.metadata
    if plan is not None:
        facts.append(f"TensorRT {_version(plan)}")
        gpu = plan.build_gpu
        facts.append("build GPU not readable" if gpu is None else f"built on {_gpu(gpu)}")
        if plan.hardware_compatibility in (1, 2):
            level = HARDWARE_COMPATIBILITY[plan.hardware_compatibility]
            facts.append(f"hardware-compatible: {level}")
        if metadata is not None and metadata.precision is not None:
            facts.append(metadata.precision)
        if plan.embeds_native_code:
            facts.append("embeds native code")
        if plan.actual_bytes > plan.declared_bytes:
            facts.append(f"{plan.actual_bytes - plan.declared_bytes:,} stray bytes at the end")
    if onnx is not None:
        opset = onnx.opsets.get("", onnx.opsets.get("ai.onnx"))
        facts.append(f"opset {opset}" if opset else "opset not given")
        if onnx.producer:
            facts.append(one_line(onnx.producer, 40))
        graph = onnx.graph
        if graph.operators is not None:
            facts.append(_count(graph.operators, "operator"))
        if graph.precision and graph.weights_bytes is not None:
            facts.append(f"{graph.precision} weights, {bytes_text(graph.weights_bytes)}")
    facts.append(bytes_text(file.size_bytes))
    if metadata is not None and metadata.task:
        classes = f", {_count(len(metadata.names), 'class')}" if metadata.names else ""
        facts.append(f"{one_line(metadata.task, 40)}{classes}")
    if file.sidecar is not None and (name := onnx_name(file.sidecar)):
        facts.append(f"built from {name}")
    return facts


def all_facts(file: ModelFile) -> list[Fact]:
    """Every fact that is known, as (what it is, the fact in words), each on one line.

    What should be in such a file and cannot be read is "not readable".
    """
    facts = [
        ("path", one_line(str(file.path), 1000)),
        ("kind", one_line(KIND_NAMES[file.kind] + file.looks_like, 200)),
        ("size", _size(file.size_bytes)),
    ]
    if file.plan is not None:
        facts += _plan_facts(file.plan, file.plan_offset)
    if file.onnx is not None:
        facts += _onnx_facts(file, file.onnx)
    if file.metadata is not None:
        facts += _metadata_facts(file.metadata)
    if file.sidecar is not None:
        facts += sidecar_facts(file.sidecar)
    if file.sidecar_note:
        facts.append(("side-car", one_line(file.sidecar_note, 400)))
    return facts


def _plan_facts(plan: PlanHeader, offset: int) -> Iterator[Fact]:
    yield "TensorRT version", _version(plan)
    if plan.sections is not None:
        yield "sections", ", ".join(plan.sections) or NOT_READABLE
    missing = plan.declared_bytes - plan.actual_bytes
    if missing > 0:
        yield (
            "complete",
            (f"no: it says {plan.declared_bytes:,} bytes, {missing:,} of them are missing"),
        )
    else:
        stray = f", then {-missing:,} stray bytes" if missing else ""
        yield "complete", f"yes: {plan.declared_bytes:,} bytes, as it says{stray}"
    if offset:
        yield "before the engine", f"{offset:,} bytes of the exporter's metadata"
    yield (
        "embedded native code",
        "yes: a TensorRT runtime that runs when the engine is opened"
        if plan.embeds_native_code
        else NOT_READABLE
        if plan.sections == ()
        else "none",
    )
    gpu = plan.build_gpu
    yield (
        "built on",
        NOT_READABLE
        if gpu is None
        else f"{_gpu(gpu, 'compute capability')} (from an undocumented layout)",
    )
    if plan.sections is not None:  # recorded from TensorRT 8.6 on
        level = plan.hardware_compatibility
        yield (
            "hardware compatibility",
            NOT_READABLE
            if level is None
            else HARDWARE_COMPATIBILITY.get(level, f"level {level}, newer than Enginebay"),
        )


def _onnx_facts(file: ModelFile, onnx: OnnxHeader) -> Iterator[Fact]:
    graph = onnx.graph
    damage = "it is cut off" if onnx.is_truncated else graph.damage
    yield "complete", f"no: {damage}" if damage else "yes"
    yield "IR version", str(onnx.ir_version)
    opsets = (
        f"{one_line(domain, 60)} {version}" if domain else str(version)
        for domain, version in onnx.opsets.items()
    )
    yield "opset", _listed(opsets, len(onnx.opsets)) or "not given"
    yield "producer", one_line(onnx.producer) or "not given"
    yield from _value_facts("input", graph.inputs)
    yield from _value_facts("output", graph.outputs)
    operators = NOT_READABLE if graph.operators is None else f"{graph.operators:,}"
    if graph.operator_types:
        types = (f"{one_line(name, 40)} {n:,}" for name, n in graph.operator_types.items())
        operators += f": {_listed(types, len(graph.operator_types))}"
    yield "operators", operators
    if graph.custom_domains is None:
        yield "custom operators", NOT_READABLE
    elif graph.custom_domains:
        domains = (one_line(domain, 60) for domain in graph.custom_domains)
        yield "custom operators", f"of {_listed(domains, len(graph.custom_domains))}"
    if graph.weights_bytes is None or graph.external_bytes is None:
        yield "weights", NOT_READABLE
    else:
        outside = f", {bytes_text(graph.external_bytes)} of it in other files"
        text = _size(graph.weights_bytes) if graph.weights_bytes else "none"
        yield "weights", text + (outside if graph.external_bytes else "")
    if graph.precision != "":
        yield "precision", graph.precision or NOT_READABLE
    locations = graph.found_locations
    if graph.external_data is None and not locations:
        yield "external data", NOT_READABLE
    elif locations:
        missing = {*file.external.missing, file.external.outside}
        told = (
            f"{one_line(location, 80)}{' (not there)' if location in missing else ''}"
            for location in locations
        )
        more = " and perhaps others" if graph.external_data is None else ""
        yield "external data", _listed(told, len(locations)) + more


def _value_facts(label: str, values: tuple[GraphValue, ...] | None) -> Iterator[Fact]:
    if values is None:
        yield label, NOT_READABLE
        return
    for value in values[:_MAX_VALUES]:
        shape = "of any shape" if value.shape is None else shape_text(value.shape)
        yield label, f"{one_line(value.name, 80)}  {value.dtype}  {shape}"
    if len(values) > _MAX_VALUES:
        yield label, f"and {len(values) - _MAX_VALUES:,} more"
    if not values:
        yield label, "none"


def _metadata_facts(metadata: Metadata) -> Iterator[Fact]:
    names, size = metadata.names, metadata.image_size_hw
    understood: dict[str, str | int | None] = {
        "task": metadata.task,
        "classes": f"{len(names):,}: {_listed(names, len(names))}" if names else None,
        "image size": f"{size[1]} x {size[0]}" if size else None,
        "stride": metadata.stride,
        "channels": metadata.channels,
        "batch": metadata.batch,
        "exported as": metadata.precision,
        "exported on": metadata.date,
        "exporter's version": metadata.version,
        "author": metadata.author,
    }
    for label, value in understood.items():
        if value is not None:
            yield label, one_line(str(value), 160)
    if metadata.whose != "the file's":
        yield "metadata from", metadata.whose.removesuffix("'s")
    # What is understood but malformed is shown as it stands, with the rest.
    told = {
        "task": metadata.task,
        "names": names or None,
        "imgsz": size,
        "stride": metadata.stride,
        "channels": metadata.channels,
        "batch": metadata.batch,
        "date": metadata.date,
        "version": metadata.version,
        "author": metadata.author,
    }
    rest = [key for key in metadata.raw if told.get(key) is None]
    for key in rest[:_MAX_KEYS]:
        # Marked as such, so that no key can pass for a fact of ours.
        yield f"metadata: {one_line(key, 40)}", _raw_text(metadata.raw[key])
    if len(rest) > _MAX_KEYS:
        yield "metadata", f"and {len(rest) - _MAX_KEYS:,} more keys"


def _raw_text(value: object) -> str:
    try:
        return one_line(str(value), 160) or "-"
    except RecursionError:  # nested about as deep as its parser takes
        return NOT_READABLE


def _version(plan: PlanHeader) -> str:
    return plan.tensorrt_version or (
        "5 or older" if plan.layout == "flatbuffer" else "not readable"
    )


def _gpu(gpu: BuildGpu, word: str = "compute") -> str:
    memory = "" if gpu.memory_bytes is None else f", {gpu.memory_bytes / 1e9:.0f} GB"
    return f"{word} {gpu.compute_capability}, {_count(gpu.sm_count, 'SM')}{memory}"


def _size(count: int) -> str:
    text = bytes_text(count)
    return text if text.endswith(" B") else f"{text} ({count:,} bytes)"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "es" if noun.endswith("s") else "s")


def _listed(items: Iterable[str], count: int) -> str:
    """The first few, and how many more there are."""
    shown = [item for item, _ in zip(items, range(_MAX_LISTED), strict=False)]
    more = f" and {count - _MAX_LISTED:,} more" if count > _MAX_LISTED else ""
    return ", ".join(shown) + more
