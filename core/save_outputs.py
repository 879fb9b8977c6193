"""Write tensors as numpy's .npz."""

from __future__ import annotations

import zipfile
from pathlib import Path

from core.sessions.base import Arrays


def write_npz(path: Path, arrays: Arrays) -> None:
    """As numpy.savez, which cannot save a tensor that is called "file".

    Types that numpy's format cannot keep (bfloat16, float8) are written as float32, strings and
    sequences as text.

    Raises:
        OSError: if the file cannot be written.
    """
    import numpy as np

    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            if array.dtype.kind == "O":
                array = np.array([str(item) for item in array.flat], str).reshape(array.shape)
            elif array.dtype.isbuiltin == 2:  # ml_dtypes
                array = array.astype(np.float32)
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
