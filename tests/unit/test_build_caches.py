"""What builds keep for each other: timing caches, INT8 ranges, how long they took."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from core.building import BuildOptions, calibration, timing_cache
from core.building.earlier import EarlierBuilds
from core.building.timing_cache import TimingCache, cache_path
from core.cuda import open_context
from core.errors import EnginebayError, ImageError, ModelError
from core.modelfile import read_model_file
from core.recipes import Recipe
from tests.unit import fake_cuda, onnx_models
from tests.unit.fake_builder import Cache, StandInBuilder
from tests.unit.test_build_child import Heard, Prepare, build, order, prepare

__all__ = ["prepare"]


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "cache" / "timing").glob("*.cache"))


def measures(builder: StandInBuilder, *kernels: str) -> None:
    """What the next build measures."""
    builder.during_build = lambda config: config.cache.content.update(kernels)


# The timing cache


def test_a_second_build_is_given_what_the_first_measured(
    prepare: Prepare, tmp_path: Path, own_folders: Path
) -> None:
    builder = prepare("8.6.1")
    measures(builder, "conv1")
    first = build(order(tmp_path))
    (path,) = kept(own_folders)
    assert "sm" in path.name
    assert path.name.endswith("-tensorrt-8.6.1.cache")
    seen = []
    builder.during_build = lambda config: seen.append(set(config.cache.content))
    second = build(order(tmp_path))
    assert seen == [{"conv1"}]
    assert "The timing cache of earlier builds was used." not in first["notes"]
    assert "The timing cache of earlier builds was used." in second["notes"]


def test_another_gpu_or_version_has_a_cache_of_its_own() -> None:
    paths = {
        cache_path("NVIDIA A100", "8.0", "tensorrt", "8.6.1"),
        cache_path("NVIDIA A100", "8.0", "tensorrt", "10.3.0"),
        cache_path("NVIDIA H100 PCIe", "9.0", "tensorrt", "8.6.1"),
    }
    assert len(paths) == 3
    assert all(path.name.replace("-", "").replace(".", "").isalnum() for path in paths)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: b"",
        lambda content: b"garbage" * 100,
        lambda content: content[:40] + b"\0" + content[41:],
    ],
)
def test_a_damaged_cache_is_passed_over_with_a_note_and_written_anew(
    prepare: Prepare, tmp_path: Path, own_folders: Path, damage: Any
) -> None:
    builder = prepare("10.3.0")
    measures(builder, "conv1")
    build(order(tmp_path))
    (path,) = kept(own_folders)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    seen = []

    def look(config: Any) -> None:
        seen.append(set(config.cache.content))
        config.cache.content.add("conv1")

    builder.during_build = look
    found = build(order(tmp_path))
    assert seen == [set()]  # nothing of it reached TensorRT
    assert any("damaged" in note for note in found["notes"])
    assert path.read_bytes() == whole


def test_a_cache_of_another_gpu_is_refused_by_tensorrt_and_that_is_a_note(
    prepare: Prepare, tmp_path: Path
) -> None:
    prepare("10.3.0")
    file = tmp_path / "trtexec.cache"
    file.write_bytes(b"gpu2:conv9")
    found = build(order(tmp_path, timing_cache_file=file))
    assert any("another GPU" in note for note in found["notes"])


def test_a_file_that_is_asked_for_is_trtexecs_own_form(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare("10.3.0")
    file = tmp_path / "trtexec.cache"
    file.write_bytes(b"gpu1:conv1")
    measures(builder, "conv2")
    found = build(order(tmp_path, timing_cache_file=file))
    assert file.read_bytes() == b"gpu1:conv1,conv2"
    assert "The timing cache of earlier builds was used." in found["notes"]


def test_what_is_no_cache_at_all_does_not_stop_the_build(prepare: Prepare, tmp_path: Path) -> None:
    prepare("10.3.0")
    file = tmp_path / "picture.png"
    file.write_bytes(b"\x89PNG")
    found = build(order(tmp_path, timing_cache_file=file))
    assert any("was not used" in note for note in found["notes"])


def test_without_a_cache_nothing_is_kept(
    prepare: Prepare, tmp_path: Path, own_folders: Path
) -> None:
    prepare("10.3.0")
    build(order(tmp_path, timing_cache=False))
    assert kept(own_folders) == []


def test_a_folder_that_cannot_be_written_is_a_note(prepare: Prepare, tmp_path: Path) -> None:
    prepare("10.3.0")
    (tmp_path / "file").write_text("no folder")
    found = build(order(tmp_path, timing_cache_file=tmp_path / "file" / "t.cache"))
    assert any("cannot be kept" in note or "cannot be read" in note for note in found["notes"])


class BadCache(Cache):
    """A timing cache that cannot be had."""

    error: Exception | None = None

    def serialize(self) -> Any:
        if self.error is not None:
            raise self.error
        return None  # as TensorRT does where it fails


@pytest.mark.parametrize("error", [None, RuntimeError("no"), MemoryError(), TypeError("no bytes")])
def test_a_cache_that_cannot_be_had_costs_no_engine(
    prepare: Prepare, tmp_path: Path, own_folders: Path, error: Exception | None
) -> None:
    builder, heard = prepare("10.3.0"), Heard()

    def spoil(config: Any) -> None:
        config.cache = BadCache(set())
        config.cache.error = error

    builder.during_build = spoil
    found = build(order(tmp_path), heard)
    assert any("timing cache" in note and "kept" in note for note in found["notes"])
    assert (tmp_path / "out.part").exists()
    assert kept(own_folders) == []


def test_the_engine_is_written_before_the_cache_is_kept(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, seen = Heard(), []

    def keep(_cache: TimingCache, _config: object) -> None:
        seen.append(((tmp_path / "out.part").exists(), any("written" in one for one in heard.said)))

    prepare("10.3.0")
    monkeypatch.setattr(TimingCache, "keep", keep)
    build(order(tmp_path), heard)
    assert seen == [(True, True)]


def test_a_cache_that_another_process_never_lets_go_is_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shared.cache"
    config, cache = Config(), TimingCache(path, is_own=True)
    cache.give(config)
    monkeypatch.setattr(timing_cache, "_LOCK_WAIT_S", 0.05)
    with timing_cache._locked(tmp_path / "shared.cache.lock"):
        cache.keep(config)
    [note] = cache.notes
    assert "another process is using it" in note
    assert not path.exists()
    cache.keep(config)
    assert path.exists()


class Config:
    """As much of an IBuilderConfig as a timing cache needs."""

    def __init__(self) -> None:
        self.cache: Cache | None = None

    def create_timing_cache(self, data: bytes) -> Cache:
        return Cache(set(filter(None, data.decode().removeprefix("gpu1:").split(","))))

    def set_timing_cache(self, cache: Cache, ignore_mismatch: bool) -> bool:
        self.cache = cache
        return True

    def get_timing_cache(self) -> Cache | None:
        return self.cache


def test_builds_at_the_same_time_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "shared.cache"

    def one(number: int) -> None:
        config, cache = Config(), TimingCache(path, is_own=True)
        cache.give(config)
        assert config.cache is not None
        config.cache.content.add(f"kernel{number}")
        cache.keep(config)
        assert cache.notes == []

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    config = Config()
    assert TimingCache(path, is_own=True).give(config)
    assert config.cache is not None
    assert config.cache.content == {f"kernel{number}" for number in range(8)}


# INT8 ranges


def picture(path: Path, level: int) -> Path:
    assert cv2.imwrite(str(path), np.full((8, 8, 3), level, np.uint8))
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(5):
        picture(folder / f"{number}.png", number * 10)
    return folder


def calibrated(tmp_path: Path, folder: Path) -> dict[str, Any]:
    wanted = order(tmp_path, precision=frozenset({"int8"}), calibration=folder)
    onnx_models.identity(tmp_path, shape=(None, 3, 8, 8)).rename(tmp_path / "model.onnx")
    return wanted


def test_pictures_reach_the_calibrator_as_the_recipe_prepares_them(
    prepare: Prepare, tmp_path: Path, pictures: Path, own_folders: Path
) -> None:
    builder, heard = prepare("8.6.1"), Heard()
    seen: list[np.ndarray] = []

    def calibrate(config: Any) -> None:
        calibrator = config.int8_calibrator
        assert calibrator.read_calibration_cache() is None
        size = calibrator.get_batch_size()
        while (addresses := calibrator.get_batch(["images"])) is not None:
            data = builder.state.gpu.device_bytes(addresses[0], size * 3 * 8 * 8 * 4)
            seen.append(data.copy().view(np.float32).reshape(size, 3, 8, 8))
        calibrator.write_calibration_cache(b"ranges")

    builder.during_build = calibrate
    found = build(calibrated(tmp_path, pictures), heard)
    assert builder.config.flags == {"INT8", "TF32"}
    optimum = [2, 3, 8, 8]
    assert builder.config.calibration_profile.shapes == {"images": (optimum, optimum, optimum)}
    # The profile's optimum is a batch of 2; the fifth picture fills none, and is left out.
    assert [batch.shape for batch in seen] == [(2, 3, 8, 8), (2, 3, 8, 8)]
    levels = [float(one.mean()) * 255 for batch in seen for one in batch]
    assert levels == pytest.approx([0, 10, 20, 30], abs=0.01)
    assert "calibrating INT8 (2 of 2)" in heard.texts
    assert any("5 pictures" in note for note in found["notes"])
    assert len(list((own_folders / "cache" / "calibration").glob("*.cache"))) == 1
    assert builder.state.gpu.memory == {}  # given back before the context went

    again: list[Any] = []
    builder.during_build = lambda config: again.append(
        config.int8_calibrator.read_calibration_cache()
    )
    build(calibrated(tmp_path, pictures))
    assert again == [b"ranges"]


def test_a_picture_that_cannot_be_read_ends_the_build_with_its_name(
    prepare: Prepare, tmp_path: Path, pictures: Path, own_folders: Path
) -> None:
    builder = prepare("8.6.1")
    (pictures / "1.png").write_bytes(b"no picture")

    def calibrate(config: Any) -> None:  # as TensorRT does: None ends it, what comes is kept
        assert config.int8_calibrator.get_batch(["images"]) is None
        config.int8_calibrator.write_calibration_cache(b"wrong ranges")

    builder.during_build = calibrate
    with pytest.raises(ImageError, match=r"1\.png"):
        build(calibrated(tmp_path, pictures))
    assert not (tmp_path / "out.part").exists()
    assert not (own_folders / "cache" / "calibration").exists()


def test_ranges_in_the_onnx_go_before_pictures(
    prepare: Prepare, tmp_path: Path, pictures: Path
) -> None:
    builder = prepare("10.3.0")
    builder.network.layer_types.append("QUANTIZE")
    found = build(calibrated(tmp_path, pictures))
    assert any("was not used" in warning for warning in found["warnings"])
    assert not hasattr(builder.config, "int8_calibrator")


def test_on_11_a_calibration_folder_is_refused_with_the_way_out(
    prepare: Prepare, tmp_path: Path, pictures: Path
) -> None:
    prepare("11.4.0")
    with pytest.raises(ModelError) as caught:
        build(calibrated(tmp_path, pictures))
    assert caught.value.kind == "option-not-available"
    assert "quantiz" in caught.value.hint


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("none")
    for folder, words in ((tmp_path, "holds no pictures"), (tmp_path / "x", "cannot be read")):
        with pytest.raises(EnginebayError, match=words) as caught:
            calibration.calibration_pictures(folder)
        assert caught.value.kind == "calibration-folder"


def test_a_large_folder_is_sampled_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "MOST_PICTURES", 4)
    for number in range(10):
        (tmp_path / f"{number}.png").write_bytes(b"")
    names = [path.stem for path in calibration.calibration_pictures(tmp_path)]
    assert names == ["0", "2", "5", "7"]  # every 2.5th


def test_a_model_of_two_inputs_cannot_be_calibrated_by_pictures(tmp_path: Path) -> None:
    file = read_model_file(onnx_models.two_inputs(tmp_path))
    with pytest.raises(ModelError) as caught:
        calibration.calibration_recipe(file, {})
    assert caught.value.kind in ("calibration-inputs", "no-image-input")


def test_fewer_pictures_than_a_batch_fill_it_again_and_again(tmp_path: Path) -> None:
    paths = [picture(tmp_path / f"{number}.png", 51 * (number + 1)) for number in range(2)]
    recipe = Recipe(input="x", layout="NCHW", size_wh=(8, 8), batch=5)
    batches = calibration.Batches(paths, recipe)
    assert (batches.size, batches.count) == (5, 1)
    tensor = batches.next()
    assert tensor is not None
    levels = tensor[:, 0, 0, 0] * 255
    assert levels.tolist() == pytest.approx([51, 102, 51, 102, 51])
    assert batches.next() is None


def test_the_calibrators_memory_is_given_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gpu = fake_cuda.install(monkeypatch)
    context = open_context()
    path = picture(tmp_path / "a.png", 100)
    recipe = Recipe(input="x", layout="CHW", size_wh=(8, 8))
    trt = SimpleNamespace(IInt8EntropyCalibrator2=type("Base", (), {"__init__": lambda self: None}))
    calibrator = calibration.make_calibrator(
        trt, context, calibration.Batches([path], recipe), tmp_path / "c", lambda text: None
    )
    before = len(gpu.memory)
    assert calibrator.get_batch(["x"]) is not None
    assert len(gpu.memory) == before + 1
    calibrator.close()
    calibrator.close()
    assert len(gpu.memory) == before
    context.close()


# How long it took


def test_the_estimate_is_of_the_same_options_before_others() -> None:
    earlier = EarlierBuilds("a" * 64, "GPU", "tensorrt 8.6.1")
    fast, slow = BuildOptions(optimization_level=0), BuildOptions(optimization_level=5)
    assert earlier.expected_s(fast) is None
    earlier.add(slow, 100.0)
    assert earlier.expected_s(fast) == 100.0
    earlier.add(fast, 10.0)
    earlier.add(slow, 120.0)
    assert earlier.expected_s(fast) == 10.0
    assert earlier.expected_s(slow) == 120.0
    for other in (("b" * 64, "GPU", "tensorrt 8.6.1"), ("a" * 64, "GPU 2", "tensorrt 8.6.1")):
        assert EarlierBuilds(*other).expected_s(fast) is None


def test_a_damaged_record_is_no_estimate(own_folders: Path) -> None:
    earlier = EarlierBuilds("a" * 64, "GPU", "8.6.1")
    earlier.add(BuildOptions(), 3.0)
    path = own_folders / "cache" / "builds" / "durations.json"
    path.write_text(path.read_text().replace('"3.0"', '"soon"'))
    assert earlier.expected_s(BuildOptions()) is None
    path.write_text("{")
    assert earlier.expected_s(BuildOptions()) is None
