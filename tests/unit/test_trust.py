"""What stands before an engine runs: its fingerprint, consent, its trial, its plugins."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import core.machine
import core.opening
import core.sessions.loaded_engine
import core.sessions.tensorrt
from core.cuda import open_context
from core.errors import Cancelled, ModelError, ModelFileError
from core.machine.driver import Driver, Gpu
from core.model import Model
from core.modelfile import read_model_file
from core.opening import OpenOptions, open_session
from core.sessions.onnx import OnnxSession
from core.tensorrt_library import load_library, module_in_use
from core.tensorrt_plugins import load_plugin
from core.translator import Circumstances
from core.trust import consent
from core.trust.trial import TrialOrder
from tests.unit import fake_cuda, fake_tensorrt, onnx_models
from tests.unit.fake_tensorrt import FakeTensorRT, simple_plan


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch) -> FakeTensorRT:
    gpu = fake_cuda.install(monkeypatch)
    fake_tensorrt.install_driver(monkeypatch)
    return fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})["tensorrt"]


@pytest.fixture
def trials(trt: FakeTensorRT, monkeypatch: pytest.MonkeyPatch) -> list[TrialOrder]:
    """The trials that were asked for."""
    orders: list[TrialOrder] = []
    monkeypatch.setattr(core.opening, "ensure_tried", lambda order, *_: orders.append(order))
    return orders


def put(folder: Path, data: bytes) -> Path:
    path = folder / "street.engine"
    path.write_bytes(data)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_yes_holds_for_these_bytes_until_it_is_taken_back(
    trt: FakeTensorRT, tmp_path: Path
) -> None:
    path = put(tmp_path, simple_plan(native_code=True))
    Model.open(path, allow_native_code=True).close()
    Model.open(path).close()
    assert [one.sha256 for one in consent.given()] == [sha256(path)]
    consent.revoke("all")
    with pytest.raises(ModelError) as caught:
        Model.open(path)
    assert caught.value.kind == "needs-consent"
    assert caught.value.evidence["sha256"] == sha256(path)


def test_an_ordinary_engine_takes_no_consent_for_later(trt: FakeTensorRT, tmp_path: Path) -> None:
    Model.open(put(tmp_path, simple_plan()), allow_native_code=True).close()
    assert consent.given() == [], "a yes to nothing is none"


class PluginsInside:
    """In TensorRTSession's place: an engine whose header does not tell of its native code."""

    allowed: list[bool]

    def __init__(self, _plan: object, name: str, **options: Any) -> None:
        PluginsInside.allowed.append(options["allow_native_code"])
        if not options["allow_native_code"]:
            raise ModelError("native-code-not-allowed", f"{name} embeds native code.", "Allow it.")

    def close(self) -> None:
        pass


def test_native_code_that_only_tensorrt_knows_of_is_asked_for_too(
    trt: FakeTensorRT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.sessions.tensorrt, "TensorRTSession", PluginsInside)
    PluginsInside.allowed = []
    file = read_model_file(put(tmp_path, simple_plan()))
    with pytest.raises(ModelError) as caught:
        open_session(file)
    assert caught.value.kind == "needs-consent"
    open_session(file, OpenOptions(allow_native_code=True))
    open_session(file)
    assert PluginsInside.allowed == [False, False, True, True]


def test_the_trial_is_of_the_bytes_that_were_hashed(
    trials: list[TrialOrder], tmp_path: Path
) -> None:
    path = put(tmp_path, simple_plan(native_code=True))
    Model.open(path, allow_native_code=True).close()
    (order,) = trials
    assert order == TrialOrder(
        path=str(path),
        sha256=sha256(path),
        allow_native_code=True,
        plugins=(),
        module=None,
    )


def test_trials_can_be_turned_off(trials: list[TrialOrder], tmp_path: Path) -> None:
    Model.open(put(tmp_path, simple_plan()), trial=False).close()
    assert trials == []


