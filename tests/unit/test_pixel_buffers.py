"""Page-locked picture buffers that other threads take, on a fake driver."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.cuda import CudaContext, open_context
from core.pixel_buffers import PixelBuffers
from tests.unit import fake_cuda
from tests.unit.fake_cuda import FakeCuda

MEGABYTE = 1 << 20


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return fake_cuda.install(monkeypatch)


@pytest.fixture
def cuda(gpu: FakeCuda) -> Iterator[CudaContext]:
    context = open_context()
    yield context
    context.close()


def on_another_thread(buffers: PixelBuffers, shape: tuple[int, ...]) -> np.ndarray:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(buffers.take, shape).result()


def test_a_buffer_is_reused_only_when_nobody_holds_it(gpu: FakeCuda, cuda: CudaContext) -> None:
    buffers = PixelBuffers(cuda)
    first = buffers.take((4, 5, 3))
    row = first[2]
    address = first.ctypes.data
    assert (first.shape, first.dtype) == ((4, 5, 3), np.uint8)
    assert gpu.is_pinned(address, first.nbytes)
    del first
    second = buffers.take((7, 7, 3))
    assert second.ctypes.data != address  # a row of the first is still held
    del row
    assert buffers.take((2, 2, 3)).ctypes.data == address
    buffers.close()
    assert not gpu.pinned
    assert second.shape == (7, 7, 3)


def test_a_reader_gets_ordinary_memory_until_the_owner_has_made_more(
    gpu: FakeCuda, cuda: CudaContext
) -> None:
    buffers = PixelBuffers(cuda)
    plain = on_another_thread(buffers, (10, 10, 3))
    assert not buffers.owns(plain)
    assert not gpu.pinned
    buffers.replenish()
    pinned = on_another_thread(buffers, (10, 10, 3))
    assert buffers.owns(pinned)
    assert buffers.owns(pinned[3:])
    assert len(gpu.pinned) == 1
    buffers.replenish()  # nothing was missing since
    assert len(gpu.pinned) == 1
    buffers.close()


def test_page_locked_memory_stays_below_its_limit(gpu: FakeCuda, cuda: CudaContext) -> None:
    buffers = PixelBuffers(cuda, limit_bytes=3 * MEGABYTE)
    held = [buffers.take((MEGABYTE,)) for _ in range(5)]
    assert [buffers.owns(one) for one in held] == [True, True, True, False, False]
    held.clear()
    assert buffers.owns(buffers.take((3 * MEGABYTE,)))  # idle smaller ones make room
    assert list(gpu.pinned.values()) == [3 * MEGABYTE]
    assert not buffers.owns(buffers.take((4 * MEGABYTE,)))
    buffers.close()


def test_a_system_that_page_locks_no_more_gives_ordinary_memory(
    gpu: FakeCuda, cuda: CudaContext
) -> None:
    buffers = PixelBuffers(cuda)
    first = buffers.take((8,))
    gpu.pin_status = 2
    second = buffers.take((8,))
    assert buffers.owns(first)
    assert not buffers.owns(second)
    second[:] = 1
    buffers.close()


def test_threads_never_share_a_buffer(gpu: FakeCuda, cuda: CudaContext) -> None:
    buffers = PixelBuffers(cuda)
    held = [buffers.take((64,)) for _ in range(4)]
    del held

    def fill(number: int) -> bool:
        for _ in range(300):
            mine = buffers.take((64,))
            mine[:] = number
            if not (mine == number).all():
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(fill, range(4)))
    buffers.close()


def test_adopted_memory_is_its_own_until_it_is_closed(gpu: FakeCuda, cuda: CudaContext) -> None:
    buffers = PixelBuffers(cuda)
    memory, other = np.zeros(12, np.uint8), np.zeros(12, np.uint8)
    buffers.adopt([memory])
    picture = memory[:12].reshape(2, 2, 3)
    assert [buffers.owns(one) for one in (picture, picture[1], other)] == [True, True, False]
    buffers.close()
    assert not buffers.owns(picture)


def test_the_search_for_a_buffer_goes_round(gpu: FakeCuda, cuda: CudaContext) -> None:
    buffers = PixelBuffers(cuda)
    held = [buffers.take((8,)) for _ in range(3)]
    addresses = [one.ctypes.data for one in held]
    held.clear()
    found = [buffers.take((8,)).ctypes.data for _ in range(7)]
    first = addresses.index(found[0])
    assert found == [addresses[(first + turn) % 3] for turn in range(7)] or found == [
        addresses[(first - turn) % 3] for turn in range(7)
    ]
    buffers.close()
