"""What is known of an ONNX before it is built: read from the file, without TensorRT or onnx.

Operators are judged by a table of what is published, so that each finding is a likelihood. Where
TensorRT is installed its parser has the last word: core.building.parser_verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.building.estimates import Estimate, estimate
from core.building.operator_findings import Finding, find_operators, opset_note, version_of
from core.building.operator_table import TENSOR_DTYPES
from core.building.parser_verdict import ParserVerdict
from core.errors import EnginebayError, ModelError, ModelFileError
from core.machine import find_package
from core.modelfile import ModelFile, check_external_data, read_model_file
from core.modelfile.onnx_messages import DTYPES
from core.modelfile.onnx_parts import OnnxParts, read_onnx_parts
from core.opening import Progress, no_progress
from core.tensors import Shape
from core.text import counted, one_line

_MOST_NAMED = 3  # findings in the message; all are in the details
_NO_TENSOR = ("string", "complex64", "complex128", "sequence", "map", "opaque", "optional",
              "sparse tensor")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedInput:
    """An input; `symbols` names free dimensions ("batch"), None where one has no name."""

    name: str
    dtype: str
    shape: Shape | None  # None where not even the number of dimensions is given
    symbols: tuple[str | None, ...] = ()

    @property
    def free(self) -> tuple[int, ...]:
        """The places of its free dimensions, which a profile must limit."""
        return tuple(place for place, dim in enumerate(self.shape or ()) if dim is None)

    def words(self) -> str:
        """For people: "images float32 batch x 3 x height x width"."""
        if self.shape is None:
            return f"{one_line(self.name, 80)} {self.dtype} of any shape"
        if not self.shape:
            return f"{one_line(self.name, 80)} {self.dtype} scalar"
        dims = [
            (symbol or "?") if dim is None else str(dim)
            for dim, symbol in zip(
                self.shape, self.symbols or (None,) * len(self.shape), strict=True
            )
        ]
        return f"{one_line(self.name, 80)} {self.dtype} {one_line(' x '.join(dims), 120)}"

    def as_json(self) -> dict[str, Any]:
        """An entry of `inputs` in a check."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "shape": None if self.shape is None else list(self.shape),
            "symbols": list(self.symbols),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxCheck:
    """What is known of an ONNX before it is built.

    Attributes:
        file: the ONNX.
        tensorrt_version: that the operators were judged for; "" where none is installed.
        opset: of ONNX's own operators; None where it is not given.
        domains: version by domain, of the others.
        inputs: in the model's order.
        operators: how many nodes of each, most first, bodies and functions too; those of other
            domains with the domain before.
        findings: what is likely refused, then what is bounded.
        external_data: the other files that it keeps weights in; all are there.
        estimate: sizes.
        notes: what is worth knowing, a sentence each.
        verdict: the parser's, where it was asked.
    """

    file: ModelFile
    tensorrt_version: str
    opset: int | None
    domains: dict[str, int]
    inputs: tuple[CheckedInput, ...]
    operators: dict[str, int]
    findings: tuple[Finding, ...]
    external_data: tuple[str, ...]
    estimate: Estimate
    notes: tuple[str, ...] = ()
    verdict: ParserVerdict | None = None

    @property
    def refused(self) -> tuple[Finding, ...]:
        """The findings that likely, or by the parser's word certainly, stop the build."""
        if self.verdict is not None:
            return self.verdict.findings
        return tuple(one for one in self.findings if one.is_refused)

    def with_verdict(self, verdict: ParserVerdict) -> OnnxCheck:
        """With what the parser says, which counts before the table; its ways out stay."""
        known = {one.operator: one.way_out for one in self.findings if one.way_out}
        found = tuple(
            one if one.way_out else replace(one, way_out=known.get(one.operator, ""))
            for one in verdict.findings
        )
        return replace(self, verdict=replace(verdict, findings=found))

    def problem(self) -> EnginebayError | None:
        """Why TensorRT cannot build it, with the operators named; None where nothing speaks so.

        Kind "unsupported-operator"; without the parser's verdict it is a likelihood.
        """
        refused = self.refused
        if not refused:
            return None
        surely = "cannot" if self.verdict is not None else "likely cannot"
        what = "; ".join(one.sentence() for one in refused[:_MOST_NAMED])
        more = len(refused) - _MOST_NAMED
        return ModelError(
            "unsupported-operator",
            f"TensorRT {surely} build {self.file.path.name}: {what}"
            + (f"; and {more:,} more." if more > 0 else "."),
            next((one.way_out for one in refused if one.way_out), "")
            or "Export the model with plainer operators or another opset.",
            details="\n".join(one.details() for one in refused),
            evidence={"operator": refused[0].operator, "node": refused[0].nodes[0]}
            if refused[0].nodes
            else {"operator": refused[0].operator},
        )

    def sentences(self) -> tuple[str, ...]:
        """All of it for people, one line each."""
        told = [f"Opset {self.opset or 'not given'}, {_operators(self.operators)}."]
        told += [f"Input {one.words()}." for one in self.inputs]
        free = [one for one in self.inputs if one.free]
        if free:
            names = ", ".join(one_line(one.name, 80) for one in free)
            told.append(f"Free dimensions, which a profile must limit, are in: {names}.")
        told += [one.details() for one in self.findings]
        if self.verdict is not None:
            told.append(self.verdict.sentence())
        if self.external_data:
            told.append(f"{counted(len(self.external_data), 'other file')} with weights.")
        return (*told, self.estimate.sentence(), *self.notes)

    def as_json(self) -> dict[str, Any]:
        """The object `check` of `enginebay build --json`."""
        return {
            "model": str(self.file.path),
            "tensorrt_version": self.tensorrt_version or None,
            "opset": self.opset,
            "domains": self.domains,
            "inputs": [one.as_json() for one in self.inputs],
            "operators": self.operators,
            "findings": [one.as_json() for one in self.findings],
            "external_data": list(self.external_data),
            "estimate": self.estimate.as_json(),
            "notes": list(self.notes),
            "parser": None if self.verdict is None else self.verdict.as_json(),
        }


