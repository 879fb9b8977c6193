"""Benchmarks on disk: what is kept is what comes back, and damaged files cost nothing else."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import core.benchmark.history
import core.benchmark.result_file
from core.benchmark.history import History, from_json, to_json
from core.benchmark.report import result_json
from core.benchmark.samples import Samples
from core.benchmark.statistics import throughput_per_s
from core.benchmark.values import BenchmarkOptions, BenchmarkResult, Mark, Reading
from core.errors import EnginebayError
from tests.unit.benchmark_values import SHA, a_measurement, a_result, samples_of

OTHER = "cd" * 32
BEST = BenchmarkOptions(find_best=True)


def a_full_result() -> BenchmarkResult:
    """Every field holds something else than its default."""
    rows = samples_of([1.0, 2.0, 3.0], lanes=2).rows
    rows[1, 8] = np.nan
    alone = a_measurement(
        Samples(rows),
        name="one-at-a-time",
        convention="alone",
        batch=2,
        contexts=1,
        graph=True,
        transfers=False,
        first_run_ms=4.5,
        device_memory_bytes=123,
        why_no_graph="no",
        marks=(Mark("noisy", "It varies.", "Lock."),),
        is_complete=False,
    )
    return a_result(
        alone,
        a_measurement(Samples(np.empty((0, 10)))),
        tried=(
            a_measurement(replace(samples_of([1.0] * 4), measured=40)),
            a_measurement(tried_by="sweep", size_wh=(8, 16)),
        ),
        telemetry=(
            Reading(
                at_ms=1.5, utilization=97.0, sm_clock_mhz=1980.0, memory_clock_mhz=2619.0,
                power_w=300.5, temperature_c=61.0, memory_used_bytes=7,
                throttle_reasons=("power", "thermal"), other_processes=2,
            ),
            Reading(at_ms=2.0),
        ),
        options=BenchmarkOptions(
            measurements=("end-to-end",), duration_s=1.5, iterations=7, warm_up_ms=9.5,
            warm_up_runs=2, contexts=3, find_best=True, graph=False, transfers=False,
            wait="blocking", batch=4, shapes={"images": (1, 3, 4, 4)}, profile=1,
            images=("a.jpg",), sweep=(1, 8), seed=5,
            sweep_sizes=((8, 16),),
        ),
        is_complete=False,
    )  # fmt: skip


def assert_same(found: BenchmarkResult, wanted: BenchmarkResult) -> None:
    assert result_json(found) == result_json(wanted)
    assert found.options == wanted.options
    assert found.telemetry == wanted.telemetry
    pairs = zip(
        (*found.measurements, *found.tried), (*wanted.measurements, *wanted.tried), strict=True
    )
    for one, other in pairs:
        assert np.array_equal(one.samples.rows, other.samples.rows, equal_nan=True)
        assert one.samples.rows.dtype == np.float64
        assert one.samples.measured == other.samples.measured
        assert one.marks == other.marks


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "benchmarks")


# The history


def test_what_is_saved_is_loaded_again(history: History) -> None:
    entry = history.save(a_full_result())
    assert history.entries(SHA) == (entry,)
    assert_same(history.load(entry), a_full_result())


def test_without_a_folder_it_is_in_the_users_own(own_folders: Path) -> None:
    entry = History().save(a_result())
    assert entry.path.parent == own_folders / "data" / "benchmarks" / SHA
    assert History().entries(SHA) == (entry,)


def test_an_entry_says_in_one_line_what_came_of_it(history: History) -> None:
    flight = a_measurement(samples_of([1.0, 2.0, 3.0, 4.0]), convention="in flight", batch=8)
    entry = history.save(a_result(a_measurement(name="one-at-a-time"), flight))
    assert entry.summary == "347.8 queries/s, p50 2.375 ms, p99 4.375 ms, batch 8"
    assert (entry.convention, entry.machine) == ("in flight", "NVIDIA H200")
    assert entry.taken_at == "2026-01-02T03:04:05+00:00"
    assert entry.best is None


def test_on_the_cpu_the_machine_is_the_cpu(history: History) -> None:
    model = {"sha256": SHA, "runtime": "ONNX Runtime 1.20.0 (CPU)"}
    assert history.save(a_result(model=model)).machine == "A CPU"


def test_what_was_ended_early_and_measured_nothing_is_kept_and_says_so(history: History) -> None:
    empty = a_measurement(Samples(np.empty((0, 10))))
    entry = history.save(a_result(empty, is_complete=False))
    assert entry.summary == "nothing measured (ended early)"


def test_each_model_has_its_own_the_newest_first(history: History) -> None:
    assert history.entries(SHA) == ()
    for day in (2, 1, 3):
        history.save(a_result(taken_at=f"2026-01-0{day}T00:00:00+00:00"))
    history.save(a_result(model={"sha256": OTHER}))
    assert [one.taken_at[8:10] for one in history.entries(SHA)] == ["03", "02", "01"]
    assert len(history.entries(OTHER)) == 1


def test_only_the_newest_of_a_model_are_kept(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.benchmark.history, "KEPT", 3)
    for day in range(1, 7):
        history.save(a_result(taken_at=f"2026-01-0{day}T00:00:00+00:00"))
    assert [one.taken_at[8:10] for one in history.entries(SHA)] == ["06", "05", "04"]
    assert len(list((history.folder / SHA).iterdir())) == 3


def test_a_result_can_be_deleted_twice(history: History) -> None:
    entry = history.save(a_result())
    history.delete(entry)
    history.delete(entry)
    assert history.entries(SHA) == ()
    with pytest.raises(EnginebayError) as caught:
        history.load(entry)
    assert caught.value.kind == "unreadable"


def test_damaged_files_are_passed_over_with_a_note(history: History) -> None:
    good, cut, flipped, foreign = (
        history.save(a_result(taken_at=f"2026-01-0{day}T00:00:00+00:00")) for day in (1, 2, 3, 4)
    )
    cut.path.write_bytes(cut.path.read_bytes()[:200])
    foreign.path.write_bytes(b"no zip at all")
    with zipfile.ZipFile(flipped.path, "w") as archive:
        archive.writestr("entry.json", '{"taken_at": 3}')
    assert history.entries(SHA) == (good,)
    assert len(history.notes) == 3
    assert all("passed over" in note for note in history.notes)
    assert history.load(good)
    history.delete(cut)
    history.delete(flipped)
    history.delete(foreign)
    assert history.entries(SHA) == (good,)
    assert history.notes == ()


def test_samples_that_are_damaged_are_told_on_loading(history: History) -> None:
    entry = history.save(a_result())
    content = bytearray(entry.path.read_bytes())
    with zipfile.ZipFile(entry.path) as archive:
        info = archive.getinfo("rows-0.npy")
    at = info.header_offset + 60 + info.compress_size // 2
    content[at] ^= 0xFF
    entry.path.write_bytes(content)
    assert history.entries(SHA) == (entry,)  # the list reads no samples
    with pytest.raises(EnginebayError) as caught:
        history.load(entry)
    assert caught.value.kind == "unreadable"


def test_an_entry_tells_its_numbers_and_one_of_before_has_none(history: History) -> None:
    entry = history.save(a_result(a_measurement(samples_of([1.0, 2.0, 3.0, 9.0]), batch=2)))
    (kept,) = history.entries(SHA)
    rate = throughput_per_s(samples_of([1.0, 2.0, 3.0, 9.0]))
    assert rate is not None
    # By nearest rank; copies in and out take 0.375 ms more: samples_of().
    assert (kept.p50_ms, kept.p99_ms) == pytest.approx((2.375, 9.375))
    assert kept.images_per_s == pytest.approx(2 * rate)
    with zipfile.ZipFile(entry.path) as archive:
        info, text = json.loads(archive.read("entry.json")), archive.read("result.json")
    for value, found in ((None, 1), ("fast", 0)):
        for name in ("p50_ms", "p99_ms", "images_per_s"):
            info.pop(name, None)
        with zipfile.ZipFile(entry.path, "w") as archive:
            archive.writestr(
                "entry.json", json.dumps(info if not value else {**info, "p50_ms": value})
            )
            archive.writestr("result.json", text)
        assert [one.p50_ms for one in history.entries(SHA)] == [None] * found


@pytest.mark.parametrize("rows", [np.zeros((3, 9)), np.zeros((3, 10), "<i8"), np.zeros(10)])
def test_samples_of_another_form_are_refused(history: History, rows: np.ndarray) -> None:
    entry = history.save(a_result())
    with zipfile.ZipFile(entry.path) as archive:
        texts = {name: archive.read(name) for name in ("entry.json", "result.json")}
    with zipfile.ZipFile(entry.path, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
        with archive.open("rows-0.npy", "w") as file:
            np.lib.format.write_array(file, rows)
    with pytest.raises(EnginebayError) as caught:
        history.load(entry)
    assert caught.value.kind == "unreadable"
    assert "rows" in caught.value.message


@pytest.mark.parametrize("sha256", ["", "../../evil", "ab" * 31, None])
def test_without_a_fingerprint_nothing_is_kept(history: History, sha256: str | None) -> None:
    with pytest.raises(EnginebayError) as caught:
        history.save(a_result(model={"sha256": sha256}))
    assert caught.value.kind == "cannot-save"
    assert not history.folder.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(EnginebayError) as caught:
        History(tmp_path / "file").save(a_result())
    assert caught.value.kind == "cannot-save"
    assert History(tmp_path / "file").entries(SHA) == ()


# Thinning


def test_of_too_many_rows_one_in_k_is_kept_and_the_throughput_is_the_same(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.benchmark.result_file, "MAX_ROWS", 13)
    samples = samples_of(np.linspace(1.0, 2.0, 100))
    rows = samples.rows.copy()
    rows[41, 7] = rows[:, 7].max() + 50  # the last copy out is of a query in the middle
    whole = a_measurement(Samples(rows))
    found = history.load(history.save(a_result(whole))).measurements[0]
    # One in ceil(100 / (13 - 5)) = 13: 0, 13, ... 91; the one that ends last by the device's
    # clock; and the one that ends last by the host's.
    assert [int(np.flatnonzero(rows[:, 0] == row[0])[0]) for row in found.samples.rows] == [
        0, 13, 26, 39, 41, 52, 65, 78, 91, 99,
    ]  # fmt: skip
    assert found.samples.queries == 100
    assert throughput_per_s(found.samples) == throughput_per_s(Samples(rows))
    assert found.marks[-1].kind == "thinned"
    assert "Of 100 samples one in 13" in found.marks[-1].message


def test_as_many_rows_as_may_be_are_all_kept(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.benchmark.result_file, "MAX_ROWS", 10)
    found = history.load(history.save(a_result(a_measurement(samples_of([1.0] * 10)))))
    assert found.measurements[0].samples.count == 10
    assert found.measurements[0].marks == ()


# The best options


def best_result(**more: Any) -> BenchmarkResult:
    winner = a_measurement(contexts=3, graph=True)
    return a_result(winner, **({"options": BEST} | more))


def test_the_winner_of_the_newest_search_is_the_best(history: History) -> None:
    assert history.best_options(SHA, "NVIDIA H200") is None
    history.save(best_result(taken_at="2026-01-02T00:00:00+00:00"))
    older = a_result(a_measurement(contexts=1), options=BEST, taken_at="2026-01-01T00:00:00+00:00")
    history.save(older)
    history.save(a_result(taken_at="2026-01-03T00:00:00+00:00"))  # nothing was searched there
    found = history.best_options(SHA, "NVIDIA H200")
    assert found == replace(BEST, find_best=False, contexts=3, graph=True)
    assert history.best_options(SHA, "Tesla T4") is None
    assert history.best_options(OTHER, "NVIDIA H200") is None


def test_without_a_pipelined_measurement_the_fastest_that_was_tried_wins(history: History) -> None:
    alone = a_measurement(name="one-at-a-time")
    slow = a_measurement(samples_of([2.0] * 9), contexts=1)
    fast = a_measurement(samples_of([1.0] * 9), contexts=4)
    failed = a_measurement(Samples(np.empty((0, 10))), contexts=2)
    history.save(a_result(alone, tried=(slow, fast, failed), options=BEST))
    found = history.best_options(SHA, "NVIDIA H200")
    assert found is not None
    assert found.contexts == 4


@pytest.mark.parametrize(
    "result",
    [
        best_result(is_complete=False),
        a_result(a_measurement(is_complete=False), options=BEST),
        a_result(a_measurement(Samples(np.empty((0, 10)))), options=BEST),
    ],
)
def test_a_search_that_did_not_end_finds_no_best(history: History, result: BenchmarkResult) -> None:
    history.save(result)
    assert history.best_options(SHA, "NVIDIA H200") is None


# One JSON text


def test_arrangements_and_what_tried_them_come_back_and_old_files_are_read() -> None:
    one = a_measurement(arrangement="queued-ahead", tried_by="find-best")
    text = to_json(a_result(tried=(one,)))
    [found] = from_json(text).tried
    assert (found.arrangement, found.tried_by) == ("queued-ahead", "find-best")
    old = json.loads(text)
    for item in (*old["measurements"], *old["tried"]):
        del item["arrangement"], item["tried_by"]
    [found] = from_json(json.dumps(old)).tried
    assert (found.arrangement, found.tried_by) == ("apart", "")
    for key in ("arrangement", "tried_by"):
        wrong = json.loads(text)
        wrong["tried"][0][key] = ["apart"]
        with pytest.raises(EnginebayError, match=key):
            from_json(json.dumps(wrong))


def test_a_sweep_is_no_search_for_the_best(history: History) -> None:
    slow = a_measurement(samples_of([2.0] * 9), contexts=3, tried_by="find-best")
    swept = a_measurement(samples_of([1.0] * 9), contexts=4, tried_by="sweep")
    alone = a_measurement(name="one-at-a-time")
    entry = history.save(a_result(alone, options=BEST, tried=(slow, swept)))
    assert entry.best is not None
    assert entry.best.contexts == 3


def test_a_result_as_json_comes_back_the_same() -> None:
    text = to_json(a_full_result())
    json.loads(text, parse_constant=pytest.fail)
    assert_same(from_json(text), a_full_result())


def test_json_with_samples_is_the_commands_json_and_the_rows() -> None:
    found = json.loads(to_json(a_full_result()))
    for one in (*found["measurements"], *found["tried"]):
        assert len(one.pop("rows")) <= one["samples"]
    assert found == result_json(a_full_result())
    assert json.loads(to_json(a_full_result(), with_samples=False)) == found


def test_json_without_samples_cannot_be_drawn() -> None:
    with pytest.raises(EnginebayError) as caught:
        from_json(to_json(a_result(), with_samples=False), "a.json")
    assert caught.value.kind == "no-samples"
    assert "a.json" in caught.value.message


def test_a_text_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.benchmark.result_file, "MAX_CHARACTERS", 100)
    with pytest.raises(EnginebayError) as caught:
        from_json(to_json(a_result()))
    assert caught.value.kind == "too-large"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "null", "{}", '{"measurements": 3}', '{"measurements": [3]}',
     '{"measurements": [], "tried": []}', "[" * 100_000, '{"measurements": NaN}'],
)  # fmt: skip
def test_what_is_no_benchmark_is_refused(text: str) -> None:
    with pytest.raises(EnginebayError) as caught:
        from_json(text, "a.json")
    assert caught.value.kind == "not-a-benchmark"
    assert caught.value.message.startswith("a.json is no benchmark that can be read: ")
    assert caught.value.hint


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value below which something else could stand."""
    below = (
        value.items() if isinstance(value, dict)
        else list(enumerate(value))[:2] if isinstance(value, list)
        else ()
    )  # fmt: skip
    return [found for key, item in below for found in [(*path, key), *_paths(item, (*path, key))]]


