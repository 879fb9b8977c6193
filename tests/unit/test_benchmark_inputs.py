"""What a benchmark feeds a model: shapes and batch by recipe, choice and profile; seeded values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.benchmark.checks import check_options
from core.benchmark.inputs import make_arrays, plan_benchmark, with_choices
from core.benchmark.order import BenchmarkOrder
from core.benchmark.values import BenchmarkOptions
from core.errors import InputError
from core.input_choices import Fill
from core.model import Model
from tests.unit import fake_cuda, fake_tensorrt, onnx_models
from tests.unit.fake_tensorrt import plan, tensor


def add(folder: Path, dtype: str, shape: onnx_models.Dims = (4, 50)) -> Path:
    """One input of a dtype that no picture has."""
    return onnx_models.save(
        folder / f"{dtype}.onnx",
        [onnx_models.helper.make_node("Identity", ["x"], ["y"])],
        [("x", dtype, shape)],
        [("y", dtype, shape)],
    )


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("float32", -1, 1),
        ("float64", -1, 1),
        ("float16", -1, 1),
        ("bfloat16", -1, 1),
        ("uint8", 0, 255),
        ("int32", -128, 127),
        ("int64", -128, 127),
        ("bool", 0, 1),
    ],
)
def test_random_values_lie_in_the_range_of_trtexecs(
    tmp_path: Path, dtype: str, low: int, high: int
) -> None:
    with Model.open(add(tmp_path, dtype, (40, 500))) as model:
        inputs = plan_benchmark(model, None)
        array = make_arrays(model, inputs, 0)["x"]
        again = make_arrays(model, inputs, 0)["x"]
        other = make_arrays(model, inputs, 1)["x"]
    assert array.dtype.name == dtype
    values = array.astype(np.float64)
    assert low <= values.min() < low + 0.02 * (high - low) + 1e-9
    assert high - 0.02 * (high - low) - 1e-9 < values.max() <= high
    np.testing.assert_array_equal(values, again.astype(np.float64))
    assert (values != other.astype(np.float64)).any()


def test_what_was_chosen_for_an_input_is_what_it_gets(tmp_path: Path) -> None:
    with Model.open(add(tmp_path, "float32")) as model:
        model.choose_inputs({"x": Fill("values", values=("3.5",))}, {})
        array = make_arrays(model, plan_benchmark(model, None), 0)["x"]
    np.testing.assert_array_equal(array, np.full((4, 50), 3.5, np.float32))


def test_the_batch_is_the_recipes_where_nobody_says(tmp_path: Path) -> None:
    with Model.open(onnx_models.identity(tmp_path, shape=("n", 3, 8, 8))) as model:
        assert plan_benchmark(model, None).batch == 1
        inputs = plan_benchmark(model, 5)
        assert inputs.batch == 5
        assert inputs.plan.shapes == {"images": (5, 3, 8, 8)}


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [(("n", 3, "h", "w"), (1, 3, 24, 32)), (("n", "h", "w", 3), (1, 24, 32, 3))],
)
def test_a_size_is_width_and_height_wherever_the_layout_has_them(
    tmp_path: Path, shape: onnx_models.Dims, wanted: tuple[int, ...]
) -> None:
    with Model.open(onnx_models.identity(tmp_path, shape=shape)) as model:
        assert plan_benchmark(model, None, (32, 24)).plan.shapes == {"images": wanted}
        assert plan_benchmark(model, 5, (32, 24)).plan.shapes == {"images": (5, *wanted[1:])}


def test_a_size_that_a_chosen_shape_contradicts_is_refused(tmp_path: Path) -> None:
    with Model.open(onnx_models.identity(tmp_path, shape=("n", 3, "h", "w"))) as model:
        with_choices(model, BenchmarkOptions(shapes={"images": (1, 3, 24, 32)}))
        assert plan_benchmark(model, None, (32, 24)).plan.shapes["images"] == (1, 3, 24, 32)
        with pytest.raises(InputError, match="24x32 does not go with"):
            plan_benchmark(model, None, (24, 32))


def test_a_model_that_takes_no_picture_has_no_size(tmp_path: Path) -> None:
    with (
        Model.open(add(tmp_path, "float32")) as model,
        pytest.raises(InputError, match="no picture") as caught,
    ):
        plan_benchmark(model, None, (8, 8))
    assert caught.value.kind == "no-size"


def test_a_chosen_shape_has_the_batch(tmp_path: Path) -> None:
    with Model.open(onnx_models.identity(tmp_path, shape=("n", 3, 8, 8))) as model:
        with_choices(model, BenchmarkOptions(shapes={"images": (6, 3, 8, 8)}))
        assert plan_benchmark(model, None).batch == 6
        assert plan_benchmark(model, 6).batch == 6
        with pytest.raises(InputError) as caught:
            plan_benchmark(model, 2)
        assert caught.value.kind == "batch"


def test_rows_of_a_model_without_pictures_are_its_batch_where_they_are_free(
    tmp_path: Path,
) -> None:
    with Model.open(add(tmp_path, "int64", ("rows", 7))) as model:
        inputs = plan_benchmark(model, 9)
        assert (inputs.batch, inputs.plan.shapes["x"]) == (9, (9, 7))


def test_a_model_without_a_batch_takes_none(tmp_path: Path) -> None:
    with Model.open(add(tmp_path, "int64", (4, 7))) as model:
        assert plan_benchmark(model, None).batch == 1
        with pytest.raises(InputError) as caught:
            plan_benchmark(model, 4)
        assert caught.value.kind == "no-batch"


def test_a_fixed_batch_refuses_another_and_names_what_it_is(tmp_path: Path) -> None:
    with Model.open(onnx_models.identity(tmp_path, shape=(2, 3, 8, 8))) as model:
        assert plan_benchmark(model, None).batch == 2
        assert plan_benchmark(model, 2).batch == 2
        with pytest.raises(InputError) as caught:
            plan_benchmark(model, 8)
        assert "2 x 3 x 8 x 8" in caught.value.message


SMALL = [[1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 16, 16]]
LARGE = [[2, 3, 16, 16], [8, 3, 32, 32], [16, 3, 64, 64]]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """`images` in two profiles to `output`, shaped as images."""
    gpu = fake_cuda.install(monkeypatch)
    fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})
    fake_tensorrt.install_driver(monkeypatch)
    free = (-1, 3, -1, -1)
    path = tmp_path / "x.engine"
    path.write_bytes(
        plan(
            [
                tensor("images", "input", free, profiles=[SMALL, LARGE]),
                tensor("output", "output", free),
            ]
        )
    )
    return path


def test_a_size_outside_the_profile_is_refused_with_its_limits(engine: Path) -> None:
    with Model.open(engine) as model:
        with_choices(model, BenchmarkOptions(profile=0))
        assert plan_benchmark(model, 2, (16, 8)).plan.shapes["images"] == (2, 3, 8, 16)
        with pytest.raises(InputError) as caught:
            plan_benchmark(model, 2, (17, 8))
    assert "1 x 3 x 8 x 8 to 4 x 3 x 16 x 16" in f"{caught.value.message} {caught.value.hint}"


def test_a_batch_outside_the_profile_names_its_limits(engine: Path) -> None:
    with Model.open(engine) as model:
        assert plan_benchmark(model, 4).plan.shapes == {"images": (4, 3, 8, 8)}
        with pytest.raises(InputError) as caught:  # that profile takes it, but no such picture
            plan_benchmark(model, 8)
        assert "dimension 2 takes 16 to 64" in caught.value.message
        with pytest.raises(InputError) as caught:
            plan_benchmark(model, 17)
        assert "dimension 0 takes 1 to 4" in caught.value.message
        with_choices(model, BenchmarkOptions(profile=1))
        inputs = plan_benchmark(model, 16)
        assert (inputs.plan.profile, inputs.plan.shapes["images"]) == (1, (16, 3, 32, 32))
        with pytest.raises(InputError) as caught:
            plan_benchmark(model, 1)
        assert "dimension 0 takes 2 to 16" in caught.value.message


def test_an_order_sets_the_model_up_with_its_recipe_in_its_profile(engine: Path) -> None:
    """A profile that is chosen anew moves the recipe's size to its best; here it was moved on."""
    with Model.open(engine) as model:
        model.choose_inputs({}, {}, 1)
        assert model.recipe is not None
        model.use(replace(model.recipe, size_wh=(48, 40), batch=5))
        order = BenchmarkOrder.of(model, "0" * 64, BenchmarkOptions())
    with Model.open(engine) as model:
        order.set_up(model)
        assert plan_benchmark(model, None).plan.shapes == {"images": (5, 3, 40, 48)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"iterations": 0}, "0 iterations"),
        ({"iterations": -3}, "-3 iterations"),
        ({"duration_s": 0.0}, "duration of 0 s"),
        ({"duration_s": -1.0}, "duration of -1 s"),
        ({"duration_s": float("nan")}, "duration of nan s"),
        ({"duration_s": 86401.0}, "duration of 86401 s"),
        ({"duration_s": float("inf")}, "duration of inf s"),
        ({"warm_up_ms": -1.0}, "warm-up of -1 ms"),
        ({"warm_up_ms": float("nan")}, "warm-up of nan ms"),
        ({"warm_up_runs": -1}, "-1 runs"),
        ({"contexts": 0}, "0 contexts"),
        ({"contexts": 17}, "17 contexts"),
        ({"batch": 0}, "batch of 0"),
        ({"sweep": (1, 0)}, "batch of 0"),
        ({"sweep_sizes": ((8, 8), (0, 8))}, "0x8"),
        ({"sweep_sizes": ((8, 65536),)}, "8x65536"),
        ({"measurements": ()}, "Nothing is to be measured"),
        ({"measurements": ("fast",)}, "'fast'"),
        ({"measurements": ("end-to-end",)}, "needs pictures"),
        ({"wait": "sleep"}, "'sleep'"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_number(
    options: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError) as caught:
        check_options(BenchmarkOptions(**options))  # type: ignore[arg-type]
    assert caught.value.kind == "benchmark-options"
    assert words in caught.value.message
    assert caught.value.hint


def test_the_defaults_and_the_limits_themselves_can_be_measured() -> None:
    check_options(BenchmarkOptions())
    check_options(
        BenchmarkOptions(
            duration_s=86400.0, iterations=1, contexts=16, warm_up_ms=0.0, warm_up_runs=0
        )
    )
    check_options(BenchmarkOptions(measurements=(), sweep=(1, 2)))
    check_options(BenchmarkOptions(measurements=(), sweep_sizes=((1, 65535),)))
