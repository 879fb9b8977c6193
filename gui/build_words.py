"""A build in words: its settings, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core.tensors import bytes_text
from core.text import counted, one_line
from gui.build_queue import time_text

if TYPE_CHECKING:
    from core.building import BuildOptions, BuildReport
    from core.building.looking import Looked
    from core.tensors import Profile
    from gui.build_queue import Build

PRECISIONS: dict[frozenset[str], str] = {
    frozenset(): "FP32, with TF32 allowed",
    frozenset({"fp16"}): "FP16",
    frozenset({"bf16"}): "BF16",
    frozenset({"int8", "fp16"}): "INT8 and FP16",
    frozenset({"int8"}): "INT8",
    frozenset({"fp8", "fp16"}): "FP8 and FP16",
    frozenset({"best"}): "best: all that are safe here",
    frozenset({"fp32"}): "strict FP32, without TF32",
}
"""Sets of BuildOptions.precision that are offered, in words."""

TYPED_PRECISIONS: dict[frozenset[str], str] = {
    frozenset(): "as the ONNX has it",
    frozenset({"fp16"}): "FP16, to which the ONNX is cast",
    frozenset({"bf16"}): "BF16, to which the ONNX is cast",
}
"""The same where types come from the ONNX alone (TensorRT 11)."""

_IN_A_SHELL = "(the window shows it, `enginebay build --print-command trtexec` prints it)"
"""In the words of core.building.no_gpu."""


class Line(NamedTuple):
    """A line of a result; mark is "good", "bad" or "unsure" for one that is stressed, or ""."""

    text: str
    mark: str = ""


def precision_words(precision: frozenset[str]) -> str:
    """A precision in words, also one that is not offered."""
    return PRECISIONS.get(precision) or ", ".join(sorted(precision)).upper()


def saved_path(path: Path | None) -> str:
    """A path as a field shows it."""
    return "" if path is None else str(path)


def hint_here(hint: str) -> str:
    """A hint, where the command to copy is in the window and not in a shell."""
    return hint.replace(_IN_A_SHELL, "(the trtexec tab has it)")


def settings_words(options: BuildOptions) -> str:
    """The choices that tell builds apart, on one line."""
    parts = [precision_words(options.precision)]
    parts += [_profile_words(one) for one in options.profiles]
    if options.optimization_level is not None:
        parts.append(f"level {options.optimization_level}")
    if options.workspace_bytes is not None:
        parts.append(f"workspace {options.workspace_bytes / 2**20:,.10g} MiB")
    switches = {
        "ampere-plus": options.hardware_compatibility == "ampere-plus",
        "same compute capability": options.hardware_compatibility == "same-compute-capability",
        "version-compatible": options.version_compatible,
        "without weights": options.strip_weights,
        "refit": options.refit,
        "sparse": options.sparsity,
        "strongly typed": options.strongly_typed,
        "DLA": options.dla_core is not None,
        "no timing cache": not options.timing_cache,
        "own timing cache": options.timing_cache_file is not None,
    }
    parts += [words for words, is_on in switches.items() if is_on]
    if options.plugins:
        parts.append(counted(len(options.plugins), "plugin"))
    return "; ".join(parts)


def _profile_words(profile: Mapping[str, Profile]) -> str:
    """Of the first input; more of them are counted."""
    texts = []
    for limits in list(profile.values())[:1]:
        low, high = ("x".join(map(str, dims)) for dims in (limits.min, limits.max))
        texts.append(low if low == high else f"{low} to {high}")
    if len(profile) > 1:
        texts.append(f"{counted(len(profile) - 1, 'more input')}")
    return " and ".join(texts)


def outcome_lines(build: Build) -> list[Line]:
    """What came of a build that is over; [] before."""
    if build.state == "cancelled" and build.has_engine:
        text = (
            "Ended while the new engine was looked at: it is whole and in its place, but it was "
            "not compared with its ONNX, and nothing is recorded beside it."
        )
        return [Line(text, "unsure")]
    if build.state == "cancelled":
        return [Line("Cancelled. An engine that was there before is as it was.")]
    if build.problem is not None:
        lines = [Line(build.problem.message, "bad")]
        return lines + ([Line(hint_here(build.problem.hint))] if build.problem.hint else [])
    if build.built is None:
        return []
    return [*build.built.lines]


def report_lines(report: BuildReport, looked: Looked) -> tuple[Line, ...]:
    """What was built, where, and how long it took; what came out, and what to beware of."""
    tensorrt = report.versions.get("tensorrt", "")
    where = [report.gpu.get("name", ""), f"TensorRT {tensorrt}" if tensorrt else ""]
    done = f"Built in {time_text(report.seconds)} on {', '.join(filter(None, where))}."
    truth = looked.truth
    warnings = [*report.warnings, *truth.get("warnings", ()), *looked.trouble]
    lines = [Line(done if truth else f"{done[:-1]}: {bytes_text(report.size_bytes)}.", "good")]
    lines += [Line(str(text), "unsure") for text in dict.fromkeys(warnings)]
    verdict = (truth.get("first_run") or {}).get("verdict")
    mark = {"agrees": "good", "differs": "bad"}.get(str(verdict), "unsure")
    lines += [Line(one, "" if at else mark) for at, one in enumerate(looked.first_run)]
    rest = (str(text) for text in truth.get("sentences", ()))
    lines += [Line(text) for text in rest if text not in looked.first_run]
    lines += [Line(text) for text in report.notes]
    if looked.sidecar is not None:
        lines.append(Line(f"Recorded in {one_line(looked.sidecar.name, 120)}."))
    return tuple(lines)
