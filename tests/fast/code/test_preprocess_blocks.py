"""Reading CSV: a row's fate depends on its own line alone, and every line is accounted for."""

import gzip
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from ecglib.csvblocks import CsvParser, LineBlocks
from ecglib.errors import StepError
from ecglib.leads import MISSING
from ecglib.recordings import Recording
from ecglib.stream import Reading, RecordingStream
from hypothesis import given, settings
from hypothesis import strategies as st

CELLS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-9999, 9999).map(str),
    st.sampled_from(["", "NA", "nan", "NaN", "None", "NULL", " ", " NA", '"NA"', '""', "nan(1)"]),
    st.sampled_from(
        ["inf", "-Infinity", "INF", "1e400", "+1.5", "1.", ".5", "1e5", " 2 ", '"3.5"']
    ),
    st.sampled_from(["abc", "-", "5e", "1_0", "0x10", "\x00", "\xb5V", "\u0661"]),
    st.sampled_from(["\ufeff", "\ufeff1", '\ufeff"1"', "\ufeffNA"]),
    st.sampled_from(['"', '"x"y', 'a"b', '"1,2"', '"1', '2"']),
)
LINES = st.one_of(
    st.tuples(CELLS, CELLS, CELLS).map(",".join),
    st.lists(CELLS, min_size=0, max_size=5).map(",".join),
    st.tuples(*[st.integers(0, 999).map(str)] * 3).map(",".join),
)
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\n\n", "\r"])


@st.composite
def dirty(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(st.tuples(LINES, ENDS), min_size=1, max_size=25))
    text = "t,a,b\n" + "".join(line + end for line, end in lines)
    return text.encode().removesuffix(draw(st.sampled_from([b"", b"\n"])))


def read(data: bytes, size: int, fill: str = "drop") -> dict[str, object]:
    lines = LineBlocks(io.BytesIO(data), "x.csv", size)
    lines.header(0)  # looks no further, so that so short a text comes in many blocks
    parser = CsvParser(3, (0, 1, 2))
    read, rows, values = 0, [np.empty(0, np.int64)], [np.empty((3, 0))]
    rejected: Counter[str] = Counter()
    for data_block in lines:
        block = parser.parse(data_block)
        rows.append(block.rows + read)
        values.append(block.values)
        read += block.lines
        rejected += block.rejected
    found = np.concatenate(values, axis=1)
    return {
        "read": read,
        "rows": np.concatenate(rows).tolist(),
        "values": np.where(np.isnan(found), 1234.5, found).tolist(),
        "rejected": dict(rejected),
    }


@settings(max_examples=150, deadline=None)
@given(data=dirty())
def test_block_size_makes_no_difference_and_no_line_is_lost(data: bytes) -> None:
    whole = read(data, 1 << 20)
    text = data.decode().replace("\r\n", "\n").replace("\r", "\n")
    assert whole["read"] == sum(1 for line in text.split("\n")[1:] if line)
    assert whole["read"] == len(whole["rows"]) + sum(whole["rejected"].values())
    for size in (1, 7, 64):
        assert read(data, size) == whole


@pytest.mark.parametrize("size", [1, 6, 7, 12, 1 << 20])
def test_a_mark_within_a_recording_is_dirt_wherever_blocks_begin(size: int) -> None:
    found = read("t,a,b\n0,1,2\n\ufeff1,1,2\n\ufeff\ufeff2,1,2\n3,1,2\n".encode(), size)
    assert (found["read"], found["rows"], found["rejected"]) == (4, [0, 3], {"non_numeric": 2})


@settings(max_examples=150, deadline=None)
@given(cell=CELLS, dirt=st.sampled_from(["", "abc", "1_0"]))
def test_a_cell_means_the_same_in_a_clean_and_in_a_dirty_block(cell: str, dirt: str) -> None:
    alone = read(f"t,a,b\n0,{cell},1\n".encode(), 1 << 20)
    beside = read(f"t,a,b\n0,{cell},1\n1,{dirt},3\n".encode(), 1 << 20)
    rows = [row for row in beside["rows"] if row == 0]
    assert rows == alone["rows"]
    if rows:
        assert [v[0] for v in beside["values"]] == [v[0] for v in alone["values"]]


class Careful(CsvParser):
    """A parser that never has it quick."""

    def _read_numbers(self, block: bytes, quoted: bool) -> tuple[object, list[int]]:
        raise pa.ArrowInvalid


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(LINES.filter(bool), min_size=1, max_size=12), cut=st.integers(0, 12))
def test_the_quick_parser_and_the_careful_one_agree(lines: list[str], cut: int) -> None:
    def blocks(parser: CsvParser, *several: list[str]) -> object:
        rows: list[int] = []
        values: list[list[float]] = []
        rejected: Counter[str] = Counter()
        before = 0
        for some in several:
            block = parser.parse("".join(f"{line}\n" for line in some).encode())
            rows += (block.rows + before).tolist()
            values += np.where(np.isnan(block.values), 1234.5, block.values).T.tolist()
            rejected += block.rejected
            before += block.lines
        return rows, values, rejected, before

    alone = [[line] for line in lines]
    whole = blocks(CsvParser(3, (0, 1, 2)), lines)
    assert blocks(Careful(3, (0, 1, 2)), lines) == whole
    assert blocks(CsvParser(3, (0, 1, 2)), *alone) == whole
    assert blocks(Careful(3, (0, 1, 2)), *alone) == whole
    if 0 < cut < len(lines):
        assert blocks(CsvParser(3, (0, 1, 2)), lines[:cut], lines[cut:]) == whole


