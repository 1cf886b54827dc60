"""Recordings to measure with: the same bytes from the same arguments, a minute for gigabytes.

A recording is what the pipeline reads: a header, a time in seconds with three decimals and leads
with four, which are mixtures of as many independent sources.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

RATE = 1000  # Hz
_BLOCK = 1 << 16  # rows generated at a time


@dataclass(frozen=True)
class Recordings:
    """A folder of recordings of the same leads."""

    folder: Path
    leads: int
    files: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        """The size of all of them."""
        return sum(path.stat().st_size for path in self.files)


def equal(folder: Path, leads: int, count: int, size: int) -> Recordings:
    """Make `count` recordings of `size` bytes each, or find them made."""
    return sized(folder, leads, [size] * count)


def sized(folder: Path, leads: int, sizes: Sequence[int]) -> Recordings:
    """Make recordings of these sizes in bytes, or find them made."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"rec-{number:05d}.csv" for number in range(len(sizes))]
    missing = [n for n, path in enumerate(paths) if not path.exists()]
    # In processes of their own, so that this one stays small.
    with ProcessPoolExecutor(min(os.cpu_count() or 1, max(1, len(missing)))) as pool:
        for future in [pool.submit(_write, paths[n], leads, n, sizes[n]) for n in missing]:
            future.result()
    return Recordings(folder, leads, tuple(paths))


def long(folder: Path, template: Recordings, size: int) -> Recordings:
    """Make one recording of `size` bytes: the rows of the first of others, over and over."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "long.csv"
    if not path.exists():
        header, _, rows = template.files[0].read_bytes().partition(b"\n")
        staged = path.with_suffix(".tmp")
        with staged.open("wb") as file:
            file.write(header + b"\n")
            for _ in range(math.ceil(size / len(rows))):
                file.write(rows)
        staged.replace(path)
    return Recordings(folder, template.leads, (path,))


def link(files: Sequence[Path], folder: Path) -> None:
    """Put links to files into a folder; what comes again gets a name of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    seen: Counter[str] = Counter()
    for path in files:
        again = seen[path.name]
        seen[path.name] += 1
        (folder / (f"{again}-{path.name}" if again else path.name)).symlink_to(path)


def lognormal(count: int, mean: float, sigma: float, seed: int) -> list[int]:
    """Draw sizes in bytes with this mean, as sizes of recordings often lie."""
    drawn = np.random.default_rng(seed).lognormal(math.log(mean) - sigma**2 / 2, sigma, count)
    return [int(size) for size in drawn]


def _write(path: Path, leads: int, number: int, size: int) -> None:
    generator = np.random.default_rng([leads, number])
    mixture = np.random.default_rng(leads).normal(size=(leads, leads)) / 3
    staged = path.with_suffix(".tmp")
    names = ",".join(["time", *(f"lead{n}" for n in range(1, leads + 1))])
    options = pyarrow.csv.WriteOptions(include_header=False)
    with staged.open("wb") as file:
        file.write(f"{names}\n".encode())
        row = 0
        while file.tell() < size:
            # The last block is cut to about the size wanted; a row has 7 bytes a cell or so.
            rows = min(_BLOCK, 1 + (size - file.tell()) // (7 * leads + 8))
            time = np.round(np.arange(row, row + rows) / RATE, 3)
            values = np.round(mixture @ generator.normal(size=(leads, rows)), 4)
            columns = [pa.array(time), *(pa.array(lead) for lead in values)]
            table = pa.Table.from_arrays(columns, [str(n) for n in range(leads + 1)])
            pyarrow.csv.write_csv(table, file, options)
            row += rows
    staged.replace(path)
