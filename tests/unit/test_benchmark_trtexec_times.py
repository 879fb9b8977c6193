"""trtexec's --exportTimes, written and read; files that are something else are named."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import core.benchmark.trtexec_times as times
from core.benchmark.samples import Samples
from core.benchmark.statistics import summary, throughput_per_s
from core.benchmark.trtexec_times import (
    export_times,
    import_times,
    measurement_of,
    read_times,
    result_of,
)
from core.errors import EnginebayError
from tests.unit.benchmark_values import samples_of

PATH = Path("times.json")

# As trtexec 8 writes it: spaces before the colons, a comma before each but the first.
WRITTEN = """[
  { "startEnqMs" : 250.5, "endEnqMs" : 250.625, "startH2dMs" : 250.25, "endH2dMs" : 250.5, \
"startComputeMs" : 250.5, "endComputeMs" : 251.5, "startD2hMs" : 251.5, "endD2hMs" : 251.75, \
"h2dMs" : 0.25, "computeMs" : 1, "d2hMs" : 0.25, "latencyMs" : 1.5, "endToEndMs" : 1.5 }
, { "startEnqMs" : 251, "endEnqMs" : 251.25, "startH2dMs" : 251.25, "endH2dMs" : 251.5, \
"startComputeMs" : 251.5, "endComputeMs" : 253.5, "startD2hMs" : 253.5, "endD2hMs" : 254.25, \
"h2dMs" : 0.25, "computeMs" : 2, "d2hMs" : 0.75, "latencyMs" : 3, "endToEndMs" : 3 }
]
"""


def query(**more: Any) -> dict[str, Any]:
    """A query of zeros and whatever else."""
    return {**dict.fromkeys(times.TIME_KEYS, 0.0), **more}


def problem(text: str) -> EnginebayError:
    with pytest.raises(EnginebayError) as caught:
        import_times(text, PATH)
    assert caught.value.hint
    assert "times.json" in caught.value.message
    return caught.value


def test_what_trtexec_writes_is_read() -> None:
    samples = import_times(WRITTEN, PATH)
    assert samples.enqueue.tolist() == [0.125, 0.25]
    assert samples.host_to_device.tolist() == [0.25, 0.25]
    assert samples.compute.tolist() == [1.0, 2.0]
    assert samples.device_to_host.tolist() == [0.25, 0.75]
    assert samples.latency.tolist() == [1.5, 3.0]
    assert np.isnan(samples.column("wall")).all()
    assert samples.column("lane").tolist() == [0.0, 0.0]
    assert throughput_per_s(samples) == 500.0  # 2 from 250.25 to 254.25 ms


def test_what_is_written_has_the_twelve_keys_of_trtexec() -> None:
    found = json.loads(export_times(samples_of([1.0, 2.0])))
    assert list(found[1]) == [
        "startEnqMs", "endEnqMs", "startH2dMs", "endH2dMs", "startComputeMs", "endComputeMs",
        "startD2hMs", "endD2hMs", "h2dMs", "computeMs", "d2hMs", "latencyMs",
    ]  # fmt: skip
    assert [found[1][key] for key in ("startH2dMs", "endD2hMs", "computeMs", "latencyMs")] == [
        1.375, 3.75, 2.0, 2.375,
    ]  # fmt: skip
    assert json.loads(export_times(Samples(np.empty((0, 10))))) == []


@given(
    st.lists(
        st.lists(st.floats(0, 1e9, allow_subnormal=False), min_size=8, max_size=8).map(sorted),
        min_size=1,
        max_size=20,
    )
)
def test_written_and_read_again_they_are_the_same_to_a_nanosecond(
    rows: list[list[float]],
) -> None:
    whole = np.column_stack([np.array(rows), np.full(len(rows), 5.0), np.zeros(len(rows))])
    again = import_times(export_times(Samples(whole)), PATH)
    assert (
        np.abs(again.rows[:, :8] - whole[:, :8]).max() <= 1.2e-6
    )  # half of one twice, and rounding
    assert np.abs(again.latency - Samples(whole).latency).max() <= 3 * 0.9e-6


def test_durations_are_the_files_own_where_its_stamps_have_six_digits() -> None:
    stamps = {"startComputeMs": 3012.45, "endComputeMs": 3012.7, "startD2hMs": 3012.7}
    one = query(**stamps, endD2hMs=3012.71, computeMs=0.251904, d2hMs=0.00512, latencyMs=0.257024)
    one |= {"startH2dMs": 3012.45, "endH2dMs": 3012.45, "h2dMs": 0.0}
    samples = import_times(json.dumps([one]), PATH)
    assert samples.compute.tolist() == pytest.approx([0.251904], abs=1e-9)
    assert samples.latency.tolist() == pytest.approx([0.257024], abs=1e-9)


@pytest.mark.parametrize("value", [-3, "abc", 1e300, 10**400, True, [1]])
@pytest.mark.parametrize("key", times.DURATION_KEYS)
def test_a_duration_that_its_stamps_contradict_is_refused(key: str, value: Any) -> None:
    queries = json.loads(WRITTEN)
    queries[1][key] = value
    found = problem(json.dumps(queries))
    assert found.kind == "bad-times"
    assert f"Query 2 of {PATH}" in found.message
    assert key in found.message


def test_the_keys_of_tensorrt_7_are_known() -> None:
    older = WRITTEN
    for new, old in (("H2dMs", "InMs"), ("D2hMs", "OutMs")):
        older = older.replace(f"start{new}", f"start{old}").replace(f"end{new}", f"end{old}")
    assert '"endOutMs"' in older
    assert import_times(older, PATH).latency.tolist() == [1.5, 3.0]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("", "not-times", "no whole JSON"),
        (WRITTEN[:-4], "not-times", "no whole JSON"),
        ("\x00\x01", "not-times", "no whole JSON"),
        ("[" * 100_000, "not-times", "no program would write"),
        (f"[{'9' * 10_000}]", "not-times", "no program would write"),
        ("[]", "no-samples", "no queries"),
        ("3", "not-times", "something else"),
        ("[1, 2]", "not-times", "something else"),
        ("null", "not-times", "something else"),
        ('{"Layers": []}', "not-times", "--exportLayerInfo"),
        ('[{"count": 3}, {"name": "a"}]', "not-times", "--exportProfile"),
        ('{"measurements": []}', "not-times", "Enginebay's"),
        ('[{"startEnqMs": 1, "endEnqMs": 2}]', "not-times", "has no startH2dMs"),
        (json.dumps([query(), {"startEnqMs": 1}]), "not-times", "Query 2 of"),
        (json.dumps([query(), 7]), "not-times", "something else"),
        (json.dumps([query(endEnqMs=float("nan"))]), "bad-times", "NaN"),
        (json.dumps([query(endEnqMs=float("inf"))]), "bad-times", "Infinity"),
        (json.dumps([query(endEnqMs=10**400)]), "bad-times", "endEnqMs"),
        (json.dumps([query(endEnqMs="1.0")]), "bad-times", "endEnqMs"),
        (json.dumps([query(endEnqMs=True)]), "bad-times", "endEnqMs"),
        (json.dumps([query(), query(startD2hMs=2.0)]), "bad-times", "Query 2 of"),
    ],
)
def test_broken_and_foreign_files_are_refused_in_clear_words(
    text: str, kind: str, words: str
) -> None:
    found = problem(text)
    assert found.kind == kind
    assert words in found.message


def test_a_number_that_c_writes_as_nan_is_no_json() -> None:
    assert problem('[{"startEnqMs" : nan}]').kind == "not-times"


def test_files_that_are_too_large_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "times.json"
    file.write_text(WRITTEN, encoding="utf-8")
    assert read_times(file).count == 2
    monkeypatch.setattr(times, "MAX_BYTES", 100)
    with pytest.raises(EnginebayError) as caught:
        read_times(file)
    assert caught.value.kind == "too-large"
    assert problem(WRITTEN).kind == "too-large"


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EnginebayError) as caught:
        read_times(tmp_path / "none.json")
    assert caught.value.kind == "unreadable"


def test_an_imported_measurement_says_where_it_is_from() -> None:
    measurement = measurement_of(import_times(WRITTEN, PATH), batch=4)
    assert measurement.name == "pipelined"
    assert measurement.convention == ("imported from trtexec's --exportTimes; stream count unknown")
    assert (measurement.batch, measurement.transfers) == (4, True)
    assert "too-few-samples" in {mark.kind for mark in measurement.marks}
    assert "warm-up" not in {mark.kind for mark in measurement.marks}  # it began at 250 ms
    result = result_of(import_times(WRITTEN, PATH), PATH)
    assert result.model["name"] == "times.json"
    found = summary(result.measurements[0].samples.latency)
    assert found is not None
    assert found.mean == 2.25


def test_samples_from_before_the_warm_ups_end_are_doubted() -> None:
    queries = json.loads(WRITTEN)
    early = [
        {key: ms - 240 for key, ms in one.items() if key in times.TIME_KEYS} for one in queries
    ]
    samples = import_times(json.dumps(early), PATH)
    measurement = measurement_of(samples)
    assert "warm-up" in {mark.kind for mark in measurement.marks}


@pytest.mark.parametrize("change", ["nan", "thinned"])
def test_what_would_tell_something_else_is_not_written(change: str) -> None:
    samples = samples_of([1.0, 2.0])
    if change == "nan":
        samples.rows[:, 2:8] = np.nan
    else:
        samples = dataclasses.replace(samples, measured=9)
    with pytest.raises(EnginebayError) as caught:
        export_times(samples)
    assert caught.value.kind == "no-times"


def test_a_measurement_of_which_some_queries_were_timed_says_how_to_time_all() -> None:
    samples = samples_of([1.0, 2.0, 3.0])
    samples.rows[1, 2:8] = np.nan
    with pytest.raises(EnginebayError, match="2 of its 3 queries") as caught:
        export_times(samples)
    assert "--time-all" in caught.value.hint
