"""No speed without the same result: components compared with the usual script's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.csv

from benchmarks.measure import BenchmarkError

TOLERANCE = 1e-9


def require_same_components(usual: Path, ours: Path) -> None:
    """Compare the first file of two folders of headerless CSV, up to the sign of each column.

    Raises:
        BenchmarkError: they have other files, other rows, or a value differs by more than 1e-9.
    """
    names = [sorted(path.name for path in folder.iterdir()) for folder in (usual, ours)]
    if names[0] != names[1]:
        raise BenchmarkError(f"the usual script wrote {names[0]}, but ours {names[1]}")
    one, other = (_read(folder / names[0][0]) for folder in (usual, ours))
    if one.shape != other.shape:
        raise BenchmarkError(f"{names[0][0]}: {one.shape} components, but ours are {other.shape}")
    signs = np.sign((one * other).sum(axis=1, keepdims=True))
    worst = float(np.abs(one - signs * other).max())
    if not worst < TOLERANCE:
        raise BenchmarkError(f"{names[0][0]}: components differ by {worst:.1e}")


def _read(path: Path) -> np.ndarray:
    options = pyarrow.csv.ReadOptions(autogenerate_column_names=True)
    table = pyarrow.csv.read_csv(path, read_options=options)
    return np.stack([column.to_numpy() for column in table.columns])
