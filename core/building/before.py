"""The gate before a build: a table looks first; where it doubts, TensorRT's parser decides."""

from __future__ import annotations

from pathlib import Path

from core.building.no_gpu import cannot_build
from core.building.options import BuildOptions
from core.building.parser_verdict import ParserVerdict, parser_verdict
from core.building.precheck import OnnxCheck, check_onnx
from core.building.precision import needs_ranges
from core.errors import EnginebayError, ModelError
from core.opening import Progress, no_progress

_OWN_FAULTS = ("needs-consent", "plugin-library")  # of what was asked for, not of the machine


def require_buildable(
    onnx: Path,
    options: BuildOptions,
    *,
    allow_native_code: bool = False,
    progress: Progress = no_progress,
) -> OnnxCheck:
    """Check an ONNX, and let nothing through that the parser would refuse after all.

    The parser is asked only where the table of operators doubts: that takes seconds, and the build
    asks it anyway. Where it cannot be asked (no GPU, no TensorRT) the table's word stands.

    Args:
        onnx: the model.
        options: the build's.
        allow_native_code: a yes to plugin libraries; remembered by fingerprint.
        progress: see core.opening.Progress; may raise core.errors.Cancelled.

    Raises:
        ModelFileError: as check_onnx.
        ModelError: kind "unsupported-operator", with node, operator, reason and way out; kind
            "int8-needs-ranges"; or "needs-consent", "plugin-library" for what `options` names.
    """
    check = check_onnx(
        onnx, precision=options.precision, plugins=options.plugins, progress=progress
    )
    require_ranges(check, options)
    doubt = check.problem()
    if doubt is None:
        return check
    word = _parsers_word(onnx, options, allow_native_code, progress)
    if isinstance(word, EnginebayError):
        raise ModelError(
            doubt.kind,
            doubt.message,
            doubt.hint,
            details=f"{doubt.details}\nTensorRT's parser could not be asked: {word.message}",
            evidence=doubt.evidence,
        )
    check = check.with_verdict(word)
    if (problem := check.problem()) is not None:
        raise problem
    return check


def tell_before(
    onnx: Path,
    options: BuildOptions,
    *,
    allow_native_code: bool = False,
    progress: Progress = no_progress,
) -> tuple[OnnxCheck, str]:
    """All that is known of an ONNX before it is built, with the parser's word where it can be had.

    Args: as require_buildable.

    Returns:
        The check, and why the parser could not be asked, "" where it was.

    Raises:
        ModelFileError: as check_onnx.
        ModelError: kinds "needs-consent", "plugin-library".
    """
    check = check_onnx(
        onnx, precision=options.precision, plugins=options.plugins, progress=progress
    )
    word = _parsers_word(onnx, options, allow_native_code, progress)
    if isinstance(word, EnginebayError):
        return check, f"TensorRT's parser could not be asked: {cannot_build(word)[0]}"
    return check.with_verdict(word), ""


def _parsers_word(
    onnx: Path, options: BuildOptions, allow_native_code: bool, progress: Progress
) -> ParserVerdict | EnginebayError:
    """What TensorRT's parser says, or why it cannot be asked here.

    Raises:
        ModelError: kinds "needs-consent", "plugin-library".
    """
    try:
        return parser_verdict(
            onnx,
            plugins=options.plugins,
            strongly_typed=options.strongly_typed,
            allow_native_code=allow_native_code,
            progress=progress,
        )
    except EnginebayError as error:
        if error.kind in _OWN_FAULTS:
            raise
        return error


def require_ranges(check: OnnxCheck, options: BuildOptions) -> None:
    """Nothing, if INT8 is not asked for, or something may tell its ranges; the build asks again.

    Raises:
        ModelError: kind "int8-needs-ranges".
    """
    if "int8" not in options.precision or options.calibration is not None or options.plugins:
        return
    if not any(name.lower().endswith("quantizelinear") for name in check.operators):
        raise needs_ranges()