def test_something_else_in_any_place_is_refused_or_read_and_never_a_traceback() -> None:
    text = to_json(a_full_result())
    refused = set()
    for path in _paths(json.loads(text)):
        for other in ({"x": []}, "1e999", -1, 10**400, True, [[]], None):
            changed = json.loads(text)
            place = changed
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = other
            try:
                found = from_json(json.dumps(changed))
            except EnginebayError as error:
                refused.add((error.kind, path[-1]))
            else:
                result_json(found)
    assert {kind for kind, _ in refused} == {"not-a-benchmark"}
    places = {place for _, place in refused}
    assert {"rows", "batch", "graph", "wait", "at_ms", "kind", "sweep", "name", "size_wh"} <= places


@pytest.mark.parametrize("phase", range(8))
def test_of_very_many_queries_those_timed_and_the_others_are_thinned_apart(
    phase: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.benchmark.result_file, "MAX_ROWS", 1000)
    rows = np.full((16_000, 10), np.nan)
    rows[:, 0] = np.arange(16_000) * 0.1
    rows[:, 1], rows[:, 8], rows[:, 9] = rows[:, 0] + 0.01, 0.3, 0
    timed = np.arange(16_000) % 8 == phase
    for column, late in zip(range(2, 8), (0.0, 0.1, 0.1, 0.2, 0.2, 0.3), strict=True):
        rows[timed, column] = rows[timed, 0] + late
    measurement = a_measurement(Samples(rows))
    few = core.benchmark.result_file.thinned(measurement)
    assert few.samples.count <= 1000
    kept = np.isfinite(few.samples.column("start_h2d")).mean()
    assert 0.11 < kept < 0.14
    assert throughput_per_s(few.samples) == pytest.approx(throughput_per_s(measurement.samples))
