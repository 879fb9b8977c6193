"""TensorRTSession against a fake GPU and a fake TensorRT."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from core.cuda import open_context
from core.errors import CudaError, InputError, ModelError, WrongThreadError
from core.folder_run import LOOK_AHEAD
from core.sessions.buffers import Buffers
from core.sessions.tensorrt import TensorRTSession
from core.tensors import Profile
from tests.unit import fake_cuda, fake_tensorrt
from tests.unit.fake_cuda import FakeCuda
from tests.unit.fake_tensorrt import DataType, FakeTensorRT, plan, simple_plan, tensor

PICTURE = (1, 3, 8, 8)
DYNAMIC = (-1, 3, 8, 8)
TO_FOUR = [[1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 8, 8]]
TO_SIXTEEN = [[8, 3, 8, 8], [8, 3, 8, 8], [16, 3, 8, 8]]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return fake_cuda.install(monkeypatch)


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda) -> FakeTensorRT:
    return fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})["tensorrt"]


@pytest.fixture
def session(trt: FakeTensorRT) -> Iterator[TensorRTSession]:
    with TensorRTSession(simple_plan(), "x.engine") as opened:
        assert isinstance(opened, TensorRTSession)
        yield opened


def picture(value: float = 1.0, batch: int = 1) -> np.ndarray:
    return np.full((batch, 3, 8, 8), value, np.float32)


def dynamic_plan(*profiles: list[list[int]]) -> bytes:
    return plan(
        [
            tensor("images", "input", DYNAMIC, profiles=list(profiles)),
            tensor("output", "output", DYNAMIC),
        ]
    )


def select_plan() -> bytes:
    """Gives the positive values: the output's size depends on the data."""
    return plan(
        [tensor("images", "input", PICTURE), tensor("kept", "output", (-1,))], program="select"
    )


# What goes in and comes out


def test_run_gives_the_engines_numbers_and_times_each_copy(session: TensorRTSession) -> None:
    numbers = np.random.default_rng(1).random(PICTURE, np.float32)
    result = session.run({"images": numbers})
    np.testing.assert_array_equal(result.outputs["output"], numbers * 2)
    assert result.outputs["output"].flags.c_contiguous
    timing = result.timing
    assert timing.clock == "cuda-events"
    assert timing.compute_ms >= 0
    assert timing.host_to_device_ms is not None
    assert timing.host_to_device_ms >= 0
    assert timing.device_to_host_ms is not None
    assert timing.device_to_host_ms >= 0


def test_every_output_comes_in_the_engines_order(trt: FakeTensorRT) -> None:
    tensors = [tensor("images", "input", PICTURE)]
    tensors += [tensor(name, "output", PICTURE) for name in ("z", "a", "m")]
    with TensorRTSession(plan(tensors), "x.engine") as session:
        outputs = session.run({"images": picture()}).outputs
    assert list(outputs) == ["z", "a", "m"]
    assert [float(array.max()) for array in outputs.values()] == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (DataType.FLOAT, "float32"),
        (DataType.HALF, "float16"),
        (DataType.INT8, "int8"),
        (DataType.INT32, "int32"),
        (DataType.BOOL, "bool"),
        (DataType.UINT8, "uint8"),
        (DataType.FP8, "float8_e4m3fn"),
        (DataType.BF16, "bfloat16"),
        (DataType.INT64, "int64"),
    ],
)
def test_every_whole_byte_dtype_runs(trt: FakeTensorRT, code: DataType, name: str) -> None:
    tensors = [tensor("x", "input", (2, 3), code), tensor("y", "output", (2, 3), code)]
    with TensorRTSession(plan(tensors), "x.engine") as session:
        assert [spec.dtype for spec in (*session.inputs, *session.outputs)] == [name, name]
        values = np.array([[0, 1, 0], [1, 1, 0]]).astype(session.inputs[0].dtype)
        output = session.run({"x": values}).outputs["y"]
    assert output.dtype.name == name
    expected = (values.astype(np.float64) * 2).astype(output.dtype)
    np.testing.assert_array_equal(output.astype(np.float64), expected.astype(np.float64))


