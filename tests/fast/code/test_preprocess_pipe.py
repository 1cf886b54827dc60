"""Pipe mode of preprocess.py: the same output as File mode, bit for bit, or an error."""

import gzip
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from ecglib.errors import StepError
from ecglib.pipe import PipedRecordings
from hypothesis import given, settings
from hypothesis import strategies as st
from step_helpers import DATA, accounts, ecg_like, files, preprocess_step, write_recording

URI = "s3://bucket/raw/"


def lay_out(folder: Path, objects: Mapping[str, bytes], *, fifo: bool = True) -> Path:
    """The files of a piped input `raw`, as the service and the local engine lay them out; a
    thread feeds the pipe once it is opened. Without `fifo`, a file stands in for it."""
    folder.mkdir(parents=True)
    uris = [f"{URI}{name}" for name in objects]
    (folder / "raw-manifest").write_text("".join(f"{line}\n" for line in ["first line", *uris]))
    content = b"".join(objects.values())
    if not fifo:
        (folder / "raw_0").write_bytes(content)
        return folder
    for number in (0, 1):
        os.mkfifo(folder / f"raw_{number}")

    def feed() -> None:
        try:
            with open(folder / "raw_0", "wb") as pipe:
                pipe.write(content)
        except BrokenPipeError:
            pass  # an error was found before the end

    threading.Thread(target=feed, daemon=True).start()
    return folder


def piped(folder: Path, pipe: Path, **kinds: object) -> Callable[..., int]:
    step = preprocess_step(folder, pipe, **kinds)
    return lambda *options: step("--input-mode", "Pipe", "--input-uri", URI, *options)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def both(tmp_path: Path, objects: Mapping[str, bytes], *options: str) -> None:
    """Run both modes on the same recordings and compare every byte of the output."""
    objects = dict(sorted(objects.items()))
    raw = tmp_path / "raw"
    for name, content in objects.items():
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(content)
    assert preprocess_step(tmp_path / "file", raw)(*options) == 0
    assert piped(tmp_path / "pipe", lay_out(tmp_path / "in", objects))(*options) == 0
    in_file_mode = contents(tmp_path / "file" / "output")
    assert len(in_file_mode) > len(objects)
    assert contents(tmp_path / "pipe" / "output") == in_file_mode


def recording(seed: int, rows: int = 300) -> bytes:
    folder = Path(os.environ["PYTEST_TMP"]) / "made"
    return write_recording(folder / f"{seed}.csv", ecg_like(seed, rows)).read_bytes()


@pytest.fixture(autouse=True)
def _scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_TMP", str(tmp_path))


def test_the_same_output_bit_for_bit(tmp_path: Path) -> None:
    both(
        tmp_path,
        {f"p{n % 3}/r{n}.csv": recording(n, 300 + 10 * n) for n in range(10)},
        "--rows-per-part",
        "250",
    )


def test_packed_recordings(tmp_path: Path) -> None:
    objects = {f"r{n}.csv.gz": gzip.compress(recording(n)) for n in range(3)}
    # a packed file may itself have several members
    whole = recording(3)
    objects["r3.CSV.GZ"] = gzip.compress(whole[:1000]) + gzip.compress(whole[1000:])
    both(tmp_path, objects)


def test_recordings_that_the_service_has_unpacked(tmp_path: Path) -> None:
    """S3CompressionType Gzip: the names still end in .gz."""
    raw = tmp_path / "raw"
    raw.mkdir()
    plain = {f"r{n}.csv.gz": recording(n) for n in range(3)}
    for name, content in plain.items():
        (raw / name).write_bytes(gzip.compress(content))
    assert preprocess_step(tmp_path / "file", raw)() == 0
    assert piped(tmp_path / "pipe", lay_out(tmp_path / "in", plain))() == 0
    assert contents(tmp_path / "pipe" / "output") == contents(tmp_path / "file" / "output")