@settings(max_examples=200, deadline=None)
@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_exactly_on_both_paths(number: float) -> None:
    for other in ("1", "dirt"):
        found = read(f"t,a,b\n{number!r},2,3\n0,{other},0\n".encode(), 1 << 20)
        assert found["values"][0][0] == number


@pytest.mark.parametrize("word", MISSING)
def test_a_word_for_a_missing_value_is_one_whatever_came_before(word: str) -> None:
    late = CsvParser(3, (0, 1, 2))
    for block in (b"1,2,3\n", f"4,{word},6\n".encode(), b"7,8,9\n", b'"1",NA,x\n'):
        ours, fresh = late.parse(block), CsvParser(3, (0, 1, 2)).parse(block)
        np.testing.assert_array_equal(ours.values, fresh.values)
        assert ours.rejected == fresh.rejected
    found = late.parse(f"4,{word},6\n".encode())
    np.testing.assert_array_equal(found.values[:, 0], [4, np.nan, 6])


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n\n"])
@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_line_ends_marks_and_blank_lines(ends: str, start: str, size: int) -> None:
    lines = ["'time','MLII', \"V5\" ", "0,1,2", "", "", "1,3,4"]
    blocks = LineBlocks(io.BytesIO((start + ends.join(lines)).encode()), "x.csv", size)
    names, rows = blocks.header(128)
    assert names == ["time", "MLII", "V5"]
    assert rows == [["0", "1", "2"], ["1", "3", "4"]]
    assert [line for block in blocks for line in block.split(b"\n") if line] == [b"0,1,2", b"1,3,4"]


def test_a_stream_that_cannot_seek_is_read_to_its_end(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._data = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            return self._data.readinto(buffer[: max(1, len(buffer) // 3)])

    data = b"t,a,b\n" + b"".join(b"%d,%d,%d\n" % (i, i, -i) for i in range(5000))
    blocks = LineBlocks(io.BufferedReader(Pipe(data), 1000), "x", 4096)
    blocks.header(128)
    assert b"".join(blocks).lstrip() == data[6:]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x.csv: the file is empty"),
        (b"\n\r\n", "x.csv: the file is empty"),
        (b"\x1f\x8b\x08rest", "gzip-compressed: name it .csv.gz"),
        ("t,a\n0,1\n".encode("utf-16"), "UTF-16 text: save it as UTF-8"),
        (b"PAR1xxxx", "a Parquet file"),
        (b"x" * (1 << 25), "not a CSV file"),
    ],
)
def test_what_is_not_csv_is_said(data: bytes, message: str) -> None:
    with pytest.raises(StepError, match=message):
        LineBlocks(io.BytesIO(data), "x.csv").header(128)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 1 << 20])
def test_another_format_is_told_whatever_the_block_size(size: int) -> None:
    with pytest.raises(StepError, match="a Parquet file"):
        LineBlocks(io.BytesIO(b"PAR1time,a\n0,1\n"), "x.csv", size)


def test_an_endless_line_is_refused() -> None:
    data = b"t,a\n" + b"0,1\n" * 200 + b"7" * (1 << 25)
    blocks = LineBlocks(io.BytesIO(data), "x.csv")
    blocks.header(128)
    with pytest.raises(StepError, match="a line is longer than 16 MB"):
        list(blocks)


@settings(max_examples=60, deadline=None)
@given(data=dirty(), fill=st.sampled_from(["zero", "drop", "interpolate"]), packed=st.booleans())
def test_account_balances_under_any_dirt(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, fill: str, packed: bool
) -> None:
    path = tmp_path_factory.mktemp("dirt") / ("x.csv.gz" if packed else "x.csv")
    path.write_bytes(gzip.compress(data) if packed else data)
    recording = Recording("x", path.name, path)
    results = []
    for block in (1 << 20, 13):
        reading = Reading(leads="1,2", fill=fill, max_gap=50.0, block=block)
        stream = RecordingStream(recording, reading)
        try:
            rows = list(stream)
            account = stream.account("train")
        except StepError as error:
            results.append(str(error))
            continue
        assert account.read == account.written + sum(account.rejected.values())
        assert account.written == sum(map(len, rows)) > 0
        values = np.concatenate([piece.values for piece in rows], axis=1)
        samples = np.concatenate([piece.sample for piece in rows])
        assert np.isfinite(values).all()
        assert (np.diff(samples) > 0).all()
        assert samples[-1] < account.read
        results.append((account, values.tolist(), samples.tolist()))
    assert results[0] == results[1]
