"""Percentiles, means and throughput, against examples worked out by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.benchmark.samples import Samples
from core.benchmark.statistics import images_per_s, latency_of, summary, throughput_per_s
from core.percentiles import percentile
from tests.unit.benchmark_values import a_measurement, samples_of


@pytest.mark.parametrize(
    ("count", "p50", "p90", "p95", "p99"),
    [
        (1, 1, 1, 1, 1),
        (2, 1, 2, 2, 2),
        (3, 2, 3, 3, 3),
        (10, 5, 9, 10, 10),  # 1 of 10 is above p90
        (20, 10, 18, 19, 20),
        (99, 50, 90, 95, 99),
        (100, 50, 90, 95, 99),
        (101, 51, 91, 96, 100),
        (1000, 500, 900, 950, 990),
    ],
)
def test_percentiles_of_the_numbers_from_one_on_are_at_the_nearest_rank(
    count: int, p50: int, p90: int, p95: int, p99: int
) -> None:
    found = summary(np.arange(count, 0, -1.0))
    assert found is not None
    assert (found.p50, found.p90, found.p95, found.p99) == (p50, p90, p95, p99)
    assert (found.min, found.max) == (1, count)
    assert percentile(range(count, 0, -1), 90) == p90


def test_a_summary_worked_out_by_hand() -> None:
    found = summary(np.array([4.0, 2.0, 8.0, 2.0]))
    assert found is not None
    # Mean 16 / 4; squares of the differences 0 + 4 + 16 + 4 = 24, by 4 is 6.
    assert (found.mean, found.median, found.p50) == (4.0, 3.0, 2.0)
    assert found.cov == pytest.approx(math.sqrt(6) / 4 * 100, rel=1e-15)
    assert found.as_json() == {
        "min": 2.0, "mean": 4.0, "p50": 2.0, "p90": 8.0, "p95": 8.0, "p99": 8.0, "max": 8.0,
    }  # fmt: skip


@pytest.mark.parametrize("values", [[], [math.nan], [math.nan, math.inf]])
def test_nothing_measured_is_no_summary(values: list[float]) -> None:
    assert summary(np.array(values)) is None


def test_what_was_not_measured_does_not_count() -> None:
    found = summary(np.array([math.nan, 3.0, math.nan, 1.0]))
    assert found is not None
    assert (found.mean, found.min, found.max) == (2.0, 1.0, 3.0)


def test_a_column_of_zeros_varies_by_nothing() -> None:
    found = summary(np.zeros(5))
    assert found is not None
    assert (found.mean, found.cov) == (0.0, 0.0)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.integers(1, 100))
def test_at_least_so_many_percent_are_at_or_below_a_percentile_and_fewer_below_it(
    values: list[float], percent: int
) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_a_million_samples_are_summarized_as_a_few_are() -> None:
    values = np.random.default_rng(0).permutation(np.arange(1, 1_000_001, dtype=np.float64))
    found = summary(values)
    assert found is not None
    assert (found.p50, found.p99, found.mean) == (500_000, 990_000, 500_000.5)


def test_throughput_is_queries_over_the_span_of_the_copies() -> None:
    # Four queries of 0.25 + 1 + 0.125 ms with 0.125 ms between them: 4 * 1.375 + 3 * 0.125 ms.
    samples = samples_of([1.0] * 4, gap=0.125)
    assert throughput_per_s(samples) == 4 / 5.875 * 1000
    eight = a_measurement(samples, batch=8)
    assert images_per_s(eight) == pytest.approx(32 / 5.875 * 1000, rel=1e-15)


def test_the_span_ends_with_the_last_copy_out_whichever_query_it_is_of() -> None:
    rows = np.zeros((2, 10))
    rows[0, 2:8] = [1.0, 1.5, 1.5, 10.5, 10.5, 11.0]  # started first, done last
    rows[1, 2:8] = [2.0, 2.5, 2.5, 4.0, 4.0, 5.0]
    assert throughput_per_s(Samples(rows)) == 200.0  # 2 in 10 ms


def test_throughput_counts_the_queries_whose_rows_are_not_kept() -> None:
    samples = samples_of([1.0] * 5, h2d=0.0, d2h=0.0)
    assert throughput_per_s(samples) == 1000.0
    thinned = dataclasses.replace(samples, rows=samples.rows[::2], measured=5)
    assert (thinned.count, thinned.queries) == (3, 5)
    assert throughput_per_s(thinned) == 1000.0


def test_the_span_is_the_hosts_where_only_some_queries_were_timed_on_the_device() -> None:
    rows = np.zeros((4, 10))
    rows[:, 0] = [10.0, 12.0, 14.0, 16.0]  # started
    rows[:, 8] = [3.0, 3.0, 3.0, 4.0]  # until the outputs were there: the last at 20 ms
    rows[:, 2:8] = np.nan
    rows[2, 2:8] = [114, 114.5, 114.5, 116, 116, 116.5]
    assert throughput_per_s(Samples(rows)) == 400.0  # 4 in 10 ms


def test_end_to_end_counts_what_was_done_since_the_start() -> None:
    rows = np.full((5, 10), np.nan)
    rows[:, 2] = [-90, -80, -70, -60, -50]  # many pictures are on their way at once
    rows[:, 7] = [10, 20, 30, 40, 50]
    rows[:, 8] = rows[:, 7] - rows[:, 2]
    assert throughput_per_s(Samples(rows)) == 100.0  # one each 10 ms


@pytest.mark.parametrize("rows", [np.empty((0, 10)), np.full((3, 10), np.nan), np.zeros((1, 10))])
def test_no_span_gives_no_throughput(rows: np.ndarray) -> None:
    assert throughput_per_s(Samples(rows)) is None
    assert images_per_s(a_measurement(Samples(rows))) is None


def test_latency_is_wall_time_unless_queries_are_in_flight() -> None:
    rows = np.zeros((1, 10))
    rows[0] = [0, 1, 5, 6, 8, 11, 20, 21.5, 99, 0]
    samples = Samples(rows)
    assert latency_of(a_measurement(samples)).tolist() == [5.5]  # 1 + 3 + 1.5, not 21.5 - 5
    for name in ("one-at-a-time", "end-to-end"):
        assert latency_of(a_measurement(samples, name=name)).tolist() == [99.0]