def test_an_array_of_the_other_byte_order_is_converted(session: TensorRTSession) -> None:
    foreign = picture(3.0).astype(np.dtype(np.float32).newbyteorder("S"))
    np.testing.assert_array_equal(session.run({"images": foreign}).outputs["output"], 6.0)


def test_the_runtime_names_module_version_and_gpu(session: TensorRTSession) -> None:
    assert session.runtime == "TensorRT 10.3.0 (Fake GPU)"
    assert session.library.module == "tensorrt"


def test_the_lean_module_needs_no_builder_and_no_tensor_format(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda
) -> None:
    states = fake_tensorrt.install(monkeypatch, gpu, {"tensorrt_lean": "10.3.0"})
    assert not hasattr(states["tensorrt_lean"].module, "TensorFormat")
    with TensorRTSession(simple_plan(), "x.engine") as session:
        assert session.runtime == "TensorRT lean 10.3.0 (Fake GPU)"
        assert session.inputs[0].format == "linear"
        np.testing.assert_array_equal(session(picture(4))["output"], 8.0)


def test_first_runs_are_marked_per_shape(trt: FakeTensorRT) -> None:
    with TensorRTSession(dynamic_plan(TO_FOUR), "x.engine") as session:
        marks = [session.run({"images": picture(1, n)}).is_first for n in (1, 1, 2, 1, 2)]
    assert marks == [True, False, True, False, False]


# Shapes, profiles, addresses


def test_addresses_and_shapes_are_set_once_per_shape(
    session: TensorRTSession, trt: FakeTensorRT
) -> None:
    for value in range(5):
        session.run({"images": picture(value)})
    assert trt.calls["set_input_shape"] == 1
    assert trt.calls["set_tensor_address"] == 2
    assert trt.calls["infer_shapes"] == 1
    assert trt.calls["execute_async_v3"] == 5


def test_a_new_shape_is_bound_anew_and_grows_the_memory(trt: FakeTensorRT, gpu: FakeCuda) -> None:
    with TensorRTSession(dynamic_plan(TO_FOUR), "x.engine") as session:
        for batch in (1, 4, 2, 4):
            numbers = np.random.default_rng(batch).random((batch, 3, 8, 8), np.float32)
            output = session.run({"images": numbers}).outputs["output"]
            np.testing.assert_array_equal(output, numbers * 2)
        assert trt.calls["set_input_shape"] == 4
        # Memory grows to the largest shape and is kept: two tensors, each of four pictures.
        assert sorted(array.size for array in gpu.memory.values()) == [4 * 768] * 2


def test_the_first_profile_that_fits_is_chosen_and_kept_while_it_fits(trt: FakeTensorRT) -> None:
    with TensorRTSession(dynamic_plan(TO_FOUR, TO_SIXTEEN), "x.engine") as session:
        assert session.inputs[0].profiles == (
            Profile(*map(tuple, TO_FOUR)),  # type: ignore[arg-type]
            Profile(*map(tuple, TO_SIXTEEN)),  # type: ignore[arg-type]
        )
        assert session.outputs[0].profiles == ()
        used = []
        for batch in (2, 16, 8, 1):
            output = session.run({"images": picture(2, batch)}).outputs["output"]
            assert output.shape == (batch, 3, 8, 8)
            np.testing.assert_array_equal(output, 4.0)
            used.append(session.profile)
    assert used == [0, 1, 1, 0]
    assert trt.calls["set_optimization_profile_async"] == 2


@pytest.mark.parametrize("batch", [5, 7, 17])
def test_a_shape_outside_every_profile_is_refused_before_tensorrt_sees_it(
    trt: FakeTensorRT, batch: int
) -> None:
    with TensorRTSession(dynamic_plan(TO_FOUR, TO_SIXTEEN), "x.engine") as session:
        with pytest.raises(InputError) as caught:
            session.run({"images": picture(1, batch)})
        assert caught.value.kind == "input-profile"
        assert "1 x 3 x 8 x 8 to 4 x 3 x 8 x 8 (profile 0)" in caught.value.message
        assert trt.calls["set_input_shape"] == 0
        assert session(picture(1, 4))["output"].shape == (4, 3, 8, 8)


