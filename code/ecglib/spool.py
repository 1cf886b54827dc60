"""Clean rows of one recording that wait on disk for their model, so that no text is parsed twice.

Parsing is the dearest thing done to a recording, and its numbers take no more room than its text:
8 bytes a cell. The file has no name, so that nobody lists or uploads it, and whatever happens to
the process, it is gone with it.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from .clean import Rows
from .columns import Floats


class Spool:
    """Takes rows of L leads by `add`, then yields what a projection needs, in the same pieces."""

    def __init__(self, file: BinaryIO, leads: int) -> None:
        self._file, self._leads = file, leads
        self._lengths: list[int] = []

    def add(self, rows: Rows) -> None:
        """Take the next rows."""
        self._file.write(np.ascontiguousarray(rows.sample).data)
        self._file.write(np.ascontiguousarray(rows.values).data)
        self._lengths.append(len(rows))

    def __iter__(self) -> Iterator[tuple[npt.NDArray[np.int64], Floats]]:
        """Yield [n] sample indices and [L, n] values of each piece."""
        self._file.seek(0)
        for n in self._lengths:
            sample = np.frombuffer(self._file.read(8 * n), np.int64)
            values = np.frombuffer(self._file.read(8 * n * self._leads)).reshape(self._leads, n)
            yield sample, values


@contextmanager
def opened(folder: Path, leads: int) -> Iterator[Spool]:
    """Open a spool on the disk of a folder, which is made if it isn't there."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        yield Spool(file, leads)
