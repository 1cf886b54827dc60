"""Parquet parts of equal row count: written by Preprocess, read by Pca."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import columns, workers
from .clean import Rows
from .columns import Floats
from .errors import StepError
from .leads import RESERVED
from .messages import listed
from .staging import Staging

METADATA = b"ecglib"

_GROUP_BYTES = 1 << 24


def schema(names: tuple[str, ...]) -> Any:
    """Return the Arrow schema of a table of rows: recording, sample, time and float columns."""
    fixed = [pa.dictionary(pa.int32(), pa.string()), pa.int64(), pa.float64()]
    types = [*zip(RESERVED, fixed, strict=True), *((name, pa.float64()) for name in names)]
    # Nothing is ever missing here; saying so saves Parquet a look at every cell.
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in types])


def open_writer(path: Path, table_schema: Any) -> Any:
    """Open a Parquet file for writing, with what suits float columns.

    Dictionaries and statistics of noise cost time and save nothing, so floats have none. Neither
    are they compressed: snappy takes a quarter of Preprocess's time and half of Pca's reading to
    save half of the parts, which are read once. Sample numbers as differences are almost nothing.
    The Arrow schema is left out: readers then see a plain string column.
    """
    return pq.ParquetWriter(
        path,
        table_schema,
        use_dictionary=["recording"],
        write_statistics=["recording", "sample"],
        column_encoding={"sample": "DELTA_BINARY_PACKED"},
        compression="none",
        store_schema=False,
        write_batch_size=1 << 16,
    )


class PartWriter:
    """Writes one instance's rows of one split as `part-<host>-<number>.parquet`.

    Every part has exactly `rows_per_part` rows but the last. Parts run on from one recording to the
    next, so that they are equal however long recordings are: ShardedByS3Key counts
    objects, not bytes. Memory: one row group, at most 16 MB; with threads, one more being written.
    """

    def __init__(self, staging: Staging, folder: Path, host: str, rows_per_part: int) -> None:
        self._staging, self._folder, self._host = staging, folder, host
        self._rows_per_part = rows_per_part
        self._leads: tuple[str, ...] = ()
        self._values = np.empty((0, 0))  # time and leads of the row group being filled
        self._sample = np.empty(0, np.int64)
        self._filled = 0
        self._recordings: list[str] = []
        self._counts: list[int] = []
        self._writer: Any = None
        self._writing: workers.Task[None] | None = None
        self._parts = self._in_part = 0

    def add(self, recording: str, leads: tuple[str, ...], rows: Rows) -> None:
        """Take the next rows; the leads are the same for all recordings."""
        if not self._sample.size:
            group = max(1024, _GROUP_BYTES // (8 * (len(leads) + 2)))
            size = min(self._rows_per_part, group)
            self._leads = leads
            self._values = np.empty((len(leads) + 1, size))
            self._sample = np.empty(size, np.int64)
        taken = 0
        while taken < len(rows):
            room = min(
                len(rows) - taken,
                len(self._sample) - self._filled,
                self._rows_per_part - self._in_part - self._filled,
            )
            into, piece = self._filled, rows.between(taken, taken + room)
            self._sample[into : into + room] = piece.sample
            self._values[0, into : into + room] = piece.time
            self._values[1:, into : into + room] = piece.values
            self._name(recording, room)
            self._filled += room
            taken += room
            full_part = self._in_part + self._filled == self._rows_per_part
            if full_part or self._filled == len(self._sample):
                self._flush()
            if full_part:
                self._close()

    def finish(self, leads: tuple[str, ...]) -> None:
        """Write what is left, and a part without rows if there has been nothing at all."""
        if self._filled:
            self._flush()
        if not self._parts and self._writer is None:
            self._leads = leads
            self._open()
        self._close()

    def close(self) -> None:
        """Let go of a file left open by an error."""
        self._close()

    def _name(self, recording: str, rows: int) -> None:
        if not self._recordings or self._recordings[-1] != recording:
            self._recordings.append(recording)
            self._counts.append(0)
        self._counts[-1] += rows

    def _open(self) -> None:
        final = self._folder / f"part-{self._host}-{self._parts:05d}.parquet"
        self._writer = open_writer(self._staging.path(final), schema(self._leads))

    def _flush(self) -> None:
        if self._writer is None:
            self._open()
        values, n = self._values[:, : self._filled], self._filled
        arrays = [
            columns.repeated(self._recordings, self._counts),
            columns.numbers(self._sample[:n]),
            *(columns.numbers(row) for row in values),
        ]
        table = pa.Table.from_arrays(arrays, schema=schema(self._leads))
        self._written()
        self._writing = workers.submit(self._writer.write_table, table, row_group_size=n)
        if not self._writing.done():
            # The arrays are the table's until it is written.
            self._values, self._sample = np.empty_like(self._values), np.empty_like(self._sample)
        self._in_part += n
        self._filled = 0
        self._recordings, self._counts = [], []

    def _written(self) -> None:
        """Wait for the row group being written."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def _close(self) -> None:
        if self._writer is None:
            return
        self._written()
        about = {"schema": 1, "split": self._folder.name, "leads": list(self._leads)}
        self._writer.add_key_value_metadata({METADATA.decode(): json.dumps(about)})
        self._writer.close()
        self._writer = None
        self._parts += 1
        self._in_part = 0


class Part:
    """A Parquet part open for reading, one row group at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Reading ahead would keep all the bytes that have been read, in threads of Arrow's own.
            self._file = pq.ParquetFile(
                path, memory_map=False, read_dictionary=["recording"], pre_buffer=False
            )
            about = json.loads(self._file.schema_arrow.metadata[METADATA])
            self.leads = tuple(str(lead) for lead in about["leads"])
            _require_columns(self._file.schema_arrow, self.leads)
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
            raise StepError(
                f"{path}: not a part that Preprocess wrote ({str(error)[:200]}): give its outputs"
            ) from None
        self.rows: int = self._file.metadata.num_rows
        self.groups: int = self._file.metadata.num_row_groups

    def read(self, group: int) -> tuple[list[Any], Floats]:
        """Return a row group: recording, sample and time as Arrow columns, and [L, n] leads."""
        try:
            table = self._file.read_row_group(group, use_threads=False).combine_chunks()
        except (pa.ArrowException, OSError) as error:
            raise StepError(f"{self.path}: damaged part ({str(error)[:200]})") from None
        values = np.empty((len(self.leads), table.num_rows))
        for row, lead in zip(values, self.leads, strict=True):
            row[:] = columns.to_numpy(table.column(lead))
        return [table.column(name) for name in RESERVED], values


def _require_columns(found: Any, leads: tuple[str, ...]) -> None:
    wanted = schema(leads)
    kinds = [pa.string(), *wanted.types[1:]]
    plain = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in found.types]
    if found.names != wanted.names or plain != kinds:
        raise ValueError(f"its columns are {listed(found.names)}")