@pytest.mark.skipif(not DATA.is_dir(), reason="the real recordings are not beside this checkout")
def test_real_recordings(tmp_path: Path) -> None:
    folder = DATA / "mitdb-100"
    both(
        tmp_path, {path.name: path.read_bytes() for path in folder.glob("*.csv")}, "--leads", "1,2"
    )


def test_line_ends_marks_and_what_is_missing_at_ends(tmp_path: Path) -> None:
    """Windows and old Mac line ends, byte order marks, no final line end, blank lines, a second
    header row with units, and rows with too few cells right before the next header."""
    head, rows = b"time,i,ii", [b"0,1,2", b"1,3,4", b"2,5,6"]
    mark = b"\xef\xbb\xbf"
    both(
        tmp_path,
        {
            "a.csv": b"\n".join([head, *rows]),
            "b.csv": mark + b"\r\n".join([head, *rows, b""]),
            "c.csv": b"\r\n".join([head, *rows]),
            "d.csv": mark + b"\n".join([head, *rows]) + b"\n\n\n",
            "e.csv": b"\n\n" + b"\n".join([head, b"s,mV,mV", *rows, b"3,7"]),
            "f.csv": b"\n".join([head, *rows, b"3"]),
            "g.csv": b"\r".join([head, *rows, b""]),
            "h.csv": b"\r".join([head, *rows]),
            "i.csv": b"\n".join([head, *rows, b""]),
        },
        "--split",
        "1,0,0",
    )


def test_rows_that_resemble_the_header_are_rows(tmp_path: Path) -> None:
    rows = b"t,a,note\n0,1,x\n1,2,t\n2,3,not,t,a,notes\nt,a\nleft,a,note\n3,4,ta\n"
    both(tmp_path, {"a.csv": rows, "b.csv": rows}, "--leads", "a", "--split", "1,0,0")


def test_quoted_names_and_cells(tmp_path: Path) -> None:
    rows = b"'sample #','MLII'\n'0:00.000',995\n'0:00.003',997"
    options = ("--leads", "MLII", "--sampling-rate", "360", "--split", "1,0,0")
    both(tmp_path, {"a.csv": rows, "b.csv": rows + b"\n", "c.csv": rows}, *options)


def test_lines_of_any_length_and_recordings_longer_than_a_block(tmp_path: Path) -> None:
    long = write_recording(tmp_path / "long.csv", ecg_like(1, 40_000)).read_bytes()
    assert len(long) > 1 << 20
    both(tmp_path, {"a.csv": long, "b.csv": long.rstrip(), "c.csv": recording(2)})


def sections(folder: Path, block: int) -> dict[str, bytes]:
    """What a pipe's recordings are when it is read in blocks of that size."""
    found = {}
    for one in PipedRecordings(str(folder), URI, block):
        assert one.stream is not None
        pieces = []
        while piece := one.stream.read(block):
            pieces.append(piece)
        found[one.source] = b"".join(pieces)
    return found


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "\ufeff"]),
            st.lists(
                st.sampled_from(["0,1,2", "1,", "", "x", "t,a,bb", "tt,a,b", "9,t,a", "é,1,1"]),
                max_size=5,
            ),
            st.sampled_from(["\n", "\r\n"]),
            st.sampled_from(["", "\n", "\r\n\r\n"]),
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(1, 40),
)
def test_any_block_size_tells_recordings_apart(
    tmp_path_factory: pytest.TempPathFactory,
    made: list[tuple[str, list[str], str, str]],
    block: int,
) -> None:
    texts = [mark + end.join(["t,a,b", *rows, "0,0,0"]) + final for mark, rows, end, final in made]
    objects = {f"{n}.csv": text.encode() for n, text in enumerate(texts)}
    folder = lay_out(tmp_path_factory.mktemp("pipe") / "in", objects, fifo=False)
    assert sections(folder, block) == objects


@pytest.mark.parametrize("block", [1, 2, 3, 4, 5, 9, 1 << 20])
def test_a_mark_on_a_line_of_its_own_is_no_header(tmp_path: Path, block: int) -> None:
    objects = {"a.csv": b"\xef\xbb\xbf\r\n\nt,a\n0,1\n", "b.csv": b"t,a\n0,1"}
    folder = lay_out(tmp_path / "in", objects, fifo=False)
    assert sections(folder, block) == objects


