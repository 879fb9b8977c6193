"""Trust marks: told at their thresholds, with the numbers, and not before."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from core.benchmark.samples import COLUMNS, Samples
from core.benchmark.trust import trust_marks
from core.benchmark.values import Mark, Reading
from tests.unit.benchmark_values import a_measurement, samples_of


def marks(
    samples: Samples, *telemetry: Reading, on_gpu: bool = True, **more: Any
) -> dict[str, Mark]:
    found = trust_marks(a_measurement(samples, **more), telemetry, on_gpu=on_gpu)
    assert len({mark.kind for mark in found}) == len(found)
    for mark in found:
        assert mark.message.endswith(".")
        assert mark.advice.endswith(".")
    return {mark.kind: mark for mark in found}


def clocks(*values: float) -> list[Reading]:
    return [Reading(at_ms=i * 200.0, sm_clock_mhz=value) for i, value in enumerate(values)]


STEADY = [1.0] * 200


def test_a_steady_measurement_has_no_mark() -> None:
    assert marks(samples_of(STEADY), *clocks(1980, 1965, 1980)) == {}


@pytest.mark.parametrize(("spread", "noisy"), [(0.024, False), (0.026, True)])
def test_compute_times_that_vary_by_more_than_two_and_a_half_percent_are_noisy(
    spread: float, noisy: bool
) -> None:
    # Half at 1 - s, half at 1 + s: the standard deviation is s, the mean 1.
    found = marks(samples_of([1 - spread, 1 + spread] * 100))
    assert ("noisy" in found) == noisy
    if noisy:
        assert "2.6 %" in found["noisy"].message
        assert "--lock-gpu-clocks" in found["noisy"].advice


def test_on_the_cpu_noise_is_no_matter_of_gpu_clocks() -> None:
    found = marks(samples_of([0.9, 1.1] * 100), on_gpu=False)
    assert "clocks" not in found["noisy"].advice
    assert "threads" not in found["noisy"].advice  # it is one query at a time
    several = marks(samples_of([0.9, 1.1] * 100), on_gpu=False, contexts=2)
    assert "fewer threads" in several["noisy"].advice


@pytest.mark.parametrize(("enqueue", "bound"), [(0.79, False), (0.8, False), (0.81, True)])
def test_a_host_that_needs_four_fifths_of_the_compute_time_binds(
    enqueue: float, bound: bool
) -> None:
    rows = samples_of(STEADY).rows.copy()
    rows[:, 0], rows[:, 1] = 0.0, enqueue
    rows[:, 4], rows[:, 5] = 0.0, 1.0
    found = marks(Samples(rows))
    assert ("host-bound" in found) == bound
    if bound:
        assert "0.810 ms" in found["host-bound"].message
        assert "CUDA graph" in found["host-bound"].advice
        assert "CUDA graph" not in marks(Samples(rows), graph=True)["host-bound"].advice
        assert "host-bound" not in marks(Samples(rows), on_gpu=False)


@pytest.mark.parametrize(("h2d", "d2h", "words"), [(1.0, 0.5, "inputs in"), (0.5, 1.0, "outputs")])
def test_a_copy_as_long_as_the_compute_binds(h2d: float, d2h: float, words: str) -> None:
    # Powers of two, so that the sums and differences are exact.
    found = marks(samples_of(STEADY, h2d=h2d, d2h=d2h))
    assert words in found["transfer-bound"].message
    assert "1.000 ms" in found["transfer-bound"].message


def test_a_shorter_copy_and_no_copy_do_not_bind() -> None:
    assert marks(samples_of(STEADY, h2d=0.9375, d2h=0.9375)) == {}
    assert marks(samples_of(STEADY, h2d=0.0, d2h=0.0), transfers=False) == {}


def test_queries_on_several_contexts_share_the_gpu() -> None:
    found = marks(samples_of(STEADY), contexts=3)
    assert list(found) == ["several-contexts"]
    assert "3 queries" in found["several-contexts"].message
    assert "throughput" in found["several-contexts"].advice


@pytest.mark.parametrize(
    ("values", "falls"),
    [
        ((2000, 2000, 1950, 1950, 1945, 1945), False),  # 2.75 %
        ((2000, 2000, 1950, 1950, 1930, 1930), True),  # 3.5 %
        ((1500, 1500, 1900, 1900, 2000, 2000), False),  # rising
        ((2000, 1000), False),  # too few to tell
        ((), False),
    ],
)
def test_clocks_that_lose_three_percent_fall(values: tuple[float, ...], falls: bool) -> None:
    found = marks(samples_of(STEADY), *clocks(*values))
    assert ("clocks-falling" in found) == falls
    if falls:
        assert "2,000 to 1,930 MHz, by 3.5 %" in found["clocks-falling"].message


def test_clocks_that_are_not_told_do_not_fall() -> None:
    assert marks(samples_of(STEADY), *[Reading(at_ms=0.0)] * 9) == {}


def test_throttling_says_why_and_how_often() -> None:
    found = marks(
        samples_of(STEADY),
        Reading(at_ms=0),
        Reading(at_ms=1, throttle_reasons=("power",)),
        Reading(at_ms=2, throttle_reasons=("power", "thermal")),
    )
    assert "(power, thermal) in 2 of 3 readings" in found["throttled"].message


@pytest.mark.parametrize(
    ("counts", "words"),
    [((None, 0), ""), ((0, 1, None), "1 other process had"), ((1, 2), "2 other processes had")],
)
def test_other_processes_on_the_gpu_are_told(counts: tuple[int | None, ...], words: str) -> None:
    readings = [Reading(at_ms=0, other_processes=count) for count in counts]
    found = marks(samples_of(STEADY), *readings)
    assert ("other-process" in found) == bool(words)
    if words:
        assert words in found["other-process"].message


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (100, ""),
        (99, "99 samples p99 is just the maximum"),
        (19, "19 samples p99 and p95 are just the maximum"),
        (9, "9 samples p99, p95 and p90 are just the maximum"),
        (1, "1 sample p99, p95 and p90 are just the maximum"),
        (0, "No query"),
    ],
)
def test_few_samples_make_high_percentiles_their_maximum(count: int, words: str) -> None:
    found = marks(samples_of([1.0] * count))
    assert ("too-few-samples" in found) == bool(words)
    if words:
        assert words in found["too-few-samples"].message


def test_the_queries_count_and_not_the_rows_that_were_kept() -> None:
    kept = dataclasses.replace(samples_of([1.0] * 50), measured=500)
    assert marks(kept) == {}


def test_what_was_ended_early_says_so() -> None:
    assert "200 samples" in marks(samples_of(STEADY), is_complete=False)["incomplete"].message


@pytest.mark.parametrize(
    ("last", "words"), [(1.02, ""), (1.125, "9.1 % slower"), (0.8625, "10.0 % faster")]
)
def test_a_p50_that_moves_between_the_tenths_drifts(last: float, words: str) -> None:
    # Latency is 0.375 + compute: 1.375 ms at first; 1.5 ms is 9.09 % more, 1.2375 ms 10 % less.
    found = marks(samples_of(np.array([1.0] * 180 + [last] * 20)))
    assert ("drift" in found) == bool(words)
    if words:
        assert words in found["drift"].message
        assert "first tenth 1.375 ms" in found["drift"].message


def test_a_drift_of_microseconds_shows_two_numbers_that_differ() -> None:
    rows = samples_of(np.array([1.0] * 200)).rows.copy()
    rows[:, COLUMNS.index("wall")] = [0.00452] * 180 + [0.00471] * 20
    [mark] = [
        mark
        for mark in trust_marks(a_measurement(Samples(rows), name="one-at-a-time"), ())
        if mark.kind == "drift"
    ]
    assert "first tenth 0.00452 ms, of the last 0.00471 ms" in mark.message


def test_pictures_that_differ_are_no_drift() -> None:
    samples = samples_of(np.array([1.0] * 180 + [2.0] * 20))
    assert "drift" in marks(samples, name="one-at-a-time")
    assert "drift" not in marks(samples, name="end-to-end")


def test_what_a_gpu_does_is_no_matter_of_the_cpu() -> None:
    busy = [
        Reading(at_ms=i, sm_clock_mhz=2000 - 500 * i, throttle_reasons=("power",),
                other_processes=1)
        for i in range(3)
    ]  # fmt: skip
    assert len(marks(samples_of(STEADY), *busy)) == 3
    assert marks(samples_of(STEADY), *busy, on_gpu=False) == {}


def test_nothing_measured_at_all_breaks_nothing() -> None:
    assert "too-few-samples" in marks(Samples(np.empty((0, 10))))
    rows = np.full((200, 10), np.nan)
    assert set(marks(Samples(rows), name="end-to-end")) == {"too-few-samples"}
