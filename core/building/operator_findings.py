"""The operators of an ONNX that TensorRT likely refuses, or takes only in some forms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from core.building.operator_limits import Limit, Surroundings, limits_of
from core.building.operator_table import (
    GONE_IN_11,
    MAX_OPSET,
    NEVER,
    OLDER_WAY_OUT,
    OLDEST_OPSET,
    OWN_PREFIX,
    PLUGINS,
    QUANTIZED_PREFIXES,
    QUANTIZED_WAY_OUT,
    SINCE,
    SUPPORTED,
    Version,
)
from core.modelfile.onnx_messages import StoredTensor
from core.modelfile.onnx_nodes import OnnxNode
from core.modelfile.onnx_parts import OnnxParts
from core.text import one_line

_ONNX_DOMAINS = ("", "ai.onnx")
_MOST_NODES = 20  # named of each finding
_CUSTOM_WAY_OUT = (
    "It needs a plugin: build or get a library that has it under this name, and give it with "
    "--plugins; or export the model with plain ONNX operators in its place."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Nodes of one operator that share a reason.

    Attributes:
        operator: with its domain, where that is not ONNX's own: "acme.Sparkle".
        nodes: their names, the first 20; what a node without a name gives, in its place.
        reason: why, for people; goes on after the operator's name.
        way_out: what to do about it; "" where nothing is known.
        count: how many nodes.
        is_refused: False for what is taken in some forms only.
        certainty: "likely" by the table of what is published; "certain" by the parser.
    """

    operator: str
    nodes: tuple[str, ...]
    reason: str
    way_out: str = ""
    count: int = 1
    is_refused: bool = True
    certainty: str = "likely"

    def sentence(self) -> str:
        """For people, without a full stop: "node 'x' is Unique: no version has it"."""
        where = ""
        if self.nodes:
            name = one_line(self.nodes[0], 80)
            has_none = name.startswith(("that gives ", "number "))
            where = f"the node {name} is " if has_none else f"node {name!r} is "
        more = f" (and {self.count - 1:,} more)" if self.count > 1 else ""
        return f"{where}{one_line(self.operator, 80)}{more}: {self.reason}"

    def details(self) -> str:
        """The same with the way out, as whole sentences on one line."""
        text = self.sentence()
        sure = "" if self.certainty == "certain" else "Likely refused: " if self.is_refused else ""
        return f"{sure}{text[0].upper() if not sure else text[0]}{text[1:]}. {self.way_out}".strip()

    def as_json(self) -> dict[str, Any]:
        """An entry of `findings`."""
        return {
            "operator": self.operator,
            "nodes": list(self.nodes),
            "count": self.count,
            "reason": self.reason,
            "way_out": self.way_out,
            "refused": self.is_refused,
            "certainty": self.certainty,
        }


