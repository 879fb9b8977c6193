"""The kernels' PTX: what it asks of a driver, and that it is what the source makes."""

from __future__ import annotations

import re

import pytest

from core.gpu_preprocess import _ARGUMENTS, _KERNELS
from core.kernels import FOLDER, compile, read_ptx

NAMES = sorted(path.stem for path in FOLDER.glob("*.cu"))


@pytest.mark.parametrize("name", NAMES)
def test_ptx_loads_on_drivers_of_cuda_12_0_and_on_old_gpus(name: str) -> None:
    ptx = read_ptx(name).decode()
    version = re.search(r"^\.version (\d+)\.(\d+)$", ptx, re.MULTILINE)
    target = re.search(r"^\.target sm_(\d+)$", ptx, re.MULTILINE)
    assert version is not None
    assert target is not None
    assert (int(version[1]), int(version[2])) <= (8, 0)
    assert int(target[1]) <= 52


@pytest.mark.parametrize("name", NAMES)
def test_ptx_is_what_the_source_makes(name: str) -> None:
    try:
        made = compile.compile_ptx(name)
    except ImportError as error:
        pytest.skip(f"needs NVRTC 12.0 and cuda-bindings: {error}")
    assert made.splitlines() == read_ptx(name).splitlines()


def test_every_kernel_takes_the_arguments_that_are_given() -> None:
    ptx = read_ptx("preprocess").decode()
    kinds = {"u64": "P", "u32": "i"}
    for name in _KERNELS.values():
        entry = re.search(rf"\.entry {name}\((.*?)\)", ptx, re.DOTALL)
        assert entry is not None
        given = re.findall(r"\.param \.(u\d+)", entry[1])
        assert "".join(kinds[kind] for kind in given) == _ARGUMENTS