def test_a_shape_that_tensorrt_refuses_is_a_model_error_and_the_next_run_is_whole(
    trt: FakeTensorRT,
) -> None:
    with TensorRTSession(dynamic_plan(TO_FOUR), "x.engine") as session:
        for batch, method in ((2, "set_input_shape"), (3, "infer_shapes")):
            trt.log_on = {method: [(1, "Error Code 3: API Usage Error (no such shape)")]}
            with pytest.raises(ModelError, match="refuses these input shapes: no such shape"):
                session.run({"images": picture(1, batch)})
            trt.log_on = {}
            np.testing.assert_array_equal(session(picture(3, batch))["output"], 6.0)
    assert trt.calls["set_output_allocator"] == 0


def test_a_profile_that_tensorrt_refuses_is_a_model_error(trt: FakeTensorRT) -> None:
    with TensorRTSession(dynamic_plan(TO_FOUR, TO_SIXTEEN), "x.engine") as session:
        trt.log_on = {"set_optimization_profile_async": [(1, "profile 1 is taken")]}
        with pytest.raises(ModelError, match="profile 1 is taken"):
            session.run({"images": picture(1, 16)})


def resize_plan(*profiles: list[list[int]], version: int = 10) -> bytes:
    return plan(
        [
            tensor("images", "input", PICTURE),
            tensor("size", "input", (2,), DataType.INT32, host=True, profiles=list(profiles)),
            tensor("output", "output", (-1, -1)),
            tensor("shape_out", "output", (4,), DataType.INT32, host=True),
        ],
        program="resize",
        version=(version, 0, 0, 0),
    )


@pytest.mark.parametrize("version", ["8.6.1", "10.3.0"])
def test_a_host_shape_tensor_is_read_by_value_and_a_host_output_is_copied_out(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda, version: str
) -> None:
    fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": version})
    limits = [[1, 1], [4, 4], [9, 9]]
    with TensorRTSession(resize_plan(limits), "x.engine") as session:
        size = session.inputs[1]
        assert (size.location, size.profiles) == ("host", (Profile((1, 1), (4, 4), (9, 9)),))
        results = []
        wishes = [(2, 3), (2, 3), (5, 4), (2, 3)]
        for wanted in wishes:
            values = np.array(wanted, np.int32)
            outputs = session.run({"images": picture(7), "size": values}).outputs
            values[:] = 0  # the caller may do what it likes afterwards
            results.append(outputs)
        assert [result["output"].shape for result in results] == wishes
        for result in results:
            np.testing.assert_array_equal(result["output"], 14.0)
            np.testing.assert_array_equal(result["shape_out"], PICTURE)


@pytest.mark.parametrize(
    ("version", "method"),
    [("8.6.1", "reallocate_output"), ("10.3.0", "reallocate_output_async"),
     ("11.4.0", "reallocate_output_async")],
)  # fmt: skip
def test_a_data_dependent_output_comes_through_the_allocator(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda, version: str, method: str
) -> None:
    state = fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": version})["tensorrt"]
    with TensorRTSession(select_plan(), "x.engine") as session:
        assert session.outputs[0].shape == (None,)
        held = []
        for count in (3, 100, 0, 5):
            numbers = np.zeros(PICTURE, np.float32)
            numbers.reshape(-1)[:count] = np.arange(1, count + 1)
            held.append((count, session.run({"images": numbers}).outputs["kept"]))
        for count, kept in held:
            np.testing.assert_array_equal(kept, np.arange(1, count + 1, dtype=np.float32))
    assert state.calls[method] == 4
    assert state.calls["set_output_allocator"] == 1
    assert gpu.memory == {}


# Buffers


def test_results_that_are_held_are_never_overwritten(session: TensorRTSession) -> None:
    held = [session.run({"images": picture(value)}).outputs["output"] for value in range(10)]
    for value, array in enumerate(held):
        np.testing.assert_array_equal(array, 2.0 * value)
    addresses = {array.ctypes.data for array in held}
    assert len(addresses) == 10


