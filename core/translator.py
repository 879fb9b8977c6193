"""Turn what TensorRT logged when it refused into cause, evidence and next step."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

from core.errors import EnginebayError, ModelError, context_lost, is_context_lost
from core.machine import is_jetson
from core.machine.requirement import pip_requirement, version_numbers
from core.tensors import bytes_text, shape_text

_LONGEST_LINE = 4000  # characters looked at; the words that tell stand at the start of a line
_LONGEST_VALUE = 300  # characters shown of what a message names
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_ERROR = re.compile(r"\bError Code \d+: |^\d{1,2}: ")
_WRAPPED = re.compile(r"\bError Code \d+: ([^(]{1,80}?) \((.*)\)$")
_LEADING = re.compile(
    r"^(?:\d{1,2}: )?(?:\[[^\]]{1,200}\] )?(?:(?:[\w:]{1,200}: )?Error Code \d+: )?"
)
_LOCATION = re.compile(r" ?\bIn \S{1,200} at \S{1,300}:\d+\.?\)?$")
# These pass a failure on; the line that says why stands before or after.
_TRAILER = re.compile(
    r"deserialization failed|Assertion engine\w*(?:->deserialize\(.*\)| != nullptr) failed"
    r"|std::exception|Engine could not be created"
)
# CUresult numbers of errors that lose the context, where only the number is logged.
_LOST = re.compile(r"\b(?:cuda ?)?error:? (?:70[02]|71[04-9])\b", re.IGNORECASE)
_EVIDENCE = {  # facts of the circumstances, by the names that templates call them
    "plan_version": "plan_version",
    "requirement": "plan_version",
    "tensorrt_version": "tensorrt_version",
    "plan_compute_capability": "plan_compute_capability",
    "compute_capability": "compute_capability",
    "free": "free_bytes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the program knows of a call into TensorRT; what it does not know is left out.

    Attributes:
        file: the model file's name.
        module: the TensorRT module's name.
        tensorrt_version: of that module, "10.13.3".
        plan_version: of the TensorRT that built the engine, as its file says: "8.6.1.6".
        plan_compute_capability: of the GPU that the engine was built on.
        gpu: this GPU's name.
        compute_capability: of this GPU, "8.9".
        free_bytes: GPU memory free at that time.
    """

    file: str = ""
    module: str = "tensorrt"
    tensorrt_version: str = ""
    plan_version: str | None = None
    plan_compute_capability: str | None = None
    gpu: str = ""
    compute_capability: str = ""
    free_bytes: int | None = None


UNKNOWN = Circumstances()


def translate(
    texts: Sequence[str],
    what: str,
    seen: Circumstances = UNKNOWN,
    *,
    errors: Sequence[str] | None = None,
) -> EnginebayError:
    """The error that a failed call into TensorRT becomes.

    Args:
        texts: what TensorRT logged meanwhile, warnings and worse, in order.
        what: what failed, for messages that are not known ("TensorRT refuses best.engine").
        seen: what the program knows.
        errors: those of `texts` that are errors; None tells them by their look.

    Returns:
        An error of the kind that the known message stands for, or of kind "tensorrt" with the
        most telling line. `details` has every line.
    """
    known = explain(texts, seen, errors=errors)
    if known is not None:
        return known
    telling = _telling([_one_line(text) for text in texts if text.strip()], errors)
    return ModelError(
        "tensorrt",
        f"{what}: {telling}" if telling else f"{what}, without saying why.",
        "See the details for TensorRT's own words.",
        details=_details(texts),
    )


def explain(
    texts: Sequence[str], seen: Circumstances = UNKNOWN, *, errors: Sequence[str] | None = None
) -> EnginebayError | None:
    """The error that a known message becomes; None where no line is known. See translate."""
    # Here, as compiling the table takes some 20 ms that only a refusal should cost.
    from core.tensorrt_messages import MESSAGES

    lines = [_one_line(text) for text in texts if text.strip()]
    for line in lines:
        if is_context_lost(line) or _LOST.search(line):
            doing = f"TensorRT worked on {_shown(seen.file) or 'the engine'}"
            return context_lost(_bare(line).rstrip("."), doing, details=_details(texts))
    error_lines = _error_lines(lines, errors)
    for message in MESSAGES:
        if message.is_remark and error_lines:
            continue
        matches = [match for line in lines for match in message.pattern.finditer(line)]
        if not matches:
            continue
        found = _found(matches)
        facts = _facts(found, seen)
        if message.needs and message.needs not in facts:
            continue
        facts["telling"] = _bare(matches[0].string)
        cause, hint = _chosen(message.cause, facts), _chosen(message.hint, facts)
        named = {_EVIDENCE[name] for name in _names(cause + hint) if name in _EVIDENCE}
        known = {name: str(getattr(seen, name)) for name in sorted(named - found.keys())}
        return message.error(
            message.kind,
            _sentence(cause.format_map(facts)),
            hint.format_map(facts),
            details=_details(texts),
            evidence=found | {name: value for name, value in known.items() if value},
        )
    return None


