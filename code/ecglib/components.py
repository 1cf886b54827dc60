"""Projected rows on their way to disk: Parquet or CSV, with or without the rows' names."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.csv

from . import columns
from .columns import Floats
from .parts import open_writer

FORMATS = ("parquet", "csv")

_TEXT_ROWS = 1 << 14  # turned into text at a time


def names(count: int) -> tuple[str, ...]:
    """Return the names of the first components: pc1, pc2, …"""
    return tuple(f"pc{number}" for number in range(1, count + 1))


class ComponentsFile:
    """A file of components being written; closed at the end of its block.

    Rows are written by `write`; or encoded by `encode`, which threads may do, and then written
    in order by `write_encoded`.

    Args:
        path: file to write.
        schema: columns, of which the last ones are the float64 components.
        kind: "parquet" or "csv".
        header: whether a CSV starts with the names of its columns.
    """

    def __init__(self, path: Path, schema: Any, kind: str, *, header: bool = True) -> None:
        self._csv = kind == "csv"
        self._schema = _plain(schema) if self._csv else schema
        if self._csv:
            self._file = pa.OSFile(str(path), "wb")
            options = pyarrow.csv.WriteOptions(include_header=header, batch_size=_TEXT_ROWS)
            self._writer = pyarrow.csv.CSVWriter(self._file, self._schema, write_options=options)
        else:
            self._writer = open_writer(path, self._schema)

    def write(self, leading: Sequence[Any], components: Floats) -> None:
        """Write n rows: Arrow columns first, then [k, n] components."""
        self._writer.write_table(self._table(leading, components))

    def encode(self, leading: Sequence[Any], components: Floats) -> Any:
        """Return n rows as `write_encoded` takes them."""
        table = self._table(leading, components)
        if not self._csv:
            return table
        text = pa.BufferOutputStream()
        options = pyarrow.csv.WriteOptions(include_header=False, batch_size=_TEXT_ROWS)
        pyarrow.csv.write_csv(table, text, options)
        return text.getvalue()

    def write_encoded(self, rows: Any) -> None:
        """Write what `encode` returned."""
        if self._csv:
            self._file.write(rows)
        else:
            self._writer.write_table(rows)

    def _table(self, leading: Sequence[Any], components: Floats) -> Any:
        if self._csv:
            leading = [_decoded(column) for column in leading]
        arrays = [*leading, *(columns.numbers(row) for row in components)]
        return pa.Table.from_arrays(arrays, schema=self._schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()
        if self._csv:
            self._file.close()


def _decoded(column: Any) -> Any:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _plain(schema: Any) -> Any:
    return pa.schema(
        [
            (field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type)
            for field in schema
        ]
    )