def test_a_view_of_a_result_keeps_it_too(session: TensorRTSession) -> None:
    rows = [session.run({"images": picture(value)}).outputs["output"][0, 0] for value in range(6)]
    for value, row in enumerate(rows):
        np.testing.assert_array_equal(row, 2.0 * value)


def test_results_outlive_the_session(trt: FakeTensorRT) -> None:
    with TensorRTSession(simple_plan(), "x.engine") as session:
        output = session(picture(21))["output"]
    np.testing.assert_array_equal(output, 42.0)


def test_a_dropped_result_gives_its_page_locked_buffer_back(
    session: TensorRTSession, gpu: FakeCuda
) -> None:
    for value in range(20):
        session.run({"images": picture(value)})
    # One for the input and one for the output: each run found the last one free again.
    assert len(gpu.pinned) == 2


def test_an_input_buffer_goes_to_the_gpu_without_a_copy_before(
    session: TensorRTSession, gpu: FakeCuda
) -> None:
    buffer = session.input_buffer("images", PICTURE)
    assert gpu.is_pinned(buffer.ctypes.data, buffer.nbytes)
    buffer[:] = 5
    np.testing.assert_array_equal(session(buffer)["output"], 10.0)
    assert gpu.uploads == [(buffer.ctypes.data, buffer.nbytes)]


def test_an_ordinary_array_goes_through_page_locked_memory(
    session: TensorRTSession, gpu: FakeCuda
) -> None:
    array = picture(5)
    session(array)
    [(address, size)] = gpu.uploads
    assert address != array.ctypes.data
    assert gpu.is_pinned(address, size)


def test_as_many_inputs_are_page_locked_as_a_run_over_many_pictures_fills_ahead(
    session: TensorRTSession, gpu: FakeCuda
) -> None:
    buffers = [session.input_buffer("images", PICTURE) for _ in range(LOOK_AHEAD + 2)]
    assert all(gpu.is_pinned(buffer.ctypes.data, buffer.nbytes) for buffer in buffers)
    for buffer in buffers:
        buffer[:] = 1
        session(buffer)
    # Each went to the GPU from where it lay.
    assert gpu.uploads == [(buffer.ctypes.data, buffer.nbytes) for buffer in buffers]


def test_page_locked_inputs_are_bounded_in_bytes_and_in_number(gpu: FakeCuda) -> None:
    buffers = Buffers(open_context())
    megabyte = np.dtype((np.void, 1_000_000))
    few = buffers.pool("large", 20_000_000, is_input=True)
    many = buffers.pool("small", 1_000_000, is_input=True)
    results = buffers.pool("result", 1_000_000, is_input=False)
    lent = {
        "large": [few.take((20,), megabyte) for _ in range(9)],
        "small": [many.take((1,), megabyte) for _ in range(70)],
        "result": [results.take((1,), megabyte) for _ in range(9)],
    }
    owned = {
        "large": sum(map(few.owns, lent["large"])),
        "small": sum(map(many.owns, lent["small"])),
        "result": sum(map(results.owns, lent["result"])),
    }
    assert owned == {"large": 6, "small": 64, "result": 4}  # 128 MB hold 6 of 20 MB


def test_input_buffers_that_are_held_are_different_ones(session: TensorRTSession) -> None:
    buffers = [session.input_buffer("images", PICTURE) for _ in range(6)]
    for value, buffer in enumerate(buffers):
        buffer[:] = value
    for value, buffer in enumerate(buffers):
        np.testing.assert_array_equal(session(buffer)["output"], 2.0 * value)


def test_an_unknown_input_buffer_is_a_key_error(session: TensorRTSession) -> None:
    with pytest.raises(KeyError, match="pictures"):
        session.input_buffer("pictures", PICTURE)


# Refusals