def version_of(text: str) -> Version | None:
    """Major and minor of "8.6.1"; None where there are none."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def opset_note(opset: int | None, version: Version | None) -> Iterator[str]:
    """A sentence where the opset is not one that the parser was made for."""
    if opset is None:
        return
    newest = MAX_OPSET[-1][1]
    if version is not None:
        known = [number for since, number in MAX_OPSET if version >= since]
        newest = known[-1] if known else MAX_OPSET[0][1]
    which = "TensorRT 10.15" if version is None else f"TensorRT {version[0]}.{version[1]}"
    if opset > newest:
        yield (
            f"Opset {opset} is newer than {newest}, the newest that {which}'s parser was made for. "
            "It often works, as few operators change; if it is refused, export with opset "
            f"{newest}."
        )
    elif opset < OLDEST_OPSET:
        yield (
            f"Opset {opset} is older than {OLDEST_OPSET}, the oldest that TensorRT 10's parser "
            "was made for. If it is refused, convert it: onnx.version_converter."
        )


def find_operators(
    parts: OnnxParts,
    *,
    version: Version | None,
    has_plugins: bool,
    is_dynamic: bool,
) -> tuple[Finding, ...]:
    """What the table and the operators' known limits say of a model's nodes.

    Args:
        parts: the model.
        version: of the TensorRT that is to build; None counts what is true of all.
        has_plugins: whether libraries of plugins will be loaded.
        is_dynamic: whether an input has free dimensions.

    Returns:
        Those that are likely refused first, each in the order of the nodes.
    """
    around = Surroundings(_weights(parts), _constants(parts), version, is_dynamic)
    local = {name for _, name in parts.functions}
    groups: dict[tuple[str, Limit], list[str]] = {}
    for index, node in enumerate(parts.nodes):
        if (node.domain, node.operator) in parts.functions or (
            node.operator in local and node.domain not in _ONNX_DOMAINS
        ):
            if version is not None and version < (9, 0):
                limit = Limit(
                    "it is a function of the model's own, which TensorRT takes from 9 on",
                    "Inline the functions: onnx.inliner, or onnxsim.",
                )
                _put(groups, node, index, limit)
            continue
        for limit in _limits(node, around, has_plugins):
            _put(groups, node, index, limit)
    found = [
        Finding(
            operator=operator,
            nodes=tuple(names[:_MOST_NODES]),
            reason=limit.reason,
            way_out=limit.way_out,
            count=len(names),
            is_refused=limit.is_refused,
        )
        for (operator, limit), names in groups.items()
    ]
    return tuple(sorted(found, key=lambda one: not one.is_refused))


def _put(
    groups: dict[tuple[str, Limit], list[str]], node: OnnxNode, index: int, why: Limit
) -> None:
    is_own = node.domain in _ONNX_DOMAINS
    operator = node.operator if is_own else f"{node.domain}.{node.operator}"
    outputs = [name for name in node.outputs if name]
    name = node.name or (f"that gives {outputs[0]}" if outputs else f"number {index}")
    groups.setdefault((operator, why), []).append(name)


def _limits(node: OnnxNode, around: Surroundings, has_plugins: bool) -> Iterable[Limit]:
    name, version = node.operator, around.version
    is_onnx = node.domain in _ONNX_DOMAINS
    if name in PLUGINS or name.startswith(OWN_PREFIX):
        if name in GONE_IN_11 and version is not None and version >= (11, 0):
            yield Limit(
                "this plugin of TensorRT's own was dropped in 11.0",
                "Build with TensorRT 10, or export with plain operators in its place.",
            )
        return
    if not is_onnx and name.startswith(QUANTIZED_PREFIXES):
        yield Limit("TensorRT has no operators of this form of quantization", QUANTIZED_WAY_OUT)
        return
    if not is_onnx and name not in SUPPORTED:
        yield _custom(f"it is a custom operator of the domain {node.domain!r}", has_plugins)
        return
    if not is_onnx:
        yield Limit(
            f"it is of the domain {node.domain!r}, and TensorRT's parser goes by the name alone: "
            f"it takes it for ONNX's {name}",
            "Compare the engine's outputs with the ONNX's after the build.",
            is_refused=False,
        )
    if name in NEVER:
        yield Limit("no version of TensorRT has it", NEVER[name])
        return
    if name not in SUPPORTED:
        yield _custom("it is not among the operators that NVIDIA lists", has_plugins)
        return
    since = SINCE.get(name)
    if since is not None and (version is None or version < since):
        first = f"{since[0]}.{since[1]}"
        yield Limit(
            f"TensorRT has it from {first} on"
            + ("" if version is None else f", and {version[0]}.{version[1]} is to build"),
            OLDER_WAY_OUT.get(name) or f"Use TensorRT {first} or newer, or plainer operators.",
            is_refused=version is not None,
        )
        if version is not None:
            return
    if name == "NonMaxSuppression" and version is not None and version < (8, 5):
        yield Limit(
            "before TensorRT 8.5 it is experimental, and pads its output", OLDER_WAY_OUT[name],
            is_refused=False,
        )  # fmt: skip
    yield from limits_of(node, around)


def _custom(reason: str, has_plugins: bool) -> Limit:
    if has_plugins:
        return Limit(
            f"{reason}; the plugin libraries must have it",
            "See that the plugin is registered under this very name.",
            is_refused=False,
        )
    return Limit(f"{reason}, and no plugin library is given", _CUSTOM_WAY_OUT)


def _weights(parts: OnnxParts) -> dict[str, StoredTensor]:
    """Initializers and constants, by the name of the value that they are."""
    constants = {
        node.outputs[0]: tensor
        for node in parts.nodes
        if node.operator == "Constant" and node.outputs
        for tensor in [node.attributes.get("value")]
        if isinstance(tensor, StoredTensor)
    }
    return constants | parts.weights


def _constants(parts: OnnxParts) -> frozenset[str]:
    """Values that depend on weights and constants alone; nodes stand after what they read."""
    known = set(parts.weights)
    for node in parts.nodes:
        if node.operator == "Constant" or (
            node.inputs and all(not name or name in known for name in node.inputs)
        ):
            known.update(node.outputs)
    known.discard("")
    return frozenset(known)
