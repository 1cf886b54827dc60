"""A recording's first line: names, or a row that must not be lost as names."""

import re
from pathlib import Path

import pytest
from ecglib import arguments, leads, messages
from ecglib.errors import StepError
from step_helpers import ecg_like, files, pca_step, preprocess_step, read_part, write_recording

STEPS = Path(__file__).parents[3] / "steps"
ROWS = [["0", "5", "1.5", "N"], ["1", "-3", "", "N"]]


@pytest.mark.parametrize(
    "names",
    [
        ["time", "i", "ii", "note"],
        ["", "0", "lead", "note"],
        ["time", "0", "1", "2"],
        ["sample #", "1", "2", ""],
        ["#t", "", "", ""],
        ["(s)", "", "", ""],
        ["Zeit", "1.5", "-2", "7"],
        ["\u03bb", "1", "2", "3"],
    ],
)
def test_one_name_makes_a_header(names: list[str]) -> None:
    leads.require_names("x.csv", names, ROWS)


@pytest.mark.parametrize(
    "names",
    [
        ["0.5", "1.5", "-2", "1e-3"],
        ["0", "1", "2", "3"],
        ["0", "5", "", "4"],
        ["0", "NA", "1.5", "4"],
        ["0", "nan", "inf", "4"],
        ["", "0", "1", "2"],
        ["", "", "", ""],
        ["0:00.000", "995", "1011", "4"],
        ["2026-01-01T00:00:00Z", "995", "1011", "4"],
        ["0", "5", "1.5", "N"],  # only the notes look like a name, and they are text all along
    ],
)
def test_a_row_is_not_taken_for_names(names: list[str]) -> None:
    with pytest.raises(StepError, match=r"x.csv: the first line \(.*\) looks like a row.*--header"):
        leads.require_names("x.csv", names, ROWS)


@pytest.mark.parametrize("first", ["0,5,", "0,NA,7", "0,1,2", "'0:00.000',1,2"])
def test_a_table_without_a_header_keeps_its_first_row(
    tmp_path: Path, first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.csv").write_text(f"{first}\n1,2,3\n2,4,4\n")
    step = preprocess_step(tmp_path / "a", tmp_path / "raw")
    rate = ("--sampling-rate", "1")
    assert step(*rate) == 1
    assert "looks like a row" in capsys.readouterr().err
    assert files(step.output) == []
    assert step("--header", "none", "--split", "1,0,0", *rate) == 0
    part = read_part(step.output / "train" / "part-algo-1-00000.parquet")
    assert list(part) == ["recording", "sample", "time", "column1", "column2"]
    assert part["sample"] == [0, 1, 2]
    assert part["column1"][1:] == [2, 4]
    assert step("--header", "none", "--leads", "2", "--split", "1,0,0", *rate) == 0
    assert step("--header", "first", "--split", "1,0,0", *rate) == 0
    assert read_part(step.output / "train" / "part-algo-1-00000.parquet")["sample"] == [0, 1]


def test_a_header_may_have_whole_numbers_for_names_when_told(tmp_path: Path) -> None:
    write_recording(tmp_path / "raw" / "a.csv", ecg_like(1, 9, 2), ["0", "1"])
    text = (tmp_path / "raw" / "a.csv").read_text()
    (tmp_path / "raw" / "a.csv").write_text(text.replace("time,", ",", 1))
    step = pca_step(tmp_path / "a", tmp_path / "none", tmp_path / "raw")
    assert step("--scope", "recording") == 1
    assert step("--scope", "recording", "--header", "first") == 0


def test_a_pipe_cannot_be_without_headers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = preprocess_step(tmp_path / "a", tmp_path)
    assert step("--input-mode", "Pipe", "--header", "none") == 1
    assert "told apart by their header: give them one, or use File mode" in capsys.readouterr().err
    assert step("--header", "maybe") == 1
    assert "--header must be one of auto, first, none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * 140_000 + "\n0,1\n", "no numeric column after the first (xxxx"),
        (f't,"{"y" * 140_000}"\n0,1\n', None),
        (f"t,a\n0,{'7' * 140_000}\n1,2\n", None),
        (
            "t," + ",".join(f"l{n}" for n in range(40_000)) + "\n0\n",
            "40000 leads, of which memory has room for 4096",
        ),
    ],
)
def test_very_long_cells_and_very_many(
    tmp_path: Path, text: str, message: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.csv").write_text(text)
    step = preprocess_step(tmp_path / "a", tmp_path / "raw")
    assert step("--split", "1,0,0") == (1 if message else 0)
    said = capsys.readouterr().err
    assert (message or "") in said
    assert len(said) < 10_000


def test_messages_name_a_parameter_that_is_not_its_option() -> None:
    assert arguments.named("--n-components") == "--n-components (parameter NComponents)"
    assert arguments.named("--leads") == "--leads"
    with pytest.raises(StepError, match=r"^--max-gap \(parameter MaxGap\) must be a number above"):
        arguments.positive("x", "--max-gap")


def test_the_steps_pass_these_options_from_these_parameters() -> None:
    source = "".join((STEPS / f"{name}.py").read_text() for name in ("preprocess", "pca"))
    passed = dict(re.findall(r'\("(--[a-z-]+)", kit\.text\("(\w+)"\)\)', source))
    assert passed.keys() >= arguments.PARAMETERS
    for option, parameter in passed.items():
        assert parameter == option.title().replace("-", "")
        assert arguments.named(option).endswith((option, f"(parameter {parameter})"))
        assert (option.count("-") > 2) == (option in arguments.PARAMETERS)


def test_texts_for_people_are_one_line_and_short() -> None:
    assert (
        messages.printable("a\nb\x1b[0m\u2028\udcff\u00b5") == "a\\nb\\x1b[0m\\u2028\\udcff\u00b5"
    )
    assert messages.listed(["a", "b" * 200]) == f"a, {'b' * 80}\u2026"
    assert messages.listed([str(n) for n in range(500)]).endswith("99, \u2026 (500 in all)")
