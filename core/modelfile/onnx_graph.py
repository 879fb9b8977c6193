"""An ONNX file's graph without its weights: inputs, outputs, operators, where weights are.

At most a given number of bytes is read, the most telling first: the graph's outermost fields
(sixteen bytes or so of each), its inputs and outputs, the headers of its weights, then nodes and
functions. What is not read is not known: it is None, never a value that may be wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.modelfile.onnx_messages import MAX_NAME, StoredTensor, messages, read_tensor
from core.modelfile.onnx_values import GraphValue, read_value
from core.modelfile.protobuf import LENGTH, DamagedError, NotRead, Readable, Window, fields

# What ONNX itself and every build of ONNX Runtime know.
_KNOWN_DOMAINS = frozenset(
    {
        "",
        "ai.onnx",
        "ai.onnx.ml",
        "ai.onnx.preview",
        "ai.onnx.preview.training",
        "ai.onnx.training",
        "com.microsoft",
        "com.microsoft.experimental",
        "com.microsoft.nchwc",
        "com.ms.internal.nhwc",
    }
)
# In words that quantization tools use; other types (INT32, INT64 ...) hold shapes and indices.
_PRECISIONS = {
    "float64": "FP64",
    "float32": "FP32",
    "float16": "FP16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "FP8",
    "float8_e4m3fnuz": "FP8",
    "float8_e5m2": "FP8",
    "float8_e5m2fnuz": "FP8",
    "float4_e2m1fn": "FP4",
    "int8": "INT8",
    "uint8": "INT8",
    "int4": "INT4",
    "uint4": "INT4",
}
_DOMINANT = 0.9  # of all weights, by number
_MAX_PARTS = 65_536  # nodes and weights that are looked into
# Bytes read at once: of a field's head; of a tensor's fields up to its values; of nodes.
_HEAD_PIECE, _TENSOR_PIECE, _NODE_PIECE = 20, 96, 512

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxGraph:
    """What a graph is made of; None for what could not be read within the limits."""

    inputs: tuple[GraphValue, ...] | None = None  # without initializers that are listed there
    outputs: tuple[GraphValue, ...] | None = None
    operators: int | None = None  # nodes of the graph itself; an If or Loop is one
    operator_types: dict[str, int] | None = None  # the same by type, most frequent first
    custom_domains: tuple[str, ...] | None = None  # of operators that need a library of their own
    weights_bytes: int | None = None  # initializers and constants, bodies and functions too
    external_bytes: int | None = None  # as much of it as is in other files
    precision: str | None = None  # what 9 of 10 weights are stored as, else "mixed"; "" for none
    external_data: tuple[str, ...] | None = None  # the other files' names, as the file gives them
    found_locations: tuple[str, ...] = ()  # the same as far as read, also where that is None
    damage: str = ""  # why it is no ONNX graph, where it is not

    def as_json(self) -> dict[str, object]:
        """What `enginebay info --json` adds to its `onnx` object."""
        return {
            "inputs": _values_json(self.inputs),
            "outputs": _values_json(self.outputs),
            "operators": self.operators,
            "operator_types": self.operator_types,
            "custom_domains": None if self.custom_domains is None else list(self.custom_domains),
            "weights_bytes": self.weights_bytes,
            "external_bytes": self.external_bytes,
            "precision": self.precision or None,
            "external_data": None if self.external_data is None else list(self.external_data),
        }


def read_onnx_graph(file: Readable, size: int, budget: int) -> OnnxGraph:
    """Read what a graph says of itself.

    Args:
        file: an ONNX file; best unbuffered, as what is read lies far apart.
        size: its bytes.
        budget: bytes that may be read.
    """
    walk = _Walk(Window(file, size, budget=budget, piece=_HEAD_PIECE))
    damage = ""
    try:
        walk.read(size)
    except NotRead:
        pass
    except DamagedError as error:
        damage = str(error)
    return walk.graph(damage)


@dataclass(slots=True)
class _Weights:
    """Sums over the tensors that a file keeps."""

    size_bytes: int = 0
    external_bytes: int = 0
    is_known: bool = True  # False once a tensor does not say its size
    elements: Counter[str] = field(default_factory=Counter)  # by dtype
    locations: dict[str, None] = field(default_factory=dict)

    def add(self, tensor: StoredTensor) -> None:
        if tensor.location:
            self.locations[tensor.location] = None
        if tensor.size_bytes is None:
            self.is_known = False
            return
        self.size_bytes += tensor.size_bytes
        self.external_bytes += tensor.size_bytes if tensor.is_external else 0
        self.elements[tensor.dtype] += tensor.elements

    def precision(self) -> str:
        counts: Counter[str] = Counter()
        for dtype, count in self.elements.items():
            counts[_PRECISIONS.get(dtype, "")] += count
        del counts[""]
        if not counts.total():  # only indices, or nothing
            only = [dtype.upper() for dtype, count in self.elements.items() if count]
            return only[0] if len(only) == 1 else "mixed" if only else ""
        best, count = counts.most_common(1)[0]
        return best if count >= _DOMINANT * counts.total() else "mixed"


class _Walk:
    """One reading of a file: finished parts stay when a later one cannot be read."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._parts: dict[int, list[Span]] = {1: [], 5: [], 11: [], 12: [], 15: []}
        self._functions: list[Span] = []
        self._listed: tuple[GraphValue, ...] | None = None
        self._outputs: tuple[GraphValue, ...] | None = None
        self._names: set[str] | None = None
        self._operators: int | None = None
        self._types: Counter[str] | None = None
        self._domains: tuple[str, ...] | None = None
        self._weights = _Weights()
        self._is_whole = False

    def read(self, size: int) -> None:
        """Read part after part, until all is read or no more may be.

        Raises:
            NotRead: when the budget is spent.
            DamagedError: where the file is no ONNX graph.
        """
        window = self._window
        for number, wire, start, stop in fields(window, 0, size):
            if number == 7 and wire == LENGTH:
                self._read_outline(start, stop)
            elif number == 25 and wire == LENGTH:
                self._functions.append((start, stop))
        self._operators = len(self._parts[1])
        self._outputs = tuple(read_value(window, *span) for span in self._parts[12])
        self._listed = tuple(read_value(window, *span) for span in self._parts[11])
        window.piece = _TENSOR_PIECE
        self._read_initializers()
        window.piece = _NODE_PIECE
        self._read_nodes()
        self._is_whole = True

    def graph(self, damage: str) -> OnnxGraph:
        """What has been read."""
        weights, listed, names = self._weights, self._listed, self._names
        inputs = None
        if listed is not None and names is not None:
            inputs = tuple(value for value in listed if value.name not in names)
        types = None if self._types is None else dict(self._types.most_common())
        is_known = self._is_whole and weights.is_known
        locations = tuple(weights.locations)
        return OnnxGraph(
            inputs=inputs,
            outputs=self._outputs,
            operators=self._operators,
            operator_types=types,
            custom_domains=self._domains,
            weights_bytes=weights.size_bytes if is_known else None,
            external_bytes=weights.external_bytes if is_known else None,
            precision=weights.precision() if is_known else None,
            external_data=locations if self._is_whole else None,
            found_locations=locations,
            damage=damage,
        )

    def _read_outline(self, start: int, stop: int) -> None:
        for number, wire, begin, end in fields(self._window, start, stop):
            spans = self._parts.get(number)
            if spans is not None and wire == LENGTH:
                spans.append((begin, end))

    def _read_initializers(self) -> None:
        names = set()
        for start, stop in _few(self._parts[5]):
            tensor = read_tensor(self._window, start, stop)
            names.add(tensor.name)
            self._weights.add(tensor)
        for start, stop in _few(self._parts[15]):
            for kind, begin, end in messages(self._window, "sparse", start, stop):
                if kind == "tensor":
                    tensor = read_tensor(self._window, begin, end)
                    names.add(tensor.name)  # a sparse initializer is called as its values are
                    self._weights.add(tensor)
        self._names = names

    def _read_nodes(self) -> None:
        types: Counter[str] = Counter()
        used: dict[tuple[str, str], None] = {}
        local = set()
        for start, stop in _few(self._functions):
            local.add(_two_texts(self._window, start, stop, 10, 1))
        for start, stop in _few(self._parts[1]):
            operator = _two_texts(self._window, start, stop, 7, 4)
            types[operator[1]] += 1
            used[operator] = None
            self._look_into("node", start, stop, used)
        for start, stop in self._functions:
            self._look_into("function", start, stop, used)
        self._types = types
        foreign = (domain for domain, name in used if (domain, name) not in local)
        self._domains = tuple(dict.fromkeys(one for one in foreign if one not in _KNOWN_DOMAINS))

    def _look_into(
        self, kind: str, start: int, stop: int, used: dict[tuple[str, str], None]
    ) -> None:
        for found, begin, end in messages(self._window, kind, start, stop):
            if found == "tensor":
                self._weights.add(read_tensor(self._window, begin, end))
            elif found == "node":
                used[_two_texts(self._window, begin, end, 7, 4)] = None


def _few(spans: list[Span]) -> Iterable[Span]:
    if len(spans) > _MAX_PARTS:
        raise NotRead
    return spans


def _two_texts(window: Window, start: int, stop: int, *numbers: int) -> tuple[str, str]:
    """Two text fields of a message by number; "" where there is none."""
    texts = dict.fromkeys(numbers, "")
    for number, wire, begin, end in fields(window, start, stop):
        if number in texts and wire == LENGTH:
            texts[number] = window.text(begin, end, MAX_NAME)
    one, other = texts.values()
    return one, other


def _values_json(values: tuple[GraphValue, ...] | None) -> list[dict[str, object]] | None:
    return None if values is None else [value.as_json() for value in values]