def test_keys_may_hold_what_ends_a_line_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "raw-manifest").write_text(f"first\n{URI}a\u2028b\x85c.csv\r\n", newline="")
    assert [r.source for r in PipedRecordings(str(tmp_path), URI)._found] == ["a\u2028b\x85c.csv"]
    (tmp_path / "raw-manifest").write_bytes(b"first\n\xff\n")
    with pytest.raises(StepError, match="not a manifest: its text is not UTF-8"):
        PipedRecordings(str(tmp_path), URI)


def test_what_a_pipe_cannot_know(tmp_path: Path) -> None:
    """One file has a header too many and another too few: these are the bytes of two good ones."""
    good = {"a.csv": A, "b.csv": A}
    for number, objects in enumerate(
        ({"a.csv": A + A, "b.csv": b""}, {"a.csv": b"", "b.csv": A + A})
    ):
        folder = tmp_path / str(number)
        assert piped(folder / "good", lay_out(folder / "1", good))() == 0
        assert piped(folder / "pipe", lay_out(folder / "2", objects))() == 0
        assert contents(folder / "pipe" / "output") == contents(folder / "good" / "output")
        raw = folder / "raw"
        raw.mkdir()
        for name, content in objects.items():
            (raw / name).write_bytes(content)
        assert preprocess_step(folder / "file", raw)() == 1


