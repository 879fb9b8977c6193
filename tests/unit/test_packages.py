"""Which packages are found, without importing any."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import onnxruntime
import PIL
import pytest

from core.machine.packages import Package, find_package, installed_version
from tests.unit.site_folder import install


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def test_an_installed_package_has_its_version_and_place() -> None:
    found = find_package("pytest")
    assert found == Package("pytest", pytest.__version__, str(pytest.__file__))


def test_a_package_whose_record_has_another_name_is_found() -> None:
    found = find_package("PIL")
    assert found is not None
    assert found.version == PIL.__version__
    assert find_package("onnxruntime") == Package(
        "onnxruntime", onnxruntime.__version__, onnxruntime.__file__
    )
    found = find_package("cv2")
    assert found is not None
    assert found.version is not None


@pytest.mark.parametrize("module", ["enginebay_has_no_such_module", "no.such.parent", ""])
def test_a_missing_package_is_none(module: str) -> None:
    assert find_package(module) is None


def test_finding_a_package_does_not_import_it(site: Path) -> None:
    install(site, "fake_runtime", "1.2.3")
    found = find_package("fake_runtime")
    assert found == Package("fake_runtime", "1.2.3", str(site / "fake_runtime" / "__init__.py"))
    assert "fake_runtime" not in sys.modules


def test_a_package_may_have_no_record(site: Path) -> None:
    install(site, "fake_bare", None)
    found = find_package("fake_bare")
    assert found == Package("fake_bare", None, str(site / "fake_bare" / "__init__.py"))


def test_a_front_end_without_a_record_has_its_bindings_version(site: Path) -> None:
    install(site, "fake_front", "10.9.0.34", record="fake_front_bindings")
    found = find_package("fake_front")
    assert found is not None
    assert found.version == "10.9.0.34"


def test_a_folder_without_code_is_found_as_a_place(site: Path) -> None:
    (site / "fake_namespace").mkdir()
    importlib.invalidate_caches()
    found = find_package("fake_namespace")
    assert found == Package("fake_namespace", None, str(site / "fake_namespace"))


def test_a_module_without_a_spec_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fake_loaded", SimpleNamespace(__spec__=None))  # type: ignore[arg-type]
    assert find_package("fake_loaded") is None


@pytest.mark.parametrize("record", ["tensorrt_cu13", "tensorrt_cu12_bindings", "tensorrt_cu11"])
def test_tensorrt_is_known_by_the_packages_of_each_cuda(site: Path, record: str) -> None:
    install(site, "tensorrt", "10.9.0.34", record=record)
    found = find_package("tensorrt")
    assert found is not None
    assert found.version == installed_version(record) == "10.9.0.34"


def test_a_distribution_that_is_not_there_has_no_version() -> None:
    assert installed_version("enginebay-has-no-such-distribution") is None
