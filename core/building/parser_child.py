"""The child's side of parser_verdict: runs TensorRT's ONNX parser and gives all of its errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.building.capabilities import capabilities_of, require_available
from core.building.configure import network_flags
from core.building.options import BuildOptions
from core.building.parsing import parse_onnx
from core.child_process import Parent, answer_parent
from core.cuda import open_context
from core.modelfile import check_external_data
from core.modelfile.onnx_nodes import read_onnx_nodes
from core.tensorrt_library import load_library, refusal
from core.tensorrt_plugins import load_plugin
from core.translator import Circumstances

_MOST_LOG = 20
_MOST_SUPPORTED = 2_000_000_000  # bytes of a model that is also given to supports_model
# As the parser of 8.4 to 8.6 writes (ModelImporter.cpp, builtin_op_importers.cpp).
_NAMED = re.compile(
    r"(?:No importer registered for op:|could not find plugin:?|Cannot find plugin:?) *(\w+)"
)


def parse(order: dict[str, Any], parent: Parent) -> dict[str, object]:
    """Parse the model of an order; see core.building.parser_verdict.

    The errors are told as soon as they are known: what is asked after them may crash.
    """
    doing = parent.doing
    onnx = Path(order["onnx"])
    context = open_context()
    library = load_library()
    trt = library.trt
    options = BuildOptions(strongly_typed=bool(order["strongly_typed"]))
    require_available(options, capabilities_of(trt, library.module))
    check_external_data(onnx)  # the parser would open whatever the file names
    seen = Circumstances(
        file=onnx.name,
        gpu=context.device.name(),
        compute_capability=context.compute_capability,
    )
    for path, sha256 in order["plugins"]:
        load_plugin(library, Path(path), sha256, seen)
    doing("loading the builder")
    with library.tape.capture() as lines:
        try:
            builder = trt.Builder(library.trt_logger)
        except TypeError:  # pybind11's way to say that TensorRT gave none
            builder = None
    if builder is None:
        raise refusal(library, lines, f"TensorRT could not read {onnx.name}", seen)
    with library.tape.capture() as lines:
        network = builder.create_network(network_flags(trt, options))
        parser = trt.OnnxParser(network, library.trt_logger)
        doing("reading the ONNX")
        parses = parse_onnx(parser, onnx)
        errors = [_error(parser.get_error(index)) for index in range(parser.num_errors)]
    if not parses:
        _name_operators(errors, onnx, [line.text for line in lines])
        if not errors:
            errors.append({"desc": "; ".join(line.text for line in lines) or "no reason given"})
    texts = dict.fromkeys(line.text for line in lines)
    found: dict[str, object] = {
        "parses": parses,
        "tensorrt_version": library.version,
        "supports_model": True if parses else None,
        "errors": [] if parses else errors,
        "log": list(texts)[-_MOST_LOG:],
    }
    if not parses:
        parent.say(found)
        doing("asking what it supports")
        found["supports_model"] = _supports(trt, builder, options, onnx, library)
    del parser, network, builder
    context.close()
    return found


def _error(error: Any) -> dict[str, object]:
    """An IParserError: node_name and node_operator are told from TensorRT 9 on."""
    found: dict[str, object] = {"desc": str(error.desc()), "node": int(error.node())}
    code = error.code()
    found["code"] = getattr(code, "name", str(code))
    for key, method in (("node_name", "node_name"), ("operator", "node_operator")):
        ask = getattr(error, method, None)
        if ask is not None:
            found[key] = str(ask())
    return found


def _supports(
    trt: Any, builder: Any, options: BuildOptions, onnx: Path, library: Any
) -> bool | None:
    """What the parser says without stopping at the first fault; on a network of its own."""
    network = builder.create_network(network_flags(trt, options))
    parser = trt.OnnxParser(network, library.trt_logger)
    if onnx.stat().st_size > _MOST_SUPPORTED:
        return None
    content = onnx.read_bytes()
    if hasattr(parser, "supports_model_v2"):
        return bool(parser.supports_model_v2(content, str(onnx)))
    if hasattr(parser, "supports_model"):
        found = parser.supports_model(content, str(onnx))
        return bool(found[0] if isinstance(found, tuple) else found)
    return None


def _name_operators(errors: list[dict[str, object]], onnx: Path, log: Sequence[str]) -> None:
    """Up to 8.6 an error has no more than a node's number: name and operator are in the file.

    The number is the node's place in the parser's order, mostly the file's; where the text names
    the operator, that counts.
    """
    if all(error.get("operator") for error in errors):
        return
    nodes = read_onnx_nodes(onnx).nodes
    for error in errors:
        if error.get("operator"):
            continue
        number = error.get("node", -1)
        is_known = isinstance(number, int) and 0 <= number < len(nodes)
        node = nodes[number] if is_known and isinstance(number, int) else None
        texts = [str(error.get("desc", "")), *log]
        named = next((found[1] for text in texts if (found := _NAMED.search(text))), "")
        if named and (node is None or node.operator != named):
            node = next((one for one in nodes if one.operator == named), None)
            error["operator"] = named
        if node is not None:
            error["operator"] = f"{node.domain}.{node.operator}" if node.domain else node.operator
            error["node_name"] = node.name or next(iter(node.outputs), "")


if __name__ == "__main__":
    answer_parent(parse)