def check_onnx(
    path: Path,
    *,
    tensorrt_version: str | None = None,
    precision: Collection[str] = (),
    plugins: Sequence[Path] = (),
    progress: Progress = no_progress,
) -> OnnxCheck:
    """Look through an ONNX that is to be built. Reads the file only; takes seconds at most.

    Args:
        path: the file.
        tensorrt_version: "8.6.1", that is to build it; None takes the installed one's, and where
            none is installed every version's table counts.
        precision: names as BuildOptions.precision has them, for the engine's size.
        plugins: libraries that will be loaded; an unknown operator is then likely theirs.
        progress: see core.opening.Progress.

    Raises:
        ModelFileError: if it is no whole ONNX, or its weights lie in files that are missing (kind
            "external-data") or outside its folder ("external-data-outside").
    """
    file = read_model_file(path)
    if (problem := file.problem()) is not None:
        raise problem
    if file.onnx is None:
        raise ModelFileError(
            "not-onnx",
            f"{file.path.name} is a TensorRT engine already.",
            "Give the ONNX that it was built from.",
        )
    check_external_data(path, progress)
    parts = read_onnx_parts(path)
    if tensorrt_version is None:
        installed = find_package("tensorrt")
        tensorrt_version = "" if installed is None else installed.version or ""
    version = version_of(tensorrt_version)
    opsets = dict(file.onnx.opsets)
    opset = opsets.pop("", opsets.pop("ai.onnx", None))
    inputs = _inputs(file, parts)
    notes = [
        *opset_note(opset, version),
        *_dtype_notes(parts, inputs, version),
    ]
    if parts.unknown_weights:
        notes.append(f"{counted(parts.unknown_weights, 'weight')} of unknown size: not estimated.")
    return OnnxCheck(
        file=file,
        tensorrt_version=tensorrt_version,
        opset=opset,
        domains=opsets,
        inputs=inputs,
        operators=_counted(parts),
        findings=(
            *_unusable_tensors(file, parts, version),
            *find_operators(
                parts,
                version=version,
                has_plugins=bool(plugins),
                is_dynamic=any(one.free or one.shape is None for one in inputs),
            ),
        ),
        external_data=file.external.locations,
        estimate=estimate(parts.elements, precision),
        notes=tuple(notes),
    )