def test_a_refused_engine_says_tensorrts_first_error_and_keeps_all_of_them(
    trt: FakeTensorRT, gpu: FakeCuda
) -> None:
    first = (
        "IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine plan file is "
        "generated on an incompatible device, expecting compute 8.9 got compute 8.6)"
    )
    trt.log_on["deserialize_cuda_engine"] = [
        (3, "Loaded engine size: 3 MiB"),
        (2, "a warning before it"),
        (1, first),
        (1, "Error Code 4: Internal Error (Engine deserialization failed.)"),
    ]
    with pytest.raises(ModelError) as caught:
        TensorRTSession(simple_plan(), "street.engine")
    error = caught.value
    assert error.kind == "wrong-gpu"
    assert error.message == (
        "street.engine was built for GPUs of compute capability 8.6; Fake GPU has 8.9."
    )
    assert "on this GPU" in error.hint
    assert error.details.splitlines() == [
        "a warning before it",
        first,
        "Error Code 4: Internal Error (Engine deserialization failed.)",
    ]
    assert gpu.journal[-2:] == ["context popped", "context detached"]
    assert gpu.context_stack == []


def test_a_refusal_tells_what_the_files_header_and_this_machine_say(trt: FakeTensorRT) -> None:
    trt.log_on["deserialize_cuda_engine"] = [(1, "Version tag does not match.")]
    with pytest.raises(ModelError) as caught:
        TensorRTSession(simple_plan(), "x.engine", plan_version="8.6.1.6")
    assert caught.value.message == (
        "x.engine was built by TensorRT 8.6.1.6; here is tensorrt 10.3.0."
    )
    assert "tensorrt==8.6.1." in caught.value.hint
    trt.log_on["deserialize_cuda_engine"] = [(1, "generated on an incompatible device")]
    with pytest.raises(ModelError, match=r"capability 7\.5; Fake GPU has 8\.9") as caught:
        TensorRTSession(simple_plan(), "x.engine", plan_compute_capability="7.5")
    assert caught.value.evidence == {"plan_compute_capability": "7.5", "compute_capability": "8.9"}


def test_a_missing_plugin_is_named_for_programs_too(trt: FakeTensorRT) -> None:
    trt.log_on["deserialize_cuda_engine"] = [
        (1, "3: getPluginCreator could not find plugin: Mine version: 2"),
        (1, "Error Code 4: Internal Error (Engine deserialization failed.)"),
    ]
    with pytest.raises(ModelError, match="the plugin Mine, version 2") as caught:
        TensorRTSession(simple_plan(), "x.engine")
    assert caught.value.evidence == {"plugin": "Mine", "plugin_version": "2"}


