"""The CUDA context, its errors and its page-locked memory, on a fake driver."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest

from core.cuda import CudaContext, PinnedPool, open_context
from core.errors import CudaError, MachineError, WrongThreadError
from tests.unit import fake_cuda
from tests.unit.fake_cuda import FakeCuda


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return fake_cuda.install(monkeypatch)


def test_the_context_is_opened_once_and_given_back_by_the_last_close(gpu: FakeCuda) -> None:
    first, second = open_context(), open_context()
    assert first is second
    first.close()
    assert gpu.journal == ["context retained", "context pushed", "memory freed"]
    second.close()
    assert gpu.journal[3:] == ["context popped", "context detached"]
    assert open_context() is not first


def test_cuda_is_proven_by_an_allocation_before_anyone_relies_on_it(gpu: FakeCuda) -> None:
    gpu.largest = 0
    with pytest.raises(CudaError, match="while starting CUDA"):
        open_context()


@pytest.mark.parametrize(
    ("turn", "kind", "words"),
    [
        (lambda gpu: setattr(gpu, "device_count", 0), "no-gpu", "shows no GPU"),
        (
            lambda gpu: setattr(gpu, "init_error", "cuInit failed: unknown error"),
            "cuda-init",
            "cuInit failed: unknown error",
        ),
    ],
)
def test_a_driver_that_does_not_start_is_a_machine_error(
    gpu: FakeCuda, turn: Callable[[FakeCuda], None], kind: str, words: str
) -> None:
    turn(gpu)
    with pytest.raises(MachineError, match=words) as caught:
        open_context()
    assert caught.value.kind == kind


def test_pycuda_missing_says_how_to_install_it(
    gpu: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pycuda.driver", None)
    monkeypatch.delattr(sys.modules["pycuda"], "driver")
    with pytest.raises(MachineError, match="pycuda cannot be imported") as caught:
        open_context()
    assert caught.value.kind == "no-pycuda"
    assert "pip install pycuda" in caught.value.hint


@pytest.mark.parametrize(
    "use",
    [
        lambda context: context.stream(),
        lambda context: context.event(),
        lambda context: context.allocate(16, "working"),
        lambda context: context.free_memory(),
        lambda context: context.close(),
        lambda context: PinnedPool(context, 16).take((4,), np.dtype(np.float32)),
    ],
    ids=["stream", "event", "allocate", "free memory", "close", "page-locked memory"],
)
def test_every_call_refuses_a_foreign_thread(
    gpu: FakeCuda, use: Callable[[CudaContext], object]
) -> None:
    context = open_context()
    gpu.threads.clear()
    caught: list[BaseException] = []

    def intrude() -> None:
        try:
            use(context)
        except WrongThreadError as error:
            caught.append(error)

    thread = threading.Thread(target=intrude)
    thread.start()
    thread.join()
    assert len(caught) == 1
    assert gpu.threads == set()


def test_each_thread_has_a_context_of_its_own(gpu: FakeCuda) -> None:
    mine = open_context()
    others: list[CudaContext] = []
    thread = threading.Thread(target=lambda: others.append(open_context()))
    thread.start()
    thread.join()
    assert others != [mine]


def test_a_stream_does_not_wait_for_the_default_stream(gpu: FakeCuda) -> None:
    assert open_context().stream().flags == 1  # CU_STREAM_NON_BLOCKING


def test_zero_bytes_are_allocated_as_one(gpu: FakeCuda) -> None:
    memory = open_context().allocate(0, "reserving nothing")
    assert gpu.memory[int(memory)].size == 1


def test_lent_arrays_are_apart_until_the_limit_and_after_it(gpu: FakeCuda) -> None:
    pool = PinnedPool(open_context(), 64, limit=2)
    arrays = [pool.take((16,), np.dtype(np.float32)) for _ in range(4)]
    for value, array in enumerate(arrays):
        array[:] = value
    assert [float(array[0]) for array in arrays] == [0, 1, 2, 3]
    assert [pool.owns(array) for array in arrays] == [True, True, False, False]
    assert len(gpu.pinned) == 2


def test_a_buffer_is_lent_again_when_its_array_and_all_views_are_gone(gpu: FakeCuda) -> None:
    pool = PinnedPool(open_context(), 64)
    array = pool.take((4, 4), np.dtype(np.float32))
    address = array.ctypes.data
    row = array[1]
    del array
    assert pool.take((4, 4), np.dtype(np.float32)).ctypes.data != address
    del row
    assert pool.take((2,), np.dtype(np.float32)).ctypes.data == address


def test_page_locked_memory_starts_on_a_page(gpu: FakeCuda) -> None:
    pool = PinnedPool(open_context(), 10_000)
    assert pool.take((10_000,), np.dtype(np.uint8)).ctypes.data % 4096 == 0


def test_memory_that_cannot_be_page_locked_is_a_cuda_error(gpu: FakeCuda) -> None:
    pool = PinnedPool(open_context(), 5000)
    gpu.pin_status = 2
    with pytest.raises(CudaError, match="cannot page-lock 5,000 bytes") as caught:
        pool.take((1,), np.dtype(np.uint8))
    assert not caught.value.fatal
    gpu.pin_status = 0
    assert pool.owns(pool.take((1,), np.dtype(np.uint8)))


def test_a_system_that_page_locks_no_more_gives_ordinary_memory(gpu: FakeCuda) -> None:
    pool = PinnedPool(open_context(), 64, limit=8)
    held = [pool.take((16,), np.dtype(np.float32)) for _ in range(2)]
    gpu.pin_status = 2
    held += [pool.take((16,), np.dtype(np.float32)) for _ in range(2)]
    for value, array in enumerate(held):
        array[:] = value
    assert [float(array[0]) for array in held] == [0, 1, 2, 3]
    assert [pool.owns(array) for array in held] == [True, True, False, False]


def test_lent_arrays_outlive_the_pool(gpu: FakeCuda) -> None:
    pool = PinnedPool(open_context(), 64)
    array = pool.take((16,), np.dtype(np.float32))
    array[:] = 7
    pool.close()
    assert gpu.pinned == {}
    np.testing.assert_array_equal(array, 7)
