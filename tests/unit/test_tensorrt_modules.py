"""Which TensorRT modules are found, and which library each will load."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core.machine import tensorrt_modules
from core.machine.tensorrt_modules import (
    TENSORRT_MODULES,
    TensorRTModule,
    find_tensorrt,
    mixed_variants,
)
from tests.unit.site_folder import install

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows names libraries otherwise")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty site folder, and a machine whose loader knows no other folder."""
    folder = tmp_path / "site"
    folder.mkdir()
    # What this Python may really have installed must not be found.
    paths = [path for path in sys.path if not path.endswith(("site-packages", "dist-packages"))]
    monkeypatch.setattr(sys, "path", [str(folder), *paths])
    monkeypatch.setattr(tensorrt_modules, "_loader_folders", lambda: iter([tmp_path / "system"]))
    (tmp_path / "system").mkdir()
    return folder


def modules() -> dict[str, TensorRTModule]:
    """What is found, by name."""
    return {found.module: found for found in find_tensorrt()}


def put(folder: Path, *names: str) -> Path:
    """Empty files that stand for libraries; gives the first."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder / names[0]


def test_tensorrt_comes_before_its_lean_and_dispatch_runtimes(site: Path) -> None:
    assert TENSORRT_MODULES == ("tensorrt", "tensorrt_lean", "tensorrt_dispatch")
    for name in reversed(TENSORRT_MODULES):
        install(site, name, "10.3.0")
    assert [found.module for found in find_tensorrt()] == list(TENSORRT_MODULES)


@posix_only
@pytest.mark.parametrize("module", TENSORRT_MODULES)
def test_a_wheels_library_is_found_in_its_own_package(site: Path, module: str) -> None:
    install(site, module, "10.16.1.11", record=f"{module}_cu13")
    install(site, f"{module}_libs", None)
    name = f"lib{module.replace('tensorrt', 'nvinfer')}.so.10"
    path = put(site / f"{module}_libs", name, "libnvinfer_plugin.so.10", "libnvonnxparser.so.10")
    found = modules()[module]
    assert (found.version, found.library_path) == ("10.16.1.11", str(path))
    assert found.library_version is None  # nothing there says it


@posix_only
@pytest.mark.parametrize("folder", ["tensorrt_bindings", "tensorrt"])
def test_older_wheels_keep_the_library_beside_the_module(site: Path, folder: str) -> None:
    for name in ("tensorrt", "tensorrt_bindings"):
        install(site, name, "8.6.1")
    path = put(site / folder, "libnvinfer.so.8")
    assert modules()["tensorrt"].library_path == str(path)


@posix_only
def test_a_library_folder_without_code_is_looked_into(site: Path) -> None:
    install(site, "tensorrt", "8.6.1", record="tensorrt_bindings")
    path = put(site / "tensorrt_libs", "libnvinfer.so.8", "libnvinfer_builder_resource.so.8.6.0")
    found = modules()["tensorrt"]
    assert (found.library_path, found.library_version) == (str(path), "8.6.0")


@posix_only
@pytest.mark.parametrize(
    ("beside", "version"),
    [
        (("libnvinfer_builder_resource.so.10.3.0",), "10.3.0"),
        (
            (
                "libnvinfer_builder_resource_sm86.so.10.13.3",
                "libnvinfer_builder_resource_ptx.so.10.13.3",
            ),
            "10.13.3",
        ),
        (("libnvinfer_builder_resource.so.8.6.1",), None),  # another major's
        (("libnvinfer_builder_resource.so.10.3.0", "libnvinfer_builder_resource.so.10.9.0"), None),
        (("libnvinfer_builder_resource.so.10",), None),
        (("libnvinfer_lean.so.10.3.0",), None),  # another library's
    ],
)
def test_the_builders_resources_tell_the_librarys_version(
    site: Path, beside: tuple[str, ...], version: str | None
) -> None:
    install(site, "tensorrt", "10.3.0")
    put(site / "tensorrt_libs", "libnvinfer.so.10", *beside)
    assert modules()["tensorrt"].library_version == version


@posix_only
def test_a_system_library_says_its_version_by_what_its_link_points_to(site: Path) -> None:
    install(site, "tensorrt", "10.13.3.9")
    system = site.parent / "system"
    put(system, "libnvinfer.so.10.13.3")
    for link in ("libnvinfer.so", "libnvinfer.so.10"):
        (system / link).symlink_to("libnvinfer.so.10.13.3")
    found = modules()["tensorrt"]
    assert found.library_path == str(system / "libnvinfer.so.10")
    assert found.library_version == "10.13.3"


@posix_only
def test_of_several_majors_the_packages_own_is_taken(site: Path) -> None:
    system = site.parent / "system"
    put(system, "libnvinfer.so.8", "libnvinfer.so.8.6.1", "libnvinfer.so.10", "libnvinfer.so")
    install(site, "tensorrt", "8.6.1")
    assert modules()["tensorrt"].library_path == str(system / "libnvinfer.so.8")
    install(site, "tensorrt_lean", None)
    put(system, "libnvinfer_lean.so.8", "libnvinfer_lean.so.10")
    lean = modules()["tensorrt_lean"]  # whose version nobody knows: the newest
    assert (lean.version, lean.library_path) == (None, str(system / "libnvinfer_lean.so.10"))


@posix_only
def test_a_wheels_library_comes_before_the_systems(site: Path) -> None:
    install(site, "tensorrt", "10.3.0")
    put(site.parent / "system", "libnvinfer.so.10")
    path = put(site / "tensorrt_libs", "libnvinfer.so.10")
    assert modules()["tensorrt"].library_path == str(path)


@posix_only
@pytest.mark.parametrize("name", ["libnvinfer.so", "libnvinfer_plugin.so.10", "nvinfer_10.dll"])
def test_what_is_not_the_library_is_not_taken_for_it(site: Path, name: str) -> None:
    install(site, "tensorrt", "10.3.0")
    put(site / "tensorrt_libs", name)
    found = modules()["tensorrt"]
    assert (found.library_path, found.library_version) == (None, None)


@pytest.mark.parametrize(
    ("module", "version", "dll"),
    [
        ("tensorrt", "10.9.0.34", "nvinfer_10.dll"),
        ("tensorrt", "8.6.1", "nvinfer.dll"),
        ("tensorrt_lean", "11.4.0.106", "nvinfer_lean_11.dll"),
        ("tensorrt_dispatch", "10.3.0", "nvinfer_dispatch_10.dll"),
    ],
)
def test_windows_names_its_libraries_otherwise(
    site: Path, monkeypatch: pytest.MonkeyPatch, module: str, version: str, dll: str
) -> None:
    install(site, module, version)
    others = ("nvinfer_plugin_10.dll", "nvinfer_9.dll", "nvinfer_lean_9.dll")
    path = put(site / f"{module}_libs", dll, *others)
    monkeypatch.setattr(sys, "platform", "win32")
    assert modules()[module].library_path == str(path)


def test_the_loader_looks_in_its_variable_and_its_configured_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "ld.so.conf"
    (tmp_path / "conf.d").mkdir()
    conf.write_text("# comment\ninclude conf.d/*.conf\n\n/opt/one # why\nrelative\n")
    (tmp_path / "conf.d" / "b.conf").write_text("/opt/three\n")
    (tmp_path / "conf.d" / "a.conf").write_text(f"/opt/two\ninclude {conf}\n")  # a loop
    monkeypatch.setattr(tensorrt_modules, "_CONF", conf)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/first::/opt/second")
    monkeypatch.setattr("os.pathsep", ":")
    folders = [folder.as_posix() for folder in tensorrt_modules._loader_folders()]
    assert folders[:4] == ["/opt/first", "/opt/second", "/opt/two", "/opt/two"]
    assert [name for name in dict.fromkeys(folders) if name.startswith("/opt")] == [
        "/opt/first",
        "/opt/second",
        "/opt/two",
        "/opt/three",
        "/opt/one",
    ]
    assert folders[-1] == "/usr/lib64"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("PATH", "/opt/bin")
    assert [folder.as_posix() for folder in tensorrt_modules._loader_folders()] == ["/opt/bin"]


def test_a_missing_configuration_names_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt_modules, "_CONF", tmp_path / "none")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    names = [folder.as_posix() for folder in tensorrt_modules._loader_folders()]
    assert names == ["/lib", "/usr/lib", "/lib64", "/usr/lib64"]


@pytest.mark.parametrize(
    ("records", "mixed"),
    [
        ({}, []),
        ({"tensorrt_cu12": "10.9.0.34", "tensorrt_cu12_libs": "10.9.0.34"}, []),
        (
            {"tensorrt_cu12": "10.9.0.34", "tensorrt_cu13": "10.13.3.9"},
            ["tensorrt-cu13 10.13.3.9", "tensorrt-cu12 10.9.0.34"],
        ),
        (
            {"tensorrt_cu11_libs": "8.6.1", "tensorrt_cu13_bindings": "11.4.0.106"},
            ["tensorrt-cu13-bindings 11.4.0.106", "tensorrt-cu11-libs 8.6.1"],
        ),
    ],
)
def test_packages_for_several_cudas_are_told(
    site: Path, records: dict[str, str], mixed: list[str]
) -> None:
    for record, version in records.items():
        install(site, f"part_{record}", version, record=record)
    assert mixed_variants() == mixed
