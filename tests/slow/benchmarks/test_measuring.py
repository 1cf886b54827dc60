"""What takes processes: data, measuring, and one scenario from the command line to the page."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import data, measure, report, results, throughput
from benchmarks.measure import BenchmarkError
from benchmarks.results import Result


def test_recordings_are_the_same_each_time_and_about_as_large_as_asked(tmp_path: Path) -> None:
    one = data.equal(tmp_path / "one", 4, 2, 200_000)
    two = data.equal(tmp_path / "two", 4, 2, 200_000)
    texts = [path.read_bytes() for path in one.files]
    assert texts == [path.read_bytes() for path in two.files]
    assert texts[0] != texts[1]
    assert all(abs(len(text) - 200_000) < 10_000 for text in texts)
    lines = texts[0].decode().splitlines()
    assert lines[0] == "time,lead1,lead2,lead3,lead4"
    table = np.loadtxt(lines[1:], delimiter=",")
    assert table.shape[1] == 5
    assert np.allclose(np.diff(table[:, 0]), 1 / data.RATE)
    assert np.linalg.matrix_rank(np.cov(table[:, 1:].T)) == 4


def test_a_long_recording_repeats_the_rows_of_another(tmp_path: Path) -> None:
    short = data.equal(tmp_path / "short", 2, 1, 20_000)
    long = data.long(tmp_path / "long", short, 90_000)
    header, _, rows = short.files[0].read_bytes().partition(b"\n")
    count = -(-90_000 // len(rows))
    assert long.files[0].read_bytes() == header + b"\n" + rows * count


def test_a_process_is_measured_by_itself(tmp_path: Path) -> None:
    ballast = bytearray(300 << 20)  # a big parent, which must not count
    ballast[:: 1 << 12] = b"x" * len(ballast[:: 1 << 12])
    code = "x = bytearray(80 << 20); x[::4096] = b'x' * len(x[::4096])\nfor _ in range(10**6): pass"
    usage = measure.start([sys.executable, "-c", code], {}).result()
    assert 80 < usage.peak_mib < 150
    assert 0.01 < usage.cpu < 10
    assert usage.wall > 0.01
    assert len(ballast) == 300 << 20


def test_a_process_that_fails_says_what_it_said() -> None:
    process = measure.start([sys.executable, "-c", "raise SystemExit('broken thing')"], {})
    with pytest.raises(BenchmarkError, match=r"exit code 1(.|\n)*broken thing"):
        process.result()


def test_facts_of_the_machine_name_the_versions_measured() -> None:
    facts = results.machine(sys.executable)
    assert facts["versions"]["numpy"] == np.__version__
    assert json.dumps(facts)
    with pytest.raises(BenchmarkError, match="choose another with --python"):
        results.machine("false")


def test_one_scenario_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, work = tmp_path / "out", tmp_path / "data"
    options = ["--quick", "--only", "pipe", "--data", str(work), "--out", str(out)]
    assert command.main(options) == 0
    found = json.loads((out / results.FILE).read_text())["scenarios"]["pipe"]
    assert found["quick"]
    assert found["targets"][0]["value"] > 0.1
    assert "--quick" in (out / report.PAGE).read_text()
    assert not (work / "scratch").exists()
    assert "not judged" in capsys.readouterr().out


def test_what_estimate_and_the_page_on_scaling_need_is_written_beside_the_results(
    tmp_path: Path,
) -> None:
    measured = command.RESULTS / results.FILE
    (tmp_path / results.FILE).write_bytes(measured.read_bytes())
    command._publish(tmp_path, ours=False)
    assert (tmp_path / throughput.FILE).read_text() == throughput.text(results.load(tmp_path))
    assert "## One terabyte" in (tmp_path / "scaling.md").read_text()
    partly = json.loads(measured.read_text())
    del partly["scenarios"]["pipeline"]
    for name in (throughput.FILE, "scaling.md"):
        (tmp_path / name).unlink()
    (tmp_path / results.FILE).write_text(json.dumps(partly))
    command._publish(tmp_path, ours=False)
    assert not (tmp_path / throughput.FILE).exists()


def test_a_scenario_that_fails_is_said_and_the_exit_code_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import pipe

    def fail(_: object) -> Result:
        raise BenchmarkError("no luck")

    monkeypatch.setattr(pipe, "run", fail)
    options = ["--quick", "--only", "pipe", "--data", str(tmp_path / "data")]
    assert command.main([*options, "--out", str(tmp_path / "out")]) == 1
    assert "error: pipe: no luck" in capsys.readouterr().err
