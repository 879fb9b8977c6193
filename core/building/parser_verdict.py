"""What TensorRT's own parser says of an ONNX, asked in a child process, without building."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.building.operator_findings import Finding
from core.child_process import ChildDied, run_child
from core.errors import ModelError
from core.opening import Progress, approved_libraries, no_progress
from core.text import counted, one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class ParserVerdict:
    """The parser's word.

    Attributes:
        parses: whether it takes the model.
        tensorrt_version: whose parser it is.
        supports_model: what supports_model (8.5 to 10) or supports_model_v2 (10.1 on) says; None
            where neither is there.
        findings: every error, with its node and operator where the version tells them.
        log: the telling lines of TensorRT's log.
    """

    parses: bool
    tensorrt_version: str
    supports_model: bool | None
    findings: tuple[Finding, ...] = ()
    log: tuple[str, ...] = ()

    def sentence(self) -> str:
        """For people."""
        if self.parses:
            return f"TensorRT {self.tensorrt_version}'s parser takes the model."
        return (
            f"TensorRT {self.tensorrt_version}'s parser refuses the model: "
            f"{counted(len(self.findings), 'error')}."
        )

    def as_json(self) -> dict[str, Any]:
        """The object `parser` of a check."""
        return {
            "parses": self.parses,
            "tensorrt_version": self.tensorrt_version,
            "supports_model": self.supports_model,
            "errors": [one.as_json() for one in self.findings],
            "log": list(self.log),
        }


def parser_verdict(
    onnx: Path,
    *,
    plugins: Sequence[Path] = (),
    strongly_typed: bool = False,
    allow_native_code: bool = False,
    progress: Progress = no_progress,
) -> ParserVerdict:
    """Let TensorRT's parser read the model; the calling thread waits.

    Args:
        onnx: the model.
        plugins: libraries of plugins, loaded before.
        strongly_typed: whether the network takes its types from the ONNX alone.
        allow_native_code: a yes to the libraries; remembered by fingerprint.
        progress: called about 20 times a second; may raise core.errors.Cancelled, which kills
            the child.

    Raises:
        ModelError: as the child has it: no GPU, no TensorRT that builds ("no-builder"), external
            data outside the folder; kind "parser-crashed" if it dies.
    """
    libraries = approved_libraries(
        tuple(plugins), "plugin", progress, allow_native_code=allow_native_code
    )
    order = {
        "onnx": str(onnx.absolute()),
        "plugins": [[str(path), sha256] for path, sha256 in libraries],
        "strongly_typed": strongly_typed,
    }
    heard: list[dict[str, Any]] = []
    try:
        answer = run_child(
            "core.building.parser_child",
            order,
            lambda doing, elapsed: progress(
                None, f"Checking {onnx.name}: {doing} ({elapsed:.0f} s)"
            ),
            hear=heard.append,
        )
    except ChildDied as death:
        if heard:  # it had read the model, and died of a further question
            return verdict_of_json(heard[-1])
        raise ModelError(
            "parser-crashed",
            f"TensorRT's parser died over {onnx.name} without a word to us.",
            "The details have its last output. Check the model with onnx.checker, or export it "
            "again.",
            details=death.output,
        ) from None
    return verdict_of_json(answer)


def verdict_of_json(answer: Mapping[str, Any]) -> ParserVerdict:
    """What core.building.parser_child answered."""
    return ParserVerdict(
        parses=bool(answer["parses"]),
        tensorrt_version=str(answer["tensorrt_version"]),
        supports_model=answer["supports_model"],
        findings=tuple(map(_finding, answer["errors"])),
        log=tuple(map(str, answer["log"])),
    )


def _finding(error: Mapping[str, Any]) -> Finding:
    """An error of IParserError, by what the version tells of it."""
    number, name = error.get("node", -1), str(error.get("node_name") or "")
    if not name and isinstance(number, int) and number >= 0:
        name = f"number {number}"
    code = str(error.get("code") or "")
    reason = one_line(str(error.get("desc") or "no reason given"), 300).rstrip(".")
    return Finding(
        operator=str(error.get("operator") or "") or "an operator that is not told",
        nodes=(name,) if name else (),
        reason=f"{reason} ({code})" if code else reason,
        certainty="certain",
    )
