"""preprocess.py from its command line: what it writes, and what it refuses."""

import functools
import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import ecglib.csvblocks
import ecglib.parts
import numpy as np
import preprocess
import pyarrow.parquet as pq
import pytest
from ecglib.stream import Reading
from step_helpers import (
    SPLITS,
    accounts,
    ecg_like,
    files,
    matrix,
    preprocess_step,
    read_part,
    tables,
    write_recording,
)

LEADS = ["l0", "l1", "l2", "l3"]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Ten recordings in folders, one of them packed; 4 leads, 300 to 390 rows."""
    folder = tmp_path / "raw"
    for number in range(10):
        path = folder / f"p{number % 3}" / f"r{number}.csv"
        write_recording(path, ecg_like(number, 300 + 10 * number))
    packed = folder / "p1" / "r4.csv"
    packed.with_name("r4.CSV.GZ").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    return folder


def test_rows_come_out_as_they_went_in(raw: Path, tmp_path: Path) -> None:
    step = preprocess_step(tmp_path / "a", raw)
    assert step("--rows-per-part", "250") == 0
    found = {}
    for name in SPLITS:
        table = tables(step.output / name)
        assert table.schema.names == ["recording", "sample", "time", *LEADS]
        assert [str(kind) for kind in table.schema.types] == ["string", "int64", *["double"] * 5]
        assert not any(field.nullable for field in table.schema)
        for recording in dict.fromkeys(table.column("recording").to_pylist()):
            rows = table.filter(
                np.array(table.column("recording").to_pylist()) == recording  # type: ignore[arg-type]
            )
            found[recording] = (name, rows)
    assert sorted(found) == sorted(f"p{n % 3}/r{n}" for n in range(10))
    for recording, (_, rows) in found.items():
        values = ecg_like(int(recording[-1]), 300 + 10 * int(recording[-1]))
        assert (matrix(rows, LEADS) == values).all()
        assert rows.column("sample").to_pylist() == list(range(len(values)))
        assert rows.column("time").to_pylist() == [row / 100 for row in range(len(values))]
    by_account = {a["recording"]: a for a in accounts(step.output / "account")}
    assert {r: a["split"] for r, a in by_account.items()} == {r: s for r, (s, _) in found.items()}
    assert by_account["p1/r4"]["source"] == "p1/r4.CSV.GZ"
    assert by_account["p1/r4"]["last_time"] == 3.39


def test_parts_have_equal_rows_and_say_what_they_are(raw: Path, tmp_path: Path) -> None:
    step = preprocess_step(tmp_path / "a", raw)
    assert step("--rows-per-part", "250") == 0
    for name in SPLITS:
        paths = sorted((step.output / name).iterdir())
        assert [p.name for p in paths] == [
            f"part-algo-1-{n:05d}.parquet" for n in range(len(paths))
        ]
        sizes = [pq.ParquetFile(path).metadata.num_rows for path in paths]
        assert sizes[:-1] == [250] * (len(sizes) - 1)
        assert 0 < sizes[-1] <= 250 or sizes == [0]
        for path in paths:
            about = json.loads(pq.ParquetFile(path).schema_arrow.metadata[b"ecglib"])
            assert about == {"schema": 1, "split": name, "leads": LEADS}


def test_parts_too_large_for_memory_have_several_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ecglib.parts, "_GROUP_BYTES", 1)  # 1024 rows at least
    raw = tmp_path / "raw"
    for number in range(3):
        write_recording(raw / f"r{number}.csv", ecg_like(number, 900))
    step = preprocess_step(tmp_path / "a", raw)
    assert step("--split", "1,0,0", "--rows-per-part", "2500") == 0
    parts = [pq.ParquetFile(path) for path in sorted((step.output / "train").iterdir())]
    assert [part.metadata.num_rows for part in parts] == [2500, 200]
    assert parts[0].metadata.num_row_groups == 3
    table = tables(step.output / "train")
    assert table.column("recording").to_pylist() == ["r0"] * 900 + ["r1"] * 900 + ["r2"] * 900
    assert (matrix(table, LEADS)[900:1800] == ecg_like(1, 900)).all()


def test_the_same_bytes_again_and_whatever_the_block_size(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dirt = raw / "p0" / "dirt.csv"
    good = [f"{i / 100},{i},2,NA,{-i}" for i in range(40)]
    dirt.write_text(
        "\n".join(["time,l0,l1,l2,l3", "s,mV,mV,mV,mV", *good, "1,2", ",,,,", "9,inf,1,1,1"])
    )
    outputs = []
    for number, block in enumerate((1 << 20, 1 << 20, 100)):
        monkeypatch.setattr(preprocess, "Reading", functools.partial(Reading, block=block))
        step = preprocess_step(tmp_path / str(number), raw)
        assert step("--rows-per-part", "250") == 0
        outputs.append({n: (step.output / n).read_bytes() for n in files(step.output)})
    assert outputs[0] == outputs[1] == outputs[2]
    account = next(a for a in accounts(step.output / "account") if a["recording"] == "p0/dirt")
    assert account["rejected"] == {
        "bad_time": 1,
        "column_count": 1,
        "infinite": 1,
        "non_numeric": 1,
    }
    assert (account["read"], account["written"], account["filled"]) == (44, 40, 40)
    assert account["filled_by_lead"] == {"l0": 0, "l1": 0, "l2": 40, "l3": 0}


def test_rejected_rows_leave_holes_in_sample(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    raw.joinpath("a.csv").write_text("t,x,y\n0,1,2\n1,bad,2\n2,3\n3,4,5\n")
    step = preprocess_step(tmp_path / "a", raw)
    assert step("--split", "1,0,0") == 0
    part = read_part(step.output / "train" / "part-algo-1-00000.parquet")
    assert part == {
        "recording": ["a"] * 2,
        "sample": [0, 3],
        "time": [0, 3],
        "x": [1, 4],
        "y": [2, 5],
    }


def test_sampling_rate_and_leads_by_position(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    raw.joinpath("a.csv").write_text("'sample #','MLII','V5','N'\n'0:00',1,2,3\n'0:01',4,5,6\n")
    step = preprocess_step(tmp_path / "a", raw)
    assert step("--split", "1,0,0", "--sampling-rate", "360", "--leads", "V5,1") == 0
    part = read_part(step.output / "train" / "part-algo-1-00000.parquet")
    assert list(part) == ["recording", "sample", "time", "V5", "MLII"]
    assert part["time"] == [0, 1 / 360]
    assert (part["V5"], part["MLII"]) == ([2, 5], [1, 4])


def test_new_recordings_never_move_old_ones(raw: Path, tmp_path: Path) -> None:
    one, two = (preprocess_step(tmp_path / name, raw) for name in "ab")
    assert one() == 0
    for number in range(10, 16):
        write_recording(raw / f"new{number}.csv", ecg_like(number))
    assert two() == 0
    before, after = (
        {a["recording"]: a["split"] for a in accounts(step.output / "account")}
        for step in (one, two)
    )
    assert len(after) == len(before) + 6
    assert before.items() <= after.items()


def test_every_output_holds_something_even_when_idle(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    step = preprocess_step(tmp_path / "a", tmp_path / "raw", hosts=("algo-1", "algo-2"))
    assert step() == 0
    assert files(step.output) == [
        "account/algo-1.jsonl",
        "moments/train/none-algo-1.json",
        *sorted(f"{name}/part-algo-1-00000.parquet" for name in SPLITS),
    ]
    assert step.json("moments/train/none-algo-1.json")["n"] == 0
    for name in SPLITS:
        part = read_part(step.output / name / "part-algo-1-00000.parquet")
        assert part == {"recording": [], "sample": [], "time": []}
    assert json.loads((step.output / "account/algo-1.jsonl").read_text())["recordings"] == 0


def test_an_empty_split_is_said_and_refused_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_recording(tmp_path / "raw" / "a.csv", ecg_like(1))
    step = preprocess_step(tmp_path / "a", tmp_path / "raw")
    assert step("--split", "0,0.5,0.5", "--seed", "1") == 0
    said = capsys.readouterr().out
    assert said.count("(empty: no recording of this instance falls here)") == 2
    assert step.json("moments/train/none-algo-1.json")["leads"] == LEADS
    strict = preprocess_step(tmp_path / "b", tmp_path / "raw")
    assert strict("--require-all-splits") == 1
    assert "no recording falls to" in capsys.readouterr().err
    assert files(strict.output) == []
    assert strict("--require-all-splits", "--split", "1,0,0") == 0
    assert strict("--require-all-splits", "false") == 0


def test_an_earlier_run_leaves_no_parts_behind(tmp_path: Path) -> None:
    write_recording(tmp_path / "raw" / "a.csv", ecg_like(1))
    step = preprocess_step(tmp_path / "a", tmp_path / "raw")
    assert step("--split", "1,0,0", "--rows-per-part", "100") == 0
    assert len(list((step.output / "train").iterdir())) == 4
    assert step("--split", "1,0,0") == 0
    assert len(list((step.output / "train").iterdir())) == 1


GOOD = "time,a,b\n0,1,2\n1,2,1\n"
BAD: list[tuple[dict[str, bytes | str], list[str], str]] = [
    ({}, [], "no recordings (*.csv, *.csv.gz) below"),
    ({"note.txt": "x"}, [], "no recordings (*.csv, *.csv.gz) below"),
    ({"a.csv": GOOD, "b.csv": ""}, [], "b.csv: the file is empty"),
    ({"a.csv": GOOD, "b.csv": "time,a,b\n"}, [], "b.csv: a header but no rows"),
    ({"a.csv": GOOD, "b.csv": "time,a,b"}, [], "b.csv: a header but no rows"),
    ({"b.csv": "t,a,b\nx,1,2\n0,y,2\n0,1\n"}, [],
     "b.csv: all 3 rows are rejected (1 column_count, 2 non_numeric)"),
    ({"a.csv": "t,a\n,1\n"}, [], "a.csv: all 1 rows are rejected (1 bad_time)"),
    ({"a.csv": "t,a\n1,\n"}, ["--fill", "drop"], "a.csv: all 1 rows are rejected (1 missing)"),
    ({"a.csv": GOOD, "b/c.csv": "time,a\n0,1\n"}, ["--leads", "a,b"],
     "b/c.csv: lead 'b' is not a column. Its columns are time, a (positions 0 to 1). Choose "
     "with --leads"),
    ({"a.csv": GOOD, "b.csv": "time,a,c\n0,1,2\n"}, [],
     "b.csv: its leads are a, c, but those of a.csv are a, b: choose common ones with --leads"),
    ({"a.csv": GOOD, "a.csv.gz": gzip.compress(GOOD.encode())}, [],
     "a.csv and a.csv.gz are both recording 'a'"),
    ({"a.csv.gz": gzip.compress(GOOD.encode() * 99)[:-9]}, [], "a.csv.gz: damaged gzip file"),
    ({"a.csv.gz": GOOD}, [], "a.csv.gz: damaged gzip file"),
    ({"a.csv": gzip.compress(GOOD.encode())}, [], "a.csv: not CSV but gzip-compressed"),
    ({"a.csv": "n,time,i\n0,0,1\n"}, [], "a.csv: a lead is named 'time'"),
    ({"a.csv": "0.5,1.5\n1,2\n"}, [], "a.csv: the first line (0.5, 1.5) looks like a row"),
    ({"a.csv": "t,a\n0,1e300\n1,-1e300\n2,1e308\n"}, [],
     "a.csv: lead 'a' has values too large to add up"),
    ({"a.csv": GOOD}, ["--fill", "mean"],
     "--fill must be one of zero, interpolate, drop, not 'mean'"),
    ({"a.csv": GOOD}, ["--split", "1,1,1"], "--split must be three shares"),
    ({"a.csv": GOOD}, ["--seed", "x"], "--seed must be a whole number"),
    ({"a.csv": GOOD}, ["--rows-per-part", "0"],
     "--rows-per-part (parameter RowsPerPart) must be at least 1"),
    ({"a.csv": GOOD}, ["--max-gap", "-1"],
     "--max-gap (parameter MaxGap) must be a number above 0"),
    ({"a.csv": GOOD}, ["--sampling-rate", "nan"],
     "--sampling-rate (parameter SamplingRate) must be a number above 0"),
    ({"a.csv": GOOD}, ["--require-all-splits", "maybe"],
     "--require-all-splits must be true or false"),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "options", "message"), BAD, ids=[m[:40] for _, _, m in BAD])
def test_bad_input_is_refused_and_nothing_is_left(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    inputs: dict[str, bytes | str],
    options: list[str],
    message: str,
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, content in inputs.items():
        path = raw / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    step = preprocess_step(tmp_path / "a", raw)
    assert step("--rows-per-part", "1", *options) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert said.count("\n") == 1
    assert step.message.read_text() in said
    assert files(step.output) == []


def test_a_long_message_is_cut_between_characters(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    names = ",".join(f"Ableitung-µ{number}" for number in range(200))
    raw.joinpath("a.csv").write_text(f"t,{names}\n0{',1' * 200}\n", encoding="utf-8")
    step = preprocess_step(tmp_path / "a", raw)
    assert step("--leads", "x") == 1
    assert 1000 < len(step.message.read_bytes()) <= 1024


def test_a_failure_of_ours_passes_through_and_leaves_nothing(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A lost line must not go unnoticed: pretend that the parser drops one.
    real = ecglib.csvblocks.CsvParser.parse

    def lossy(self: object, block: bytes) -> object:
        parsed = real(self, block)  # type: ignore[arg-type]
        return ecglib.csvblocks.Block(
            parsed.rows[:-1], parsed.values[:, :-1], parsed.lines, parsed.rejected
        )

    monkeypatch.setattr(ecglib.csvblocks.CsvParser, "parse", lossy)
    step = preprocess_step(tmp_path / "a", raw)
    with pytest.raises(AssertionError, match="rows read, but"):
        step()
    assert files(step.output) == []


def test_unreadable_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "gone.csv").symlink_to(tmp_path / "nowhere")
    assert preprocess_step(tmp_path / "a", raw)() == 1
    assert "gone.csv: cannot be read (No such file or directory)" in capsys.readouterr().err


SCRIPT = Path(preprocess.__file__)


def test_the_script_by_itself(raw: Path, tmp_path: Path) -> None:
    run = [sys.executable, "-W", "error", str(SCRIPT)]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent)}
    shutil.rmtree(raw / "p2")
    probe = "import sys, runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='x')"
    loaded = subprocess.run(
        [sys.executable, "-c", f"{probe}; print('pandas' in sys.modules)", str(SCRIPT)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert loaded.stdout == "False\n"
    done = subprocess.run(
        [*run, "--input", raw, "--output", tmp_path / "o", "--message-file", tmp_path / "m"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "p0/r0.csv: 300 rows to" in done.stdout
    assert done.stderr == ""
    helped = subprocess.run([*run, "--help"], env=environment, capture_output=True, text=True)
    assert "examples:" in helped.stdout
    wrong = subprocess.run([*run, "--inptu", "x"], env=environment, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "unrecognized arguments" in wrong.stderr