def test_names_are_those_of_file_mode(tmp_path: Path) -> None:
    """As the local engine and the service name files: for a prefix that is a folder, that ends
    within a name, that is the object itself."""
    names = {}
    for number, (prefix, uri) in enumerate(
        [
            ("s3://b/raw/", "s3://b/raw/p1/a.csv"),
            ("s3://b/raw", "s3://b/raw/p1/a.csv"),
            ("s3://b/ra", "s3://b/raw/p1/a.csv"),
            ("s3://b/raw/a.csv", "s3://b/raw/a.csv"),
            ("s3://b", "s3://b/raw/a.csv"),
            ("s3://b/raw/", "s3://b/raw//a.csv"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "raw-manifest").write_text(f"first\n{uri}\n")
        (folder / "raw_0").write_text("t,a\n0,1\n")
        names[prefix, uri] = [one.source for one in PipedRecordings(str(folder), prefix)]
    assert list(names.values()) == [
        ["p1/a.csv"], ["p1/a.csv"], ["raw/p1/a.csv"], ["a.csv"], ["raw/a.csv"], ["a.csv"]
    ]  # fmt: skip


def test_an_instance_without_recordings_is_idle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts = ("algo-1", "algo-2")
    pipe = lay_out(tmp_path / "in", {})
    assert piped(tmp_path / "pipe", pipe, hosts=hosts)() == 0
    (tmp_path / "raw").mkdir()
    assert preprocess_step(tmp_path / "file", tmp_path / "raw", hosts=hosts)() == 0
    assert contents(tmp_path / "pipe" / "output") == contents(tmp_path / "file" / "output")
    assert piped(tmp_path / "alone", pipe)() == 1
    assert "no recordings (*.csv, *.csv.gz) below" in capsys.readouterr().err


def test_another_order_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = lay_out(tmp_path / "in", {"b.csv": recording(1), "a.csv": recording(2)})
    assert piped(tmp_path / "out", pipe)() == 0
    assert "not in the order of names" in capsys.readouterr().out
    found = accounts(tmp_path / "out" / "output" / "account")
    assert [one["source"] for one in found] == ["b.csv", "a.csv"]


A = b"time,i,ii\n0,1,2\n"
PACKED = gzip.compress(A)
BAD: list[tuple[dict[str, bytes], Sequence[str], str]] = [
    ({"a.csv": A, "b.csv": b"time,ii,i\n0,1,2\n"}, [], "but only 1 have the header 'time,i,ii'"),
    ({"a.csv": A, "b.csv": b"x," + A}, [], "but only 1 have the header 'time,i,ii'"),
    ({"a.csv": A, "b.csv": b""}, [], "2 recordings are listed in the manifest, but only 1 have"),
    ({"a.csv": b"", "b.csv": A}, [], "2 recordings are listed in the manifest, but only 1 have"),
    ({"a.csv": b"", "b.csv": b""}, [], "a.csv: the file is empty"),
    ({"a.csv": A + A}, [], "but the header 'time,i,ii' comes more often"),
    ({"a.csv": b"time,i,ii\n", "b.csv": A}, [], "a.csv: a header but no rows"),
    ({"a.csv": A, "b.csv": b"time,i,ii\n"}, [], "b.csv: a header but no rows"),
    ({"a.csv": A, "b.csv": b"time,i,ii"}, [], "b.csv: a header but no rows"),
    ({"a.csv": b"0,1,2\n0,1,2\n", "b.csv": A}, [], "its header '0,1,2' could be a row"),
    ({"a.csv": b",,\n0,1,2\n", "b.csv": A}, [], "its header ',,' could be a row"),
    ({"a.csv": b"0:00,1,2\n0:01,1,2\n"}, [], "the first line (0:00, 1, 2) looks like a row"),
    ({"a.csv": A, "notes.txt": b"x"}, [], "notes.txt: not a recording (*.csv, *.csv.gz), and"),
    ({"a.csv": A, "b.csv.gz": PACKED}, [], "b.csv.gz is packed and a.csv is not"),
    ({"a.csv.gz": PACKED, "b.csv.gz": PACKED[:-5]}, [], "damaged gzip data in the pipe"),
    ({"a.csv.gz": PACKED, "b.csv.gz": A}, [], "damaged gzip data in the pipe"),
    ({"a.csv": A, "a.CSV": A}, [], "are both recording 'a'"),
    ({"a.csv": A}, ["--input-uri", "s3://other/"], "but not below --input-uri 's3://other/'"),
    ({"a.csv": b"time,i\n" + b"0" * (17 << 20)}, [], "less than 128 lines: not a CSV file?"),
    ({"a.csv": A}, ["--input-mode", "FastFile"], "must be one of File, Pipe, not 'FastFile'"),
]  # fmt: skip


@pytest.mark.parametrize(("objects", "options", "message"), BAD, ids=[m[:40] for _, _, m in BAD])
def test_what_cannot_be_told_apart_is_refused_and_nothing_is_left(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    objects: dict[str, bytes],
    options: Sequence[str],
    message: str,
) -> None:
    pipe = lay_out(tmp_path / "in", objects)
    assert piped(tmp_path / "out", pipe)(*options) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert files(tmp_path / "out" / "output") == []


def test_without_a_manifest_or_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(A)
    with pytest.raises(StepError, match=r"Pipe mode needs one \*-manifest file, but there is none"):
        PipedRecordings(str(tmp_path), URI)
    (tmp_path / "raw-manifest").write_text(f"first\n{URI}a.csv\n")
    with pytest.raises(StepError, match="raw_0: there is a manifest, but no such pipe"):
        list(PipedRecordings(str(tmp_path), URI))
    (tmp_path / "more-manifest").touch()
    with pytest.raises(StepError, match="but there is more-manifest, raw-manifest"):
        PipedRecordings(str(tmp_path), URI)


def test_memory_stays_bounded(tmp_path: Path) -> None:
    """However much comes through the pipe: a section holds no more than what was read last."""
    rows = b"".join(b"%d,1,2\n" % n for n in range(50_000))
    objects = {f"{n:02d}.csv": b"time,i,ii\n" + rows for n in range(20)}
    pipe = lay_out(tmp_path / "in", objects)
    largest = 0
    for one in PipedRecordings(str(pipe), URI):
        assert one.stream is not None
        while piece := one.stream.read(1):
            largest = max(largest, len(piece))
    assert 0 < largest < 3 << 20
