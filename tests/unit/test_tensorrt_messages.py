"""Every message of TensorRT that is known: its cause, its next step, its evidence."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import CudaError, EnginebayError, ModelError
from core.tensorrt_messages import MESSAGES, PLAN_FORMATS, Message
from core.translator import Circumstances, explain, translate
from tests.unit.tensorrt_log_lines import ASSERTED, CASES, HERE, PLAIN, TRAILER, Case

NOTHING = Circumstances()
every_case = pytest.mark.parametrize("case", CASES, ids=str)
REMARKS = (
    "across different models",
    "differs from one already",
    "Skipping tactic",
    "linked against",
)


def is_remark(case: Case) -> bool:
    return any(words in case.text for words in REMARKS)


@every_case
def test_a_known_message_becomes_cause_evidence_and_next_step(case: Case) -> None:
    error = translate([case.text], "It fails", case.seen)
    assert error.kind == case.kind
    assert type(error) is case.error
    assert case.words in error.message
    assert case.hint in error.hint
    assert case.evidence.items() <= error.evidence.items()
    assert error.details == case.text
    assert not error.fatal


def is_readable(text: str, error: EnginebayError) -> bool:
    """Nothing of the templates is left, and no hole where a fact is missing."""
    for name in ("layer", "reason"):
        text = text.replace(error.evidence.get(name, "\0"), "X")
    if error.kind == "damaged-plan":  # ends in TensorRT's own words
        text = text.partition(": Serialization assertion")[0]
    starts_well = text[:1].isupper() or text.startswith("best.engine")
    return starts_well and not re.search(r"[{}\[\]|]|None|  | [.,;:]|\.\.|\(\)", text)


@every_case
def test_it_reads_well_whatever_is_known(case: Case) -> None:
    for seen in (NOTHING, PLAIN, HERE, replace(NOTHING, file="best.engine"),
                 replace(HERE, file="", gpu=""), replace(HERE, tensorrt_version="")):  # fmt: skip
        error = translate([case.text], "It fails", seen)
        assert is_readable(error.message, error), error.message
        assert is_readable(error.hint, error), error.hint


def test_every_message_of_the_table_is_tried() -> None:
    assert len({message.kind for message in MESSAGES}) >= 25
    untried = [
        message.pattern.pattern
        for message in MESSAGES
        if not any(message.pattern.search(" ".join(case.text.split())) for case in CASES)
    ]
    assert untried == []


@pytest.mark.parametrize("case", [case for case in CASES if not is_remark(case)], ids=str)
def test_a_trailer_before_or_after_hides_no_cause(case: Case) -> None:
    for texts in (
        [TRAILER, case.text],
        ["Some warning.", case.text, TRAILER],
        [
            ASSERTED.format("engine->deserialize(start, size, allocator, runtime) failed. "),
            case.text,
        ],
        [case.text, ASSERTED.format("engine != nullptr failed. ")],
    ):
        error = translate(texts, "It fails", case.seen)
        assert (error.kind, case.words in error.message) == (case.kind, True)
        assert error.details == "\n".join(text.strip() for text in texts)


@every_case
def test_lines_may_be_broken_and_places_in_the_source_may_be_others(case: Case) -> None:
    broken = case.text.replace(" ", "\n", 3).replace(". ", ".\n\n  ")
    moved = re.sub(r"::(\w+)::\d+\]", r"::nvinfer1::rt::\1::9123]", case.text)
    numbered = re.sub(r"Error Code \d+|^\d+: ", lambda m: m[0].replace(m[0][-3:], "7: ")
                      if m[0].endswith(": ") else "Error Code 77", case.text)  # fmt: skip
    for text in (broken, moved, numbered, case.text.upper()):
        assert translate([text], "It fails", case.seen).kind == case.kind, text


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        ("something else altogether", "something else altogether"),
        ("2: [foo.cpp::bar::12] Error Code 2: Internal Error (Assertion x > 0 failed. )",
         "Assertion x > 0 failed."),
        ("IRuntime::load: Error Code 9: API Usage Error (Not this one. In load at a/b.cpp:81)",
         "Not this one."),
        ("6: A plain one.", "A plain one."),
        ("[foo.cpp::bar::12] Without a code", "Without a code"),
        ("IFoo::bar: Error Code 3: without brackets", "without brackets"),
        ("images: is named by the line", "images: is named by the line"),
        ("Error Code 4: Myelin (no further information)", "Myelin (no further information)"),
        ("Error Code 1: Cask (In run at c.cpp:5)", "Cask (In run at c.cpp:5)"),
        ("several\nlines\r\n of\ttext", "several lines of text"),
        ("with \x1b[31mcolour\x1b[0m and \u202e tricks", "with [31mcolour[0m and tricks"),
        ("Error Code 5: A (b (c) d)", "b (c) d"),
    ],
)  # fmt: skip
def test_an_unknown_message_is_shown_without_its_wrapping(text: str, telling: str) -> None:
    for texts in ([text], [text, TRAILER], [TRAILER, text], ["\n", text, ""]):
        errors = [one for one in texts if one.strip()]
        error = translate(texts, "TensorRT 8.6.1 refuses best.engine", HERE, errors=errors)
        assert type(error) is ModelError
        assert error.kind == "tensorrt"
        assert error.message == f"TensorRT 8.6.1 refuses best.engine: {telling}"
        assert "See the details" in error.hint
        assert text.strip() in error.details
        assert error.evidence == {}
        assert explain(texts, HERE, errors=errors) is None


def test_a_trailer_alone_is_told_and_nothing_is_said_as_nothing() -> None:
    assert translate([TRAILER], "It fails").message == "It fails: Engine deserialization failed."
    for texts in ([], [""], ["\n \n", ""]):
        assert translate(texts, "It fails").message == "It fails, without saying why."


def test_an_error_is_told_before_the_warnings_around_it() -> None:
    texts = ["A warning.", "An error.", "Another warning."]
    assert translate(texts, "It fails", errors=["An error."]).message == "It fails: An error."
    assert translate(texts, "It fails", errors=[]).message == "It fails: A warning."
    coded = ["A warning.", "2: [a.cpp::b::1] Error Code 2: Internal Error (The reason.)"]
    assert translate(coded, "It fails").message == "It fails: The reason."


@pytest.mark.parametrize("case", [*filter(is_remark, CASES)], ids=str)
def test_a_remark_explains_no_error_that_stands_beside_it(case: Case) -> None:
    texts = [case.text, "3: [a.cpp::b::1] Error Code 3: Internal Error (The reason.)"]
    error = translate(texts, "It fails", HERE)
    assert (error.kind, error.message) == ("tensorrt", "It fails: The reason.")
    assert translate([case.text, "A new error"], "It fails", errors=["A new error"]).kind == (
        "tensorrt"
    )


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        # the size from one line, the reason from another
        (["Requested amount of GPU memory (5000000000 bytes) could not be allocated. There may not "
          "be enough free memory for allocation to succeed.",
          "2: [executionContext.cpp::E::470] Error Code 2: OutOfMemory (no further information)"],
         "out-of-memory"),
        # kernels passed over for memory are no reason by themselves
        (["Requested amount of GPU memory (5000000000 bytes) could not be allocated. There may not "
          "be enough free memory for allocation to succeed.",
          "Skipping tactic 28 due to insufficient memory on requested size of 5000000000.",
          "Error Code 4: Internal Error (Could not find any implementation for node Conv_1.)"],
         "no-implementation"),
        # plugins have versions, and stand in the serialization too
        (["3: getPluginCreator could not find plugin: Mine version: 3",
          "1: [pluginV2Runner.cpp::load::300] Error Code 1: Serialization (Serialization assertion "
          "creator failed.Cannot deserialize plugin since corresponding IPluginCreator not found "
          "in Plugin Registry)", TRAILER], "missing-plugin"),
        (["Using an engine plan file across different models of devices is not recommended",
          "6: The engine plan file is not compatible with this version of TensorRT, expecting "
          "library version 8.2.3 got 8.2.1, please rebuild."], "tensorrt-version"),
    ],
)  # fmt: skip
def test_of_several_known_lines_the_most_telling_is_the_cause(texts: list[str], kind: str) -> None:
    for order in (texts, texts[::-1]):
        error = translate(order, "It fails", HERE)
        assert error.kind == kind
        if kind == "out-of-memory":
            assert "5 GB were asked for, 1.2 GB are free" in error.message


@pytest.mark.parametrize(
    "text",
    [
        "IPluginV2DynamicExt interface version 16777217 does not match version 8600 of TensorRT",
        "Error Code 4: API Usage Error (IPluginV2: plugin Mine has version 2, expecting version 1)",
        "[pluginV3Runner.cpp::load::30] Error Code 1: Serialization (Serialization assertion "
        "version == 2 failed.)",
        "[pluginV2DynamicExtRunner.cpp::execute::115] Error Code 2: Internal Error (Assertion "
        "status == kSTATUS_SUCCESS failed. )",
    ],
)
def test_a_plugins_version_is_no_version_of_tensorrt(text: str) -> None:
    error = translate([text, TRAILER], "It fails", HERE)
    assert error.kind == "plugin"
    assert "plugin" in error.message
    assert error.hint == "Use the plugin library in the build for tensorrt 10.13.3."


LOST = (
    "an illegal memory access was encountered",
    "misaligned address",
    "unspecified launch failure",
    "the launch timed out and was terminated",
    "device-side assert triggered",
    "an illegal instruction was encountered",
    "hardware stack error",
    "invalid program counter",
    "operation not supported on global/shared address space",
    "uncorrectable ECC error encountered",
)


@pytest.mark.parametrize(
    "text",
    [
        *(f"1: [checkMacros.cpp::catchCudaError::203] Error Code 1: Cuda Runtime ({words})"
          for words in LOST),
        "Error Code 1: Myelin ([impl.cpp:675: unload_cuda] Error 700 destroying event '0x4e0828c0'."
        " In ~MyelinGraphContext at /_src/runtime/myelin/graphContext.cpp:101)",
        "Error Code 1: Myelin ([exec.cpp:1164] CUDA error 719 launching __myl_Inor kernel.)",
    ],
)  # fmt: skip
def test_a_lost_cuda_context_is_fatal_whatever_else_was_said(text: str) -> None:
    others = ["Error Code 1: Cuda Runtime (out of memory)", CASES[0].text]
    for texts in ([text], [*others, text], [text, *others]):
        error = translate(texts, "best.engine failed to run", HERE)
        assert type(error) is CudaError
        assert error.fatal
        assert error.kind == "cuda-context-lost"
        assert error.message.startswith("The GPU stopped while TensorRT worked on best.engine: ")
        assert error.message.endswith(". Nothing more can run on it in this process.")
        assert ".." not in error.message
        assert "Restart Enginebay" in error.hint
        assert error.details == "\n".join(texts)


@pytest.mark.parametrize(
    "text",
    [
        "Error Code 1: Myelin ([exec.cpp:1164] CUDA error 720 launching __myl_Inor kernel.)",
        "Error Code 2: Internal Error (Assertion 700 == 710 failed. )",
        "2: [a.cpp::b::700] Error Code 2: Internal Error (Assertion bound >= 0 failed. )",
    ],
)
def test_an_assertion_or_another_number_loses_no_context(text: str) -> None:
    assert not translate([text], "It fails", HERE).fatal


# Other numbers in the same messages

numbers = st.integers(0, 99)
versions = st.tuples(st.integers(5, 12), numbers, numbers, numbers).map(
    lambda parts: ".".join(map(str, parts))
)
capabilities = st.tuples(st.integers(3, 13), st.integers(0, 9)).map("{0[0]}.{0[1]}".format)


@given(here=versions, built=versions)
def test_other_versions(here: str, built: str) -> None:
    text = (
        "The engine plan file is not compatible with this version of TensorRT, expecting library "
        f"version {here} got {built}, please rebuild."
    )
    error = translate([text], "It fails", HERE)
    assert error.kind == "tensorrt-version"
    assert error.evidence == {"tensorrt_version": here, "plan_version": built}
    assert error.message == f"best.engine was built by TensorRT {built}; here is tensorrt {here}."


@given(here=capabilities, built=capabilities)
def test_other_capabilities(here: str, built: str) -> None:
    text = f"generated on an incompatible device, expecting compute {here} got compute {built}, pl"
    error = translate([text], "It fails", NOTHING)
    assert error.message == (
        f"The engine was built for GPUs of compute capability {built}; this GPU has {here}."
    )
    assert error.evidence == {"compute_capability": here, "plan_compute_capability": built}


@given(size=st.integers(0, 1 << 60))
def test_other_sizes(size: int) -> None:
    error = translate([f"Error Code 2: OutOfMemory (Requested size was {size} bytes.)"], "", PLAIN)
    assert error.kind == "out-of-memory"
    assert error.evidence == {"asked_bytes": str(size), "free_bytes": "1200000000"}


@given(formats=st.tuples(st.integers(0, 999), st.integers(0, 999)))
def test_other_formats(formats: tuple[int, int]) -> None:
    here, built = formats
    text = f"Note: Current Version: {here}, Serialized Engine Version: {built}"
    error = translate([text], "It fails", PLAIN)
    assert error.kind == "tensorrt-version"
    assert error.evidence["plan_format"] == str(built)
    release = PLAN_FORMATS.get(str(built))
    assert f"by {f'TensorRT {release}' if release else 'another TensorRT'};" in error.message


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        ("10.3.0.26", "or install tensorrt==10.3.0."),
        ("8.6.1", "or install tensorrt==8.6.1."),
        ("8.5.3.1", "or install tensorrt==8.5.3.1."),
        ("10.9.0.34", "or install tensorrt==10.9.0.34."),
        ("11.4.0.106", "or install tensorrt==11.4.0.106."),
        ("8.4.3.1", "from its ONNX."),
        ("9.2.0.5", "from its ONNX."),
        ("7.1.3.0", "from its ONNX."),
        ("10.3", "from its ONNX."),
    ],
)
def test_a_version_that_pip_has_is_named_as_pip_finds_it(built: str, hint: str) -> None:
    error = translate(["Version tag does not match."], "", replace(HERE, plan_version=built))
    assert error.hint.endswith(hint)


# Untrusted text


def test_names_are_shown_as_they_are_on_one_line_and_never_filled_in() -> None:
    name = "{engine}[{module}|x]\x1b[2J%s.engine"
    seen = replace(HERE, file=name)
    error = translate(["Cannot deserialize with an empty blob."], "", seen)
    assert error.message == "{engine}[{module}|x][2J%s.engine is empty."
    text = "Cannot find plugin: {free}[x|{gpu}]\x07, version: 1, namespace:{0}."
    error = translate([text], "", HERE)
    assert error.evidence == {
        "plugin": "{free}[x|{gpu}]", "plugin_version": "1", "plugin_namespace": "{0}"
    }  # fmt: skip
    assert "the plugin {free}[x|{gpu}], version 1 of namespace {0}," in error.message


def test_a_huge_line_is_kept_in_the_details_and_shown_by_its_start() -> None:
    huge = "Error Code 4: Internal Error (" + "a (b " * 200_000 + ")"
    for text in (huge, "x" * 1_000_000, "In a at b:1 " * 90_000, "[" * 1_000_000, " " * 1_000_000,
                 "Error Code 1: " * 80_000, "1." * 500_000, "expecting library version 1" * 40_000,
                 "for tensor " * 90_000, "shape tensor must have type" * 40_000):  # fmt: skip
        error = translate([text] * 20, "It fails", HERE)
        assert len(error.message) < 1000
        assert error.details == "\n".join([text.strip()] * 20)
    error = translate(["Could not find any implementation for node " + "c + " * 300_000], "", HERE)
    assert error.kind == "no-implementation"
    assert error.message.endswith("...."), error.message


# Every pattern is bounded: no text makes it try the same place in many ways.


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: one.kind)
def test_a_pattern_repeats_nothing_without_a_bound_but_digits(message: Message) -> None:
    pattern = re.sub(r"\\d[+*]|\\w\+|\(\?:\\\.\\d\+\)\+", "", message.pattern.pattern)
    assert not re.search(r"(?<!\\)[*+]", pattern.replace("insuf+", ""))


# The error itself


def test_evidence_is_data_that_no_one_changes() -> None:
    given = {"plugin": "X"}
    error = ModelError("missing-plugin", "m", "h", evidence=given)
    given["plugin"] = "Y"
    assert error.evidence == {"plugin": "X"}
    with pytest.raises(TypeError):
        error.evidence["plugin"] = "Z"  # type: ignore[index]
    assert json.loads(json.dumps(error.as_json())) == {
        "kind": "missing-plugin", "message": "m", "hint": "h", "evidence": {"plugin": "X"}
    }  # fmt: skip
    assert "evidence" not in ModelError("a", "m", "h").as_json()
