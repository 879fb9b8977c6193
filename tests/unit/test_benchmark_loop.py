"""The measuring loop on lanes with a clock of their own: what is started, kept and told."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import core.benchmark.loop
from core.benchmark.loop import Measured, measure
from core.benchmark.values import BenchmarkOptions
from core.errors import ModelError
from tests.unit.fake_lanes import Clock, FakeLane


class Bench:
    """Lanes, and what was told while they were measured."""

    def __init__(self, lanes: int = 1, seconds: float = 0.010) -> None:
        self.clock = Clock()
        self.log: list[tuple[str, int]] = []
        self.lanes = [FakeLane(index, self.clock, self.log, seconds) for index in range(lanes)]
        self.told: list[tuple[float, int, float | None]] = []
        self.rows: list[np.ndarray] = []
        self.stop_at = float("inf")

    def tell(self, rows: np.ndarray, fraction: float | None) -> bool:
        self.told.append((self.clock.now, len(rows), fraction))
        self.rows.append(rows)
        return self.clock.now >= self.stop_at

    def measure(self, **options: float) -> Measured:
        settings = {"warm_up_ms": 0.0, "warm_up_runs": 0, "iterations": 1} | options
        return measure(
            self.lanes,
            BenchmarkOptions(**settings),  # type: ignore[arg-type]
            self.tell,
            self.clock,
        )


def test_the_first_run_is_told_apart_and_not_in_the_samples() -> None:
    bench = Bench()
    measured = bench.measure(duration_s=0.1)
    assert measured.first_run_ms == pytest.approx(10)
    # 10 ms each: the tenth ends at 0.1 s, when the duration is reached.
    assert measured.samples.rows.shape == (10, 10)
    assert len(bench.log) == 2 * 11
    assert measured.is_complete


def test_a_row_has_both_clocks_from_the_loops_start() -> None:
    rows = Bench().measure(duration_s=0.02).samples.rows
    expected = [
        [0, 0, 0, 2, 2, 8, 8, 10, 10, 0],
        [10, 10, 10, 12, 12, 18, 18, 20, 10, 0],
    ]
    np.testing.assert_allclose(rows, expected, atol=1e-9)


@pytest.mark.parametrize("phase", range(8))
@pytest.mark.parametrize("lanes", [1, 3])
def test_where_one_query_in_eight_is_timed_its_times_are_kept_whichever_comes_first(
    phase: int, lanes: int
) -> None:
    bench = Bench(lanes)
    bench.lanes = [
        FakeLane(index, bench.clock, bench.log, timed_every=8, timed_from=phase)
        for index in range(lanes)
    ]
    rows = bench.measure(duration_s=0.4, warm_up_ms=30.0).samples.rows
    timed = np.isfinite(rows[:, 2])
    assert 0.1 < timed.mean() < 0.16
    assert np.isfinite(rows[:, [0, 1, 8]]).all()
    # The device's clock lies on the host's: each query begins there as it is started.
    np.testing.assert_allclose(rows[timed, 2], rows[timed, 0], atol=1e-6)
    np.testing.assert_allclose(rows[timed, 7] - rows[timed, 2], 10, atol=1e-6)


def test_times_on_the_hosts_own_clock_are_not_shifted() -> None:
    bench = Bench()
    bench.lanes[0].clock_origin = 90.0  # the fake device counts from there
    rows = bench.measure(duration_s=0.02).samples.rows
    np.testing.assert_allclose(rows[:, 2], rows[:, 0], atol=1e-9)
    bench = Bench()
    bench.lanes[0].clock_origin = 89.999  # so that the device began a millisecond later
    rows = bench.measure(duration_s=0.02).samples.rows
    np.testing.assert_allclose(rows[:, 2], rows[:, 0] - 1, atol=1e-9)


def test_a_measurement_ends_where_its_samples_would_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(core.benchmark.loop, "MOST_QUERIES", 30)
    measured = Bench().measure(duration_s=86_400.0)
    assert measured.is_full
    assert 30 <= measured.samples.count < 50
    assert measured.is_complete


def test_the_iterations_are_reached_where_the_duration_is_shorter() -> None:
    assert len(Bench().measure(duration_s=0.02, iterations=25).samples.rows) == 25


def test_the_duration_is_reached_where_the_iterations_are_fewer() -> None:
    assert len(Bench().measure(duration_s=1.0, iterations=2).samples.rows) == 100


def test_the_warm_up_lasts_its_time() -> None:
    bench = Bench()
    measured = bench.measure(duration_s=0.1, warm_up_ms=45.0)
    # 5 queries until 50 ms are over, then 10 are kept; one was the first run.
    assert len(measured.samples.rows) == 10
    assert bench.log.count(("start", 0)) == 1 + 5 + 10
    # Times count from the start of the warm-up, as trtexec's do; the device's too.
    np.testing.assert_allclose(measured.samples.rows[0, [0, 2, 7]], [50, 50, 60])


def test_the_warm_up_runs_its_count_on_each_lane() -> None:
    bench = Bench(lanes=2)
    measured = bench.measure(duration_s=0.1, warm_up_runs=3)
    assert bench.log.count(("start", 0)) + bench.log.count(("start", 1)) == (
        2 + 6 + 1 + len(measured.samples.rows)  # first runs, warm-up, one in flight as it ended
    )


def test_what_was_in_flight_when_the_warm_up_ended_is_not_kept() -> None:
    bench = Bench(lanes=3)
    kept = bench.measure(duration_s=0.1, warm_up_ms=25.0).samples.rows
    # The warm-up ends with the third query of lane 0; those of 1 and 2 were started before.
    np.testing.assert_allclose(kept[:3, 0], 30, atol=1e-9)
    assert kept[0, 9] == 0
    assert kept[1, 9] == 1


def test_several_lanes_are_waited_for_in_turn_and_started_again_at_once() -> None:
    bench = Bench(lanes=3)
    bench.measure(duration_s=0.02)
    assert bench.log[:6] == [(what, lane) for lane in range(3) for what in ("start", "wait")]
    assert bench.log[6:9] == [("start", 0), ("start", 1), ("start", 2)]
    assert bench.log[9:15] == [(what, lane) for lane in range(3) for what in ("wait", "start")]


def test_what_is_in_flight_at_the_end_is_waited_for_and_kept() -> None:
    bench = Bench(lanes=3)
    rows = bench.measure(duration_s=0.02).samples.rows
    assert not any(lane.is_in_flight for lane in bench.lanes)
    # Started at 0 and 10 ms on three lanes each; the first that ends at 20 ms ends it all.
    np.testing.assert_allclose(rows[:, 0], [0, 0, 0, 10, 10, 10], atol=1e-9)
    assert rows[:, 9].tolist() == [0, 1, 2, 0, 1, 2]
    # The first query that ends after the duration ends it, at 20 ms, on lane 0.
    assert bench.log[-3:] == [("wait", 0), ("wait", 1), ("wait", 2)]


def test_stopping_keeps_the_samples_so_far_and_says_that_they_are_incomplete() -> None:
    bench = Bench()
    bench.stop_at = bench.clock.now + 1.0
    measured = bench.measure(duration_s=3600)
    assert not measured.is_complete
    assert 90 <= len(measured.samples.rows) <= 105
    assert sum(len(rows) for rows in bench.rows) == len(measured.samples.rows)


def test_stopping_in_the_warm_up_keeps_nothing() -> None:
    bench = Bench(lanes=2)
    bench.stop_at = bench.clock.now + 0.1
    measured = bench.measure(duration_s=1, warm_up_ms=10_000.0)
    assert measured.samples.rows.shape == (0, 10)
    assert not measured.is_complete
    assert not any(lane.is_in_flight for lane in bench.lanes)


def test_a_lane_that_is_interrupted_ends_it_with_the_samples_so_far() -> None:
    bench = Bench()
    bench.lanes[0].cancel_at = bench.clock.now + 0.055
    measured = bench.measure(duration_s=1)
    assert len(measured.samples.rows) == 4  # one of five before was the first run
    assert not measured.is_complete


def test_the_listener_is_told_at_most_twenty_times_a_second_and_of_every_row_once() -> None:
    bench = Bench(seconds=0.001)
    measured = bench.measure(duration_s=2.0, warm_up_ms=100.0)
    times = [now for now, _rows, _fraction in bench.told[:-1]]
    assert min(np.diff(times)) >= 0.05 - 1e-9
    assert 35 <= len(times) <= 42
    np.testing.assert_array_equal(np.concatenate(bench.rows), measured.samples.rows)
    fractions = [fraction for _now, _rows, fraction in bench.told]
    assert fractions[0] is None, "it warms up"
    known = [fraction for fraction in fractions if fraction is not None]
    assert known == sorted(known)
    assert known[-1] == 1


def test_garbage_is_not_collected_meanwhile_and_is_again_afterwards() -> None:
    bench = Bench()
    seen: list[bool] = []
    wait = bench.lanes[0].wait
    bench.lanes[0].wait = lambda: (seen.append(gc.isenabled()), wait())[1]  # type: ignore[method-assign]
    bench.measure(duration_s=0.1)
    assert seen
    assert not any(seen)
    assert gc.isenabled()


def test_a_query_that_fails_is_the_callers_to_know_and_garbage_is_collected_again() -> None:
    bench = Bench()
    bench.lanes[0].wait = _fail  # type: ignore[method-assign]
    with pytest.raises(ModelError):
        bench.measure(duration_s=0.1)
    assert gc.isenabled()


def _fail() -> None:
    raise ModelError("kind", "What.", "Next.")