def test_a_failed_trial_keeps_the_engine_out_of_this_process(
    trt: FakeTensorRT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise ModelError("trial-crashed", "It crashed.", "Build it again.")

    monkeypatch.setattr(core.opening, "ensure_tried", crash)
    with pytest.raises(ModelError, match="It crashed"):
        Model.open(put(tmp_path, simple_plan()))
    assert trt.plans == []
    assert trt.gpu.journal == [], "CUDA was not even started"


def test_reading_shows_progress_and_can_be_cancelled(trt: FakeTensorRT, tmp_path: Path) -> None:
    path = put(tmp_path, simple_plan())
    said: list[tuple[float | None, str]] = []
    Model.open(path, progress=lambda *told: said.append(told)).close()
    assert (1.0, "Reading street.engine") in said

    def cancel(_fraction: float | None, _text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        Model.open(path, progress=cancel)


def test_a_file_that_shrinks_while_it_is_read_is_not_run(
    trt: FakeTensorRT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, simple_plan())
    file = read_model_file(path)
    real = Path.stat

    def larger(self: Path, **options: Any) -> Any:
        found = real(self, **options)
        if self != path:
            return found
        return os.stat_result((*found[:6], found.st_size + 5, *found[7:]))

    monkeypatch.setattr(Path, "stat", larger)
    with pytest.raises(ModelFileError) as caught:
        open_session(file)
    assert caught.value.kind == "file-changed"
    assert trt.plans == []


# Plugins


def a_real_library() -> Path:
    import _ctypes

    return Path(_ctypes.__file__)


def test_a_plugin_library_is_asked_for_and_then_loaded_before_the_engine(
    trt: FakeTensorRT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[tuple[Path, str]] = []
    monkeypatch.setattr(
        core.sessions.loaded_engine,
        "load_plugin",
        lambda _library, path, digits, _seen: loaded.append((path, digits)),
    )
    library = tmp_path / "libmystery.so"
    library.write_bytes(b"\x7fELF native code")
    path = put(tmp_path, simple_plan())
    with pytest.raises(ModelError) as caught:
        Model.open(path, plugins=[library])
    assert caught.value.kind == "needs-consent"
    assert "libmystery.so" in caught.value.message
    assert sha256(library) in caught.value.message
    assert loaded == []
    Model.open(path, plugins=[library], allow_native_code=True).close()
    Model.open(path, plugins=[str(library)]).close()
    assert loaded == [(library, sha256(library))] * 2
    library.write_bytes(b"\x7fELF other native code")
    with pytest.raises(ModelError):
        Model.open(path, plugins=[library])


def test_a_plugin_library_that_is_not_there_is_named(trt: FakeTensorRT, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"missing\.so") as caught:
        Model.open(put(tmp_path, simple_plan()), plugins=[tmp_path / "missing.so"])
    assert caught.value.kind == "plugin-library"


@pytest.mark.usefixtures("trt")
def test_a_library_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "libmystery.so"
    path.write_bytes(b"no library")
    seen = Circumstances(file="a.engine")
    context = open_context()
    try:
        with pytest.raises(ModelError, match=r"libmystery\.so cannot be loaded") as caught:
            load_plugin(load_library(), path, sha256(path), seen)
        assert caught.value.kind == "plugin-library"
        real = a_real_library()
        with pytest.raises(ModelError, match="changed while the model was being opened"):
            load_plugin(load_library(), real, "00" * 32, seen)
        load_plugin(load_library(), real, sha256(real), seen)
        load_plugin(load_library(), real, sha256(real), seen)
        with pytest.raises(ModelError, match="is loaded already") as caught:
            load_plugin(load_library(), real, "00" * 32, seen)
        assert "Restart" in caught.value.hint
    finally:
        context.close()


def test_operators_of_a_library_need_consent_and_are_loaded_before_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []
    real = OnnxSession.__init__

    def init(self: OnnxSession, path: Path, **options: Any) -> None:
        given.append(options["operator_libraries"])
        real(self, path)

    monkeypatch.setattr(OnnxSession, "__init__", init)
    model, library = onnx_models.classifier(tmp_path), tmp_path / "operators.so"
    library.write_bytes(b"\x7fELF native code")
    with pytest.raises(ModelError) as caught:
        Model.open(model, plugins=[library])
    assert caught.value.kind == "needs-consent"
    assert caught.value.evidence["what"] == "custom-operators"
    Model.open(model, plugins=[library], allow_native_code=True).close()
    assert given == [((library, sha256(library)),)]


@pytest.mark.skipif(os.name == "nt", reason="needs a FIFO")
def test_a_library_that_never_ends_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.so")
    for library in (tmp_path / "pipe.so", Path("/dev/zero"), tmp_path):
        with pytest.raises(ModelError) as caught:
            Model.open(onnx_models.classifier(tmp_path), plugins=[library], allow_native_code=True)
        assert caught.value.kind == "plugin-library"


def test_checking_an_onnx_shows_progress_and_can_be_cancelled(tmp_path: Path) -> None:
    def cancel(_fraction: float | None, text: str) -> None:
        assert "Checking" in text
        raise Cancelled

    with pytest.raises(Cancelled):
        Model.open(onnx_models.classifier(tmp_path), progress=cancel)


def test_a_second_gpu_is_chosen_by_the_environment(
    trt: FakeTensorRT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus = tuple(Gpu("Fake GPU", "9.0", 10**10, uuid=f"GPU-{number}") for number in range(2))
    monkeypatch.setattr(core.machine, "read_driver", lambda: Driver("555.42", gpus))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    Model.open(put(tmp_path, simple_plan())).close()


@pytest.mark.parametrize("content", [b"no library", b"\x7fELF no library", None])
def test_a_library_without_operators_is_refused_in_words(
    tmp_path: Path, content: bytes | None
) -> None:
    library = tmp_path / "operators.so"
    library.write_bytes(a_real_library().read_bytes() if content is None else content)
    with pytest.raises(ModelError, match=r"operators\.so") as caught:
        Model.open(onnx_models.classifier(tmp_path), plugins=[library], allow_native_code=True)
    assert caught.value.kind == "plugin-library"


def test_real_custom_operators_run(tmp_path: Path) -> None:
    extensions = pytest.importorskip("onnxruntime_extensions")
    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("StringLength", ["text"], ["length"], domain="ai.onnx.contrib")
    text = helper.make_tensor_value_info("text", TensorProto.STRING, [None])
    length = helper.make_tensor_value_info("length", TensorProto.INT64, [None])
    graph = helper.make_graph([node], "lengths", [text], [length])
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.contrib", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.save(model, str(tmp_path / "lengths.onnx"))
    with Model.open(
        tmp_path / "lengths.onnx",
        plugins=[extensions.get_library_path()],
        allow_native_code=True,
    ) as opened:
        lengths = opened(np.array(["a", "four"], object))["length"]
    assert lengths.tolist() == [1, 4]


def test_the_module_in_use_is_known_without_importing_it(
    trt: FakeTensorRT, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module_in_use() == "tensorrt"
    fake_tensorrt.install(monkeypatch, trt.gpu, {"tensorrt": "10.3.0", "tensorrt_lean": "10.4.0"})
    monkeypatch.setenv("ENGINEBAY_TENSORRT", "tensorrt_lean")
    assert module_in_use() == "tensorrt_lean"
    assert module_in_use("tensorrt") == "tensorrt"