def _found(matches: Sequence[re.Match[str]]) -> dict[str, str]:
    """What the lines name: the first value of each group, as it can be shown."""
    found: dict[str, str] = {}
    for match in matches:
        for name, value in match.groupdict().items():
            if value and name not in found:
                found[name] = value
    if "sm" in found:  # "61", "120"
        sm = found.pop("sm")
        found["compute_capability"] = f"{sm[:-1]}.{sm[-1]}"
    if "sm_hex" in found:  # "601", "c00"
        sm = found.pop("sm_hex")
        found["compute_capability"] = f"{int(sm[0], 16)}.{int(sm[1:], 16)}"
    for name in found.keys() & {"shape", "least_shape", "most_shape", "expected_shape"}:
        dims = [int(dim) for dim in re.findall(r"-?\d+", found[name])]
        found[name] = shape_text(tuple(dim if dim >= 0 else None for dim in dims))
    for name in found.keys() & {"tensor", "layer", "reason"}:
        found[name] = re.sub(r"\.\)?$", "", _LOCATION.sub("", found[name]))
    return {name: _shown(value) for name, value in found.items()}


def _facts(found: Mapping[str, str], seen: Circumstances) -> dict[str, str]:
    """All that templates may name."""
    from core.tensorrt_messages import PLAN_FORMATS

    facts = {
        "engine": _shown(seen.file) or "the engine",
        "module": seen.module,
        "tensorrt_version": seen.tensorrt_version,
        "plan_version": seen.plan_version,
        "plan_compute_capability": seen.plan_compute_capability,
        "gpu": _shown(seen.gpu),
        "compute_capability": seen.compute_capability,
        "plan_release": PLAN_FORMATS.get(found.get("plan_format", "")),
        "asked": bytes_text(int(found["asked_bytes"])) if "asked_bytes" in found else None,
        "free": None if seen.free_bytes is None else bytes_text(seen.free_bytes),
        **found,
    }
    plan_version = facts["plan_version"] or ""
    facts["requirement"] = "" if is_jetson() else pip_requirement(plan_version, platform.system())
    # The format changes with the second number; bindings and library may differ in the third.
    if version_numbers(plan_version)[:2] != version_numbers(facts["tensorrt_version"])[:2]:
        facts["other_version"] = plan_version
    return {name: value for name, value in facts.items() if value}


def _chosen(template: str, facts: Mapping[str, str]) -> str:
    """The template without its choices: of each the first part whose facts are all known."""

    def choose(choice: re.Match[str]) -> str:
        parts = choice[1].split("|")
        return next((part for part in parts if _names(part) <= facts.keys()), "")

    return _CHOICE.sub(choose, template)


def _names(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def _sentence(text: str) -> str:
    """The text, "The engine" at its start where there is no name for it."""
    return text[0].upper() + text[1:] if text.startswith("the engine") else text


def _details(texts: Sequence[str]) -> str:
    return "\n".join(text.strip() for text in texts)


def _error_lines(lines: Sequence[str], errors: Sequence[str] | None) -> list[str]:
    if errors is None:
        return [line for line in lines if _ERROR.search(line)]
    return [_one_line(text) for text in errors if text.strip()]


def _telling(lines: Sequence[str], errors: Sequence[str] | None) -> str:
    """The first line is the cause; those after it mostly pass the failure on."""
    candidates = _error_lines(lines, errors) or lines
    first = next((line for line in candidates if not _TRAILER.search(line)), None)
    return _bare(first or next(iter(candidates), ""))


def _bare(line: str) -> str:
    """A line without its number, category and place in TensorRT's source."""
    wrapped = _WRAPPED.search(line)
    if wrapped is None:
        return _shown(_LOCATION.sub("", _LEADING.sub("", line, count=1)))
    inner = _LOCATION.sub("", wrapped[2]).strip()
    if inner in ("", "no further information"):
        inner = f"{wrapped[1]} ({wrapped[2]})"
    return _shown(inner)


def _one_line(text: str) -> str:
    """The start of a text on one line, without what a terminal would obey."""
    words = " ".join(text.strip()[:_LONGEST_LINE].split())
    return "".join(letter for letter in words if letter.isprintable())


def _shown(text: str) -> str:
    text = _one_line(text)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE].rstrip() + "..."