def _inputs(file: ModelFile, parts: OnnxParts) -> tuple[CheckedInput, ...]:
    graph = None if file.onnx is None else file.onnx.graph
    return tuple(
        CheckedInput(
            name=value.name,
            dtype=value.dtype,
            shape=value.shape,
            symbols=parts.symbols.get(value.name, ())
            if len(parts.symbols.get(value.name, ())) == len(value.shape or ())
            else (),
        )
        for value in (graph.inputs if graph is not None and graph.inputs is not None else ())
    )


def _counted(parts: OnnxParts) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in parts.nodes:
        name = f"{node.domain}.{node.operator}" if node.domain else node.operator
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _operators(operators: dict[str, int]) -> str:
    shown = [f"{one_line(name, 60)} {count:,}" for name, count in operators.items()]
    more = f" and {len(shown) - 8:,} more kinds" if len(shown) > 8 else ""
    return f"{counted(sum(operators.values()), 'operator')}: {', '.join(shown[:8])}{more}"


def _unusable_tensors(
    file: ModelFile, parts: OnnxParts, version: tuple[int, int] | None
) -> Iterable[Finding]:
    """Inputs, outputs and weights of a kind that TensorRT has no dtype for."""
    graph = None if file.onnx is None else file.onnx.graph
    if graph is not None:
        for label, values in (("input", graph.inputs), ("output", graph.outputs)):
            for value in values or ():
                if (why := _no_dtype(value.dtype, version)) is not None:
                    reason, way_out = why
                    yield Finding(
                        operator=f"{label} {value.name}",
                        nodes=(),
                        reason=reason,
                        way_out=way_out,
                    )
    for dtype in ("string", "complex64", "complex128"):
        names = [one.name for one in parts.weights.values() if one.dtype == dtype]
        if names:
            yield Finding(
                operator="Constant",
                nodes=tuple(names[:20]),
                count=len(names),
                reason=f"a weight is {dtype}, which TensorRT has not",
                way_out="Keep text and complex numbers outside the model.",
            )


def _no_dtype(dtype: str, version: tuple[int, int] | None) -> tuple[str, str] | None:
    """Why a version takes no input or output of a dtype, and the way out; None where it does."""
    if dtype in _NO_TENSOR:
        way_out = "Export with tensors of numbers; keep text and sequences outside."
        return f"TensorRT has no {dtype}", way_out
    if dtype not in DTYPES.values():
        return None
    since = TENSOR_DTYPES.get(dtype)
    if since is None:
        way_out = "Export with inputs and outputs of INT32, INT64 or floating-point numbers."
        return f"TensorRT has no {dtype}", way_out
    if version is None or version >= since:
        return None
    first = f"{since[0]}.{since[1]}"
    return (
        f"TensorRT has {dtype} from {first} on, and {version[0]}.{version[1]} is to build",
        f"Use TensorRT {first} or newer, or export with inputs and outputs of FP32 or FP16.",
    )


def _dtype_notes(
    parts: OnnxParts, inputs: Sequence[CheckedInput], version: tuple[int, int] | None
) -> Iterable[str]:
    is_narrow = version is not None and version < (9, 0)
    if parts.elements.get("int64") and is_narrow:
        yield (
            "It has INT64 weights: TensorRT before 9 casts them to INT32 and clamps what does not "
            "fit, with a warning; indices and shapes are fine."
        )
    narrowed = [one.name for one in inputs if one.dtype == "int64"]
    if narrowed and is_narrow:
        names = ", ".join(one_line(name, 60) for name in narrowed)
        yield f"The engine will take INT32 where the ONNX takes INT64: {names}."
    cast = [one.name for one in inputs if one.dtype == "float64"]
    if cast:
        names = ", ".join(one_line(name, 60) for name in cast)
        yield f"The engine will take FP32 where the ONNX takes FP64: {names}."
    if parts.elements.get("float64"):
        yield "It has FP64 weights: TensorRT casts them to FP32 and clamps what does not fit."
