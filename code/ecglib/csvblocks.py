"""Raw CSV bytes as blocks of whole lines, and such a block as columns of float64.

A row's fate depends on its own line alone, never on the block it was read in, so the same bytes
give the same rows whatever the block size. Works on any binary stream, seekable or not.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from .columns import Floats, Mask, to_numpy
from .errors import StepError
from .leads import MISSING

BLOCK = 1 << 20
"""Bytes read at a time. Speed is flat from 256 kB to 8 MB; memory grows with it."""

MAX_LINE = 1 << 24

# Python's csv module refuses longer cells, by default from 128 kB.
csv.field_size_limit(2 * MAX_LINE)

_MARK = b"\xef\xbb\xbf"

_PLAIN = r"^[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]{1,3})?$"


class LineBlocks:
    """A CSV stream as its header and then blocks of whole lines.

    Args:
        stream: binary, read forward only.
        source: its name in errors.
        size: bytes to read at a time.
    """

    def __init__(self, stream: BinaryIO, source: str, size: int = BLOCK) -> None:
        self._stream, self._source, self._size = stream, source, size
        self._pending = b""
        self._ended = False
        # What a file of another format begins with has up to 4 bytes.
        while len(self._pending) < 4 and self._read():
            pass
        self._refuse_other_formats()
        self._pending = self._pending.removeprefix(_MARK)

    def header(self, lookahead: int, *, there: bool = True) -> tuple[list[str], list[list[str]]]:
        """Return the column names, and the cells of up to `lookahead` lines that follow.

        Names lose surrounding blanks and quotes, single (PhysioNet's) or double. Takes the
        header off the stream, and leaves the other lines. Where no header is `there`, all lines
        are left and the names are empty.
        """
        self._pending = self._pending.lstrip(b"\r\n")
        while _newlines(self._pending) < lookahead + 1 and self._read():
            self._pending = self._pending.lstrip(b"\r\n")
            if len(self._pending) > MAX_LINE:
                raise StepError(
                    f"{self._source}: the first {MAX_LINE >> 20} MB have less than {lookahead} "
                    "lines: not a CSV file?"
                )
        lines = self._pending.splitlines()[: lookahead + 1]
        text = [line.decode("utf-8", "replace") for line in lines]
        rows = [next(csv.reader([line]), []) for line in text]
        if not rows:
            raise StepError(f"{self._source}: the file is empty: a header and rows are expected")
        if not there:
            return [""] * len(rows[0]), [row for row in rows[:lookahead] if row]
        self._pending = self._pending[len(lines[0]) :]
        names = [name.strip().strip("'\"").strip() for name in rows[0]]
        return names, [row for row in rows[1:] if row]

    def __iter__(self) -> Iterator[bytes]:
        """Yield blocks of whole lines with "\\n" line ends, the last with or without its own."""
        while True:
            # A "\r" at the very end may be the first half of a "\r\n".
            cut = self._pending.rfind(b"\n") + 1 or self._pending.rfind(b"\r", 0, -1) + 1
            if cut:
                block, self._pending = self._pending[:cut], self._pending[cut:]
                yield _unix(block)
            elif len(self._pending) > MAX_LINE:
                raise StepError(
                    f"{self._source}: a line is longer than {MAX_LINE >> 20} MB: not a CSV file?"
                )
            if not self._read():
                if self._pending:
                    yield _unix(self._pending)
                self._pending = b""
                return

    def _read(self) -> bool:
        data = b"" if self._ended else self._stream.read(self._size)
        self._pending += data
        self._ended = not data
        return bool(data)

    def _refuse_other_formats(self) -> None:
        for magic, what in (
            (b"\x1f\x8b", "gzip-compressed: name it .csv.gz"),
            (b"\xff\xfe", "UTF-16 text: save it as UTF-8"),
            (b"\xfe\xff", "UTF-16 text: save it as UTF-8"),
            (b"PAR1", "a Parquet file: only CSV is read here"),
        ):
            if self._pending.startswith(magic):
                raise StepError(f"{self._source}: not CSV but {what}")


@dataclass(frozen=True)
class Block:
    """The rows of one block that are numbers.

    Attributes:
        rows: [n] place of each row among the block's lines, from 0.
        values: [columns, n] with NaN where the cell is missing.
        lines: lines in the block that are not blank, counted without parsing them.
        rejected: rows left out, by reason.
    """

    rows: npt.NDArray[np.int64]
    values: Floats
    lines: int
    rejected: Counter[str]


class CsvParser:
    """Parses blocks of lines into the chosen columns.

    Args:
        width: columns in every line.
        wanted: 0-based positions of the columns to return, in that order; others are skipped
            and may hold anything.
    """

    def __init__(self, width: int, wanted: tuple[int, ...]) -> None:
        self._names = [str(position) for position in range(width)]
        self._wanted = [str(position) for position in wanted]
        self._words = False  # whether a block had words for missing values

    def parse(self, block: bytes) -> Block:
        """Parse a block as `LineBlocks` yields it."""
        if not block.isascii():
            # pyarrow refuses a whole block for one byte that is not UTF-8 (a unit in Latin-1).
            block = block.decode("utf-8", "replace").encode()
        return self._parse(block)

    def _parse(self, block: bytes) -> Block:
        quoted = b'"' in block
        bad_numbers: Mask | None = None
        try:
            table, misshapen = self._read_numbers(block, quoted)
            columns = [to_numpy(table.column(name)) for name in self._wanted]
        except pa.ArrowInvalid:
            table, misshapen = self._read(block, pa.string(), quoted, MISSING)
            parsed = [_numbers(table.column(name).combine_chunks()) for name in self._wanted]
            columns = [values for values, _ in parsed]
            bad_numbers = np.logical_or.reduce([bad for _, bad in parsed])
        lines = table.num_rows + len(misshapen)
        # Without a quote no row spans lines, and Arrow's count is that of the lines.
        if quoted and lines != _count_line_ends(block) and lines != (whole := _count_lines(block)):
            return self._line_by_line(block, whole)
        rows = np.arange(lines)
        if misshapen:
            rows = np.delete(rows, misshapen)
        values = np.stack(columns)
        rejected = Counter({"column_count": len(misshapen)} if misshapen else {})
        if bad_numbers is not None and bad_numbers.any():
            rejected["non_numeric"] = int(bad_numbers.sum())
            rows, values = rows[~bad_numbers], values[:, ~bad_numbers]
        return Block(rows, values, lines, rejected)

    def _line_by_line(self, block: bytes, lines: int) -> Block:
        # An unbalanced quote makes pyarrow read several lines as one row. Alone, the line
        # that has it can't swallow its neighbours.
        if lines == 1:
            empty = np.empty((len(self._wanted), 0))
            return Block(np.empty(0, np.int64), empty, 1, Counter({"non_numeric": 1}))
        single = [self._parse(line) for line in block.split(b"\n") if line]
        return Block(
            np.concatenate([one.rows + place for place, one in enumerate(single)]),
            np.concatenate([one.values for one in single], axis=1),
            lines,
            sum((one.rejected for one in single), Counter()),
        )

    def _read_numbers(self, block: bytes, quoted: bool) -> tuple[Any, list[int]]:
        # Looking for words that mean "missing" in every cell takes an eighth of the parsing, and
        # most recordings have none.
        if not self._words:
            try:
                return self._read(block, pa.float64(), quoted, ("",))
            except pa.ArrowInvalid:
                pass
        found = self._read(block, pa.float64(), quoted, MISSING)
        self._words = True
        return found

    def _read(
        self, block: bytes, kind: Any, quoted: bool, missing: tuple[str, ...]
    ) -> tuple[Any, list[int]]:
        misshapen: list[int] = []
        if block.startswith(_MARK):
            # Arrow drops a mark at the start of whatever it reads. Within a recording it is dirt
            # in a row's first cell, wherever blocks begin.
            block = _MARK + block

        def skip(row: Any) -> str:
            misshapen.append(row.number - 1)
            return "skip"

        table = pyarrow.csv.read_csv(
            pa.BufferReader(block),
            read_options=pyarrow.csv.ReadOptions(
                column_names=self._names, use_threads=False, block_size=len(block) + 1
            ),
            parse_options=pyarrow.csv.ParseOptions(
                quote_char='"' if quoted else False, invalid_row_handler=skip
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=self._wanted,
                column_types=dict.fromkeys(self._wanted, kind),
                null_values=list(missing),
                strings_can_be_null=True,
            ),
        )
        return table, misshapen


def _newlines(data: bytes) -> int:
    return data.count(b"\n") or data.count(b"\r")


def _unix(block: bytes) -> bytes:
    if b"\r" not in block:
        return block
    return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _count_line_ends(block: bytes) -> int:
    """Count the lines of a block without blank ones, ten times faster than `bytes.count`."""
    ends = np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n"))
    return int(ends) + (not block.endswith(b"\n"))


def _count_lines(block: bytes) -> int:
    return sum(1 for line in block.split(b"\n") if line)


def _numbers(cells: Any) -> tuple[Floats, Mask]:
    """Read cells one by one where the fast reader refused the block.

    Returns [n] values (NaN where missing or bad) and [n] whether the cell is not a number.
    What is a number is still pyarrow's own decision, so both ways agree on every cell.
    """
    # Nearly no recording comes here, and the import takes as long as 4 MB of CSV.
    import pyarrow.compute as pc

    cells = pc.ascii_trim_whitespace(cells)
    plain = pc.fill_null(pc.match_substring_regex(cells, _PLAIN), False)
    numbers = pc.cast(pc.if_else(plain, cells, pa.scalar(None, pa.string())), pa.float64())
    values = to_numpy(numbers).copy()
    odd = pc.and_(pc.is_valid(cells), pc.invert(plain))
    places = np.flatnonzero(to_numpy(pc.cast(odd, pa.uint8())))
    coded = pc.filter(cells, odd).dictionary_encode()
    read = [_number(text) for text in coded.dictionary.to_pylist()]
    codes = to_numpy(coded.indices)
    bad = np.zeros(len(values), np.bool_)
    if read:
        values[places] = np.array([np.nan if one is None else one for one in read])[codes]
        bad[places] = np.array([one is None for one in read])[codes]
    return values, bad


def _number(text: str) -> float | None:
    if text in MISSING:
        return float("nan")
    try:
        value: float = pa.scalar(text).cast(pa.float64()).as_py()
    except pa.ArrowInvalid:
        return None
    return value