def test_memory_that_can_no_longer_be_asked_for_leaves_a_whole_sentence(
    session: TensorRTSession, trt: FakeTensorRT, gpu: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> tuple[int, int]:
        raise fake_cuda.LogicError("cuMemGetInfo failed")

    monkeypatch.setattr(session._live_cuda().driver, "mem_get_info", fail)
    trt.log_on["execute_async_v3"] = [(1, "Error Code 1: Cuda Runtime (out of memory)")]
    with pytest.raises(CudaError, match=r"ran out of memory for x\.engine\.$"):
        session.run({"images": picture()})


def test_a_context_that_tensorrt_says_is_lost_is_fatal(
    session: TensorRTSession, trt: FakeTensorRT
) -> None:
    trt.log_on["execute_async_v3"] = [(1, "Error Code 1: Cuda Runtime (misaligned address)")]
    with pytest.raises(CudaError, match=r"worked on x\.engine: misaligned address\.") as caught:
        session.run({"images": picture()})
    assert caught.value.fatal
    assert caught.value.kind == "cuda-context-lost"


@pytest.mark.parametrize("method", ["set_tensor_address", "set_output_allocator"])
def test_memory_that_tensorrt_does_not_take_is_an_error_not_a_run(
    trt: FakeTensorRT, method: str
) -> None:
    with TensorRTSession(select_plan(), "x.engine") as session:
        trt.log_on[method] = [(1, "Error Code 3: API Usage Error (not this one)")]
        with pytest.raises(ModelError, match="not this one"):
            session.run({"images": picture()})
        assert trt.calls["execute_async_v3"] == 0
        trt.log_on.clear()
        assert session(picture(2))["kept"].size == picture().size


def test_a_refusal_without_a_word_says_so(trt: FakeTensorRT) -> None:
    trt.log_on["deserialize_cuda_engine"] = []
    with pytest.raises(ModelError, match=r"refuses x\.engine, without saying why"):
        TensorRTSession(simple_plan(), "x.engine")


def test_an_engine_that_cannot_be_set_up_frees_everything(trt: FakeTensorRT, gpu: FakeCuda) -> None:
    trt.log_on["create_execution_context"] = [
        (1, "Error Code 2: OutOfMemory (Requested size was 3356491776 bytes.)")
    ]
    with pytest.raises(CudaError, match=r"3\.36 GB were asked for, 12\.3 GB are free") as caught:
        TensorRTSession(simple_plan(), "x.engine")
    assert caught.value.kind == "out-of-memory"
    assert not caught.value.fatal
    assert "smaller batch" in caught.value.hint
    assert gpu.journal[-5:] == [
        "engine destroyed",
        "runtime destroyed",
        "stream destroyed",
        "context popped",
        "context detached",
    ]
    assert gpu.memory == {}


def test_a_failed_run_says_why_and_the_next_one_is_whole(
    session: TensorRTSession, trt: FakeTensorRT
) -> None:
    trt.log_on["execute_async_v3"] = [(1, "Error Code 1: Cuda Runtime (invalid argument)")]
    with pytest.raises(ModelError, match=r"x\.engine failed to run: invalid argument"):
        session.run({"images": picture()})
    trt.log_on.clear()
    np.testing.assert_array_equal(session(picture(2))["output"], 4.0)
    assert trt.calls["infer_shapes"] == 2  # nothing is taken for granted after a failure


def test_an_implicit_batch_is_refused(trt: FakeTensorRT, gpu: FakeCuda) -> None:
    with pytest.raises(ModelError, match="implicit batch") as caught:
        TensorRTSession(simple_plan(implicit_batch=True), "old.engine")
    assert caught.value.kind == "implicit-batch"
    assert gpu.context_stack == []


@pytest.mark.parametrize(
    ("more", "dtype", "words"),
    [
        ({"dtype": DataType.INT4}, "int4", "'y' has dtype int4"),
        ({"dtype": DataType.FUTURE}, "unknown (42)", "'y' has dtype unknown (42)"),
        (
            {"format": "Channel major FP16 format (kCHW16)", "vectorized_dim": 1},
            "float32",
            "vectorised format 'Channel major FP16 format (kCHW16)'",
        ),
    ],
)
def test_what_numpy_cannot_hold_is_shown_in_the_table_and_not_run(
    trt: FakeTensorRT, more: dict[str, Any], dtype: str, words: str
) -> None:
    tensors = [tensor("x", "input", PICTURE), tensor("y", "output", PICTURE, **more)]
    with TensorRTSession(plan(tensors), "x.engine") as session:
        assert session.outputs[0].dtype == dtype
        assert session.outputs[0].as_json()["shape"] == list(PICTURE)
        with pytest.raises(ModelError) as caught:
            session.run({"x": picture()})
    assert caught.value.kind == "io-format"
    assert words in caught.value.message
    assert trt.calls["execute_async_v3"] == 0


def test_native_code_is_run_only_when_allowed(trt: FakeTensorRT) -> None:
    data = simple_plan(native_code=True)
    with pytest.raises(ModelError, match=r"x\.engine embeds native code"):
        TensorRTSession(data, "x.engine")
    with TensorRTSession(data, "x.engine", allow_native_code=True) as session:
        np.testing.assert_array_equal(session(picture(1))["output"], 2.0)


# CUDA's failures


def test_out_of_memory_is_no_end_and_a_smaller_shape_runs_after_it(
    trt: FakeTensorRT, gpu: FakeCuda
) -> None:
    with TensorRTSession(dynamic_plan(TO_FOUR), "x.engine") as session:
        np.testing.assert_array_equal(session(picture(1, 2))["output"], 2.0)
        gpu.largest = 2 * 768
        with pytest.raises(CudaError) as caught:
            session.run({"images": picture(1, 4)})
        assert caught.value.kind == "out-of-memory"
        assert not caught.value.fatal
        assert "12.34 of 80.00 GB are free" in caught.value.message
        assert "3,072 bytes for tensor 'images'" in caught.value.message
        np.testing.assert_array_equal(session(picture(3, 2))["output"], 6.0)


def test_out_of_memory_in_the_allocator_is_said_in_cudas_words_and_only_once(
    trt: FakeTensorRT, gpu: FakeCuda
) -> None:
    with TensorRTSession(select_plan(), "x.engine") as session:
        session.run({"images": picture(0)})
        gpu.largest = 100
        with pytest.raises(CudaError, match="bytes for tensor 'kept'") as caught:
            session.run({"images": picture(1)})
        assert caught.value.kind == "out-of-memory"
        gpu.largest = 1 << 30
        np.testing.assert_array_equal(session(picture(2))["kept"], 2.0)
        trt.log_on["execute_async_v3"] = [(1, "another reason")]
        with pytest.raises(ModelError, match="another reason"):
            session.run({"images": picture(1)})


@pytest.mark.parametrize(
    ("text", "fatal"),
    [
        ("cuStreamSynchronize failed: an illegal memory access was encountered", True),
        ("cuStreamSynchronize failed: illegal address", True),
        ("cuStreamSynchronize failed: misaligned address", True),
        ("cuStreamSynchronize failed: unspecified launch failure", True),
        ("cuStreamSynchronize failed: device-side assert triggered", True),
        ("cuStreamSynchronize failed: invalid argument", False),
    ],
)
def test_an_error_on_the_gpu_is_fatal_only_where_it_kills_the_context(
    session: TensorRTSession, gpu: FakeCuda, text: str, fatal: bool
) -> None:
    gpu.kernel_error = text
    with pytest.raises(CudaError, match="running the engine") as caught:
        session.run({"images": picture()})
    assert caught.value.fatal is fatal
    assert caught.value.kind == ("cuda-context-lost" if fatal else "cuda")
    assert caught.value.details == text


# Threads and closing


@pytest.mark.parametrize("action", ["run", "close"])
def test_another_thread_is_refused_before_cuda_is_touched(
    session: TensorRTSession, gpu: FakeCuda, action: str
) -> None:
    caught: list[BaseException] = []

    def intrude() -> None:
        try:
            session.close() if action == "close" else session.run({"images": picture()})
        except WrongThreadError as error:
            caught.append(error)

    thread = threading.Thread(target=intrude)
    thread.start()
    thread.join()
    assert len(caught) == 1
    assert gpu.threads == {threading.get_ident()}
    np.testing.assert_array_equal(session(picture(2))["output"], 4.0)


def test_closing_frees_context_engine_memory_and_cuda_in_that_order(
    trt: FakeTensorRT, gpu: FakeCuda
) -> None:
    session = TensorRTSession(simple_plan(), "x.engine")
    session.run({"images": picture()})
    gpu.journal.clear()
    session.close()
    assert gpu.journal == [
        "execution context destroyed",
        "engine destroyed",
        "runtime destroyed",
        "memory freed",
        "memory freed",
        "memory unpinned",
        "memory unpinned",
        "stream destroyed",
        "context popped",
        "context detached",
    ]
    assert gpu.memory == {}
    assert gpu.pinned == {}


def test_closing_twice_is_once_and_a_closed_session_says_so(
    trt: FakeTensorRT, gpu: FakeCuda
) -> None:
    session = TensorRTSession(simple_plan(), "x.engine")
    session.close()
    before = list(gpu.journal)
    session.close()
    assert gpu.journal == before
    for use in (
        lambda: session.run({"images": picture()}),
        lambda: session.input_buffer("images", PICTURE),
    ):
        with pytest.raises(ModelError, match="closed") as caught:
            use()
        assert caught.value.kind == "closed"


def test_two_sessions_share_one_context_which_the_last_gives_back(
    trt: FakeTensorRT, gpu: FakeCuda
) -> None:
    one = TensorRTSession(simple_plan(), "one.engine")
    two = TensorRTSession(simple_plan(), "two.engine")
    one.close()
    assert len(gpu.context_stack) == 1
    np.testing.assert_array_equal(two(picture(1))["output"], 2.0)
    two.close()
    assert gpu.context_stack == []
    assert gpu.journal.count("context retained") == 1
    assert gpu.journal.count("context detached") == 1
